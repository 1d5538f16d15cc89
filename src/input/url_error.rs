//! Why a text is not a URL that can be fetched, in words for people who write lists.

use std::net::Ipv6Addr;

use url::ParseError;

use crate::model::request::MAX_URL;

/// Why a text is not a URL that can be fetched. It quotes no more than one character, because the text may contain a
/// password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlError {
    #[error("not a URL: begins with {0}; {advice}", advice = start_advice(*.0))]
    Start(char),
    #[error("not a URL: begins with {0}; remove it")]
    OpenQuote(char),
    #[error("not a URL: no scheme before ://; write the URL alone")]
    NoScheme,
    #[error("not a URL: '{0}:' must be followed by //")]
    Slashes(&'static str),
    #[error("not a URL: a colon is missing after '{0}'")]
    Colon(String),
    #[error("not a URL: it has two schemes; remove one")]
    TwoSchemes,
    #[error("not a URL: no host before the path")]
    NoHost,
    #[error("not a URL: the host is empty")]
    EmptyHost,
    #[error("not a URL: looks like an e-mail address; before a user name, write https://")]
    Address,
    #[error("not a URL: no host name contains ','; for a table, use --input csv")]
    Comma,
    #[error("not a URL: no host name contains '{0}'")]
    NotAHost(char),
    #[error("not a URL: the host contains a control character")]
    ControlCharacter,
    #[error("not a URL: the host contains a space")]
    Space,
    #[error("not a URL: the host contains '{0}'")]
    Host(char),
    #[error("not a URL: the host is not a valid name")]
    Name,
    #[error("not a URL: an IPv6 address stands in brackets; write [{0}]")]
    Brackets(Ipv6Addr),
    #[error("not a URL: no port after the colon")]
    NoPort,
    #[error("not a URL: the port is not a number up to 65535")]
    Port,
    #[error("not a URL: the host is not a valid IPv4 address")]
    Ipv4,
    #[error("not a URL: the host is not a valid IPv6 address")]
    Ipv6,
    #[error("not a URL: an IPv6 address with a zone (%) cannot be fetched")]
    Zone,
    #[error("the URL is longer than {MAX_URL} bytes once encoded")]
    TooLong,
    #[error("the scheme is '{0}'; only http and https can be fetched")]
    Scheme(String),
}

/// Says what to do about a text that begins with `first`.
fn start_advice(first: char) -> &'static str {
    match first {
        '"' | '\'' | '`' | '“' | '”' | '‘' | '’' => "remove the quotes",
        '-' | '*' | '+' | '•' => "remove the list marker",
        _ => "write the URL alone",
    }
}

/// Returns the error of a text with a beginning that no URL and no host has.
pub(super) fn start_error(text: &str) -> Option<UrlError> {
    let first = text.chars().next()?;
    let is_possible = match first {
        // An IPv6 address.
        '[' => text[1..].starts_with(|next: char| next.is_ascii_hexdigit() || next == ':'),
        // What follows these is told from what follows them.
        '/' | '\\' | '?' | ':' | '@' | ',' | '=' | ';' | '%' | '_' => true,
        first => first.is_alphanumeric() || first.is_control(),
    };
    let is_open_quote = matches!(first, '"' | '\'' | '`') && !text[1..].ends_with(first);
    match is_possible {
        true => None,
        false if is_open_quote => Some(UrlError::OpenQuote(first)),
        false => Some(UrlError::Start(first)),
    }
}

/// Returns the error of an `authority` that stands without a scheme: what has a character that no host name has means
/// something else.
pub(super) fn authority_error(host: &str) -> Option<UrlError> {
    if host.contains('@') {
        return Some(UrlError::Address);
    }
    if let Ok(address) = host.parse() {
        return Some(UrlError::Brackets(address));
    }
    // Another scheme, or a drive of Windows.
    if host.len() > 1 && host.ends_with(':') {
        return Some(UrlError::NoPort);
    }
    name_error(host)
}

/// Returns the error of a `host`, perhaps with a port, that has a character that no host name has.
pub(super) fn name_error(host: &str) -> Option<UrlError> {
    let is_wrong = |&c: &char| c.is_ascii() && !c.is_ascii_alphanumeric() && !"-._%:[]".contains(c);
    match host.chars().find(is_wrong)? {
        ',' => Some(UrlError::Comma),
        // The parser says so, and cuts it off at the end.
        ' ' => None,
        c if c.is_control() => Some(UrlError::ControlCharacter),
        c => Some(UrlError::NotAHost(c)),
    }
}

impl UrlError {
    /// Words the `error` of parsing a text with this `authority`. It names the first character that a host cannot
    /// contain, if that is the reason.
    pub(super) fn new(error: ParseError, authority: &str) -> Self {
        let host = authority.rsplit('@').next().unwrap_or_default();
        match error {
            ParseError::EmptyHost => Self::EmptyHost,
            ParseError::InvalidPort => Self::Port,
            ParseError::InvalidIpv4Address => Self::Ipv4,
            ParseError::InvalidIpv6Address if host.contains('%') => Self::Zone,
            ParseError::InvalidIpv6Address => Self::Ipv6,
            ParseError::Overflow => Self::TooLong,
            _ => {
                let is_wrong = |&c: &char| !c.is_alphanumeric() && !"-._~%:[]".contains(c);
                match host.chars().find(is_wrong) {
                    Some(' ') => Self::Space,
                    Some(c) if c.is_ascii_control() => Self::ControlCharacter,
                    Some(c) if c.is_ascii_graphic() => Self::Host(c),
                    _ => Self::Name,
                }
            }
        }
    }
}
