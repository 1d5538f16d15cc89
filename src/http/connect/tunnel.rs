//! Why a proxy refused a tunnel.
//!
//! reqwest opens the tunnels, and tells of a refusal neither the status nor anything else (hyper-util,
//! `client::legacy::connect::proxy::Tunnel`). Whether it may pass, and what the user can do, depends on the status. So
//! the proxy is asked once more, once for each destination of a run, and only its status is read.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Intercept;
use reqwest::StatusCode;
use reqwest::dns::Resolve as _;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::error::causes;
use super::options::ProxySelector;
use super::resolver::Resolver;
use super::target;
use crate::http::clock;
use crate::model::error::{Phase, ProxyRefusal};
use crate::model::lock::lock;

/// How long the proxy may take. It has just answered the same question.
const LIMIT: Duration = Duration::from_secs(5);

/// The longest status line.
const MAX_STATUS_LINE: u64 = 1024;

/// How reqwest says that the proxy answered with another status than 200 and 407, or not in HTTP.
const REFUSED: &str = "tunnel error: unsuccessful";

/// How reqwest says that the head of the proxy's answer has more than 8 KiB.
const HEAD_TOO_LONG: &str = "tunnel error: proxy response headers too long";

/// The answer of the proxy for one destination, empty until it was asked; `None` if it did not answer.
type OnceAnswer = Arc<OnceCell<Option<ProxyAnswer>>>;

/// Finds out why tunnels are refused.
#[derive(Clone)]
pub(super) struct TunnelRefusals {
    proxies: ProxySelector,
    resolver: Resolver,
    tls: TlsConnector,
    /// What the proxy answered, by destination.
    known: Arc<Mutex<HashMap<String, OnceAnswer>>>,
}

/// What a proxy answers to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProxyAnswer {
    Status(StatusCode),
    NotHttp,
}

impl TunnelRefusals {
    pub(super) fn new(
        proxies: ProxySelector,
        resolver: Resolver,
        mut tls: rustls::ClientConfig,
    ) -> Self {
        tls.alpn_protocols.clear();
        Self {
            proxies,
            resolver,
            tls: Arc::new(tls).into(),
            known: Arc::default(),
        }
    }

    /// Returns `error` with the status where it says that a proxy refused to open a tunnel, for the exchange being
    /// polled.
    pub(super) async fn explain(
        &self,
        error: Box<dyn Error + Send + Sync>,
    ) -> Box<dyn Error + Send + Sync> {
        let says = |words: &str| causes(&*error).any(|cause| cause.to_string() == words);
        let is_head_too_long = says(HEAD_TOO_LONG);
        if !is_head_too_long && !says(REFUSED) {
            return error;
        }
        let Some(destination) = target::current_tunnel() else {
            return error;
        };
        let cell = {
            let mut known = lock(&self.known);
            known.entry(destination.clone()).or_default().clone()
        };
        let ask = || async { timeout(LIMIT, self.ask(&destination)).await.ok().flatten() };
        let answer = *cell.get_or_init(ask).await;
        // The exchange was connecting. The look-up of the proxy's name, for asking, must not set it back.
        clock::advance_current(Phase::Connect);
        Box::new(TunnelRefusedError {
            answer,
            is_head_too_long,
        })
    }

    /// Asks the proxy for a tunnel to `destination`.
    async fn ask(&self, destination: &str) -> Option<ProxyAnswer> {
        let proxy = self.proxies.intercept(&format!("https://{destination}"))?;
        let (host, port) = (proxy.uri().host()?, proxy.uri().port_u16()?);
        let addresses = self.resolver.resolve(host.parse().ok()?).await.ok()?;
        let addresses: Vec<_> = addresses
            .map(|address| (address.ip(), port).into())
            .collect();
        let tcp = TcpStream::connect(addresses.as_slice()).await.ok()?;
        if proxy.uri().scheme_str() == Some("https") {
            let bare = host.trim_matches(['[', ']']);
            let name = ServerName::try_from(bare.to_owned()).ok()?;
            let stream = self.tls.connect(name, tcp).await.ok()?;
            connect(stream, destination, &proxy).await
        } else {
            connect(tcp, destination, &proxy).await
        }
    }
}

/// Sends CONNECT as reqwest does, and reads the status of the answer.
async fn connect(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    destination: &str,
    proxy: &Intercept,
) -> Option<ProxyAnswer> {
    let mut request =
        format!("CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\n").into_bytes();
    if let Some(authorization) = proxy.basic_auth() {
        request.extend(b"Proxy-Authorization: ");
        request.extend(authorization.as_bytes());
        request.extend(b"\r\n");
    }
    request.extend(b"\r\n");
    stream.write_all(&request).await.ok()?;
    stream.flush().await.ok()?;
    let mut line = Vec::new();
    let mut stream = stream.take(MAX_STATUS_LINE);
    while !line.contains(&b'\n') {
        if stream.read_buf(&mut line).await.ok()? == 0 {
            break;
        }
    }
    (!line.is_empty()).then(|| match status(&line) {
        Some(status) => ProxyAnswer::Status(status),
        None => ProxyAnswer::NotHttp,
    })
}

/// Returns the status in a status line (RFC 9112, section 4).
fn status(line: &[u8]) -> Option<StatusCode> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let mut words = rest.split(u8::is_ascii_whitespace);
    StatusCode::from_bytes(words.nth(1)?).ok()
}

/// A proxy did not open a tunnel.
#[derive(Debug)]
pub(in crate::http) struct TunnelRefusedError {
    /// `None` where the proxy did not answer a second time.
    answer: Option<ProxyAnswer>,
    is_head_too_long: bool,
}

impl TunnelRefusedError {
    /// Returns how the proxy refused, or `None` if what it sent is not HTTP.
    pub(in crate::http) fn refusal(&self) -> Option<ProxyRefusal> {
        match self.answer {
            Some(ProxyAnswer::Status(StatusCode::OK)) if !self.is_head_too_long => {
                Some(ProxyRefusal::Unknown)
            }
            Some(ProxyAnswer::Status(status)) => Some(ProxyRefusal::Status(status.as_u16())),
            Some(ProxyAnswer::NotHttp) => None,
            None => Some(ProxyRefusal::Unknown),
        }
    }
}

impl fmt::Display for TunnelRefusedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answer {
            Some(ProxyAnswer::Status(status)) if status.is_success() && self.is_head_too_long => {
                write!(
                    f,
                    "the proxy answered {status} with headers of more than 8 KiB, which is not supported"
                )
            }
            Some(ProxyAnswer::Status(status @ StatusCode::OK)) => write!(
                f,
                "the proxy refused to connect or sent more than 100 headers, and answered {status} when asked again"
            ),
            Some(ProxyAnswer::Status(status)) if status.is_success() => {
                write!(f, "the proxy answered {status}, but only 200 is supported")
            }
            Some(ProxyAnswer::Status(status)) => {
                write!(f, "the proxy refused to connect: {}", status.as_u16())?;
                let reason = status.canonical_reason();
                reason.map_or(Ok(()), |reason| write!(f, " {reason}"))
            }
            Some(ProxyAnswer::NotHttp) => f.write_str("the proxy does not speak HTTP"),
            None => f.write_str("the proxy refused to connect, and its status cannot be read"),
        }
    }
}

impl Error for TunnelRefusedError {}
