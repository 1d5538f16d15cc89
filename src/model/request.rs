//! What is asked for: one line of input, parsed.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;

// Until every importer names the files that define these.
pub use super::authority::Authority;
pub use super::input::{Decision, Input, Skip};
pub use super::mask::{mask_text, mask_url};
pub use super::saved_file::{Existing, SaveTarget};

/// The longest URL that can be sent, in bytes: the http crate takes no longer one.
pub const MAX_URL: usize = 65_534;

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
