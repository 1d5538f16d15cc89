//! Turns errors of the HTTP stack into failures with a kind, a phase and a message.
//!
//! The outermost error of reqwest says little: it wraps every failure of a body as "decode", and a
//! closed connection as "request". So the whole chain of causes is searched.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;
use rustls::pki_types::{InvalidDnsNameError, UnixTime};
use url::Url;

use super::connect::error::causes;
use super::connect::look_ups::{LookUpError, PendingLookUp};
use super::connect::resolver::ResolveError;
use super::connect::tunnel::TunnelRefusedError;
use super::options::Limits;
use crate::model::authority::Authority;
use crate::model::error::{Failure, Kind, Phase, ProxyRefusal, plain};

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
pub(super) fn came_before_request(error: &reqwest::Error) -> bool {
    causes(error)
        .any(|cause| cause.is::<hyper::Error>() && cause.to_string().contains("unexpected message"))
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

/// Returns the look-up that the connection would have to wait for, if it was not begun for that reason.
pub(super) fn queued_look_up(error: &reqwest::Error) -> Option<PendingLookUp> {
    match find(error) {
        Some(ResolveError::Queued(look_up)) => Some(look_up.clone()),
        _ => None,
    }
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

/// Whether the server ended the HTTP/2 connection because of an error, and this request is among those that it has not
/// processed (RFC 9113, section 6.8). h2 tells the others only that the connection is closed, when it is.
pub(super) fn is_sent_away(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| error.is_remote() && error.is_go_away())
        && !is_refused(error)
        && !wants_http1(error)
}

/// Whether the HTTP/2 connection was given up because of a malformed response, which may have been that to another
/// request. (RFC 9113, section 8.1.1, makes that an error of its stream alone; h2 cannot go on when it has lost track
/// of the compression of header fields, and does not when it counts a flood.)
pub(super) fn broke_connection(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| error.is_library() && error.is_go_away())
}

/// Whether the connection was closed or reset before the TLS handshake was over.
pub(super) fn lost_in_handshake(error: &reqwest::Error) -> bool {
    error.is_connect()
        && find::<rustls::Error>(error).is_none()
        && !is_of_proxy(error)
        && last_io(error).is_some_and(is_loss)
}

/// Whether an established HTTP/2 connection ended, whoever ended it, rather than one of its streams.
pub(super) fn ended_connection(error: &reqwest::Error) -> bool {
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
pub(super) fn wants_http1(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error)
        .is_some_and(|error| error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED))
}

/// What [`is_head_too_large`] means to a user.
const HEAD_TOO_LARGE: &str = "the response has too many headers (limit: 5,000 fields, 256 KiB) or too large a Content-Length";

/// Whether the head of the answer has more fields than the parser has room for.
pub(super) fn head_too_large(error: &reqwest::Error) -> bool {
    causes(error).any(is_head_too_large)
}

/// Whether hyper refused a head because it is too large, or because its Content-Length is: hyper uses the two largest
/// numbers of 64 bits for bodies without a length. It shows either in its text only.
fn is_head_too_large(cause: &(dyn Error + 'static)) -> bool {
    cause
        .downcast_ref::<hyper::Error>()
        .is_some_and(|error| error.is_parse() && error.to_string().contains("too large"))
}

/// Whether the first bytes of the server are no frame of HTTP/2. Those of HTTP/1.1, read as the head of a frame, give it
/// a length that is too large.
fn is_other_protocol(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        !error.is_remote() && error.reason() == Some(h2::Reason::FRAME_SIZE_ERROR)
    })
}

/// How the library says that it has not reached an HTTP proxy.
const TO_PROXY: &str = "tunnel error: failed to create underlying connection";

/// How the library says that the connection ended while a stream of HTTP/2 waited for its response.
const LOST_STREAM: &str = "stream closed because of a broken pipe";

/// How the library says that the connection to an HTTP proxy was lost.
const TUNNEL_LOST: &str = "tunnel error: io error establishing tunnel";

