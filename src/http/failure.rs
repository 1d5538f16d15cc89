//! Turns errors of the HTTP stack into failures with a kind, a phase and a message.
//!
//! The outermost error of reqwest says little: it wraps every failure of a body as "decode", and a
//! closed connection as "request". So the whole chain of causes is searched.

use std::error::Error;
use std::fmt;
use std::io;

use url::Url;

use super::clock::Limits;
use super::connect::resolver::ResolveError;
use crate::model::authority::Authority;
use crate::model::error::{Failure, Kind, Phase, plain};

/// Returns `error` and its causes, outermost first. What an [`io::Error`] wraps is a cause, too.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref());
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// What went wrong with an established connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionFault {
    /// The peer closed it in good order, but too early.
    Closed,
    /// It was reset or lost in another way that the system reports.
    Broken,
    /// No answer came to a ping.
    Dead,
    /// TLS failed.
    Tls,
    /// It carried something other than HTTP.
    Malformed,
}

impl ConnectionFault {
    fn of(error: &reqwest::Error) -> Self {
        if find::<rustls::Error>(error).is_some() {
            return Self::Tls;
        }
        if is_dead(error) {
            return Self::Dead;
        }
        if let Some(error) = find::<h2::Error>(error)
            && (error.is_io() || error.is_remote())
            && error.reason() != Some(h2::Reason::PROTOCOL_ERROR)
        {
            return Self::Broken;
        }
        if causes(error).any(spoke_first) {
            return Self::Malformed;
        }
        if let Some(error) = last_io(error) {
            return match error.raw_os_error() {
                Some(_) => Self::Broken,
                None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
                None if is_loss(error) => Self::Broken,
                None => Self::Malformed,
            };
        }
        match find::<hyper::Error>(error) {
            Some(error)
                if error.is_incomplete_message()
                    || error.is_canceled()
                    || error.is_closed()
                    || went_with_connection(error) =>
            {
                Self::Closed
            }
            _ => Self::Malformed,
        }
    }
}

/// Whether the server sent something before any request. hyper shows that in its text only.
fn spoke_first(cause: &(dyn Error + 'static)) -> bool {
    cause.is::<hyper::Error>() && cause.to_string().contains("unexpected message")
}

/// Whether the connection ended with the request in its queue. hyper shows that in its text only.
fn went_with_connection(error: &hyper::Error) -> bool {
    error.to_string().contains("dispatch task is gone")
}

/// Whether the connection was lost before any byte of an answer came.
pub(super) fn lost_before_answer(error: &reqwest::Error) -> bool {
    let is_reset = || find::<h2::Error>(error).is_some_and(h2::Error::is_reset);
    !error.is_connect()
        && matches!(ConnectionFault::of(error), ConnectionFault::Closed | ConnectionFault::Broken | ConnectionFault::Dead)
        // A reset of the stream is an answer of a kind.
        && !is_reset()
}

/// Whether no answer came to a ping, the only thing that hyper itself limits in time.
fn is_dead(error: &reqwest::Error) -> bool {
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_timeout)
}

/// Whether the server refused the request unprocessed (RFC 9113, section 8.7).
pub(super) fn is_refused(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        error.is_remote()
            && match error.reason() {
                Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
                Some(h2::Reason::NO_ERROR) => error.is_go_away(),
                _ => false,
            }
    })
}

/// Whether the server demands HTTP/1.1 (RFC 9113, section 7).
pub(super) fn wants_http1(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error)
        .is_some_and(|error| error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED))
}

/// What [`is_head_too_large`] means to a user.
const HEAD_TOO_LARGE: &str =
    "the head of the answer (at most 256 KiB and 5,000 fields) or its Content-Length is too large";

/// Whether the head of the answer has more fields than the parser has room for.
pub(super) fn head_too_large(error: &reqwest::Error) -> bool {
    causes(error).any(is_head_too_large)
}

/// Whether hyper found a head too large, or its Content-Length, of which the two highest numbers have another
/// meaning to it. It shows that in its text only.
fn is_head_too_large(cause: &(dyn Error + 'static)) -> bool {
    cause
        .downcast_ref::<hyper::Error>()
        .is_some_and(|error| error.is_parse() && error.to_string().contains("too large"))
}

fn last_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .last()
}

fn is_loss(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof
    )
}

/// The server of an exchange, as messages name it.
pub(super) struct Destination<'a> {
    url: &'a Url,
    proxy: Option<(String, u16)>,
}

