//! Parses text into URLs.

use url::Url;

use super::url_error::{UrlError, authority_error, name_error, start_error};
use crate::model::request::MAX_URL;

/// What the parser strips wherever it is, as browsers do.
const STRIPPED: [char; 3] = ['\t', '\r', '\n'];

/// The scheme of lines that have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `https://`
    Https,
    /// `http://`
    Http,
}

/// Parses URLs. If a URL begins as the previous one did, up to its path, only the rest is
/// parsed: for a short URL, most of the work is the host.
pub(super) struct UrlParser {
    /// The scheme of texts that have none.
    scheme: Scheme,
    /// The text of the previous URL up to its path, and that URL.
    previous: Option<(String, Url)>,
}

impl UrlParser {
    pub(super) fn new(scheme: Scheme) -> Self {
        Self {
            scheme,
            previous: None,
        }
    }

    /// Parses `text`. The URL still contains its userinfo.
    ///
    /// # Errors
    ///
    /// The text is not a URL that can be fetched.
    pub(super) fn parse(&mut self, text: &str) -> Result<Url, UrlError> {
        let after_scheme = after_scheme(text);
        let path = after_authority(after_scheme.unwrap_or(text));
        let start = &text[..text.len() - path.len()];
        let url = match &self.previous {
            Some((previous_start, base)) if previous_start == start && is_path_only(path) => {
                base.join(path).map_err(|error| UrlError::new(error, ""))?
            }
            _ => self.parse_whole(text, after_scheme, start)?,
        };
        if url.as_str().len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        Ok(url)
    }

    fn parse_whole(
        &mut self,
        text: &str,
        after_scheme: Option<&str>,
        start: &str,
    ) -> Result<Url, UrlError> {
        if let Some(error) = start_error(text).or_else(|| slashes_error(text)) {
            return Err(error);
        }
        // If there is no authority, the parser would take the path for one.
        if after_scheme.unwrap_or(text).starts_with(['/', '\\']) {
            return Err(match foreign_scheme(text, after_scheme) {
                Some(scheme) => UrlError::Scheme(scheme),
                None => UrlError::NoHost,
            });
        }
        let url = match after_scheme {
            Some(rest) => parse_with_scheme(text, rest)?,
            None => self.parse_without_scheme(text, start)?,
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlError::Scheme(url.scheme().to_owned()));
        }
        // The parser accepts some characters that no name has, and that the client does not.
        if let Some(error) = url.host_str().and_then(name_error) {
            return Err(error);
        }
        // The parser cuts off white space at the end of a text, but not before a path.
        let is_cut = start.ends_with(|last: char| last <= ' ');
        self.previous = (!is_cut).then(|| (start.to_owned(), url.clone()));
        Ok(url)
    }

    /// Parses `text`, which has no scheme and this `authority`.
    fn parse_without_scheme(&self, text: &str, authority: &str) -> Result<Url, UrlError> {
        if is_web_scheme(authority) {
            return Err(UrlError::Colon(authority.to_ascii_lowercase()));
        }
        if let Some(error) = authority_error(authority) {
            return Err(error);
        }
        let scheme = match self.scheme {
            Scheme::Https => "https://",
            Scheme::Http => "http://",
        };
        Url::parse(&format!("{scheme}{text}")).map_err(|error| UrlError::new(error, authority))
    }
}

/// Parses `text`, which has `rest` after its scheme.
fn parse_with_scheme(text: &str, rest: &str) -> Result<Url, UrlError> {
    let path = after_authority(rest);
    let authority = &rest[..rest.len() - path.len()];
    let host = match authority.strip_suffix(':') {
        // The colon of the second scheme is missing.
        None if path.starts_with("//") => authority,
        host => host.unwrap_or_default(),
    };
    if is_web_scheme(host) {
        return Err(UrlError::TwoSchemes);
    }
    // The parser strips tabs and line ends: of two names in a cell, it would make one.
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.contains(STRIPPED) {
        return Err(UrlError::ControlCharacter);
    }
    Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase
            if text[..text.len() - rest.len()].contains(',') =>
        {
            UrlError::Comma
        }
        url::ParseError::RelativeUrlWithoutBase => UrlError::NoScheme,
        error => UrlError::new(error, authority),
    })
}

