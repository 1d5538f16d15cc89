//! Masks the userinfo in URLs, which may be a secret.

use url::Url;

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
