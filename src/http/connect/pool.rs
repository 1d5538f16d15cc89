//! The connections: a pool with a bound on its total.
//!
//! reqwest's pool is bounded per host only, and over thousands of hosts it
//! would hold a descriptor for each. So a client that has opened its share of
//! connections is replaced by a new one: what it has on the wire goes on, and
//! its idle connections close with its pool when the last of that is answered.
//! While slow answers keep too many such pools alive, connections are not kept
//! at all. A list of one host never comes there: its pool has a bound anyway.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::join;
use hyper_util::client::legacy::connect::Connection;
use reqwest::Version;
use tokio::time::Instant;
use tower_layer::layer_fn;
use tower_service::Service;
use url::Url;

use super::connect_limiter::ConnectLimiter;
use super::first_handshake::FirstHandshakes;
use super::resolver::Resolver;
use super::streams::{OpenStreams, StreamPermit};
use super::tls;
use crate::http::{HttpOptions, Versions, clock};
use crate::model::origin::OriginId;
use crate::sys::without_user_timeout;

/// Idle connections are closed after this: servers do so after 60 to 75 s.
const IDLE: Duration = Duration::from_secs(50);

/// After so much silence, a connection of HTTP/2 is asked for a sign of life.
const PING: Duration = Duration::from_secs(10);

/// Header fields of an answer at most (RFC 9110 sets no bound). hyper makes
/// room for all of them before it reads each head, which costs a third of the
/// throughput; with its own default of 100 it does not.
const MAX_HEADERS: usize = 5_000;

/// The heads of answers over HTTP/2, where a field counts 32 bytes more than it
/// has (RFC 9113, section 6.5.2); how much of it we take is checked later, for both versions.
const MAX_HEADER_LIST: u32 = 256 * 1024 + 32 * 5_000;

/// How many connections a client may open, and how many clients may have their pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Connections that one client opens before it is replaced.
    pub share: usize,
    /// Clients whose pools may be alive at a time.
    pub shares: usize,
}

/// What the layers of a connector call an error.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The clients of one runtime.
pub(in crate::http) struct Clients {
    options: HttpOptions,
    pool: Pool,
    shared: Shared,
    /// `None` while the last one, used up, and those before it are as many pools as may be alive.
    pooled: RefCell<Option<Generation>>,
    /// Replaced clients, by the counters that their connectors hold.
    replaced: RefCell<Vec<Weak<AtomicUsize>>>,
    fresh: ClientSet,
    http1: ClientSet,
}

/// Clients that share a counter of the connections they opened.
#[derive(Default)]
struct Generation {
    opened: Arc<AtomicUsize>,
    quick: ClientSet,
    roomy: ClientSet,
    streams: OpenStreams,
    answered: Answered,
}

/// Clients of one kind, made when they are needed.
#[derive(Default)]
struct ClientSet(RefCell<Vec<reqwest::Client>>);

impl ClientSet {
    fn get(
        &self,
        number: usize,
        builder: impl Fn() -> reqwest::ClientBuilder,
    ) -> reqwest::Result<reqwest::Client> {
        let mut clients = self.0.borrow_mut();
        while clients.len() <= number {
            clients.push(builder().build()?);
        }
        Ok(clients[number].clone())
    }
}

/// Servers that have answered a client, and how: only these can have left a connection in its pool.
#[derive(Clone, Default)]
pub(in crate::http) struct Answered(Rc<RefCell<HashMap<OriginId, Version>>>);

impl Answered {
    /// The server of `url` answered.
    pub(in crate::http) fn note(&self, url: &Url, version: Version) {
        self.0.borrow_mut().insert(OriginId::of(url), version);
    }

    /// Whether it is at most one server.
    fn is_one(&self) -> bool {
        self.0.borrow().len() <= 1
    }

    /// Whether a connection to the server of `url` may come from the pool.
    pub(in crate::http) fn contains(&self, url: &Url) -> bool {
        self.0.borrow().contains_key(&OriginId::of(url))
    }

