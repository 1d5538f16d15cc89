//! What an error of the HTTP stack means, in words for the user.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use url::Url;

use super::cause::{
    ConnectionFault, LOCAL_LOOKUP, LOGIN_REQUIRED, LOST_STREAM, SOCKS, SOCKS_LOST,
    SOCKS_NOT_REACHED, TO_PROXY, TUNNEL_LOST, came_before_request, is_head_too_large, last_io,
    says, socks_refusal,
};
use super::http2_words::http2_words;
use super::tls_words::tls_words;
use crate::http::connect::error::causes;
use crate::model::authority::Authority;
use crate::model::error::{Phase, plain};

/// What [`is_head_too_large`] means to a user.
const HEAD_TOO_LARGE: &str = "the response has too many headers (limit: 5,000 fields, 256 KiB) or too large a Content-Length";

const CLOSED: &str = "connection closed before a response";
const CLOSED_IN_BODY: &str = "connection closed before the end of the body";
const EARLY_RESPONSE: &str = "the server sent something before the request";

/// Says what an error that the libraries show only in their text means for the user.
fn library_words(text: &str) -> Option<&'static str> {
    let begins = |start: &str| text.starts_with(start);
    Some(match text {
        "invalid HTTP version parsed" => "the response is not HTTP",
        "invalid HTTP version parsed (found HTTP2 preface)" => "the response is not HTTP/1.1",
        "invalid HTTP header parsed" => "the response has an invalid header",
        "invalid HTTP status-code parsed" => "the response has an invalid status",
        "invalid content-length parsed" => "the response has an invalid Content-Length",
        "unexpected transfer-encoding parsed" => "the response has an unexpected Transfer-Encoding",
        "received unexpected message from connection" => EARLY_RESPONSE,
        "end of file before message length reached" => CLOSED_IN_BODY,
        "error writing a body to connection" | "user body write aborted" => {
            "the content of the request cannot be sent"
        }
        "tls handshake eof" => "connection closed during the TLS handshake",
        LOST_STREAM | "connection closed because of a broken pipe" => "connection lost",
        "tunnel error: unexpected end of file" => {
            "the proxy closed the connection before a response"
        }
        "connection closed before message completed"
        | "operation was canceled"
        | "channel closed"
        | "dispatch task is gone" => CLOSED,
        _ if begins("client error") => CLOSED,
        _ if begins("peer closed connection without sending TLS close_notify") => {
            "connection closed without TLS's closing alert"
        }
        _ if begins("invalid chunk size") => "the body has an invalid chunk size",
        _ if begins("invalid chunk") => "the body has an invalid chunk",
        _ if begins("chunk extensions") => "the body has chunk extensions that are too long",
        _ if begins("chunk trailers") => "the body has too many trailers",
        _ if begins("invalid trailer") || begins("invalid header") || begins("partial header") => {
            "the body has invalid trailers"
        }
        _ if begins(TUNNEL_LOST) => "the proxy closed the connection",
        _ if begins("tunnel error") => "the proxy refused to connect",
        _ => return None,
    })
}

/// Says what an error of a SOCKS proxy, or a login that a proxy wants, means for the user.
fn proxy_words(text: &str, cause: &dyn Error, destination: &Destination<'_>) -> Option<String> {
    let login = |status: &str| {
        if destination.has_proxy_login {
            return format!("the proxy rejected the login{status}: check its name and password");
        }
        format!(
            "the proxy requires a login{status}: write --proxy {}://NAME:PASSWORD@HOST:PORT",
            destination.proxy_scheme.as_deref().unwrap_or("http")
        )
    };
    if text == LOGIN_REQUIRED {
        return Some(login(" (407)"));
    }
    let words = match text.strip_prefix(SOCKS)? {
        _ if text == SOCKS_NOT_REACHED => return Some(hidden_cause(cause)),
        _ if text == SOCKS_LOST && format!("{cause:?}").contains("ConnectionReset") => {
            "the proxy reset the connection"
        }
        _ if text == SOCKS_LOST => "the proxy closed the connection",
        "server does not support user/pass authentication" if destination.has_proxy_login => {
            "the proxy accepts no login by name and password"
        }
        "server does not support user/pass authentication" | "credentials not accepted" => {
            return Some(login(""));
        }
        "failed parsing server response" | "server implements authentication incorrectly" => {
            "the response of the proxy is not valid SOCKS"
        }
        "could not resolve to acceptable address type" => {
            "the name has no IPv4 address, which SOCKS4 needs; use --proxy socks5://"
        }
        "host address is more than 255 characters" => "the host name is too long for SOCKS",
        "IPV6 is not supported" => "SOCKS4 cannot carry IPv6; use --proxy socks5://",
        reason if socks_refusal(reason).is_some() => {
            return Some(format!("the proxy refused to connect: {reason}"));
        }
        _ => "the SOCKS proxy cannot be asked",
    };
    Some(words.to_owned())
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
    /// Whether the proxy is sent a name and a password.
    pub(in crate::http) has_proxy_login: bool,
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
            Phase::Body => CLOSED_IN_BODY,
            _ if came_before_request(error) => EARLY_RESPONSE,
            _ => CLOSED,
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
        let text = cause_words(cause, is_of_proxy, destination);
        if !words.contains(&text) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&text);
        }
    }
    words
}

