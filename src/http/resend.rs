//! Bounds how many requests to one origin are sent again at a time, each on a connection of its own.
//!
//! When a shared connection ends, up to a hundred requests are to be sent again. A server may close connections beyond
//! a few from one address.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::origin::OriginId;

/// How many are sent again at a time.
const AT_A_TIME: u32 = 4;

/// Hands out permits to send a request again, to each origin for itself.
#[derive(Default)]
pub(super) struct ResendLimiter(RefCell<HashMap<OriginId, Arc<Semaphore>>>);

impl ResendLimiter {
    /// Waits for a permit to send a request to `origin` again. `None` where none is needed.
    pub(super) async fn acquire(&self, origin: OriginId) -> Option<OwnedSemaphorePermit> {
        self.semaphore(origin).acquire_owned().await.ok()
    }

    /// Waits until no other request to `origin` is being sent again, and holds back the others.
    pub(super) async fn acquire_all(&self, origin: OriginId) -> Option<OwnedSemaphorePermit> {
        let semaphore = self.semaphore(origin);
        semaphore.acquire_many_owned(AT_A_TIME).await.ok()
    }

    /// Lets all that wait for a permit of `origin` go without one: its server does not answer, and each of them would
    /// wait for that in turn.
    pub(super) fn release(&self, origin: OriginId) {
        if let Some(semaphore) = self.0.borrow().get(&origin) {
            semaphore.close();
        }
    }

    /// Whether requests to `origin` are being sent again.
    pub(super) fn is_busy(&self, origin: OriginId) -> bool {
        let semaphores = self.0.borrow();
        semaphores
            .get(&origin)
            .is_some_and(|semaphore| semaphore.available_permits() < AT_A_TIME as usize)
    }

    fn semaphore(&self, origin: OriginId) -> Arc<Semaphore> {
        let mut semaphores = self.0.borrow_mut();
        semaphores.retain(|_, semaphore| semaphore.available_permits() < AT_A_TIME as usize);
        let new = || Arc::new(Semaphore::new(AT_A_TIME as usize));
        semaphores.entry(origin).or_insert_with(new).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn a_few_at_a_time_or_one_alone() {
        let limiter = ResendLimiter::default();
        let origin = OriginId::from(1);
        let mut held: Vec<_> = (0..AT_A_TIME)
            .map(|_| limiter.acquire(origin).now_or_never())
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert!(limiter.is_busy(origin) && !limiter.is_busy(OriginId::from(2)));
        let mut alone = Box::pin(limiter.acquire_all(origin));
        assert!((&mut alone).now_or_never().is_none());
        assert!(limiter.acquire(OriginId::from(2)).now_or_never().is_some());
        held.pop();
        assert!((&mut alone).now_or_never().is_none());
        held.clear();
        let alone = alone.await;
        assert!(limiter.acquire(origin).now_or_never().is_none());
        drop(alone);
        drop(limiter.acquire(origin).now_or_never());
        drop(limiter.acquire(OriginId::from(3)).now_or_never());
        assert_eq!(limiter.0.borrow().len(), 1, "unused ones are dropped");
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_holds_nobody_back() {
        let limiter = ResendLimiter::default();
        let origin = OriginId::from(1);
        let held: Vec<_> = (0..AT_A_TIME)
            .map(|_| limiter.acquire(origin).now_or_never())
            .collect();
        let mut next = Box::pin(limiter.acquire(origin));
        assert!((&mut next).now_or_never().is_none());
        limiter.release(origin);
        assert!(next.await.is_none());
        assert!(limiter.acquire_all(origin).now_or_never().is_some());
        drop(held);
        let again = limiter.acquire(origin).now_or_never();
        assert!(again.flatten().is_some(), "permits are handed out again");
    }
}
