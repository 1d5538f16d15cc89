//! The first connection to an origin over TLS.
//!
//! Only the handshake tells whether an origin speaks HTTP/2, where one
//! connection is enough for many requests. So as long as the first one shakes
//! hands, those that would follow wait: over HTTP/1.1 they open theirs then, over
//! HTTP/2 they find that one in the pool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::model::origin::OriginId;

/// How long the pool may take to hand on a connection that is there.
const HANDING_ON: Duration = Duration::from_millis(50);

/// What is known of an origin.
enum Known {
    /// Its first connection is being opened.
    Opening(Arc<Notify>),
    /// A connection is for one request at a time.
    Http1,
    /// A connection is for many.
    Http2,
}

/// What is known of all origins.
#[derive(Clone, Default)]
pub(in crate::http) struct FirstHandshakes(Arc<Mutex<HashMap<OriginId, Known>>>);

/// The right to open a connection. Dropped before it is told what came of it, the next one tries.
pub(in crate::http) struct HandshakePermit {
    openings: FirstHandshakes,
    origin: OriginId,
    done: Option<Arc<Notify>>,
}

impl FirstHandshakes {
    fn known(&self) -> MutexGuard<'_, HashMap<OriginId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a connection to `origin` may be opened.
    pub(in crate::http) async fn turn(&self, origin: OriginId) -> HandshakePermit {
        let mut has_waited = false;
        loop {
            let wait = {
                let mut known = self.known();
                match known.get(&origin) {
                    Some(Known::Opening(done)) => Some(done.clone().notified_owned()),
                    Some(Known::Http1) => return self.opening(origin, None),
                    Some(Known::Http2) if has_waited => None,
                    Some(Known::Http2) | None => {
                        let done = Arc::<Notify>::default();
                        known.insert(origin, Known::Opening(done.clone()));
                        return self.opening(origin, Some(done));
                    }
                }
            };
            has_waited = wait.is_some();
            match wait {
                Some(done) => done.await,
                None => tokio::time::sleep(HANDING_ON).await,
            }
        }
    }

    fn opening(&self, origin: OriginId, done: Option<Arc<Notify>>) -> HandshakePermit {
        HandshakePermit {
            openings: self.clone(),
            origin,
            done,
        }
    }
}

impl HandshakePermit {
    /// The connection is there.
    pub(in crate::http) fn opened(mut self, http2: bool) {
        self.tell(Some(if http2 { Known::Http2 } else { Known::Http1 }));
    }

    fn tell(&mut self, what: Option<Known>) {
        let Some(done) = self.done.take() else {
            return;
        };
        let mut known = self.openings.known();
        match what {
            Some(what) => known.insert(self.origin, what),
            None => known.remove(&self.origin),
        };
        drop(known);
        done.notify_waiters();
    }
}

impl Drop for HandshakePermit {
    fn drop(&mut self) {
        self.tell(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn the_others_wait_for_the_handshake_of_the_first() {
        for (http2, waited) in [(false, Duration::ZERO), (true, HANDING_ON)] {
            let openings = FirstHandshakes::default();
            let first = openings.turn(OriginId::from(1)).await;
            let mut second = Box::pin(openings.turn(OriginId::from(1)));
            assert!((&mut second).now_or_never().is_none());
            assert!(
                openings.turn(OriginId::from(2)).now_or_never().is_some(),
                "another origin"
            );
            first.opened(http2);
            let start = Instant::now();
            second.await.opened(http2);
            assert_eq!(start.elapsed().as_millis(), waited.as_millis());
            assert!(
                openings.turn(OriginId::from(1)).now_or_never().is_some(),
                "{http2}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_one_that_fails_the_next_tries() {
        let openings = FirstHandshakes::default();
        let first = openings.turn(OriginId::from(1)).await;
        let mut second = Box::pin(openings.turn(OriginId::from(1)));
        let mut third = Box::pin(openings.turn(OriginId::from(1)));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(first);
        let second = (&mut second).now_or_never();
        assert!(second.is_some() && (&mut third).now_or_never().is_none());
        drop(second);
        assert!(third.now_or_never().is_some());
    }
}
