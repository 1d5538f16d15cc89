//! Where a redirect leads (RFC 9110, section 15.4).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, percent_encode};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::model::request::{MAX_URL, remove_userinfo};

/// Why a redirect cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RedirectError {
    #[error("{0} without a Location")]
    NoLocation(StatusCode),
    #[error("{0} with a Location that is not a URL")]
    BadLocation(StatusCode),
    #[error("{0} with a Location longer than {MAX_URL} bytes")]
    TooLong(StatusCode),
    #[error("{0} to the scheme '{1}', not http or https")]
    Scheme(StatusCode, String),
    #[error("{0} to http (--https-only)")]
    NotHttps(StatusCode),
    #[error("more than {0} redirects (--max-redirs)")]
    TooMany(u32),
}

/// Whether `status` is a redirect.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Returns where a response to a request for `url` leads. Userinfo in the Location is dropped: a server does
/// not choose the credentials that are sent.
pub(super) fn target(
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    https_only: bool,
) -> Result<Url, RedirectError> {
    let location = headers
        .get(LOCATION)
        .ok_or(RedirectError::NoLocation(status))?;
    // Non-ASCII bytes have to be percent-encoded anyway, and that works for invalid UTF-8, too.
    let location = percent_encode(location.as_bytes(), &AsciiSet::EMPTY);
    let mut target = Some(Cow::from(location))
        .filter(|location| !location.is_empty())
        .and_then(|location| url.join(&location).ok())
        .ok_or(RedirectError::BadLocation(status))?;
    if target.as_str().len() > MAX_URL {
        return Err(RedirectError::TooLong(status));
    }
    if !matches!(target.scheme(), "http" | "https") {
        return Err(RedirectError::Scheme(status, target.scheme().to_owned()));
    }
    if https_only && target.scheme() != "https" {
        return Err(RedirectError::NotHttps(status));
    }
    remove_userinfo(&mut target);
    Ok(target)
}

/// Returns the method of the request that follows a redirect. Where it differs, the content is dropped.
pub(super) fn method(status: StatusCode, method: &Method) -> Method {
    match (status.as_u16(), method) {
        (301 | 302, &Method::POST) => Method::GET,
        (303, method) if method != Method::HEAD => Method::GET,
        _ => method.clone(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        for (status, before, after) in [
            (301, "POST", "GET"),
            (302, "POST", "GET"),
            (303, "POST", "GET"),
            (303, "PUT", "GET"),
            (303, "HEAD", "HEAD"),
            (301, "PUT", "PUT"),
            (302, "HEAD", "HEAD"),
            (307, "POST", "POST"),
            (308, "PUT", "PUT"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let before = Method::try_from(before).unwrap();
            assert_eq!(method(status, &before), after, "{status} {before}");
        }
    }

    #[test]
    fn targets() {
        let from = Url::parse("https://a.example/x/y?q#f").unwrap();
        for (location, target) in [
            ("z", Ok("https://a.example/x/z")),
            ("/", Ok("https://a.example/")),
            ("//b.example", Ok("https://b.example/")),
            ("?r", Ok("https://a.example/x/y?r")),
            ("http://u:p@b.example/", Ok("http://b.example/")),
            ("", Err("302 Found with a Location that is not a URL")),
            (
                "http://[",
                Err("302 Found with a Location that is not a URL"),
            ),
            (
                "file:///etc/passwd",
                Err("302 Found to the scheme 'file', not http or https"),
            ),
        ] {
            let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
            let found = super::target(&from, StatusCode::FOUND, &headers, false);
            let found = found.map(String::from).map_err(|error| error.to_string());
            assert_eq!(
                found,
                target.map(str::to_owned).map_err(str::to_owned),
                "{location}"
            );
        }
    }
}
