//! Connections are begun a few at a time.
//!
//! What it takes to open a connection is free again when it stands. So those that
//! were begun have their turn in the event loop before others are: the memory is
//! needed a few times only, however many requests start at once, and whoever finds
//! meanwhile that another request left its connection in the pool needs none.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;

/// Connections begun in a turn of the event loop at most.
const BEGUN: usize = 16;

/// Lets so many begin in each turn, in the order in which they asked.
#[derive(Clone)]
pub(in crate::http) struct ConnectLimiter(Arc<Semaphore>);

/// The right to begin in this turn.
pub(in crate::http) struct ConnectPermit(Option<OwnedSemaphorePermit>);

impl Default for ConnectLimiter {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BEGUN)))
    }
}

impl ConnectLimiter {
    /// Waits for the turn in which one more may begin.
    pub(in crate::http) async fn admit(&self) -> ConnectPermit {
        ConnectPermit(self.0.clone().acquire_owned().await.ok())
    }
}

impl ConnectPermit {
    /// Ends with the turn: what has been begun goes on, and others may begin.
    pub(in crate::http) async fn end(self) {
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
    async fn a_few_begin_in_a_turn_and_all_in_the_end() {
        let burst = ConnectLimiter::default();
        let (beginning, most, begun) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let connect = || async {
            let admitted = burst.admit().await;
            beginning.set(beginning.get() + 1);
            most.set(most.get().max(beginning.get()));
            admitted.end().await;
            beginning.set(beginning.get() - 1);
            begun.set(begun.get() + 1);
        };
        join_all((0..3 * BEGUN).map(|_| connect())).await;
        assert_eq!((most.get(), begun.get()), (BEGUN, 3 * BEGUN));
    }

    #[tokio::test]
    async fn whoever_gives_up_takes_no_place() {
        let burst = ConnectLimiter::default();
        let given_up: Vec<_> = (0..BEGUN).map(|_| burst.admit().now_or_never()).collect();
        assert!(given_up.iter().all(Option::is_some) && burst.admit().now_or_never().is_none());
        drop(given_up);
        assert!(burst.admit().now_or_never().is_some());
    }
}
