//! HTTP: one hop of one request on the wire, bounded in every direction.
//!
//! [`exchange::Client::hop`] sends what a [`AttemptState`] asks for next ([`send`]) and reads the answer
//! to its end ([`body`]), under the clock of [`clock`]. [`redirect`] decides
//! what an answer leads to, [`connect`] which connection carries it, [`workers`]
//! which thread, and [`failure`] finds the words for what goes wrong.

mod body;
mod clock;
mod connect;
mod exchange;
mod failure;
mod range;
mod redirect;
mod retry_after;
mod send;
mod upload;
mod workers;

pub use body::CODINGS;
pub use connect::descriptors::{FileLimitError, Fit, LOOKUPS, fit_jobs};
pub use connect::guard::{Family, Guard};
pub use connect::pool::Pool;
pub use connect::resolver::Overrides;
pub use connect::tls::{ClientIdentity, Trust, Verification};
pub use exchange::{AttemptState, ClientError, ExchangeResult};
pub use workers::{RuntimeOptions, Workers};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::HeaderMap;
use url::Url;

use crate::model::outcome::StatusSet;

/// What the part needs to know.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Sent to every origin: `StatusSet`, `User-Agent`, `StatusSet-Encoding`.
    pub headers: Arc<HeaderMap>,
    /// Redirects that are followed; 0: a redirect is an answer like any other.
    pub max_redirects: u32,
    /// Decode `Content-Encoding`.
    pub decode: bool,
    /// The largest body, after decoding.
    pub max_size: Option<SizeLimit>,
    /// Which versions of HTTP are spoken.
    pub versions: Versions,
    /// How connections are made.
    pub connecting: ConnectOptions,
    /// When to give up.
    pub limits: Limits,
    /// What to keep of an answer.
    pub keep: Capture,
    /// Which statuses are ok: only their bodies are checked and saved.
    pub accept: StatusSet,
}

/// How connections are made.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// Which certificates of servers are believed.
    pub trust: Trust,
    /// Of whom.
    pub checked: Verification,
    /// What is shown to servers that ask who we are.
    pub identity: Option<ClientIdentity>,
    /// Which addresses are connected to.
    pub guard: Guard,
    /// Where hosts are, whatever the system says.
    pub overrides: Arc<Overrides>,
    /// No redirect leads to `http://`.
    pub https_only: bool,
    /// Every connection goes to this socket.
    pub unix_socket: Option<PathBuf>,
    /// Through which connections go; the first that fits.
    pub proxies: Vec<reqwest::Proxy>,
    /// Which of them that is.
    pub via: ProxySelector,
}

/// Tells through which proxy, if any, a URL is reached.
#[derive(Clone, Debug, Default)]
pub struct ProxySelector(pub Option<Arc<Matcher>>);

impl ProxySelector {
    /// Host and port of the proxy for `url`.
    fn proxy(&self, url: &Url) -> Option<(String, u16)> {
        let matcher = self.0.as_ref()?;
        let proxy = matcher.intercept(&url.as_str().parse().ok()?)?;
        Some((proxy.uri().host()?.to_owned(), proxy.uri().port_u16()?))
    }
}

/// The largest body, and the option that says so.
#[derive(Clone, Copy, Debug)]
pub struct SizeLimit {
    /// In bytes.
    pub bytes: u64,
    /// How to say that it is too little.
    pub remedy: &'static str,
}

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// HTTP/2 where the TLS handshake agrees on it, else HTTP/1.1.
    Negotiated,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 at once, on `http://` too (RFC 9113, section 3.3).
    Http2,
}

/// When to give up; `None` is never.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// One attempt, redirects and body included.
    pub total: Option<Duration>,
    /// Name, connection and handshake of one hop.
    pub connect: Option<Duration>,
    /// Silence of the server.
    pub silence: Option<Duration>,
}

/// What to keep of an answer, beyond what every record shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Capture {
    /// The header fields.
    pub headers: bool,
    /// The body.
    pub body: bool,
    /// Its SHA-256.
    pub sha256: bool,
}
