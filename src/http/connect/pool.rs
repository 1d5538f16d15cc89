//! The connections of one runtime: a pool with a bound on its total.
//!
//! reqwest's pool is bounded per host only. Over thousands of hosts it would hold a descriptor for
//! each. So a client that has opened its share of connections is replaced by a new one: its
//! requests in flight go on, and its idle connections close with its pool when the last of them is
//! answered. While slow answers keep too many such pools alive, connections are not kept at all.
//! A list of one host never comes to that, because the pool of one host has a bound anyway.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::Version;
use tower_layer::layer_fn;
use url::Url;

use super::connector::CountingConnector;
use super::error::ClientError;
use super::first_handshake::FirstHandshakes;
use super::look_ups::LookUpLimits;
use super::options::ConnectOptions;
use super::resolver::Resolver;
use super::streams::{OpenStreams, StreamPermit};
use super::tls;
use super::tunnel::TunnelRefusals;
use super::windows::Windows;
use crate::http::options::{HttpOptions, Versions};
use crate::model::origin::OriginId;
use crate::sys::without_user_timeout;

/// How long an idle connection is kept. Servers close theirs after 60 to 75 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// How long an HTTP/2 connection with requests on it may be silent before it is pinged.
const PING_AFTER: Duration = Duration::from_secs(10);

/// How many header fields an answer may have (RFC 9110 sets no bound). hyper reserves room for all of
/// them before it reads each head, which costs a third of the throughput; its default of
/// 100 costs nothing.
const MAX_HEADERS: u16 = 5_000;

/// The largest head of a response, in bytes.
pub(in crate::http) const MAX_HEAD: u32 = 256 * 1024;

/// The largest head of a response over HTTP/2, where a field counts 32 bytes more than it has
/// (RFC 9113, section 6.5.2). The size without these is checked later, for both versions.
const MAX_HEADER_LIST: u32 = MAX_HEAD + 32 * MAX_HEADERS as u32;

/// How many connections a client may open, and how many pools may be alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections that one client opens before it is replaced, and how many of them it keeps idle per host.
    pub connections: usize,
    /// Clients whose pools may be alive at a time.
    pub pools: usize,
}

/// The clients of one runtime.
pub(in crate::http) struct Clients {
    options: HttpOptions,
    limits: PoolLimits,
    shared: SharedParts,
    /// `None` while the maximum number of pools is alive and the newest is full.
    current: RefCell<Option<Generation>>,
    /// Replaced clients, by the counters that their connectors hold.
    replaced: RefCell<Vec<Weak<AtomicUsize>>>,
    unpooled: ClientSet,
    http1: ClientSet,
}

/// Clients that share a counter of the connections they opened.
#[derive(Default)]
struct Generation {
    opened: Arc<AtomicUsize>,
    few_headers: ClientSet,
    many_headers: ClientSet,
    streams: OpenStreams,
    answered: AnsweredOrigins,
}

/// Clients of one kind, built when they are needed.
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

/// The origins that have answered a client, and the version they spoke. Only these can have left a
/// connection in its pool.
#[derive(Clone, Default)]
pub(in crate::http) struct AnsweredOrigins(Rc<RefCell<HashMap<OriginId, Version>>>);

impl AnsweredOrigins {
    /// Notes that the origin of `url` answered in `version`.
    pub(in crate::http) fn insert(&self, url: &Url, version: Version) {
        self.0.borrow_mut().insert(OriginId::of(url), version);
    }

    fn is_at_most_one(&self) -> bool {
        self.0.borrow().len() <= 1
    }

    /// Whether a connection to the origin of `url` may come from the pool.
    pub(in crate::http) fn contains(&self, url: &Url) -> bool {
        self.0.borrow().contains_key(&OriginId::of(url))
    }

    /// Whether each such connection carries one request at a time.
    pub(in crate::http) fn over_http1(&self, url: &Url) -> bool {
        let answered = self.0.borrow();
        answered
            .get(&OriginId::of(url))
            .is_some_and(|version| *version < Version::HTTP_2)
    }

    /// Whether such a connection carries many requests.
    pub(in crate::http) fn over_http2(&self, url: &Url) -> bool {
        self.0.borrow().get(&OriginId::of(url)) == Some(&Version::HTTP_2)
    }
}

/// The client that was chosen for one request. It has a pool of connections, unless too many pools are alive or the
/// request must not share a connection.
pub(in crate::http) struct ChosenClient {
    pub(in crate::http) client: reqwest::Client,
    /// The origins that have answered this client.
    pub(in crate::http) answered: AnsweredOrigins,
    /// The permit for a stream, where the connection may carry many requests.
    pub(in crate::http) permit: Option<StreamPermit>,
}

