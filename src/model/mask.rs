//! Masks the userinfo of URLs, which may be a secret.

use url::Url;

/// Masks everything that could be userinfo in a text that is not a valid URL:
/// `scheme://***@…`. Where a URL was parsed, [`mask_url`] masks exactly its userinfo.
#[must_use]
pub fn mask_text(text: &str) -> String {
    if !text.contains('@') {
        return text.to_owned();
    }
    // The URL parser skips these, also within a scheme.
    let text = text.replace(['\t', '\n', '\r'], "");
    let start = after_scheme(&text);
    match text[start..].rfind('@') {
        Some(at) => format!("{}***{}", &text[..start], &text[start + at..]),
        None => text,
    }
}

/// Masks the beginning of a text that was cut off. Only the scheme is left where userinfo may go on behind the cut.
#[must_use]
pub fn mask_cut_text(text: &str) -> String {
    let masked = mask_text(text);
    let (scheme, rest) = masked.split_at(after_scheme(&masked));
    // A password may hold the characters that end an authority, but then what is before them has no valid port.
    let is_authority = |end: usize| {
        let authority = &rest[..end];
        !authority.ends_with(':') && Url::parse(&format!("http://{authority}")).is_ok()
    };
    if rest.find(['/', '\\', '?', '#']).is_some_and(is_authority) {
        masked
    } else {
        format!("{scheme}…")
    }
}

/// Returns the position behind the `://` of a scheme, and 0 if there is none.
fn after_scheme(text: &str) -> usize {
    let is_scheme = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match text.find("://") {
        Some(at) if is_scheme(&text[..at]) => at + 3,
        _ => 0,
    }
}

/// Returns `url` with its userinfo masked.
#[must_use]
pub fn mask_url(url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return url.as_str().to_owned();
    }
    let rest = &url.as_str()[url.scheme().len() + 3..];
    let at = rest.find('@').unwrap_or_default();
    format!("{}://***{}", url.scheme(), &rest[at..])
}

/// The length of the longest key of a bad JSON line that its record names.
const MAX_NAMED_KEY: usize = 32;

/// Whether `key` is a name and not a value that stands in its place, which may be a secret.
#[must_use]
pub fn is_name(key: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=MAX_NAMED_KEY).contains(&key.len()) && key.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_is_masked_wherever_it_may_stand() {
        for (text, shown) in [
            ("http://a/", "http://a/"),
            ("http://a/x\ta b\rc", "http://a/x\ta b\rc"),
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
    fn what_may_be_half_of_a_password_is_masked() {
        for (text, shown) in [
            ("http://a/x", "http://a/x"),
            ("a.example/x", "a.example/x"),
            ("http://[::1]:80?x", "http://[::1]:80?x"),
            ("http://u:p@a:8080/x", "http://***@a:8080/x"),
            ("http://u:p", "http://…"),
            ("http://u", "http://…"),
            ("http://u:p@q", "http://…"),
            ("http://u:p/w", "http://…"),
            ("http://u:/w", "http://…"),
            ("http:/u:p", "…"),
            ("ht\ttp://u:p", "…"),
            ("http://u:\tp/w", "http://…"),
            ("http:u:p", "…"),
            ("u:p", "…"),
            ("u:p/w", "…"),
        ] {
            assert_eq!(mask_cut_text(text), shown, "{text}");
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