/// How the library begins what it says about a SOCKS proxy.
const SOCKS: &str = "SOCKS error: ";

/// How the library says that an HTTP proxy answered 407, with or without a login.
const LOGIN_REQUIRED: &str = "tunnel error: proxy authorization required";

/// What the library says about a SOCKS proxy that it has not reached. The cause is in its `Debug` form alone.
const SOCKS_NOT_REACHED: &str = "SOCKS error: failed to create underlying connection";

/// What the library says if the connection to a SOCKS proxy ended. The cause is in its `Debug` form alone.
const SOCKS_LOST: &str = "SOCKS error: io error during SOCKS handshake";

/// How the library says that it has not found the name that it looks up on behalf of a SOCKS proxy.
const LOCAL_LOOKUP: &str = "error resolving for socks proxy";

/// Says what an error of the TLS library means for the user.
fn tls_words(error: &rustls::Error, is_of_proxy: bool) -> Option<String> {
    use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
    let peer = if is_of_proxy {
        "the proxy"
    } else {
        "the server"
    };
    let certificate = if is_of_proxy {
        "the proxy's certificate"
    } else {
        "the certificate"
    };
    let distrusted = |why: &str| format!("{certificate} is not trusted: {why}");
    Some(match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) if is_of_proxy => {
            "the proxy does not speak TLS on this port: write --proxy http://".to_owned()
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server does not speak TLS on this port: use http://".to_owned()
        }
        Error::InvalidMessage(_) => format!("{peer} sent a TLS message that is not valid"),
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            format!("{peer} requires a client certificate: use --cert")
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure) => format!(
            "{peer} refused TLS: no common cipher or version, or a client certificate is required (--cert)"
        ),
        Error::AlertReceived(AlertDescription::UnknownCA) => {
            format!("{peer} does not trust the client certificate")
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            format!("{peer} needs a TLS version before 1.2, which is not supported")
        }
        Error::AlertReceived(alert) => format!("{peer} refused TLS (alert {alert:?})"),
        Error::PeerIncompatible(_) => {
            format!(
                "{peer} and fetch have no version or cipher of TLS in common; TLS 1.2 or 1.3 is required"
            )
        }
        Error::PeerMisbehaved(how) => format!("{peer} violated the TLS protocol ({how:?})"),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            // --insecure is not meant for proxies.
            let or_insecure = if is_of_proxy { "" } else { " or --insecure" };
            distrusted(&format!("its issuer is unknown; use --cacert{or_insecure}"))
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            distrusted("its signature is wrong")
        }
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            format!("{certificate} expired on {}", date(*not_after))
        }
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            format!("{certificate} is not valid before {}", date(*not_before))
        }
        Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected,
            presented,
        }) => {
            let expected = expected.to_str();
            match names(presented) {
                Some(names) => format!("{certificate} is for {names}, not {expected}"),
                None => format!("{certificate} names no host, so it is not for {expected}"),
            }
        }
        Error::InvalidCertificate(_) => {
            let text = error.to_string();
            distrusted(text.trim_start_matches("invalid peer certificate: "))
        }
        _ => return None,
    })
}

/// Returns the day of `time` in UTC.
fn date(time: UnixTime) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    let text = time.map(|time| format_rfc3339_seconds(time).to_string());
    let date = text.as_deref().and_then(|text| text.split('T').next());
    date.unwrap_or("an unknown day").to_owned()
}

/// How many names of a certificate a message shows.
const MAX_NAMES: usize = 5;

/// Lists the names in a certificate, which the TLS library writes as `DnsName("localhost")` and
/// `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> Option<String> {
    let bare = |name: &String| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"').to_owned()
    };
    let mut shown: Vec<_> = presented.iter().take(MAX_NAMES).map(bare).collect();
    if presented.len() > MAX_NAMES {
        shown.push(format!("{} others", presented.len() - MAX_NAMES));
    }
    let last = shown.pop()?;
    Some(if shown.is_empty() {
        last
    } else {
        format!("{} and {last}", shown.join(", "))
    })
}

