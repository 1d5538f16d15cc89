//! The connections: a pool with a bound on its total.
//!
//! reqwest's pool is bounded per host only, and over thousands of hosts it
//! would hold a descriptor for each. Emptying it costs little when it is done
//! only after as many connections were opened as may be open and idle: so the
//! client that has opened that many is replaced by a new one. What is on the
//! wire goes on; the idle connections close with the old client's pool. A list
//! of few hosts never comes there.

use std::cell::{OnceCell, RefCell};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::layer_fn;
use tower_service::Service;

use super::{Options, Versions, resolver, tls, watch};
use crate::error::Phase;

/// Idle connections are closed after this: servers do so after 60 to 75 s.
const IDLE: Duration = Duration::from_secs(50);

/// Header fields of an answer at most (RFC 9110 sets no bound).
const MAX_HEADERS: usize = 5_000;

/// The clients of one run.
pub(super) struct Clients {
    options: Options,
    tls: rustls::ClientConfig,
    pooled: RefCell<Pooled>,
    patient: OnceCell<reqwest::Client>,
}

struct Pooled {
    client: reqwest::Client,
    opened: Arc<AtomicUsize>,
}

impl Clients {
    pub(super) fn new(options: Options) -> Result<Self, super::hop::ClientError> {
        let tls = tls::config(options.versions)?;
        let pooled = RefCell::new(pooled(&options, &tls)?);
        Ok(Self {
            options,
            tls,
            pooled,
            patient: OnceCell::new(),
        })
    }

    /// The client that keeps connections for the next request.
    pub(super) fn pooled(&self) -> reqwest::Result<reqwest::Client> {
        let mut pooled = self.pooled.borrow_mut();
        if pooled.opened.load(Ordering::Relaxed) >= self.options.pool {
            *pooled = self::pooled(&self.options, &self.tls)?;
        }
        Ok(pooled.client.clone())
    }

    /// The client that opens a connection for every request, and takes as many
    /// header fields as we promise: room for them costs each answer that comes
    /// through it several microseconds.
    pub(super) fn patient(&self) -> reqwest::Result<reqwest::Client> {
        if let Some(client) = self.patient.get() {
            return Ok(client.clone());
        }
        let client = builder(&self.options, &self.tls, Arc::default())
            .pool_max_idle_per_host(0)
            .http1_max_headers(MAX_HEADERS)
            .build()?;
        Ok(self.patient.get_or_init(|| client).clone())
    }
}

fn pooled(options: &Options, tls: &rustls::ClientConfig) -> reqwest::Result<Pooled> {
    let opened = Arc::new(AtomicUsize::new(0));
    let client = builder(options, tls, opened.clone()).build()?;
    Ok(Pooled { client, opened })
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
            connector,
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
#[derive(Clone)]
struct Counted<C> {
    connector: C,
    opened: Arc<AtomicUsize>,
}

impl<C, R> Service<R> for Counted<C>
where
    C: Service<R, Future: Send + 'static, Response: 'static, Error: 'static>,
{
    type Response = C::Response;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.opened.fetch_add(1, Ordering::Relaxed);
        watch::current_reached(Phase::Connect);
        let connecting = self.connector.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            watch::current_connected();
            Ok(connection)
        })
    }
}