/// What the clients of all runtimes share.
#[derive(Clone)]
pub(in crate::http) struct SharedParts {
    tls: rustls::ClientConfig,
    resolver: Resolver,
    refusals: Option<TunnelRefusals>,
    windows: Windows,
}

impl SharedParts {
    /// Sets up TLS and the resolver, which looks up so many names at a time. Connections get `windows` over HTTP/2.
    ///
    /// # Errors
    ///
    /// The TLS library rejects the options.
    pub(in crate::http) fn new(
        options: &HttpOptions,
        look_ups: LookUpLimits,
        windows: Windows,
    ) -> Result<Self, ClientError> {
        let connecting = &options.connecting;
        let tls = tls::config(options.versions, connecting)?;
        let resolver = Resolver::new(connecting.guard, connecting.overrides.clone(), look_ups);
        let refusals = || {
            let proxies = connecting.proxy_selector.clone();
            TunnelRefusals::new(proxies, resolver.clone(), tls.clone())
        };
        Ok(Self {
            refusals: (!connecting.proxies.is_empty()).then(refusals),
            tls,
            resolver,
            windows,
        })
    }
}

impl Clients {
    /// Returns clients without connections.
    ///
    /// # Errors
    ///
    /// The HTTP library rejects the options. It does so here rather than at the first request.
    pub(in crate::http) fn new(
        options: HttpOptions,
        limits: PoolLimits,
        shared: SharedParts,
    ) -> reqwest::Result<Self> {
        let clients = Self {
            shared,
            options,
            limits,
            current: RefCell::default(),
            replaced: RefCell::default(),
            unpooled: ClientSet::default(),
            http1: ClientSet::default(),
        };
        if let Some(current) = clients.generation() {
            let builder = || clients.builder(&current.opened);
            current.few_headers.get(0, builder)?;
        }
        Ok(clients)
    }

    /// Returns a client that keeps connections and takes up to a hundred header fields.
    pub(in crate::http) fn with_few_headers(&self, url: &Url) -> reqwest::Result<ChosenClient> {
        self.pooled(url, |current, number| {
            current
                .few_headers
                .get(number, || self.builder(&current.opened))
        })
    }

    /// Returns a client that keeps connections and takes up to [`MAX_HEADERS`] header fields.
    pub(in crate::http) fn with_many_headers(&self, url: &Url) -> reqwest::Result<ChosenClient> {
        self.pooled(url, |current, number| {
            let builder = || {
                self.builder(&current.opened)
                    .http1_max_headers(MAX_HEADERS.into())
            };
            current.many_headers.get(number, builder)
        })
    }

    fn pooled(
        &self,
        url: &Url,
        client: impl FnOnce(&Generation, usize) -> reqwest::Result<reqwest::Client>,
    ) -> reqwest::Result<ChosenClient> {
        let Some(current) = self.generation() else {
            return self.without_pool();
        };
        let may_multiplex = self.options.versions.may_be_http2(url);
        let permit = may_multiplex.then(|| current.streams.open(OriginId::of(url)));
        let number = permit.as_ref().map_or(0, StreamPermit::client);
        Ok(ChosenClient {
            client: client(&current, number)?,
            answered: current.answered.clone(),
            permit,
        })
    }

    /// Returns [`Self::unpooled`] in place of a client with a pool.
    pub(in crate::http) fn without_pool(&self) -> reqwest::Result<ChosenClient> {
        Ok(ChosenClient {
            client: self.unpooled()?,
            answered: AnsweredOrigins::default(),
            permit: None,
        })
    }

    /// Returns the client that opens a connection for every request.
    pub(in crate::http) fn unpooled(&self) -> reqwest::Result<reqwest::Client> {
        self.unpooled.get(0, || {
            self.builder_with(&Arc::default(), None)
                .pool_max_idle_per_host(0)
                .http1_max_headers(MAX_HEADERS.into())
        })
    }

    /// Returns the client that opens a connection for every request and speaks HTTP/1.1 only.
    pub(in crate::http) fn http1(&self) -> reqwest::Result<reqwest::Client> {
        self.http1.get(0, || {
            let mut tls = self.shared.tls.clone();
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            self.builder_with(&Arc::default(), None)
                .tls_backend_preconfigured(tls)
                .http1_only()
                .pool_max_idle_per_host(0)
                .http1_max_headers(MAX_HEADERS.into())
        })
    }

