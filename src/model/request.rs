//! What is asked for: one line of input, parsed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;
use url::Url;

use super::error::Failure;

/// The longest URL that can be sent, in bytes: the http crate takes no longer one.
pub const MAX_URL: usize = 65_534;

/// One line of the input: where it stood, how it is shown, and what it asks for.
#[derive(Debug)]
pub struct Input {
    /// 0-based number in the whole list, whichever shard of it this run has.
    pub index: u64,
    /// 0-based number among the inputs of this run.
    pub turn: u64,
    /// A file name, `-` or `args`.
    pub source: Arc<str>,
    /// 1-based line in its source.
    pub line: u64,
    /// The URL as asked, its userinfo masked.
    pub shown: String,
    /// The `id` of a JSON line.
    pub id: Option<Box<str>>,
    /// The `meta` of a JSON line, echoed as it is.
    pub meta: Option<Box<RawValue>>,
    /// The request, or why the line holds none.
    pub request: Result<Arc<Request>, Failure>,
    /// What is to be done about it.
    pub plan: Decision,
}

/// What is to be done about an input that holds a request.
#[derive(Debug, Default)]
pub enum Decision {
    /// The request is sent.
    #[default]
    Send,
    /// There is no need to.
    Skip {
        /// Why.
        why: Skip,
        /// The file that is there.
        file: Option<Arc<str>>,
    },
    /// There is no sense in it: this is why.
    Refuse(Failure),
}

/// Why a request need not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The journal says that it is done.
    Done,
    /// Its file is there.
    Exists,
}

/// The file that a body becomes.
#[derive(Clone, Debug)]
pub struct SaveTarget {
    /// The name below the folder.
    pub name: Arc<str>,
    /// What becomes of a file that has the name by then.
    pub existing: Existing,
}

/// What becomes of a file that stands where another is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the other is not saved.
    Keep,
    /// It stays; if it has the same content, that is as good as saved.
    KeepSame,
    /// The journal knows it longer: it is replaced if it is the beginning of the other.
    ReplaceBeginning,
    /// It is replaced.
    Replace,
}

/// One request as asked. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Request {
    /// Without userinfo, which is in `authorization`.
    pub url: Arc<Url>,
    /// The method of the first hop.
    pub method: Method,
    /// What `-H` and JSON lines add; it stays with the origin of `url`.
    pub headers: Arc<HeaderMap>,
    /// From the URL's userinfo or `-u`; it stays with the origin of `url`.
    pub authorization: Option<HeaderValue>,
    /// What is sent as content.
    pub body: Option<Arc<Body>>,
    /// What the content that is received must hash to.
    pub sha256: Option<[u8; 32]>,
    /// The name that the line gives to the file.
    pub name: Option<String>,
    /// Where the content that is received goes.
    pub place: Option<SaveTarget>,
}

/// The content of a request.
#[derive(Clone, Debug)]
pub struct Body {
    /// The bytes as sent.
    pub bytes: Bytes,
    /// Of the bytes.
    pub sha256: [u8; 32],
    /// Sent as `Content-Type`; none where the user gave the header.
    pub content_type: Option<HeaderValue>,
}

/// A header or a method that cannot be sent. It never shows a value: that may be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a token of RFC 9110, section 5.6.2.
    #[error("what stands before the value is not the name of a header")]
    Name,
    /// Control characters in the value.
    #[error("{0}: the value holds a control character")]
    Value(HeaderName),
    /// Framing and connections are not the user's.
    #[error("{0} is set by fetch itself")]
    Ours(HeaderName),
    /// Not a token.
    #[error("{0:?} is not a method")]
    Method(String),
    /// It opens a tunnel, which is no answer.
    #[error("CONNECT opens a tunnel and fetches nothing")]
    Connect,
}

/// The header `name: value`, marked as not to be printed.
///
/// # Errors
///
/// It cannot be sent, or is not the user's to send.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), RequestError> {
    const OURS: [HeaderName; 7] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    let name = HeaderName::try_from(name.trim()).map_err(|_| RequestError::Name)?;
    if OURS.contains(&name) {
        return Err(RequestError::Ours(name));
    }
    let mut value = HeaderValue::from_bytes(value.trim().as_bytes())
        .map_err(|_| RequestError::Value(name.clone()))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The method of that name; methods are case-sensitive (RFC 9110, section 9.1).
///
/// # Errors
///
/// It is none, or not one that fetches.
pub fn method(name: &str) -> Result<Method, RequestError> {
    match Method::try_from(name) {
        Ok(Method::CONNECT) => Err(RequestError::Connect),
        Ok(method) => Ok(method),
        Err(_) => Err(RequestError::Method(name.to_owned())),
    }
}

/// `scheme://***@…`: `text` with everything masked that may be userinfo. For text
/// that is no usable URL, where nobody knows; where it is one, [`mask_url`] does.
#[must_use]
pub fn mask_text(text: &str) -> String {
    let text = text.replace(['\t', '\n', '\r'], "");
    let is_scheme = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let start = match text.find("://") {
        Some(at) if is_scheme(&text[..at]) => at + 3,
        _ => 0,
    };
    match text[start..].rfind('@') {
        Some(at) => format!("{}***{}", &text[..start], &text[start + at..]),
        None => text,
    }
}

/// `url` with its userinfo masked.
#[must_use]
pub fn mask_url(url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return url.as_str().to_owned();
    }
    let rest = &url.as_str()[url.scheme().len() + 3..];
    let at = rest.find('@').unwrap_or_default();
    format!("{}://***{}", url.scheme(), &rest[at..])
}

/// `host:port` of `url`, the port always shown.
pub struct Authority<'a>(pub &'a Url);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.0.port_or_known_default().unwrap_or_default();
        write!(f, "{}:{port}", self.0.host_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_is_masked_wherever_it_may_stand() {
        for (text, shown) in [
            ("http://a/", "http://a/"),
            ("http://u:p@a/x", "http://***@a/x"),
            ("http://u:p@q@a", "http://***@a"),
            ("u:p@a/x", "***@a/x"),
            ("u:p@a/?x=http://b", "***@a/?x=http://b"),
            ("http://u:p@[::bad", "http://***@[::bad"),
            ("ht\ttp://u:p@[::bad", "http://***@[::bad"),
            ("http:///u:p@[::bad", "http://***@[::bad"),
            ("git+https://u:p@a/", "git+https://***@a/"),
            ("http:/u:p@a/", "***@a/"),
            ("https://u:p/w#x?y@a/", "https://***@a/"),
            ("http:u:p@a", "***@a"),
        ] {
            assert_eq!(mask_text(text), shown, "{text}");
        }
    }

    #[test]
    #[expect(clippy::unwrap_used, reason = "a test")]
    fn a_url_is_masked_as_it_was_parsed() {
        for (text, shown) in [
            ("http://a/x@y", "http://a/x@y"),
            ("http://u:p@a/x@y", "http://***@a/x@y"),
            ("http:\\\\u@a", "http://***@a/"),
            ("http://u:p@q@a", "http://***@a/"),
        ] {
            assert_eq!(mask_url(&Url::parse(text).unwrap()), shown, "{text}");
        }
    }
}