    /// Whether such a connection is one for many requests.
    pub(in crate::http) fn over_http2(&self, url: &Url) -> bool {
        self.0.borrow().get(&OriginId::of(url)) == Some(&Version::HTTP_2)
    }
}

/// A client for one request, and who has answered it so far.
pub(in crate::http) struct PooledClient {
    pub(in crate::http) client: reqwest::Client,
    pub(in crate::http) answered: Answered,
    /// Its place in a connection for many.
    pub(in crate::http) stream: Option<StreamPermit>,
}

/// What the clients of all runtimes share.
#[derive(Clone)]
pub(in crate::http) struct Shared {
    tls: rustls::ClientConfig,
    resolver: Resolver,
}

impl Shared {
    pub(in crate::http) fn new(
        options: &HttpOptions,
    ) -> Result<Self, crate::http::exchange::ClientError> {
        let connecting = &options.connecting;
        Ok(Self {
            tls: tls::config(options.versions, connecting)?,
            resolver: Resolver::new(connecting.guard, connecting.overrides.clone()),
        })
    }
}

impl Clients {
    pub(in crate::http) fn new(
        options: HttpOptions,
        pool: Pool,
        shared: Shared,
    ) -> reqwest::Result<Self> {
        let clients = Self {
            shared,
            options,
            pool,
            pooled: RefCell::default(),
            replaced: RefCell::default(),
            fresh: ClientSet::default(),
            http1: ClientSet::default(),
        };
        // What the libraries refuse, they refuse now.
        if let Some(pooled) = clients.generation() {
            let builder = || clients.builder(&pooled.opened);
            pooled.quick.get(0, builder)?;
        }
        Ok(clients)
    }

    /// Keeps connections for the next request; takes a hundred header fields.
    pub(in crate::http) fn quick(&self, url: &Url) -> reqwest::Result<PooledClient> {
        self.pooled(url, |pooled, number| {
            pooled.quick.get(number, || self.builder(&pooled.opened))
        })
    }

    /// Keeps connections for the next request; takes as many header fields as we promise.
    pub(in crate::http) fn roomy(&self, url: &Url) -> reqwest::Result<PooledClient> {
        self.pooled(url, |pooled, number| {
            let builder = || self.builder(&pooled.opened);
            let builder = || builder().http1_max_headers(MAX_HEADERS);
            pooled.roomy.get(number, builder)
        })
    }

    fn pooled(
        &self,
        url: &Url,
        client: impl FnOnce(&Generation, usize) -> reqwest::Result<reqwest::Client>,
    ) -> reqwest::Result<PooledClient> {
        let Some(pooled) = self.generation() else {
            return Ok(PooledClient {
                client: self.fresh()?,
                answered: Answered::default(),
                stream: None,
            });
        };
        let can_share = match self.options.versions {
            Versions::Negotiated => url.scheme() == "https",
            Versions::Http1 => false,
            Versions::Http2 => true,
        };
        let stream = can_share.then(|| pooled.streams.open(OriginId::of(url)));
        let number = stream.as_ref().map_or(0, StreamPermit::client);
        Ok(PooledClient {
            client: client(&pooled, number)?,
            answered: pooled.answered.clone(),
            stream,
        })
    }

    /// Opens a connection for every request; takes as many header fields as we promise.
    pub(in crate::http) fn fresh(&self) -> reqwest::Result<reqwest::Client> {
        self.fresh.get(0, || {
            self.builder_with(&Arc::default(), None)
                .pool_max_idle_per_host(0)
                .http1_max_headers(MAX_HEADERS)
        })
    }

    /// Opens a connection for every request, and speaks no HTTP/2 on it.
    pub(in crate::http) fn http1(&self) -> reqwest::Result<reqwest::Client> {
        self.http1.get(0, || {
            let mut tls = self.shared.tls.clone();
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            self.builder_with(&Arc::default(), None)
                .tls_backend_preconfigured(tls)
                .http1_only()
                .pool_max_idle_per_host(0)
                .http1_max_headers(MAX_HEADERS)
        })
    }