impl<'a> Destination<'a> {
    /// Returns the destination of `url`, through the proxy at this host and port if there is one.
    pub(super) fn new(url: &'a Url, proxy: Option<(String, u16)>) -> Self {
        Self { url, proxy }
    }

    /// Returns the name that is looked up.
    fn host(&self) -> &str {
        let proxy = self.proxy.as_ref().map(|(host, _)| host.as_str());
        proxy.or(self.url.host_str()).unwrap_or_default()
    }
}

impl fmt::Display for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Authority(self.url))?;
        match &self.proxy {
            Some((host, port)) => write!(f, " through {host}:{port}"),
            None => Ok(()),
        }
    }
}

/// Returns the failure that `error` means for an exchange with `destination` that had come to `phase`.
pub(super) fn classify(
    error: &reqwest::Error,
    destination: &Destination<'_>,
    phase: Phase,
    limits: &Limits,
) -> Failure {
    if let Some(ResolveError::Blocked(blocked)) = find(error) {
        return blocked.failure(destination.host());
    }
    let kind = match phase {
        Phase::Resolve | Phase::Connect if error.is_timeout() => Kind::Timeout,
        Phase::Resolve => Kind::Dns,
        _ if error.is_connect() => connect_kind(error, destination.url),
        _ => wire_kind(error, phase),
    };
    let message = match kind {
        Kind::Timeout if is_dead(error) => format!("{destination}: no answer to a ping (HTTP/2)"),
        Kind::Timeout => match limits.connect {
            Some(limit) => {
                format!("{destination}: no connection within {limit:?} (--connect-timeout)")
            }
            None => format!("{destination}: the connection timed out"),
        },
        Kind::Dns => format!("{}: {}", destination.host(), words(error, phase)),
        _ => format!("{destination}: {}", words(error, phase)),
    };
    Failure::new(kind, phase, message)
}

fn connect_kind(error: &reqwest::Error, url: &Url) -> Kind {
    if find::<ResolveError>(error).is_some() {
        return Kind::Dns;
    }
    if find::<rustls::Error>(error).is_some() {
        return Kind::Tls;
    }
    if is_of_proxy(error) {
        return Kind::Connect;
    }
    // Over https, an error that TCP itself cannot have is one of the handshake.
    let by_tcp =
        last_io(error).is_some_and(|error| error.raw_os_error().is_some() && !is_loss(error));
    if url.scheme() == "https" && !by_tcp {
        Kind::Tls
    } else {
        Kind::Connect
    }
}

/// Whether a proxy refused to connect. The stack shows that in its text only.
fn is_of_proxy(error: &reqwest::Error) -> bool {
    const WORDS: [&str; 3] = [
        "tunnel error",
        "SOCKS error",
        "proxy authorization required",
    ];
    causes(error).any(|cause| {
        let text = cause.to_string();
        WORDS.iter().any(|words| text.contains(words))
    })
}

fn wire_kind(error: &reqwest::Error, phase: Phase) -> Kind {
    match (ConnectionFault::of(error), phase) {
        (ConnectionFault::Closed | ConnectionFault::Broken, Phase::Body) => Kind::Body,
        (ConnectionFault::Closed | ConnectionFault::Broken, _) => Kind::Connect,
        (ConnectionFault::Dead, _) => Kind::Timeout,
        (ConnectionFault::Tls, _) => Kind::Tls,
        (ConnectionFault::Malformed, _) => Kind::Protocol,
    }
}

/// Returns the chain of causes in one line, without the wrappers that say nothing.
fn words(error: &reqwest::Error, phase: Phase) -> String {
    if !error.is_connect() && ConnectionFault::of(error) == ConnectionFault::Closed {
        return match phase {
            Phase::Body => "connection closed before the end of the body",
            _ => "connection closed before an answer",
        }
        .to_owned();
    }
    let mut words = String::new();
    for cause in causes(error).filter(|cause| !is_wrapper(*cause)) {
        let text = if is_head_too_large(cause) {
            HEAD_TOO_LARGE.to_owned()
        } else {
            plain(cause)
        };
        if !words.contains(&text) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&text);
        }
    }
    words
}

/// Whether the text of `cause` only says that something below it failed.
fn is_wrapper(cause: &(dyn Error + 'static)) -> bool {
    const SAY_NOTHING: [&str; 7] = [
        "client error",
        "tcp connect error",
        "dns error",
        "error resolving DNS",
        "error reading a body from connection",
        "connection error",
        "http2 error",
    ];
    cause.is::<reqwest::Error>()
        || (cause.source().is_some() && {
            let text = cause.to_string();
            SAY_NOTHING.iter().any(|nothing| text.starts_with(nothing))
        })
}
