//! What every request is like, unless its line says otherwise.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, USER_AGENT};

use super::error::UsageError;
use crate::cli::RequestArgs;
use crate::http::{CODINGS, Capture, SizeLimit, Versions};
use crate::input::basic;
use crate::model::request::{self, RequestError, header, mask_text};

/// The largest body that `--body` keeps in memory, unless told otherwise.
const MAX_KEPT_BODY: u64 = 16 * 1024 * 1024;

/// Headers that may be added to every request.
const MAX_HEADERS: usize = 1_000;

/// Headers of a request, but for what `-H` adds.
const USUAL_HEADERS: usize = 6;

/// The headers of every request.
pub(super) struct Headers {
    /// What fetch sends by itself.
    pub(super) own: HeaderMap,
    /// What the user adds to that.
    pub(super) given: HeaderMap,
}

/// The method that is asked for.
pub(super) fn method(args: &RequestArgs) -> Result<Option<Method>, UsageError> {
    let asked = args.method.as_deref().map(request::method).transpose();
    let head = args.head.then_some(Method::HEAD);
    Ok(asked.map_err(UsageError::Method)?.or(head))
}

/// The `Authorization` of `-u`.
pub(super) fn authorization(args: &RequestArgs) -> Result<Option<HeaderValue>, UsageError> {
    match &args.user {
        None => Ok(None),
        Some(user) if user.contains(':') => Ok(basic(user.as_bytes())),
        Some(_) => Err(UsageError::User),
    }
}

/// As curl: several are joined with `&`.
pub(super) fn content(args: &RequestArgs) -> Result<Option<Bytes>, UsageError> {
    let mut parts = Vec::new();
    for option in &args.data {
        parts.push(match option.strip_prefix('@') {
            None => option.clone().into_bytes(),
            Some(file) => fs::read(file).map_err(|error| UsageError::File {
                option: "--data",
                file: mask_text(file),
                error,
            })?,
        });
    }
    Ok((!parts.is_empty()).then(|| parts.join(&b'&').into()))
}

/// What fetch sends by itself, and what the user adds to that.
pub(super) fn headers(args: &RequestArgs) -> Result<Headers, UsageError> {
    let agent = match &args.user_agent {
        None => HeaderValue::from_static(concat!("fetch/", env!("CARGO_PKG_VERSION"))),
        Some(agent) => {
            HeaderValue::from_bytes(agent.as_bytes()).map_err(|_| UsageError::UserAgent)?
        }
    };
    // Every request clones it, and adds its own: here is room for that.
    let mut own = HeaderMap::with_capacity(USUAL_HEADERS);
    own.insert(ACCEPT, HeaderValue::from_static("*/*"));
    own.insert(USER_AGENT, agent);
    if args.compressed {
        own.insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS));
    }
    let mut given = HeaderMap::new();
    for option in &args.headers {
        match option.strip_prefix('@') {
            None => add_header(option, "", &mut own, &mut given)?,
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|error| UsageError::File {
                    option: "--header",
                    file: mask_text(file),
                    error,
                })?;
                for (number, line) in (1..).zip(text.lines()) {
                    if !line.trim().is_empty() && !line.starts_with('#') {
                        add_header(line, &format!("{file}:{number}: "), &mut own, &mut given)?;
                    }
                }
            }
        }
    }
    Ok(Headers { own, given })
}

/// As curl: `K: V` sends it, `K;` sends it empty, `K:` leaves out what would be sent.
fn add_header(
    line: &str,
    place: &str,
    own: &mut HeaderMap,
    given: &mut HeaderMap,
) -> Result<(), UsageError> {
    let failed = |error: RequestError| UsageError::Header(format!("{place}{error}"));
    let (name, value) = match line.split_once(':') {
        Some((name, value)) if value.trim().is_empty() => {
            let (name, _) = header(name, "").map_err(failed)?;
            if name == ACCEPT {
                // reqwest insists on one.
                let message = "StatusSet cannot be left out, only be given another value";
                return Err(UsageError::Header(format!("{place}{message}")));
            }
            own.remove(name);
            return Ok(());
        }
        Some(name_and_value) => name_and_value,
        None => match line.trim_end().strip_suffix(';') {
            Some(name) => (name, ""),
            None => {
                return Err(UsageError::Header(format!(
                    "{place}write 'Name: value' or @FILE"
                )));
            }
        },
    };
    let (name, value) = header(name, value).map_err(failed)?;
    if given.len() == MAX_HEADERS {
        let message = format!("{place}more than {MAX_HEADERS} headers");
        return Err(UsageError::Header(message));
    }
    given.append(name, value);
    Ok(())
}

/// The largest body.
pub(super) fn max_size(args: &RequestArgs, keep: Capture) -> Option<SizeLimit> {
    match args.max_filesize {
        Some(0) => None,
        Some(bytes) => Some(SizeLimit {
            bytes,
            remedy: "--max-filesize",
        }),
        None if keep.body => Some(SizeLimit {
            bytes: MAX_KEPT_BODY,
            remedy: "the most that is kept in a record; --max-filesize allows more",
        }),
        None => None,
    }
}

/// Which versions of HTTP are spoken.
pub(super) fn versions(args: &RequestArgs) -> Versions {
    match (args.http1, args.http2_prior_knowledge) {
        (true, _) => Versions::Http1,
        (false, true) => Versions::Http2,
        (false, false) => Versions::Negotiated,
    }
}

/// The files that `-H` and `-d` name.
pub(super) fn files(args: &RequestArgs) -> Vec<PathBuf> {
    let texts = args.headers.iter().chain(&args.data);
    let named = texts.filter_map(|text| text.strip_prefix('@').map(PathBuf::from));
    named.collect()
}