    /// The clients with room for more connections; `None` while too many pools are alive.
    fn generation(&self) -> Option<Ref<'_, Generation>> {
        let is_full = |pooled: &Generation| {
            // What a single server leaves idle has a bound of its own.
            pooled.opened.load(Ordering::Relaxed) > self.pool.share && !pooled.answered.is_one()
        };
        let mut replaced = self.replaced.borrow_mut();
        let full = self.pooled.borrow_mut().take_if(|pooled| is_full(pooled));
        replaced.extend(full.map(|full| Arc::downgrade(&full.opened)));
        if self.pooled.borrow().is_none() {
            replaced.retain(|counter| counter.strong_count() > 0);
            if replaced.len() < self.pool.shares {
                self.pooled.replace(Some(Generation::default()));
            }
        }
        Ref::filter_map(self.pooled.borrow(), Option::as_ref).ok()
    }

    fn builder(&self, opened: &Arc<AtomicUsize>) -> reqwest::ClientBuilder {
        let negotiates = self.options.versions == Versions::Negotiated;
        self.builder_with(opened, negotiates.then(FirstHandshakes::default))
    }

    fn builder_with(
        &self,
        opened: &Arc<AtomicUsize>,
        openings: Option<FirstHandshakes>,
    ) -> reqwest::ClientBuilder {
        builder(&self.options, &self.shared.tls, opened.clone(), openings)
            .pool_max_idle_per_host(self.pool.share)
            .dns_resolver(self.shared.resolver.clone())
    }
}

fn builder(
    options: &HttpOptions,
    tls: &rustls::ClientConfig,
    opened: Arc<AtomicUsize>,
    openings: Option<FirstHandshakes>,
) -> reqwest::ClientBuilder {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Ours to do, and its own copies every request that it may try again.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .http2_max_header_list_size(MAX_HEADER_LIST)
        .pool_idle_timeout(IDLE)
        .connector_layer(layer_fn(move |connector| Counted {
            connector: Arc::new(Mutex::new(connector)),
            opened: opened.clone(),
            openings: openings.clone(),
            burst: ConnectLimiter::default(),
        }));
    let connecting = &options.connecting;
    builder = connecting
        .proxies
        .iter()
        .cloned()
        .fold(builder.no_proxy(), reqwest::ClientBuilder::proxy);
    if let Some(path) = &connecting.unix_socket {
        builder = builder.unix_socket(path.clone());
    }
    if let Some(limit) = options.limits.connect {
        builder = builder.connect_timeout(limit);
    }
    if options.limits.silence.is_some() {
        // Silence tells of a dead peer, and the kernel need not be asked to: five calls a connection.
        builder = builder
            .tcp_keepalive(None)
            .tcp_keepalive_interval(None)
            .tcp_keepalive_retries(None);
        builder = without_user_timeout(builder);
    }
    let ping = ping_after(options.limits.silence);
    builder = builder
        .http2_keep_alive_interval(ping)
        .http2_keep_alive_timeout(ping);
    match options.versions {
        Versions::Negotiated => builder,
        Versions::Http1 => builder.http1_only(),
        Versions::Http2 => builder.http2_prior_knowledge(),
    }
}

/// How long a connection of HTTP/2 with requests on it may be silent before it is
/// asked for a sign of life, and how long that may take: a dead one is given up, and
/// its requests sent again, before their silence is too long.
fn ping_after(silence: Option<Duration>) -> Duration {
    silence.map_or(PING, |silence| PING.min(silence / 3))
}

