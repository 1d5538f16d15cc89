//! What an error of the HTTP stack means, in words for the user.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;
use rustls::pki_types::UnixTime;
use url::Url;

use super::cause::{
    ConnectionFault, LOCAL_LOOKUP, LOGIN_REQUIRED, SOCKS, SOCKS_LOST, SOCKS_NOT_REACHED, TO_PROXY,
    TUNNEL_LOST, came_before_request, is_head_too_large, last_io, says, socks_refusal,
};
use crate::http::connect::error::causes;
use crate::model::authority::Authority;
use crate::model::error::{Phase, plain};

/// What [`is_head_too_large`] means to a user.
const HEAD_TOO_LARGE: &str = "the response has too many headers (limit: 5,000 fields, 256 KiB) or too large a Content-Length";

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

/// The server of an exchange, as messages name it.
pub(in crate::http) struct Destination<'a> {
    pub(in crate::http) url: &'a Url,
    /// The host and port of the proxy, if the exchange goes through one.
    pub(in crate::http) proxy: Option<(String, u16)>,
    /// The scheme of the proxy.
    pub(in crate::http) proxy_scheme: Option<String>,
    /// The path of `--unix-socket`.
    pub(in crate::http) socket: Option<&'a Path>,
    /// Whether HTTP/2 is spoken without asking the server.
    pub(in crate::http) assumes_http2: bool,
}

impl Destination<'_> {
    /// Returns the name that is looked up.
    pub(super) fn host(&self) -> &str {
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

/// Returns the rule for names in certificates that `host` breaks (RFC 1034, section 3.5). URLs have other rules.
pub(super) fn broken_rule(host: &str) -> &'static str {
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

/// Returns the chain of causes in one line, without the wrappers that say nothing.
pub(super) fn words(error: &reqwest::Error, destination: &Destination<'_>, phase: Phase) -> String {
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
