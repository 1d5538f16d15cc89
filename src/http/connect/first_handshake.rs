//! The first TLS handshake with an origin.
//!
//! Only the handshake tells whether an origin speaks HTTP/2, where one connection is enough for many
//! requests. So while the first connection shakes hands, the requests that would open more wait. Over
//! HTTP/1.1 they open their connections then; over HTTP/2 they find the first one in the pool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use crate::model::lock::lock;
use crate::model::origin::OriginId;

/// How long a handshake may take before one of the requests that wait for it opens another connection; after as long
/// again two more do, then four, and so on. A server may never answer one connection, and every other one. Far servers
/// take longer and get a few connections more.
const STALL: Duration = Duration::from_millis(250);

/// How long the pool may take to hand over an established connection.
const HANDOVER: Duration = Duration::from_millis(50);

/// What is known of an origin.
enum Known {
    /// Its first connection is being opened.
    Opening(Opening),
    /// Its connections carry one request at a time.
    Http1,
    /// Its connections carry many requests.
    Http2,
}

/// Connections that are being opened to an origin of which nothing is known.
struct Opening {
    /// Notified when one of them is established, or fails.
    done: Arc<Notify>,
    /// How many more may be opened now.
    room: usize,
    /// When so many more may be opened.
    next: (Instant, usize),
}

impl Opening {
    /// Whether one more connection may be opened, which is counted.
    fn take_room(&mut self, stall: Duration) -> bool {
        let (next, more) = self.next;
        if next <= Instant::now() {
            self.room = more;
            self.next = (Instant::now() + stall, more.saturating_mul(2));
        }
        let has_room = self.room > 0;
        self.room = self.room.saturating_sub(1);
        has_room
    }
}

/// What is known of all origins.
#[derive(Clone)]
pub(super) struct FirstHandshakes {
    known: Arc<Mutex<HashMap<OriginId, Known>>>,
    /// How long a handshake may take before another connection is opened.
    stall: Duration,
}

/// The permit to open a TLS connection to an origin. If it is dropped before the handshake succeeded, the next
/// request in line opens one.
pub(super) struct HandshakePermit {
    handshakes: FirstHandshakes,
    origin: OriginId,
    done: Option<Arc<Notify>>,
}

impl FirstHandshakes {
    /// Knows nothing yet. Where an exchange has less than a second, by its shortest `limit`, a quarter of that is
    /// waited for a handshake.
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            known: Arc::default(),
            stall: limit.map_or(STALL, |limit| STALL.min(limit / 4)),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<OriginId, Known>> {
        lock(&self.known)
    }

    /// Waits until a connection to `origin` may be opened.
    pub(super) async fn permit(&self, origin: OriginId) -> HandshakePermit {
        let mut has_waited = false;
        loop {
            let wait = {
                let mut known = self.known();
                match known.get_mut(&origin) {
                    Some(Known::Opening(opening)) => {
                        let done = opening.done.clone();
                        if opening.take_room(self.stall) {
                            return self.permit_with(origin, Some(done));
                        }
                        Some((done.notified_owned(), opening.next.0))
                    }
                    Some(Known::Http1) => return self.permit_with(origin, None),
                    Some(Known::Http2) if has_waited => None,
                    Some(Known::Http2) | None => {
                        let done = Arc::<Notify>::default();
                        let opening = Opening {
                            done: done.clone(),
                            room: 0,
                            next: (Instant::now() + self.stall, 1),
                        };
                        known.insert(origin, Known::Opening(opening));
                        return self.permit_with(origin, Some(done));
                    }
                }
            };
            has_waited = wait.is_some();
            match wait {
                Some((done, next)) => {
                    let _ = timeout_at(next, done).await;
                }
                None => sleep(HANDOVER).await,
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
            Some(protocol) => {
                known.insert(self.origin, protocol);
            }
            // Another connection may have been established meanwhile.
            None => {
                if let Some(Known::Opening(_)) = known.get(&self.origin) {
                    known.remove(&self.origin);
                }
            }
        }
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

    #[tokio::test(start_paused = true)]
    async fn the_others_wait_for_the_handshake_of_the_first() {
        for (http2, waited) in [(false, Duration::ZERO), (true, HANDOVER)] {
            let handshakes = FirstHandshakes::new(None);
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
    async fn while_one_stalls_the_others_open_one_more_at_a_time() {
        let handshakes = FirstHandshakes::new(None);
        let start = Instant::now();
        let stalled = handshakes.permit(OriginId::from(1)).await;
        let second = handshakes.permit(OriginId::from(1)).await;
        assert_eq!(start.elapsed().as_millis(), STALL.as_millis());
        let mut third = Box::pin(handshakes.permit(OriginId::from(1)));
        assert!((&mut third).now_or_never().is_none());
        second.succeeded(false);
        assert!((&mut third).now_or_never().is_some(), "HTTP/1.1 is known");
        drop(stalled);
        let fourth = handshakes.permit(OriginId::from(1)).now_or_never();
        assert!(fourth.is_some(), "what is known stays known");
    }

    #[tokio::test(start_paused = true)]
    async fn each_further_wait_opens_twice_as_many_and_is_a_part_of_the_limit() {
        let handshakes = FirstHandshakes::new(Some(Duration::from_millis(400)));
        let start = Instant::now();
        let mut stalled = Vec::new();
        let mut opened = Vec::new();
        for _ in 0..8 {
            stalled.push(handshakes.permit(OriginId::from(1)).await);
            opened.push(start.elapsed().as_millis());
        }
        assert_eq!(opened, [0, 100, 200, 200, 300, 300, 300, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_one_that_fails_the_next_tries() {
        let handshakes = FirstHandshakes::new(None);
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
