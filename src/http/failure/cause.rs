//! What an error of the HTTP stack says, wherever in the chain of its causes.
//!
//! The outermost error of reqwest says little: it wraps every failure of a body as "decode", and a
//! closed connection as "request". So the whole chain of causes is searched.

use std::error::Error;
use std::io;

use rustls::pki_types::InvalidDnsNameError;

use crate::http::connect::error::causes;
use crate::http::connect::look_ups::PendingLookUp;
use crate::http::connect::resolver::ResolveError;
use crate::http::connect::tunnel::TunnelRefusedError;
use crate::model::error::ProxyRefusal;

pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// What went wrong with an established connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionFault {
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
    pub(super) fn of(error: &reqwest::Error) -> Self {
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
        if came_before_request(error) {
            return Self::Closed;
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

/// Whether the server sent something before the request was sent. hyper shows that in its text only.
pub(in crate::http) fn came_before_request(error: &reqwest::Error) -> bool {
    causes(error)
        .any(|cause| cause.is::<hyper::Error>() && cause.to_string().contains("unexpected message"))
}

/// Whether the connection ended with the request in its queue. hyper shows that in its text only.
fn went_with_connection(error: &hyper::Error) -> bool {
    error.to_string().contains("dispatch task is gone")
}

/// Whether the connection was lost before any byte of an answer came.
pub(in crate::http) fn lost_before_answer(error: &reqwest::Error) -> bool {
    let is_reset = || find::<h2::Error>(error).is_some_and(h2::Error::is_reset);
    !error.is_connect()
        && matches!(ConnectionFault::of(error), ConnectionFault::Closed | ConnectionFault::Broken | ConnectionFault::Dead)
        // A reset of the stream is an answer of a kind.
        && !is_reset()
}

/// Whether no answer came to a ping, the only thing that hyper itself limits in time.
pub(super) fn is_dead(error: &reqwest::Error) -> bool {
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_timeout)
}

/// Returns the look-up that the connection would have to wait for, if it was not begun for that reason.
pub(in crate::http) fn queued_look_up(error: &reqwest::Error) -> Option<PendingLookUp> {
    match find(error) {
        Some(ResolveError::Queued(look_up)) => Some(look_up.clone()),
        _ => None,
    }
}

/// Whether the server refused the request unprocessed (RFC 9113, section 8.7).
pub(in crate::http) fn is_refused(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        error.is_remote()
            && match error.reason() {
                Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
                Some(h2::Reason::NO_ERROR) => error.is_go_away(),
                _ => false,
            }
    })
}

/// Whether the server ended the HTTP/2 connection because of an error, and this request is among those that it has not
/// processed (RFC 9113, section 6.8). h2 tells the others only that the connection is closed, when it is.
pub(in crate::http) fn is_sent_away(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| error.is_remote() && error.is_go_away())
        && !is_refused(error)
        && !wants_http1(error)
}

/// Whether the HTTP/2 connection was given up because of a malformed response, which may have been that to another
/// request. (RFC 9113, section 8.1.1, makes that an error of its stream alone; h2 cannot go on when it has lost track
/// of the compression of header fields, and does not when it counts a flood.)
pub(in crate::http) fn broke_connection(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| error.is_library() && error.is_go_away())
}

/// Whether the connection was closed or reset before the TLS handshake was over.
pub(in crate::http) fn lost_in_handshake(error: &reqwest::Error) -> bool {
    error.is_connect()
        && find::<rustls::Error>(error).is_none()
        && !is_of_proxy(error)
        && last_io(error).is_some_and(is_loss)
}

/// Whether an established HTTP/2 connection ended, whoever ended it, rather than one of its streams.
pub(in crate::http) fn ended_connection(error: &reqwest::Error) -> bool {
    if error.is_connect() {
        return false;
    }
    match find::<h2::Error>(error) {
        Some(error) => error.is_go_away() || error.is_io(),
        None => {
            last_io(error).is_some()
                || matches!(
                    ConnectionFault::of(error),
                    ConnectionFault::Closed | ConnectionFault::Dead
                )
        }
    }
}

/// Whether the server demands HTTP/1.1 (RFC 9113, section 7).
pub(in crate::http) fn wants_http1(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error)
        .is_some_and(|error| error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED))
}

