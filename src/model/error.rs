//! Why an input failed: the kind of failure, the phase it happened in, and a message.

use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde_json::error::Category;

use super::mask::is_name;

/// The kind of a failure. Scripts decide by its name, so a name never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The line holds no URL that can be fetched.
    InvalidUrl,
    /// The line cannot be read as an input: its encoding, its length or its JSON is wrong.
    InvalidInput,
    /// The host name could not be resolved.
    Dns,
    /// No connection could be made, or it was lost before a response came.
    Connect,
    /// The proxy refused to connect.
    Proxy,
    /// The TLS handshake failed, or the certificate was rejected.
    Tls,
    /// A time limit was exceeded.
    Timeout,
    /// The server violated the HTTP protocol.
    Protocol,
    /// A redirect could not be followed.
    Redirect,
    /// The body did not arrive whole, or could not be decoded.
    Body,
    /// The body is larger than `--max-filesize`.
    TooLarge,
    /// The body does not have the expected checksum.
    Checksum,
    /// An option forbids the request, such as `--block-private` or `--https-only`.
    Blocked,
    /// The body could not be saved.
    Io,
    /// The request was not sent because its host is down.
    HostDown,
    /// The run ended before this input did.
    Cancelled,
}

impl Kind {
    /// Returns the name in records and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidUrl => "invalid_url",
            Self::InvalidInput => "invalid_input",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Redirect => "redirect",
            Self::Body => "body",
            Self::TooLarge => "too_large",
            Self::Checksum => "checksum",
            Self::Blocked => "blocked",
            Self::Io => "io",
            Self::HostDown => "host_down",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How far an input had got when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reading the input line.
    Input,
    /// Resolving the host name.
    Resolve,
    /// Connecting, including the TLS handshake.
    Connect,
    /// Sending the request.
    Request,
    /// Waiting for the headers of the response.
    Headers,
    /// Receiving the body.
    Body,
    /// Saving the body.
    Save,
}

/// How a proxy refused to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyRefusal {
    /// It answered with this status.
    Status(u16),
    /// The SOCKS proxy does not allow the connection, or wants another login.
    Forbidden,
    /// The SOCKS proxy could not reach the server.
    Unreachable,
    /// The reason is not known: asked again, the proxy did not answer, or answered 200.
    Unknown,
}

/// The failure of one attempt or input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The kind of failure.
    pub kind: Kind,
    /// How far the input had got.
    pub phase: Phase,
    /// The chain of causes on one line, without secrets.
    pub message: String,
    /// How the proxy refused, for a failure of kind [`Kind::Proxy`].
    #[serde(skip)]
    pub refusal: Option<ProxyRefusal>,
    /// Whether the request went through a proxy: then a connection that is not made in time tells nothing of the host.
    #[serde(skip)]
    pub through_proxy: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl Failure {
    /// Creates a failure of `kind` in `phase`, described by `message`.
    pub fn new(kind: Kind, phase: Phase, message: impl Into<String>) -> Self {
        Self {
            kind,
            phase,
            message: message.into(),
            refusal: None,
            through_proxy: false,
        }
    }
}

/// Words an error as part of a sentence: `Connection refused (os error 111)` becomes
/// `connection refused`.
#[must_use]
pub fn plain<E: Error + ?Sized>(error: &E) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut rest = text.chars();
    match (rest.next(), rest.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(rest).collect()
        }
        _ => text.to_owned(),
    }
}

/// Words an error in JSON of an object without quoting the text, which may contain secrets.
#[must_use]
pub fn json_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The place comes last, and a key may contain the same words.
    let text = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(text, _)| text);
    let after = |start: &str| {
        let (key, _) = text.strip_prefix(start)?.split_once('`')?;
        Some(key)
    };
    match error.classify() {
        Category::Eof => "the JSON object is not closed".to_owned(),
        Category::Data => {
            if let Some(key) = after("unknown field `") {
                if is_name(key) {
                    format!("unknown key '{key}'")
                } else {
                    "unknown key".to_owned()
                }
            } else if let Some(key) = after("missing field `") {
                format!("the key '{key}' is missing")
            } else if let Some(key) = after("duplicate field `") {
                format!("the key '{key}' is given twice")
            } else {
                "a value has the wrong type".to_owned()
            }
        }
        Category::Syntax | Category::Io => format!(
            "not a JSON object: {}, column {}",
            syntax_words(text),
            error.column()
        ),
    }
}

/// Words an error of JSON syntax for people who write JSON.
fn syntax_words(text: &str) -> &str {
    match text {
        "trailing characters" => "text after the closing }",
        "key must be a string" => "keys need double quotes",
        "expected value" | "expected ident" => "a value is missing or not valid",
        "invalid number" => "a number is not valid",
        "number out of range" => "a number is too large",
        "expected `:`" => "a colon is missing after a key",
        "expected `,` or `}`" => "a comma or the closing } is missing",
        "expected `,` or `]`" => "a comma or the closing ] is missing",
        "trailing comma" => "a comma before the closing bracket",
        "recursion limit exceeded" => "nested too deeply",
        "invalid escape"
        | "unexpected end of hex escape"
        | "invalid unicode code point"
        | "lone leading surrogate in hex escape" => "an escape in a string is not valid",
        _ if text.starts_with("control character") => "a control character in a string",
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn errors_in_plain_words() {
        for (text, words) in [
            ("Connection refused (os error 111)", "connection refused"),
            ("TLS alert", "TLS alert"),
            ("x", "x"),
            ("", ""),
        ] {
            assert_eq!(plain(&io::Error::other(text)), words);
        }
    }
}
