//! The connector: opens connections a few at a time, counts them, and tells the exchange.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use futures::future::join;
use hyper::http::Extensions;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};
use tokio::time::Instant;
use tower_service::Service;

use super::connect_limiter::ConnectLimiter;
use super::first_handshake::FirstHandshakes;
use super::target;
use super::tunnel::TunnelRefusals;
use crate::http::clock;
use crate::model::lock::lock;

/// What the layers of a connector call an error.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Wraps reqwest's connector.
///
/// hyper clones its connector for every request, and reqwest several times more, each time through
/// boxes. The connector inside is shared instead.
pub(super) struct CountingConnector<C> {
    connector: Arc<Mutex<C>>,
    opened: Arc<AtomicUsize>,
    /// Set if HTTP/2 is possible. Only the first handshake shows whether it is used.
    handshakes: Option<FirstHandshakes>,
    /// Set if there are proxies.
    refusals: Option<TunnelRefusals>,
    limiter: ConnectLimiter,
}

impl<C> CountingConnector<C> {
    /// Wraps `connector`. Adds the connections that it opens to `opened`.
    pub(super) fn new(
        connector: C,
        opened: Arc<AtomicUsize>,
        handshakes: Option<FirstHandshakes>,
        refusals: Option<TunnelRefusals>,
    ) -> Self {
        Self {
            connector: Arc::new(Mutex::new(connector)),
            opened,
            handshakes,
            refusals,
            limiter: ConnectLimiter::default(),
        }
    }

    fn connector(&self) -> MutexGuard<'_, C> {
        lock(&self.connector)
    }
}

impl<C> Clone for CountingConnector<C> {
    fn clone(&self) -> Self {
        Self {
            connector: self.connector.clone(),
            opened: self.opened.clone(),
            handshakes: self.handshakes.clone(),
            refusals: self.refusals.clone(),
            limiter: self.limiter.clone(),
        }
    }
}

impl<C, R> Service<R> for CountingConnector<C>
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
        let superseded = clock::current_awaits_connection();
        let origin = target::current_tls_origin();
        let this = self.clone();
        let mut connecting = Box::pin(async move {
            let handshake = match (&this.handshakes, origin) {
                (Some(handshakes), Some(origin)) => {
                    Some(while_wanted(handshakes.permit(origin)).await?)
                }
                _ => None,
            };
            let permit = while_wanted(this.limiter.acquire()).await?;
            this.opened.fetch_add(1, Ordering::Relaxed);
            let connecting = this.connector().call(request);
            let (connection, ()) = join(connecting, permit.release_after_turn()).await;
            let connection = match (connection.map_err(Into::into), &this.refusals) {
                (Err(error), Some(refusals)) => {
                    // Others need not wait for the reason.
                    drop(handshake);
                    return Err(refusals.explain(error).await);
                }
                (connection, _) => connection?,
            };
            let connected = connection.connected();
            if let Some(handshake) = handshake {
                let is_http2 = connected.is_negotiated_h2();
                if !is_http2 {
                    clock::current_negotiated_http1();
                }
                handshake.succeeded(is_http2);
            }
            Ok((connection, local_address(&connected)))
        });
        Box::pin(poll_fn(move |cx| {
            // hyper goes on in the background when the request got another connection first.
            if !clock::has_current() {
                superseded.get_or_init(Instant::now);
            }
            let (connection, from) = ready!(connecting.as_mut().poll(cx))?;
            clock::current_connected(from);
            Poll::Ready(Ok(connection))
        }))
    }
}

/// Returns the address on this side of a connection. One through a Unix socket has none.
fn local_address(connected: &Connected) -> Option<SocketAddr> {
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    Some(extras.get::<HttpInfo>()?.local_addr())
}

/// Awaits `permit` until the request that it is for has got another connection.
async fn while_wanted<T>(permit: impl Future<Output = T>) -> Result<T, BoxError> {
    let mut permit = pin!(permit);
    poll_fn(|cx| {
        if clock::has_current() {
            permit.as_mut().poll(cx).map(Ok)
        } else {
            Poll::Ready(Err(SupersededError.into()))
        }
    })
    .await
}

/// The connection is not needed any more.
#[derive(Debug, thiserror::Error)]
#[error("the request got another connection")]
struct SupersededError;

#[cfg(test)]
mod tests {
    use std::rc::Rc;

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
    async fn connections_are_opened_a_few_at_a_time() {
        let opened = Arc::<AtomicUsize>::default();
        let mut connector =
            CountingConnector::new(Connector(opened.clone()), Arc::default(), None, None);
        let mut all = Box::pin(clock::scope(
            Rc::new(clock::ExchangeClock::start()),
            join_all((0..20).map(|_| connector.call(()))),
        ));
        assert!((&mut all).now_or_never().is_none());
        assert_eq!(opened.load(Ordering::Relaxed), 16);
        assert!(all.await.iter().all(Result::is_ok));
        assert_eq!(opened.load(Ordering::Relaxed), 20);
    }
}
