//! What the user says about requests and responses.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use url::Url;

use super::connect::options::ConnectOptions;
use crate::model::capture::Capture;
use crate::model::status_set::StatusSet;

/// Everything that exchanges depend on.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Header fields for every origin: `Accept`, `User-Agent`, `Accept-Encoding`.
    pub headers: Arc<HeaderMap>,
    /// How many redirects are followed. With 0, a redirect is a response like any other.
    pub max_redirects: u32,
    /// Whether `Content-Encoding` is decoded.
    pub decode: bool,
    /// The largest body, after decoding.
    pub max_size: Option<SizeLimit>,
    /// Which versions of HTTP are spoken.
    pub versions: Versions,
    /// How connections are made.
    pub connecting: ConnectOptions,
    /// When to give up.
    pub limits: Limits,
    /// Which parts of a response to keep for the record.
    pub capture: Capture,
    /// Which statuses are accepted: only bodies of such responses are verified and saved.
    pub accept: StatusSet,
}

/// When to give up. `None` means never.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time in flight of one attempt, redirects and body included (`--timeout`). The clock of each exchange
    /// enforces it, less the time of the exchanges before (`ExchangeClock::expired`).
    pub total: Option<Duration>,
    /// Look-up, connection and TLS handshake of one exchange, from the moment when the look-up begins
    /// (`--connect-timeout`). reqwest enforces it around the connector (`connect/pool.rs`).
    pub connect: Option<Duration>,
    /// Silence of the server once there is a connection (`--read-timeout`). The clock of the exchange enforces it.
    /// The pings of HTTP/2 depend on it, too (`connect/pool.rs`).
    pub silence: Option<Duration>,
}

/// The largest body that is accepted, and the option that raises the limit.
#[derive(Clone, Copy, Debug)]
pub struct SizeLimit {
    /// The limit in bytes.
    pub bytes: u64,
    /// What an error message tells the user to do about it.
    pub remedy: &'static str,
}

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// HTTP/2 where the TLS handshake agrees on it, else HTTP/1.1.
    Negotiated,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 at once, also on `http://` (RFC 9113, section 3.3).
    Http2,
}

impl Versions {
    /// Whether a request for `url` may go over HTTP/2.
    pub(super) fn may_be_http2(self, url: &Url) -> bool {
        match self {
            Self::Negotiated => url.scheme() == "https",
            Self::Http1 => false,
            Self::Http2 => true,
        }
    }
}