fn is_web_scheme(text: &str) -> bool {
    ["http", "https"]
        .iter()
        .any(|scheme| text.eq_ignore_ascii_case(scheme))
}

/// Returns the error of a `text` that begins with a scheme of the web and a colon, but no `//` after it. The parser
/// would take what follows for a host.
fn slashes_error(text: &str) -> Option<UrlError> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = |known: &&str| {
        let scheme = scheme.chars().filter(|c| !STRIPPED.contains(c));
        scheme.map(|c| c.to_ascii_lowercase()).eq(known.chars())
    };
    let scheme = ["http", "https"].into_iter().find(is_scheme)?;
    (!rest.starts_with("//")).then_some(UrlError::Slashes(scheme))
}

/// Returns what follows the `://` after a scheme. A `://` in a path or a query does not count.
fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at(text.find(['/', '?', '#'])?);
    rest.strip_prefix("//").filter(|_| scheme.ends_with(':'))
}

/// Returns the scheme of `text`, if it has one that cannot be fetched.
fn foreign_scheme(text: &str, after_scheme: Option<&str>) -> Option<String> {
    let scheme = text.strip_suffix(after_scheme?)?.strip_suffix("://")?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let scheme = scheme.to_ascii_lowercase();
    (is_scheme && !matches!(&*scheme, "http" | "https")).then_some(scheme)
}

/// Returns what follows the authority, with which `text` begins.
fn after_authority(text: &str) -> &str {
    let end = text.find(['/', '\\', '?', '#']);
    end.map_or("", |end| &text[end..])
}

/// Whether `path`, resolved against a URL, stays a path and does not become another authority.
/// The parser ignores tabs and line ends wherever they are.
fn is_path_only(path: &str) -> bool {
    path.strip_prefix('/')
        .is_some_and(|rest| !rest.starts_with(['/', '\\', '\t', '\n', '\r']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Texts with various beginnings and continuations.
    fn text() -> impl Strategy<Value = String> {
        let start = prop_oneof![
            "((http|https|HTTP|ftp|h\tttp)://)?([a-cA@:é%. \\[\\]]{0,6}|127\\.1|u:p@a:8080)",
            "http://a",
            "a",
        ];
        (start, r"([/\\?#\ta.%é &:@]{0,8}|/[a-c./?#]{0,8})").prop_map(|(start, rest)| start + &rest)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_came_before_does_not_matter(texts in prop::collection::vec(text(), 1..4)) {
            let mut urls = UrlParser::new(Scheme::Http);
            for text in texts {
                prop_assert_eq!(urls.parse(&text), UrlParser::new(Scheme::Http).parse(&text), "{:?}", text);
            }
        }
    }

    #[test]
    fn white_space_is_cut_off_at_the_end_only() {
        let mut urls = UrlParser::new(Scheme::Http);
        assert!(urls.parse("a ").is_ok());
        assert!(urls.parse("a /").is_err());
    }

    #[test]
    fn a_path_may_look_like_another_host() -> Result<(), UrlError> {
        let mut urls = UrlParser::new(Scheme::Http);
        for (text, url) in [
            ("http://u@a/x", "http://u@a/x"),
            ("http://u@a/y?z#w", "http://u@a/y?z#w"),
            ("http://u@a//b/", "http://u@a//b/"),
            ("http://u@a/\\b/", "http://u@a//b/"),
            ("http://u@a/\t/b/", "http://u@a//b/"),
            ("http://u@a\\b/", "http://u@a/b/"),
            ("http://u@a?b/", "http://u@a/?b/"),
            ("http://u@a", "http://u@a/"),
            ("http://u@a/http://b/", "http://u@a/http://b/"),
            ("http://u@a/../:b", "http://u@a/:b"),
        ] {
            assert_eq!(urls.parse(text)?.as_str(), url, "{text:?}");
        }
        Ok(())
    }
}