/// Says what an error that the libraries show only in their text means for the user.
fn library_words(text: &str) -> Option<&'static str> {
    Some(match text {
        "invalid HTTP version parsed" => "the response is not HTTP",
        "invalid HTTP version parsed (found HTTP2 preface)" => "the response is not HTTP/1.1",
        "invalid HTTP header parsed" => "the response has an invalid header",
        "invalid HTTP status-code parsed" => "the response has an invalid status",
        "invalid content-length parsed" => "the response has an invalid Content-Length",
        "unexpected transfer-encoding parsed" => "the response has an unexpected Transfer-Encoding",
        _ if text.starts_with("invalid chunk size") => "the body has an invalid chunk size",
        _ if text.starts_with("invalid chunk body") => "the body has an invalid chunk",
        "tls handshake eof" => "connection closed during the TLS handshake",
        "tunnel error: unexpected end of file" => {
            "the proxy closed the connection before a response"
        }
        _ => return None,
    })
}

/// Says what an error of a SOCKS proxy, or a login that a proxy wants, means for the user; any other text stays as it is.
fn proxy_words(text: String, cause: &dyn Error, destination: &Destination<'_>) -> String {
    let login = |status: &str| {
        format!(
            "the proxy rejected the login or requires one{status}: write --proxy {}://NAME:PASSWORD@HOST:PORT",
            destination.proxy_scheme.as_deref().unwrap_or("http")
        )
    };
    match text.as_str() {
        LOGIN_REQUIRED => return login(" (407)"),
        SOCKS_NOT_REACHED => return hidden_cause(cause),
        SOCKS_LOST if format!("{cause:?}").contains("ConnectionReset") => {
            return "the proxy reset the connection".to_owned();
        }
        SOCKS_LOST => return "the proxy closed the connection".to_owned(),
        _ => {}
    }
    match text.strip_prefix(SOCKS) {
        Some("server does not support user/pass authentication" | "credentials not accepted") => {
            login("")
        }
        Some("failed parsing server response") => {
            "the response of the proxy is not valid SOCKS".to_owned()
        }
        Some("IPV6 is not supported") => {
            "SOCKS4 cannot carry IPv6; use --proxy socks5://".to_owned()
        }
        Some(reason) if socks_refusal(reason).is_some() => {
            format!("the proxy refused to connect: {reason}")
        }
        _ => text,
    }
}

/// Returns the error of the system or of the resolver in an error that names it in its `Debug` form alone.
fn hidden_cause(error: &dyn Error) -> String {
    let debug = format!("{error:?}");
    let after = |start: &str, end: &str| {
        let (_, rest) = debug.split_once(start)?;
        Some(rest.split_once(end)?.0)
    };
    if let Some(code) = after("Os { code: ", ",").and_then(|code| code.parse().ok()) {
        return plain(&io::Error::from_raw_os_error(code));
    }
    after("Unknown(\"", "\")")
        .unwrap_or("cannot be reached")
        .to_owned()
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
    pub(super) url: &'a Url,
    /// The host and port of the proxy, if the exchange goes through one.
    pub(super) proxy: Option<(String, u16)>,
    /// The scheme of the proxy.
    pub(super) proxy_scheme: Option<String>,
    /// The path of `--unix-socket`.
    pub(super) socket: Option<&'a Path>,
    /// Whether HTTP/2 is spoken without asking the server.
    pub(super) assumes_http2: bool,
}

impl Destination<'_> {
    /// Returns the name that is looked up.
    fn host(&self) -> &str {
        let proxy = self.proxy.as_ref().map(|(host, _)| host.as_str());
        proxy.or(self.url.host_str()).unwrap_or_default()
    }
}

impl fmt::Display for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(socket) = self.socket {
            return write!(f, "--unix-socket: {}", socket.display());
        }
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

