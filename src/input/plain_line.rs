//! Finds out what a line is that holds more than one URL.

use std::net::IpAddr;

use super::url_error::{UrlError, start_error};

/// Why a line that is no JSON object is not one URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PlainLineError {
    #[error(transparent)]
    Start(#[from] UrlError),
    #[error("not a URL: white space inside; write one URL a line")]
    TwoUrls,
    #[error("not a URL: white space inside; of a hosts file, take the names: awk '{{print $2}}'")]
    HostsFile,
    #[error("not a URL: white space inside; for a table, use --input tsv or cut -f1")]
    Tab,
    #[error("not a URL: white space inside; a comment stands on a line of its own")]
    Comment,
    #[error("not a URL: begins with other text; write the URL alone")]
    OtherText,
    #[error("not a URL: white space inside; write %20 for a space, or one URL a line")]
    Space,
    /// The white space may be that of the name of a file.
    #[error("not a URL: white space inside; write %20 for a space, or one URL a line")]
    FileName,
    #[error(
        "not a URL: a carriage return inside, which ends no line; convert the list: tr '\\r' '\\n'"
    )]
    CarriageReturn,
    #[error("not a URL: a NUL inside, which ends no line; convert the list: tr '\\0' '\\n'")]
    Nul,
    #[error("not a URL: white space inside; write %20 for a space, or one URL an argument")]
    Argument,
}

impl PlainLineError {
    /// Words the error for an argument of the command line, if the text `is_argument`: it is no line of a table or of
    /// another file.
    pub(super) fn in_argument(self, is_argument: bool) -> Self {
        match self {
            Self::Start(_) | Self::OtherText => self,
            _ if is_argument => Self::Argument,
            _ => self,
        }
    }
}

/// Checks that `text`, without white space around it, has no ASCII white space and no NUL inside. A browser would encode it, but in
/// a list it means that something other than the URL is on the line.
///
/// # Errors
///
/// There is white space or a NUL; the error says what the line looks like.
pub(super) fn check(text: &str) -> Result<(), PlainLineError> {
    // Every line passes here. Without an early exit, the compiler checks many bytes with one instruction.
    let is_low = |byte: u8| byte <= b' ';
    let may_have_blanks = text.bytes().fold(false, |found, byte| found | is_low(byte));
    if may_have_blanks && text.contains('\0') {
        return Err(PlainLineError::Nul);
    }
    if may_have_blanks && let Some((first, rest)) = text.split_once(is_blank) {
        return Err(what(text, first, rest.trim_start_matches(is_blank)));
    }
    Ok(())
}

fn is_blank(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ')
}

/// Whether `text` may be the name of a host.
fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "-._".contains(c);
    text.starts_with(char::is_alphanumeric) && text.chars().all(is_part)
}

/// Returns what `text` is, which consists of `first`, white space, and `rest`.
fn what(text: &str, first: &str, rest: &str) -> PlainLineError {
    if text.contains('\r') {
        return PlainLineError::CarriageReturn;
    }
    if let Some(error) = start_error(text) {
        return error.into();
    }
    let second = rest.split(is_blank).next().unwrap_or_default();
    if first.contains("://") && second.contains("://") {
        PlainLineError::TwoUrls
    } else if first.parse::<IpAddr>().is_ok() && is_name(second) {
        PlainLineError::HostsFile
    } else if text.contains('\t') {
        PlainLineError::Tab
    } else if rest.starts_with('#') {
        PlainLineError::Comment
    } else if !first.contains("://") && rest.contains("://") {
        PlainLineError::OtherText
    } else if is_file_name(first, rest) {
        PlainLineError::FileName
    } else {
        PlainLineError::Space
    }
}

/// Whether the path of the URL that begins with `first`, white space and `rest` may end with the name of a file: it
/// begins with a word, and the last one has an extension.
fn is_file_name(first: &str, rest: &str) -> bool {
    let word = first.rsplit_once('/').map_or("", |(_, word)| word);
    let extension = rest.rsplit_once('.').map_or("", |(_, extension)| extension);
    !word.is_empty()
        && word.chars().all(char::is_alphabetic)
        && (1..=5).contains(&extension.len())
        && extension.chars().all(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_with_white_space_is() {
        for (text, expected) in [
            ("http://a.example/", None),
            ("a.example", None),
            ("http://a.example/\u{a0}\u{1}", None),
            (
                "http://a.example/1 http://a.example/2",
                Some(PlainLineError::TwoUrls),
            ),
            (
                "http://a.example/1\thttp://b.example/2",
                Some(PlainLineError::TwoUrls),
            ),
            (
                "http://img.example/a.jpg\ta red car",
                Some(PlainLineError::Tab),
            ),
            ("img.example/a.jpg\ta red car", Some(PlainLineError::Tab)),
            (
                "http://a.example/1\tof http://b.example/",
                Some(PlainLineError::Tab),
            ),
            ("17\thttp://a.example/", Some(PlainLineError::Tab)),
            ("http://h.example/p2 name2.txt", Some(PlainLineError::Space)),
            ("h.example/p2 name2.txt", Some(PlainLineError::Space)),
            (
                "http://h.example/My File.pdf",
                Some(PlainLineError::FileName),
            ),
            (
                "http://h.example/a/My new File.pdf",
                Some(PlainLineError::FileName),
            ),
            ("http://h.example/ My File.pdf", Some(PlainLineError::Space)),
            (
                "http://h.example/a.jpg cat.jpg",
                Some(PlainLineError::Space),
            ),
            ("http://h.example/a a cat", Some(PlainLineError::Space)),
            ("a.example\u{c}b", Some(PlainLineError::Space)),
            ("a.example\u{b}b", Some(PlainLineError::Space)),
            ("http://a.example/c1  # note", Some(PlainLineError::Comment)),
            ("a.example/c1 #note", Some(PlainLineError::Comment)),
            (
                "127.0.0.1\tads.example.com",
                Some(PlainLineError::HostsFile),
            ),
            ("0.0.0.0 ads.example.com", Some(PlainLineError::HostsFile)),
            ("192.0.2.1 - - [x]", Some(PlainLineError::Space)),
            ("::1 localhost", Some(PlainLineError::HostsFile)),
            ("Label: http://a.example/", Some(PlainLineError::OtherText)),
            ("1. http://a.example/", Some(PlainLineError::OtherText)),
            (
                "http://a.example/\rhttp://b.example/",
                Some(PlainLineError::CarriageReturn),
            ),
            (
                "# a comment\ra.example\rb.example",
                Some(PlainLineError::CarriageReturn),
            ),
            (
                "http://a.example/\0http://b.example/ c",
                Some(PlainLineError::Nul),
            ),
            (
                "- http://a.example/",
                Some(PlainLineError::Start(UrlError::Start('-'))),
            ),
            (
                "* Mosfet",
                Some(PlainLineError::Start(UrlError::Start('*'))),
            ),
            (
                "<a href=\"http://a.example/\">a</a>",
                Some(PlainLineError::Start(UrlError::Start('<'))),
            ),
        ] {
            assert_eq!(check(text).err(), expected, "{text:?}");
        }
    }
}
