//! Opens connections a few at a time.
//!
//! The memory that opening a connection takes is free again once the connection is established. At most
//! 16 begin in one turn of the event loop, so only a few need that memory at once, however many
//! requests start; and a request for which the pool gets
//! a connection meanwhile opens none.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;

/// How many connections are begun in one turn of the event loop.
const PER_TURN: usize = 16;

/// Hands out permits to begin, in the order of the requests for them.
#[derive(Clone)]
pub(super) struct ConnectLimiter(Arc<Semaphore>);

/// The permit to begin a connection in this turn of the event loop.
pub(super) struct ConnectPermit(Option<OwnedSemaphorePermit>);

impl Default for ConnectLimiter {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PER_TURN)))
    }
}

impl ConnectLimiter {
    /// Waits for the turn in which one more connection may begin.
    pub(super) async fn acquire(&self) -> ConnectPermit {
        ConnectPermit(self.0.clone().acquire_owned().await.ok())
    }
}

impl ConnectPermit {
    /// Gives the permit back with the end of the turn.
    pub(super) async fn release_after_turn(self) {
        yield_now().await;
        drop(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use futures::future::join_all;
    use std::cell::Cell;

    #[tokio::test]
    async fn a_few_begin_per_turn_and_all_in_the_end() {
        let limiter = ConnectLimiter::default();
        let (beginning, most, begun) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let connect = || async {
            let permit = limiter.acquire().await;
            beginning.set(beginning.get() + 1);
            most.set(most.get().max(beginning.get()));
            permit.release_after_turn().await;
            beginning.set(beginning.get() - 1);
            begun.set(begun.get() + 1);
        };
        join_all((0..3 * PER_TURN).map(|_| connect())).await;
        assert_eq!((most.get(), begun.get()), (PER_TURN, 3 * PER_TURN));
    }

    #[tokio::test]
    async fn a_request_that_gives_up_leaves_its_permit_to_others() {
        let limiter = ConnectLimiter::default();
        let given_up: Vec<_> = (0..PER_TURN)
            .map(|_| limiter.acquire().now_or_never())
            .collect();
        assert!(given_up.iter().all(Option::is_some) && limiter.acquire().now_or_never().is_none());
        drop(given_up);
        assert!(limiter.acquire().now_or_never().is_some());
    }
}
