//! Cookies within a chain of redirects (RFC 6265).
//!
//! Login and consent pages set a cookie and redirect to where it is expected. It is sent on within that chain, and gone
//! with it: no other input, and no other attempt, gets it.
//!
//! Where a cookie goes is up to RFC 6265, which knows hosts and paths but no ports: one from `a.example` also goes to
//! `a.example:81`. Only the Cookie header that the user gives stays with the origin of its URL; it is not in here.

use std::cmp::Reverse;

use cookie_store::{CookieStore, RawCookie};
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

/// The maximum number of cookies that one response may set, which is also what a user agent should keep for a domain
/// (RFC 6265, section 6.1).
const MAX_COOKIES: usize = 50;

/// The maximum size of a cookie, in bytes (RFC 6265, section 6.1).
const MAX_COOKIE: usize = 4096;

/// The cookies that the responses of a chain have set.
#[derive(Debug, Default)]
pub(super) struct Cookies(Option<Box<CookieStore>>);

impl Cookies {
    /// Stores the cookies that a response from `url` sets. Those from https are never sent over http.
    pub(super) fn store(&mut self, url: &Url, headers: &HeaderMap) {
        let values = headers.get_all(SET_COOKIE).iter().take(MAX_COOKIES);
        for value in values.filter(|value| value.len() <= MAX_COOKIE) {
            let Some(mut cookie) = std::str::from_utf8(value.as_bytes())
                .ok()
                .and_then(|text| RawCookie::parse(text).ok())
            else {
                continue;
            };
            if url.scheme() == "https" {
                cookie.set_secure(true);
            }
            // A cookie that the origin may not set is ignored.
            let _ = self.0.get_or_insert_default().insert_raw(&cookie, url);
        }
    }

    /// Returns the Cookie header for `url`, after what the user `gave`, or `None` if there is nothing to add to it.
    pub(super) fn header(&self, url: &Url, gave: Option<&HeaderValue>) -> Option<HeaderValue> {
        let mut cookies = self.0.as_ref()?.matches(url);
        // The jar takes the own machine for secure.
        cookies.retain(|cookie| url.scheme() == "https" || cookie.secure() != Some(true));
        // The longest path comes first (RFC 6265, section 5.4).
        cookies.sort_by_key(|cookie| Reverse(cookie.path.as_ref().len()));
        let mut header = gave.map_or_else(Vec::new, |gave| gave.as_bytes().to_vec());
        let before = header.len();
        for (name, value) in cookies.into_iter().map(|cookie| cookie.name_value()) {
            if !header.is_empty() {
                header.extend_from_slice(b"; ");
            }
            header.extend_from_slice(name.as_bytes());
            header.push(b'=');
            header.extend_from_slice(value.as_bytes());
        }
        let mut value =
            (header.len() > before).then(|| HeaderValue::from_bytes(&header).ok())??;
        value.set_sensitive(true);
        Some(value)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_goes_where_rfc_6265_lets_it() {
        for (from, set, to, sent) in [
            (
                "http://a.example/x",
                "c=1",
                "http://a.example/y",
                Some("c=1"),
            ),
            (
                "http://a.example/x",
                "c=1",
                "http://a.example:81/",
                Some("c=1"),
            ),
            ("http://a.example/x", "c=1", "http://b.a.example/", None),
            ("http://a.example/x", "c=1", "http://b.example/", None),
            ("http://a.example/x/y", "c=1", "http://a.example/z", None),
            (
                "http://a.example/x",
                "c=1; Path=/z",
                "http://a.example/z/1",
                Some("c=1"),
            ),
            (
                "http://b.a.example/",
                "c=1; Domain=a.example",
                "http://a.example/",
                Some("c=1"),
            ),
            (
                "http://a.example/",
                "c=1; Domain=b.example",
                "http://b.example/",
                None,
            ),
            (
                "http://a.example/",
                "c=1; Max-Age=0",
                "http://a.example/",
                None,
            ),
            (
                "http://a.example/",
                "c=1; Secure",
                "http://a.example/",
                None,
            ),
            ("https://a.example/", "c=1", "http://a.example/", None),
            (
                "https://a.example/",
                "c=1",
                "https://a.example/",
                Some("c=1"),
            ),
            ("https://localhost/", "c=1", "http://localhost/", None),
            ("https://127.0.0.1/", "c=1", "http://127.0.0.1/", None),
            ("http://a.example/", "nonsense", "http://a.example/", None),
        ] {
            let mut cookies = Cookies::default();
            let value = HeaderValue::from_static(set);
            cookies.store(
                &Url::parse(from).unwrap(),
                &HeaderMap::from_iter([(SET_COOKIE, value)]),
            );
            let header = cookies.header(&Url::parse(to).unwrap(), None);
            let header = header.as_ref().map(|header| header.to_str().unwrap());
            assert_eq!(header, sent, "{from} {set} {to}");
        }
    }

    #[test]
    fn the_longest_path_comes_first_and_values_may_be_utf_8() {
        let mut cookies = Cookies::default();
        let url = Url::parse("http://a.example/x/y/z").unwrap();
        for set in ["a=1; Path=/", "b=\u{e9}; Path=/x/y", "c=3; Path=/x"] {
            let value = HeaderValue::from_bytes(set.as_bytes()).unwrap();
            cookies.store(&url, &HeaderMap::from_iter([(SET_COOKIE, value)]));
        }
        let header = cookies.header(&url, None).unwrap();
        assert_eq!(header.as_bytes(), "b=\u{e9}; c=3; a=1".as_bytes());
    }

    #[test]
    fn what_the_user_gave_comes_first() {
        let url = Url::parse("http://a.example/").unwrap();
        let mut cookies = Cookies::default();
        let gave = HeaderValue::from_static("own=1");
        assert_eq!(cookies.header(&url, Some(&gave)), None);
        let value = HeaderValue::from_static("c=2");
        cookies.store(&url, &HeaderMap::from_iter([(SET_COOKIE, value)]));
        assert_eq!(cookies.header(&url, Some(&gave)).unwrap(), "own=1; c=2");
    }
}