/// Whether the head of the answer has more fields than the parser has room for.
pub(in crate::http) fn head_too_large(error: &reqwest::Error) -> bool {
    causes(error).any(is_head_too_large)
}

/// Whether hyper refused a head because it is too large, or because its Content-Length is: hyper uses the two largest
/// numbers of 64 bits for bodies without a length. It shows either in its text only.
pub(super) fn is_head_too_large(cause: &(dyn Error + 'static)) -> bool {
    cause
        .downcast_ref::<hyper::Error>()
        .is_some_and(|error| error.is_parse() && error.to_string().contains("too large"))
}

/// Whether the first bytes of the server are no frame of HTTP/2. Those of HTTP/1.1, read as the head of a frame, give it
/// a length that is too large.
pub(super) fn is_other_protocol(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        !error.is_remote() && error.reason() == Some(h2::Reason::FRAME_SIZE_ERROR)
    })
}

/// How the library says that it has not reached an HTTP proxy.
pub(super) const TO_PROXY: &str = "tunnel error: failed to create underlying connection";

/// How the library says that the connection ended while a stream of HTTP/2 waited for its response.
pub(super) const LOST_STREAM: &str = "stream closed because of a broken pipe";

/// How the library says that the connection to an HTTP proxy was lost.
pub(super) const TUNNEL_LOST: &str = "tunnel error: io error establishing tunnel";

/// How the library begins what it says about a SOCKS proxy.
pub(super) const SOCKS: &str = "SOCKS error: ";

/// How the library says that an HTTP proxy answered 407, with or without a login.
pub(super) const LOGIN_REQUIRED: &str = "tunnel error: proxy authorization required";

/// What the library says about a SOCKS proxy that it has not reached. The cause is in its `Debug` form alone.
pub(super) const SOCKS_NOT_REACHED: &str = "SOCKS error: failed to create underlying connection";

/// What the library says if the connection to a SOCKS proxy ended. The cause is in its `Debug` form alone.
pub(super) const SOCKS_LOST: &str = "SOCKS error: io error during SOCKS handshake";

/// How the library says that it has not found the name that it looks up on behalf of a SOCKS proxy.
pub(super) const LOCAL_LOOKUP: &str = "error resolving for socks proxy";

pub(super) fn last_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .last()
}

pub(super) fn is_loss(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof
    )
}

/// Returns how a proxy refused to connect, if that is what `error` says.
pub(super) fn refusal(error: &reqwest::Error) -> Option<ProxyRefusal> {
    if let Some(refused) = find::<TunnelRefusedError>(error) {
        return refused.refusal();
    }
    causes(error).find_map(|cause| match cause.to_string().as_str() {
        LOGIN_REQUIRED => Some(ProxyRefusal::Status(407)),
        text => socks_refusal(text.strip_prefix(SOCKS)?),
    })
}

/// Returns how a SOCKS proxy refused. The stack shows that in its text only.
pub(super) fn socks_refusal(reason: &str) -> Option<ProxyRefusal> {
    match reason {
        "general server failure"
        | "network unreachable"
        | "host unreachable"
        | "connection refused"
        | "ttl expired"
        | "server failed to execute command" => Some(ProxyRefusal::Unreachable),
        "connection not allowed"
        | "command not supported"
        | "address type not supported"
        | "credentials not accepted"
        | "server does not support user/pass authentication"
        | "server ident service failed"
        | "server ident service did not recognise client identifier" => {
            Some(ProxyRefusal::Forbidden)
        }
        _ => None,
    }
}

/// Whether the TLS library refuses the name of the server. With a proxy, the stack shows that in its text only.
pub(super) fn is_misnamed(error: &reqwest::Error) -> bool {
    find::<InvalidDnsNameError>(error).is_some() || says(error, "Invalid Server Name")
}

/// Whether one of the causes says this.
pub(super) fn says(error: &reqwest::Error, words: &str) -> bool {
    causes(error).any(|cause| cause.to_string().starts_with(words))
}

/// Whether the connection to the server failed at the proxy. The stack shows that in its text only.
pub(super) fn is_of_proxy(error: &reqwest::Error) -> bool {
    find::<TunnelRefusedError>(error).is_some()
        || causes(error).any(|cause| {
            let text = cause.to_string();
            text.contains("tunnel error") || text.contains(SOCKS)
        })
}
