//! Options of the requests.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HOST, HeaderMap, HeaderValue, USER_AGENT};

use super::error::UsageError;
use crate::cli::RequestArgs;
use crate::http::{CODINGS, SizeLimit, Versions};
use crate::model::capture::Capture;
use crate::model::mask::mask_text;
use crate::model::request::{self, RequestError, basic_authorization, header};
use crate::sys::FileIdentity;

/// The largest body that `--body` keeps in memory without `--max-filesize`.
const MAX_KEPT_BODY: u64 = 16 * 1024 * 1024;

/// The largest number of headers that can be added with `--header`.
const MAX_HEADERS: usize = 1_000;

/// How many headers a request usually has besides those of `--header`.
const USUAL_HEADERS: usize = 6;

/// The headers of every request, in two groups.
pub(super) struct Headers {
    /// Headers that fetch sends by itself, to every origin.
    pub(super) own: HeaderMap,
    /// Headers of `--header`, for the origin of the URL only.
    pub(super) given: HeaderMap,
}

/// Returns the method of `--method` or `--head`.
pub(super) fn method(args: &RequestArgs) -> Result<Option<Method>, UsageError> {
    let asked = args.method.as_deref().map(request::method).transpose();
    let head = args.head.then_some(Method::HEAD);
    Ok(asked.map_err(UsageError::Method)?.or(head))
}

/// Returns the value of `Authorization` for `--user`.
pub(super) fn authorization(args: &RequestArgs) -> Result<Option<HeaderValue>, UsageError> {
    match &args.user {
        None => Ok(None),
        Some(user) if user.contains(':') => Ok(basic_authorization(user.as_bytes())),
        Some(_) => Err(UsageError::User),
    }
}

/// Returns the content of `--data`. Several are joined with `&`, as in curl. `sources` are those of the list.
pub(super) fn content(args: &RequestArgs, sources: &[String]) -> Result<Option<Bytes>, UsageError> {
    let list_is_stdin = sources.iter().any(|source| source == "-");
    let mut pieces = Vec::new();
    for option in &args.data {
        pieces.push(match option.strip_prefix('@') {
            None => option.clone().into_bytes(),
            Some("") => return Err(UsageError::FileName("--data")),
            Some(file) if list_is_stdin && (file == "-" || is_stdin(Path::new(file))) => {
                return Err(UsageError::StdinTwice(format!("@{file}")));
            }
            Some("-") => {
                let mut content = Vec::new();
                let read = io::stdin().lock().read_to_end(&mut content);
                read.map_err(|error| UsageError::File {
                    option: "--data",
                    file: "standard input".to_owned(),
                    error,
                })?;
                content
            }
            Some(file) => fs::read(file).map_err(|error| UsageError::File {
                option: "--data",
                file: mask_text(file),
                error,
            })?,
        });
    }
    Ok((!pieces.is_empty()).then(|| pieces.join(&b'&').into()))
}

/// Whether reading `path` takes from standard input, as with `/dev/stdin` behind a pipe. A regular file is read from its
/// beginning each time it is opened.
fn is_stdin(path: &Path) -> bool {
    let stdin = FileIdentity::of(io::stdin());
    !path.is_file() && stdin.is_some() && FileIdentity::at(path) == stdin
}

/// Returns the headers of every request.
pub(super) fn headers(args: &RequestArgs) -> Result<Headers, UsageError> {
    let agent = match &args.user_agent {
        None => HeaderValue::from_static(concat!("fetch/", env!("CARGO_PKG_VERSION"))),
        Some(agent) => {
            HeaderValue::from_bytes(agent.as_bytes()).map_err(|_| UsageError::UserAgent)?
        }
    };
    // Every request clones this map and adds headers; with the capacity, that needs no second allocation.
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
            Some("") => return Err(UsageError::FileName("--header")),
            Some(file) => {
                let text = read_headers(file)?;
                for (number, line) in (1..).zip(text.lines()) {
                    if !line.trim().is_empty() && !line.starts_with('#') {
                        add_header(line, &format!("{file}:{number}: "), &mut own, &mut given)?;
                    }
                }
            }
        }
    }
    if args.http2_prior_knowledge && given.contains_key(HOST) {
        return Err(UsageError::HostOverHttp2);
    }
    Ok(Headers { own, given })
}

/// Reads a file of headers, one per line.
fn read_headers(file: &str) -> Result<String, UsageError> {
    fs::read_to_string(file).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => {
            UsageError::Header(format!("{}: not a text file in UTF-8", mask_text(file)))
        }
        _ => UsageError::File {
            option: "--header",
            file: mask_text(file),
            error,
        },
    })
}

/// Adds a header, with the syntax of curl: `K: V` sends a value, `K;` sends an empty value, and `K:` removes a header
/// that fetch sends by itself. `place` names the line, for messages.
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
                // reqwest adds this header if it is missing.
                let message = "Accept cannot be removed; give it another value";
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
                    "{place}no colon after the name; write 'Name: value', 'Name;' or @FILE"
                )));
            }
        },
    };
    let (name, value) = header(name, value).map_err(failed)?;
    if given.len() == MAX_HEADERS {
        let message = format!("{place}too many headers; {MAX_HEADERS} are allowed");
        return Err(UsageError::Header(message));
    }
    given.append(name, value);
    Ok(())
}

/// Returns the limit for the size of a body.
pub(super) fn max_size(args: &RequestArgs, capture: Capture) -> Option<SizeLimit> {
    match args.max_filesize {
        Some(0) => None,
        Some(bytes) => Some(SizeLimit {
            bytes,
            remedy: "--max-filesize",
        }),
        None if capture.body => Some(SizeLimit {
            bytes: MAX_KEPT_BODY,
            remedy: "the limit for bodies in records; --max-filesize raises it",
        }),
        None => None,
    }
}

/// Returns the versions of HTTP to use. A Host header that is `given` can be sent over HTTP/1.1 only.
pub(super) fn versions(args: &RequestArgs, given: &HeaderMap) -> Versions {
    match (args.http1, args.http2_prior_knowledge) {
        (true, _) => Versions::Http1,
        (false, true) => Versions::Http2,
        (false, false) if given.contains_key(HOST) => Versions::Http1,
        (false, false) => Versions::Negotiated,
    }
}

/// Returns the files that `--header` and `--data` have read.
pub(super) fn files(args: &RequestArgs) -> Vec<PathBuf> {
    let texts = args.headers.iter().chain(&args.data);
    let named = texts.filter_map(|text| text.strip_prefix('@').map(PathBuf::from));
    let named = named.filter(|file| file.as_os_str() != "-");
    named.collect()
}
