//! What went wrong with one input: a kind, the phase it happened in, and words.

use std::error::Error;
use std::fmt;

use serde::Serialize;

/// The class of a failure; scripts decide by it, so a name never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The line holds no URL that can be fetched.
    InvalidUrl,
    /// The line is not an input at all (encoding, length, JSON).
    InvalidInput,
    /// The name of the host could not be resolved.
    Dns,
    /// No connection, or a connection that was lost before an answer.
    Connect,
    /// The TLS handshake or a certificate failed.
    Tls,
    /// One of the time limits ran out.
    Timeout,
    /// The server does not speak HTTP as it is written down.
    Protocol,
    /// A redirect that cannot be followed.
    Redirect,
    /// The body did not arrive whole or cannot be decoded.
    Body,
    /// The body is larger than allowed.
    TooLarge,
    /// The body is not the expected one.
    Checksum,
    /// It may not be asked.
    Blocked,
    /// The body cannot be saved.
    Io,
    /// The run ended before this input did.
    Cancelled,
}

impl Kind {
    /// The name in records and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidUrl => "invalid_url",
            Self::InvalidInput => "invalid_input",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Redirect => "redirect",
            Self::Body => "body",
            Self::TooLarge => "too_large",
            Self::Checksum => "checksum",
            Self::Blocked => "blocked",
            Self::Io => "io",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How far an input had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reading the line.
    Input,
    /// Looking up the name.
    Resolve,
    /// Connecting, the TLS handshake included.
    Connect,
    /// Connected, the request is being sent.
    Request,
    /// Sent, waiting for the head of the answer.
    Headers,
    /// Reading the body.
    Body,
    /// Making a file of the body.
    Save,
}

/// The failure of one attempt or input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The class.
    pub kind: Kind,
    /// How far it had come.
    pub phase: Phase,
    /// The cause chain in words, in one line, without secrets.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl Failure {
    /// A failure of `kind` in `phase`, told by `message`.
    pub fn new(kind: Kind, phase: Phase, message: impl Into<String>) -> Self {
        Self {
            kind,
            phase,
            message: message.into(),
        }
    }
}

/// What `error` says, as part of a sentence: `Connection refused (os error 111)` → `connection refused`.
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