    /// Returns the clients that may open more connections, or `None` while too many pools are alive.
    fn generation(&self) -> Option<Ref<'_, Generation>> {
        let is_full = |current: &Generation| {
            // The idle connections of a single origin have a bound of their own.
            current.opened.load(Ordering::Relaxed) > self.limits.connections
                && !current.answered.is_at_most_one()
        };
        let mut replaced = self.replaced.borrow_mut();
        let full = self
            .current
            .borrow_mut()
            .take_if(|current| is_full(current));
        replaced.extend(full.map(|full| Arc::downgrade(&full.opened)));
        if self.current.borrow().is_none() {
            replaced.retain(|counter| counter.strong_count() > 0);
            if replaced.len() < self.limits.pools {
                self.current.replace(Some(Generation::default()));
            }
        }
        Ref::filter_map(self.current.borrow(), Option::as_ref).ok()
    }

    fn builder(&self, opened: &Arc<AtomicUsize>) -> reqwest::ClientBuilder {
        let negotiates = self.options.versions == Versions::Negotiated;
        let limits = &self.options.limits;
        let shortest = limits.total.into_iter().chain(limits.connect).min();
        let handshakes = negotiates.then(|| FirstHandshakes::new(shortest));
        self.builder_with(opened, handshakes)
    }

    fn builder_with(
        &self,
        opened: &Arc<AtomicUsize>,
        handshakes: Option<FirstHandshakes>,
    ) -> reqwest::ClientBuilder {
        builder(&self.options, &self.shared, opened.clone(), handshakes)
            .pool_max_idle_per_host(self.limits.connections)
            .dns_resolver(self.shared.resolver.clone())
    }
}

fn builder(
    options: &HttpOptions,
    shared: &SharedParts,
    opened: Arc<AtomicUsize>,
    handshakes: Option<FirstHandshakes>,
) -> reqwest::ClientBuilder {
    let refusals = shared.refusals.clone();
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(shared.tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Retries are ours, and reqwest copies every request that it may retry itself.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        // A user agent must accept folded fields (RFC 9112, section 5.2). Like curl, fetch also takes a blank before
        // the colon.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http2_max_header_list_size(MAX_HEADER_LIST)
        .http2_initial_stream_window_size(shared.windows.stream)
        .http2_initial_connection_window_size(shared.windows.connection)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .connector_layer(layer_fn(move |connector| {
            CountingConnector::new(
                connector,
                opened.clone(),
                handshakes.clone(),
                refusals.clone(),
            )
        }));
    builder = with_route(builder, &options.connecting);
    if let Some(limit) = options.limits.connect {
        builder = builder.connect_timeout(limit);
    }
    builder = with_dead_peer_detection(builder, options.limits.silence);
    match options.versions {
        Versions::Negotiated => builder,
        Versions::Http1 => builder.http1_only(),
        Versions::Http2 => builder.http2_prior_knowledge(),
    }
}

/// Sets what every connection goes through or to, whatever the host.
fn with_route(
    builder: reqwest::ClientBuilder,
    connecting: &ConnectOptions,
) -> reqwest::ClientBuilder {
    let proxies = connecting.proxies.iter().cloned();
    let builder = proxies.fold(builder.no_proxy(), reqwest::ClientBuilder::proxy);
    match &connecting.unix_socket {
        Some(path) => builder.unix_socket(path.clone()),
        None => builder,
    }
}

/// Sets how a peer that is gone without a word is noticed, where `silence` is the limit on silence.
fn with_dead_peer_detection(
    mut builder: reqwest::ClientBuilder,
    silence: Option<Duration>,
) -> reqwest::ClientBuilder {
    if silence.is_some() {
        // The limit on silence finds a dead peer. To have the kernel look for one, too, takes
        // five system calls a connection.
        builder = builder
            .tcp_keepalive(None)
            .tcp_keepalive_interval(None)
            .tcp_keepalive_retries(None);
        builder = without_user_timeout(builder);
    }
    let ping = ping_interval(silence);
    builder
        .http2_keep_alive_interval(ping)
        .http2_keep_alive_timeout(ping)
}

/// Returns how long a busy HTTP/2 connection may be silent before it is pinged, and how long the answer
/// may take. A dead connection is given up, and its requests are sent again, before their own
/// limit on `silence` runs out.
fn ping_interval(silence: Option<Duration>) -> Duration {
    silence.map_or(PING_AFTER, |silence| PING_AFTER.min(silence / 3))
}
