//! The connections: a pool with a bound on its total.
//!
//! reqwest's pool is bounded per host only, and over thousands of hosts it
//! would hold a descriptor for each. Emptying it costs little when it is done
//! only after as many connections were opened as may be open and idle: so the
//! client that has opened that many is replaced by a new one. What is on the
//! wire goes on; the idle connections close with the old client's pool. A list
//! of few hosts never comes there.

use std::cell::{OnceCell, Ref, RefCell};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::layer_fn;
use tower_service::Service;

use super::{Options, Versions, resolver, tls, watch};
use crate::error::Phase;

/// Idle connections are closed after this: servers do so after 60 to 75 s.
const IDLE: Duration = Duration::from_secs(50);

/// Header fields of an answer at most (RFC 9110 sets no bound). hyper makes
/// room for all of them before it reads each head, which costs a third of the
/// throughput; with its own default of 100 it does not.
const MAX_HEADERS: usize = 5_000;

/// The clients of one run.
pub(super) struct Clients {
    options: Options,
    tls: rustls::ClientConfig,
    pooled: RefCell<Generation>,
    fresh: OnceCell<reqwest::Client>,
}

/// Clients that share a bound.
#[derive(Default)]
struct Generation {
    opened: Arc<AtomicUsize>,
    quick: OnceCell<reqwest::Client>,
    roomy: OnceCell<reqwest::Client>,
}

impl Clients {
    pub(super) fn new(options: Options) -> Result<Self, super::hop::ClientError> {
        let clients = Self {
            tls: tls::config(options.versions)?,
            options,
            pooled: RefCell::default(),
            fresh: OnceCell::new(),
        };
        clients.quick()?;
        Ok(clients)
    }

    /// Keeps connections for the next request; takes a hundred header fields.
    pub(super) fn quick(&self) -> reqwest::Result<reqwest::Client> {
        let pooled = self.generation();
        get(&pooled.quick, || self.builder(&pooled.opened))
    }

    /// Keeps connections for the next request; takes as many header fields as we promise.
    pub(super) fn roomy(&self) -> reqwest::Result<reqwest::Client> {
        let pooled = self.generation();
        get(&pooled.roomy, || {
            self.builder(&pooled.opened).http1_max_headers(MAX_HEADERS)
        })
    }

    /// Opens a connection for every request; takes as many header fields as we promise.
    pub(super) fn fresh(&self) -> reqwest::Result<reqwest::Client> {
        get(&self.fresh, || {
            self.builder(&Arc::default())
                .pool_max_idle_per_host(0)
                .http1_max_headers(MAX_HEADERS)
        })
    }

    fn generation(&self) -> Ref<'_, Generation> {
        if self.pooled.borrow().opened.load(Ordering::Relaxed) >= self.options.pool {
            *self.pooled.borrow_mut() = Generation::default();
        }
        self.pooled.borrow()
    }

    fn builder(&self, opened: &Arc<AtomicUsize>) -> reqwest::ClientBuilder {
        builder(&self.options, &self.tls, opened.clone())
    }
}

fn get(
    cell: &OnceCell<reqwest::Client>,
    builder: impl FnOnce() -> reqwest::ClientBuilder,
) -> reqwest::Result<reqwest::Client> {
    if let Some(client) = cell.get() {
        return Ok(client.clone());
    }
    let client = builder().build()?;
    Ok(cell.get_or_init(|| client).clone())
}

fn builder(
    options: &Options,
    tls: &rustls::ClientConfig,
    opened: Arc<AtomicUsize>,
) -> reqwest::ClientBuilder {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .pool_idle_timeout(IDLE)
        .dns_resolver(resolver::Resolver)
        .connector_layer(layer_fn(move |connector| Counted {
            connector: Arc::new(Mutex::new(connector)),
            opened: opened.clone(),
        }));
    if let Some(limit) = options.limits.connect {
        builder = builder.connect_timeout(limit);
    }
    match options.versions {
        Versions::Negotiated => builder,
        Versions::Http1 => builder.http1_only(),
        Versions::Http2 => builder.http2_prior_knowledge(),
    }
}

/// A connector that counts what it opens, and tells the hop it opens it for.
///
/// hyper clones its connector for every request, reqwest several times more,
/// each time through boxes: this one is shared instead.
struct Counted<C> {
    connector: Arc<Mutex<C>>,
    opened: Arc<AtomicUsize>,
}

impl<C> Clone for Counted<C> {
    fn clone(&self) -> Self {
        Self {
            connector: self.connector.clone(),
            opened: self.opened.clone(),
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
    C: Service<R, Future: Send + 'static, Response: 'static, Error: 'static>,
{
    type Response = C::Response;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector().poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.opened.fetch_add(1, Ordering::Relaxed);
        watch::current_reached(Phase::Connect);
        let connecting = self.connector().call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            watch::current_connected();
            Ok(connection)
        })
    }
}
