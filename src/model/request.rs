//! The request that an input line asks for.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::saved_file::SaveTarget;

/// The length of the longest URL in bytes; the `http` crate accepts no longer one.
pub const MAX_URL: usize = 65_534;

/// A request as the input line and the options ask for it. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Request {
    /// The URL without its userinfo, which is in `authorization`.
    pub url: Arc<Url>,
    /// The method; a redirect may change it.
    pub method: Method,
    /// The headers of `-H` and of the JSON line. They are sent to the origin of `url` only.
    pub headers: Arc<HeaderMap>,
    /// The credentials of the URL's userinfo or of `-u`. They are sent to the origin of
    /// `url` only.
    pub authorization: Option<HeaderValue>,
    /// The content to send.
    pub body: Option<Arc<Body>>,
    /// The SHA-256 that the body of the answer must have.
    pub sha256: Option<[u8; 32]>,
    /// The file name that the input line asks for.
    pub name: Option<String>,
    /// The file to save the body of the answer to.
    pub save_target: Option<SaveTarget>,
}

/// The content of a request.
#[derive(Clone, Debug)]
pub struct Body {
    /// The bytes to send.
    pub bytes: Bytes,
    /// The SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// The `Content-Type`; `None` if the user set that header.
    pub content_type: Option<HeaderValue>,
}

/// A header or a method that cannot be sent. Messages never show what is wrong itself, which may
/// be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The name of the header is not a token (RFC 9110, section 5.6.2).
    #[error("not a header name: a name has only letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// The value contains control characters.
    #[error("{0}: the value contains a control character")]
    Value(HeaderName),
    /// The header controls framing or the connection, which are not up to the user.
    #[error("{0} cannot be set; leave it out")]
    Ours(&'static str),
    /// The method is not a token (RFC 9110, section 9.1).
    #[error("not an HTTP method: a method has only letters, digits and !#$%&'*+-.^_`|~")]
    Method,
    /// CONNECT opens a tunnel instead of returning content.
    #[error("CONNECT is not supported: it opens a tunnel and fetches nothing")]
    Connect,
}

/// Parses the header `name: value` and marks it as sensitive, so that it is never printed.
///
/// # Errors
///
/// The header cannot be sent, or `fetch` sets it itself.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), RequestError> {
    const OURS: [&str; 8] = [
        "Connection",
        "Content-Length",
        "HTTP2-Settings",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    ];
    let name = HeaderName::try_from(name.trim()).map_err(|_| RequestError::Name)?;
    let is_name = |ours: &&&str| name.as_str().eq_ignore_ascii_case(ours);
    if let Some(ours) = OURS.iter().find(is_name) {
        return Err(RequestError::Ours(ours));
    }
    let mut value = HeaderValue::from_bytes(value.trim().as_bytes())
        .map_err(|_| RequestError::Value(name.clone()))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Returns the value of `Authorization: Basic` for `name:password` (RFC 7617), marked as sensitive so
/// that it is never printed.
#[must_use]
pub fn basic_authorization(credentials: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64.encode(credentials))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Removes name and password from an http or https URL.
pub fn remove_userinfo(url: &mut Url) {
    // Both fail only for URLs without a host, and http and https URLs always have one.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
}

/// Whether a request with `method` may be sent twice: the idempotent methods (RFC 9110, section 9.2.2) except TRACE,
/// which is there to show what becomes of a single message.
#[must_use]
pub fn is_repeatable(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}

/// Parses a method. Methods are case-sensitive (RFC 9110, section 9.1).
///
/// # Errors
///
/// `name` is not a method, or is CONNECT.
pub fn method(name: &str) -> Result<Method, RequestError> {
    match Method::try_from(name) {
        Ok(Method::CONNECT) => Err(RequestError::Connect),
        Ok(method) => Ok(method),
        Err(_) => Err(RequestError::Method),
    }
}