/// Returns how a proxy refused to connect, if that is what `error` says.
fn refusal(error: &reqwest::Error) -> Option<ProxyRefusal> {
    if let Some(refused) = find::<TunnelRefusedError>(error) {
        return refused.refusal();
    }
    causes(error).find_map(|cause| match cause.to_string().as_str() {
        LOGIN_REQUIRED => Some(ProxyRefusal::Status(407)),
        text => socks_refusal(text.strip_prefix(SOCKS)?),
    })
}

/// Returns how a SOCKS proxy refused. The stack shows that in its text only.
fn socks_refusal(reason: &str) -> Option<ProxyRefusal> {
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
fn is_misnamed(error: &reqwest::Error) -> bool {
    find::<InvalidDnsNameError>(error).is_some() || says(error, "Invalid Server Name")
}

/// Returns the rule for names in certificates that `host` breaks (RFC 1034, section 3.5). URLs have other rules.
fn broken_rule(host: &str) -> &'static str {
    let broken_by = |label: &str| {
        if label.len() > 63 {
            Some("a label is longer than 63 characters")
        } else if label.starts_with('-') {
            Some("a label begins with a hyphen")
        } else if label.ends_with('-') {
            Some("a label ends in a hyphen")
        } else {
            None
        }
    };
    host.split('.')
        .find_map(broken_by)
        .unwrap_or("a name has up to 253 letters, digits, hyphens and underscores, in labels that are not empty")
}

/// Whether one of the causes says this.
fn says(error: &reqwest::Error, words: &str) -> bool {
    causes(error).any(|cause| cause.to_string().starts_with(words))
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

/// Whether the connection to the server failed at the proxy. The stack shows that in its text only.
fn is_of_proxy(error: &reqwest::Error) -> bool {
    find::<TunnelRefusedError>(error).is_some()
        || causes(error).any(|cause| {
            let text = cause.to_string();
            text.contains("tunnel error") || text.contains(SOCKS)
        })
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

/// Returns the chain of causes in one line, without the wrappers that say nothing.
fn words(error: &reqwest::Error, destination: &Destination<'_>, phase: Phase) -> String {
    if !error.is_connect() && ConnectionFault::of(error) == ConnectionFault::Closed {
        return match phase {
            Phase::Body => "connection closed before the end of the body",
            _ if came_before_request(error) => "the server sent something before the request",
            _ => "connection closed before a response",
        }
        .to_owned();
    }
    let is_reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
    if says(error, TUNNEL_LOST) && last_io(error).is_some_and(is_reset) {
        return "the proxy reset the connection".to_owned();
    }
    // TLS on the way to an http:// URL is always that of the proxy.
    let is_of_proxy = says(error, TO_PROXY)
        || (destination.proxy.is_some() && destination.url.scheme() == "http");
    let mut words = String::new();
    for cause in causes(error).filter(|cause| !is_wrapper(*cause)) {
        let tls = cause.downcast_ref();
        let tls = tls.and_then(|error| tls_words(error, is_of_proxy));
        let text = match tls {
            Some(words) => words,
            None if is_head_too_large(cause) => HEAD_TOO_LARGE.to_owned(),
            None => plain(cause),
        };
        let text = match library_words(&text) {
            Some(words) => words.to_owned(),
            None => proxy_words(text, cause, destination),
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
    const SAY_NOTHING: [&str; 10] = [
        "client error",
        "tcp connect error",
        "dns error",
        "error resolving DNS",
        "error reading a body from connection",
        "connection error",
        "error connecting to socks proxy",
        "http2 error",
        TO_PROXY,
        LOCAL_LOOKUP,
    ];
    // It has the text of the error that it wraps.
    let wraps = cause.downcast_ref().and_then(io::Error::get_ref).is_some();
    wraps
        || cause.is::<reqwest::Error>()
        || (cause.source().is_some() && {
            let text = cause.to_string();
            SAY_NOTHING.iter().any(|nothing| text.starts_with(nothing))
        })
}