/// A connector that counts what it opens, a few at a time, and tells the hop it opens it for.
///
/// hyper clones its connector for every request, reqwest several times more,
/// each time through boxes: this one is shared instead.
struct Counted<C> {
    connector: Arc<Mutex<C>>,
    opened: Arc<AtomicUsize>,
    /// Where connections can be for many requests.
    openings: Option<FirstHandshakes>,
    burst: ConnectLimiter,
}

impl<C> Clone for Counted<C> {
    fn clone(&self) -> Self {
        Self {
            connector: self.connector.clone(),
            opened: self.opened.clone(),
            openings: self.openings.clone(),
            burst: self.burst.clone(),
        }
    }
}

impl<C> Counted<C> {
    fn connector(&self) -> MutexGuard<'_, C> {
        self.connector
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C, R> Service<R> for Counted<C>
where
    C: Service<R, Response: Connection + Send, Error: Into<BoxError> + Send, Future: Send>
        + Send
        + 'static,
    R: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector().poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let overtaken = clock::current_connects();
        let origin = clock::current_tls_origin();
        let counted = self.clone();
        let mut connecting = Box::pin(async move {
            let opening = match (&counted.openings, origin) {
                (Some(openings), Some(origin)) => Some(in_time(openings.turn(origin)).await?),
                _ => None,
            };
            let admitted = in_time(counted.burst.admit()).await?;
            counted.opened.fetch_add(1, Ordering::Relaxed);
            let connecting = counted.connector().call(request);
            let (connection, ()) = join(connecting, admitted.end()).await;
            let connection = connection.map_err(Into::into)?;
            if let Some(opening) = opening {
                opening.opened(connection.connected().is_negotiated_h2());
            }
            Ok(connection)
        });
        Box::pin(poll_fn(move |cx| {
            // hyper goes on in the background when the request got another connection first.
            if !clock::has_current() {
                overtaken.get_or_init(Instant::now);
            }
            let connected = ready!(connecting.as_mut().poll(cx));
            if connected.is_ok() {
                clock::current_connected();
            }
            Poll::Ready(connected)
        }))
    }
}

/// Waits for `turn` as long as somebody wants it: not where the request got another connection.
async fn in_time<T>(turn: impl Future<Output = T>) -> Result<T, BoxError> {
    let mut turn = pin!(turn);
    poll_fn(|cx| {
        if clock::has_current() {
            turn.as_mut().poll(cx).map(Ok)
        } else {
            Poll::Ready(Err(Overtaken.into()))
        }
    })
    .await
}

/// The connection is not wanted any more.
#[derive(Debug, thiserror::Error)]
#[error("the request got another connection")]
struct Overtaken;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use futures::future::{Ready, join_all, ready};
    use hyper_util::client::legacy::connect::Connected;

    /// Connects at once, and counts how often.
    struct Connector(Arc<AtomicUsize>);

    struct Peer;

    impl Connection for Peer {
        fn connected(&self) -> Connected {
            Connected::new()
        }
    }

    impl Service<()> for Connector {
        type Response = Peer;
        type Error = BoxError;
        type Future = Ready<Result<Peer, BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            self.0.fetch_add(1, Ordering::Relaxed);
            ready(Ok(Peer))
        }
    }

    #[tokio::test]
    async fn connections_are_begun_a_few_at_a_time() {
        let begun = Arc::<AtomicUsize>::default();
        let mut counted = Counted {
            connector: Arc::new(Mutex::new(Connector(begun.clone()))),
            opened: Arc::default(),
            openings: None,
            burst: ConnectLimiter::default(),
        };
        let url = Url::parse("http://a/").unwrap();
        let mut all = Box::pin(clock::watched(
            Rc::new(clock::ExchangeClock::start(&url, None)),
            join_all((0..20).map(|_| counted.call(()))),
        ));
        assert!((&mut all).now_or_never().is_none());
        assert_eq!(begun.load(Ordering::Relaxed), 16);
        assert!(all.await.iter().all(Result::is_ok));
        assert_eq!(begun.load(Ordering::Relaxed), 20);
    }
}