fn cause_words(
    cause: &(dyn Error + 'static),
    is_of_proxy: bool,
    destination: &Destination<'_>,
) -> String {
    if let Some(error) = cause.downcast_ref() {
        return tls_words(error, is_of_proxy);
    }
    if let Some(words) = cause.downcast_ref().and_then(http2_words) {
        return words;
    }
    if is_head_too_large(cause) {
        return HEAD_TOO_LARGE.to_owned();
    }
    let text = plain(cause);
    proxy_words(&text, cause, destination)
        .or_else(|| library_words(&text).map(str::to_owned))
        .unwrap_or(text)
}

/// Whether the text of `cause` only says that something below it failed.
fn is_wrapper(cause: &(dyn Error + 'static)) -> bool {
    const SAY_NOTHING: [&str; 11] = [
        "client error",
        "tcp connect error",
        "tcp open error",
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::plain_words::assert_plain;
    use super::*;

    /// The error of a text, as the libraries make it.
    fn worded(text: &'static str) -> String {
        let url = Url::parse("https://a.example/").unwrap();
        let destination = Destination {
            url: &url,
            proxy: None,
            proxy_scheme: None,
            has_proxy_login: false,
            socket: None,
            assumes_http2: false,
        };
        cause_words(&io::Error::other(text), false, &destination)
    }

    #[test]
    fn no_text_of_a_library_is_shown() {
        for text in [
            "client error (Canceled)",
            "client error (ChannelClosed)",
            "connection closed because of a broken pipe",
            "connection closed before message completed",
            "channel closed",
            "chunk extensions over limit",
            "chunk trailers bytes over limit",
            "chunk trailers count overflow",
            "dispatch task is gone",
            "end of file before message length reached",
            "error writing a body to connection",
            "Invalid chunk body CR",
            "Invalid chunk end LF",
            "invalid chunk extension contains newline",
            "Invalid chunk size line: missing size digit",
            "invalid content-length parsed",
            "Invalid header name: \"a b\"",
            "invalid HTTP header parsed",
            "invalid HTTP status-code parsed",
            "invalid HTTP version parsed",
            "invalid HTTP version parsed (found HTTP2 preface)",
            "Invalid trailer end LF",
            "operation was canceled",
            "Partial header",
            "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/latest",
            "received unexpected message from connection",
            "SOCKS error: could not resolve to acceptable address type",
            "SOCKS error: failed parsing server response",
            "SOCKS error: failed serialize request",
            "SOCKS error: host address is more than 255 characters",
            "SOCKS error: IPV6 is not supported",
            "SOCKS error: missing destination host",
            "SOCKS error: server implements authentication incorrectly",
            "stream closed because of a broken pipe",
            "tls handshake eof",
            "tunnel error: io error establishing tunnel",
            "tunnel error: missing destination host",
            "tunnel error: unexpected end of file",
            "unexpected transfer-encoding parsed",
            "user body write aborted",
        ] {
            let words = worded(text);
            assert_plain(&words, text);
            assert!(!words.contains(&plain(&io::Error::other(text))), "{words}");
        }
    }

    #[test]
    fn other_texts_are_those_of_the_system() {
        assert_eq!(
            worded("Connection refused (os error 111)"),
            "connection refused"
        );
    }
}
