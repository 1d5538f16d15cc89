//! Turns errors of the HTTP stack into failures with a kind, a phase and a message.

mod cause;
mod http2_words;
#[cfg(test)]
mod plain_words;
mod tls_words;
mod words;

use url::Url;

use super::connect::look_ups::LookUpError;
use super::connect::resolver::ResolveError;
use super::options::Limits;
use crate::model::error::{Failure, Kind, Phase};

use cause::{
    ConnectionFault, LOCAL_LOOKUP, LOST_STREAM, SOCKS_NOT_REACHED, TO_PROXY, find, is_dead,
    is_loss, is_misnamed, is_of_proxy, is_other_protocol, last_io, refusal, says,
};
use words::{broken_rule, words};

pub(super) use cause::{
    broke_connection, came_before_request, ended_connection, head_too_large, is_refused,
    is_sent_away, lost_before_answer, lost_in_handshake, queued_look_up, wants_http1,
};
pub(super) use words::Destination;

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
    let is_dns_timeout = matches!(
        find(error),
        Some(ResolveError::Failed(LookUpError::TimedOut(..)))
    );
    let kind = match phase {
        _ if is_dns_timeout => Kind::Timeout,
        Phase::Resolve | Phase::Connect if error.is_timeout() => Kind::Timeout,
        Phase::Resolve => Kind::Dns,
        _ if error.is_connect() => connect_kind(error, destination.url),
        _ => wire_kind(error, phase),
    };
    let message = match kind {
        Kind::Timeout if is_dns_timeout => unresolved(error, destination, phase),
        Kind::Timeout if is_dead(error) => format!("{destination}: no response to a ping (HTTP/2)"),
        Kind::Timeout => match limits.connect {
            Some(limit) if phase == Phase::Resolve => format!(
                "{}: not resolved within {limit:?} (--connect-timeout)",
                destination.host()
            ),
            Some(limit) => {
                format!("{destination}: no connection within {limit:?} (--connect-timeout)")
            }
            None => format!("{destination}: the connection timed out"),
        },
        Kind::Dns => unresolved(error, destination, phase),
        _ if destination.assumes_http2 && is_other_protocol(error) => format!(
            "{destination}: the server does not speak HTTP/2: leave out --http2-prior-knowledge"
        ),
        // Perhaps the server closes what it does not understand, perhaps something else is wrong.
        _ if destination.assumes_http2 && says(error, LOST_STREAM) => format!(
            "{destination}: connection closed before a response; the server may not speak HTTP/2 (--http2-prior-knowledge)"
        ),
        Kind::Tls if is_misnamed(error) => format!(
            "{destination}: not a valid host name for TLS: {}",
            broken_rule(destination.url.host_str().unwrap_or_default())
        ),
        Kind::Connect if is_short_of_proxy(error, destination) => {
            let (host, port) = destination.proxy.clone().unwrap_or_default();
            format!("proxy {host}:{port}: {}", words(error, destination, phase))
        }
        _ => format!("{destination}: {}", words(error, destination, phase)),
    };
    Failure {
        refusal: refusal(error),
        ..Failure::new(kind, phase, message)
    }
}

/// Says which name has not been resolved, and why.
fn unresolved(error: &reqwest::Error, destination: &Destination<'_>, phase: Phase) -> String {
    let host = if says(error, LOCAL_LOOKUP) {
        destination.url.host_str().unwrap_or_default()
    } else {
        destination.host()
    };
    format!("{host}: {}", words(error, destination, phase))
}

fn connect_kind(error: &reqwest::Error, url: &Url) -> Kind {
    if find::<ResolveError>(error).is_some() {
        return Kind::Dns;
    }
    if find::<rustls::Error>(error).is_some() {
        return Kind::Tls;
    }
    if refusal(error).is_some() {
        return Kind::Proxy;
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

/// Whether no connection to the proxy could be made. Where the URL is `http://`, an HTTP proxy takes the place of the
/// server.
fn is_short_of_proxy(error: &reqwest::Error, destination: &Destination<'_>) -> bool {
    destination.proxy.is_some()
        && error.is_connect()
        && (says(error, TO_PROXY)
            || says(error, SOCKS_NOT_REACHED)
            || (destination.url.scheme() == "http" && !is_of_proxy(error)))
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
