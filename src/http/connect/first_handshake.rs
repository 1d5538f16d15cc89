//! The first TLS handshake with an origin.
//!
//! Only the handshake tells whether an origin speaks HTTP/2, where one connection is enough for many
//! requests. So while the first connection shakes hands, the requests that would open more wait. Over
//! HTTP/1.1 they open their connections then; over HTTP/2 they find the first one in the pool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::model::origin::OriginId;

/// How long the pool may take to hand over an established connection.
const HANDOVER: Duration = Duration::from_millis(50);

/// What is known of an origin.
enum Known {
    /// Its first connection is being opened.
    Opening(Arc<Notify>),
    /// Its connections carry one request at a time.
    Http1,
    /// Its connections carry many requests.
    Http2,
}

/// What is known of all origins.
#[derive(Clone, Default)]
pub(super) struct FirstHandshakes(Arc<Mutex<HashMap<OriginId, Known>>>);

/// The permit to open a TLS connection to an origin. If it is dropped before the handshake succeeded, the next
/// request in line opens one.
pub(super) struct HandshakePermit {
    handshakes: FirstHandshakes,
    origin: OriginId,
    done: Option<Arc<Notify>>,
}

impl FirstHandshakes {
    fn known(&self) -> MutexGuard<'_, HashMap<OriginId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a connection to `origin` may be opened.
    pub(super) async fn permit(&self, origin: OriginId) -> HandshakePermit {
        let mut has_waited = false;
        loop {
            let wait = {
                let mut known = self.known();
                match known.get(&origin) {
                    Some(Known::Opening(done)) => Some(done.clone().notified_owned()),
                    Some(Known::Http1) => return self.permit_with(origin, None),
                    Some(Known::Http2) if has_waited => None,
                    Some(Known::Http2) | None => {
                        let done = Arc::<Notify>::default();
                        known.insert(origin, Known::Opening(done.clone()));
                        return self.permit_with(origin, Some(done));
                    }
                }
            };
            has_waited = wait.is_some();
            match wait {
                Some(done) => done.await,
                None => tokio::time::sleep(HANDOVER).await,
            }
        }
    }

    fn permit_with(&self, origin: OriginId, done: Option<Arc<Notify>>) -> HandshakePermit {
        HandshakePermit {
            handshakes: self.clone(),
            origin,
            done,
        }
    }
}

impl HandshakePermit {
    /// Tells that the connection is established, and whether it speaks HTTP/2.
    pub(super) fn succeeded(mut self, http2: bool) {
        self.end(Some(if http2 { Known::Http2 } else { Known::Http1 }));
    }

    fn end(&mut self, now_known: Option<Known>) {
        let Some(done) = self.done.take() else {
            return;
        };
        let mut known = self.handshakes.known();
        match now_known {
            Some(protocol) => known.insert(self.origin, protocol),
            None => known.remove(&self.origin),
        };
        drop(known);
        done.notify_waiters();
    }
}

impl Drop for HandshakePermit {
    fn drop(&mut self) {
        self.end(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn the_others_wait_for_the_handshake_of_the_first() {
        for (http2, waited) in [(false, Duration::ZERO), (true, HANDOVER)] {
            let handshakes = FirstHandshakes::default();
            let first = handshakes.permit(OriginId::from(1)).await;
            let mut second = Box::pin(handshakes.permit(OriginId::from(1)));
            assert!((&mut second).now_or_never().is_none());
            assert!(
                handshakes
                    .permit(OriginId::from(2))
                    .now_or_never()
                    .is_some(),
                "another origin"
            );
            first.succeeded(http2);
            let start = Instant::now();
            second.await.succeeded(http2);
            assert_eq!(start.elapsed().as_millis(), waited.as_millis());
            assert!(
                handshakes
                    .permit(OriginId::from(1))
                    .now_or_never()
                    .is_some(),
                "{http2}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_one_that_fails_the_next_tries() {
        let handshakes = FirstHandshakes::default();
        let first = handshakes.permit(OriginId::from(1)).await;
        let mut second = Box::pin(handshakes.permit(OriginId::from(1)));
        let mut third = Box::pin(handshakes.permit(OriginId::from(1)));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(first);
        let second = (&mut second).now_or_never();
        assert!(second.is_some() && (&mut third).now_or_never().is_none());
        drop(second);
        assert!(third.now_or_never().is_some());
    }
}
