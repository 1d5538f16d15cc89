//! Errors of the stack → kind, phase and words, from the whole cause chain.
//!
//! What reqwest calls an error says little: it wraps every failure of a body
//! as "decode", a closed connection as "request". The causes below it tell.

use std::error::Error;
use std::io;

use url::Url;

use super::resolver::ResolveError;
use super::watch::Watch;
use crate::error::{Failure, Kind, Phase};
use crate::request::Authority;

/// The causes of `error`, itself first. What an [`io::Error`] wraps is a cause too.
pub(super) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
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

/// Whether the connection went away before any byte of an answer came.
pub(super) fn lost_before_answer(error: &reqwest::Error) -> bool {
    if error.is_connect() {
        return false;
    }
    let by_hyper = find::<hyper::Error>(error)
        .is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed());
    by_hyper || last_io(error).is_some_and(is_loss)
}

/// Whether the head of the answer was more than the parser takes.
pub(super) fn head_too_large(error: &reqwest::Error) -> bool {
    find::<hyper::Error>(error)
        .is_some_and(|error| error.is_parse() && error.to_string().contains("too large"))
}

fn last_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    causes(error).filter_map(|cause| cause.downcast_ref()).last()
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

/// The failure of a hop to `url`.
pub(super) fn classify(error: &reqwest::Error, url: &Url, watch: &Watch) -> Failure {
    let phase = watch.phase();
    let kind = match phase {
        Phase::Resolve | Phase::Connect if error.is_timeout() => Kind::Timeout,
        Phase::Resolve => Kind::Dns,
        _ if error.is_connect() => connect_kind(error, url),
        _ => wire_kind(error, phase),
    };
    let message = match kind {
        Kind::Timeout => "no connection in time (--connect-timeout)".to_owned(),
        _ => words(error, phase),
    };
    Failure::new(kind, phase, format!("{}: {message}", Authority(url)))
}

fn connect_kind(error: &reqwest::Error, url: &Url) -> Kind {
    if find::<ResolveError>(error).is_some() {
        return Kind::Dns;
    }
    // Over https, what TCP itself cannot say is said of the handshake.
    let by_tcp = last_io(error).is_some_and(|error| error.raw_os_error().is_some() && !is_loss(error));
    if url.scheme() == "https" && !by_tcp {
        Kind::Tls
    } else {
        Kind::Connect
    }
}

fn wire_kind(error: &reqwest::Error, phase: Phase) -> Kind {
    let lost = if phase == Phase::Body { Kind::Body } else { Kind::Connect };
    if find::<rustls::Error>(error).is_some() {
        return Kind::Tls;
    }
    match last_io(error) {
        Some(error) if is_loss(error) => return lost,
        Some(error) if error.raw_os_error().is_some() => return lost,
        Some(_) => return Kind::Protocol,
        None => {}
    }
    match find::<hyper::Error>(error) {
        Some(error) if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => lost,
        _ => Kind::Protocol,
    }
}

/// The cause chain in one line, without the wrappers that say nothing.
fn words(error: &reqwest::Error, phase: Phase) -> String {
    let closed = find::<hyper::Error>(error)
        .is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed());
    if closed && last_io(error).is_none() {
        return match phase {
            Phase::Body => "connection closed before the end of the body",
            _ => "connection closed before an answer",
        }
        .to_owned();
    }
    let mut words = String::new();
    for cause in causes(error).filter(|cause| !is_wrapper(*cause)) {
        let text = plain(&cause.to_string());
        if !words.contains(&text) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&text);
        }
    }
    words
}

/// Layers whose text only says that something below them failed.
fn is_wrapper(cause: &(dyn Error + 'static)) -> bool {
    const SAY_NOTHING: [&str; 6] = [
        "client error",
        "tcp connect error",
        "dns error",
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

/// `Connection refused (os error 111)` → `connection refused`.
fn plain(text: &str) -> String {
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut rest = text.chars();
    match (rest.next(), rest.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(rest).collect()
        }
        _ => text.to_owned(),
    }
}
