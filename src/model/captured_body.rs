//! Bodies that are held in memory for their records, and the budget that all of them share.
//!
//! A body takes from the budget as it arrives, and gives back once its record is written. While nothing is left,
//! bodies in flight wait.
//!
//! Two bodies of 40 MiB that arrive together use up 64 MiB before either is complete, and then both would wait for
//! ever. So one body at a time may go over the budget: it arrives, its record is written, and what it gives back lets
//! the other go on. A body that is larger than the whole budget arrives in the same way.
//!
//! While records wait to be written, no body may go over the budget. Otherwise, when the reader of the records pauses,
//! one body of 40 MiB after the other would arrive, and all of them would stay in memory.

use std::ops::Deref;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::lock::lock;

/// The size of the budget in bytes.
const BUDGET: usize = 64 * 1024 * 1024;

/// The budget of a run. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct BodyBudget(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    usage: Mutex<Usage>,
    /// Notified whenever something is given back.
    freed: Notify,
}

/// What the bodies of a run take.
#[derive(Debug, Default)]
struct Usage {
    /// Bytes in all.
    bytes: usize,
    /// The part of them that only waits to be written.
    unwritten: usize,
    /// Whether some body may go over the budget.
    has_exempt: bool,
}

/// A part of the budget, which is given back when it is dropped.
#[derive(Debug)]
struct Lease {
    budget: BodyBudget,
    bytes: usize,
    /// Whether this body may go over the budget.
    is_exempt: bool,
}

impl BodyBudget {
    fn usage(&self) -> MutexGuard<'_, Usage> {
        lock(&self.0.usage)
    }

    /// Changes the usage, and lets bodies that wait try again.
    fn free(&self, change: impl FnOnce(&mut Usage)) {
        change(&mut self.usage());
        self.0.freed.notify_waiters();
    }
}

impl Lease {
    fn grow(&mut self, bytes: usize) -> bool {
        let mut usage = self.budget.usage();
        if usage.bytes + bytes > BUDGET && !self.is_exempt {
            if usage.has_exempt || usage.unwritten > 0 {
                return false;
            }
            usage.has_exempt = true;
            self.is_exempt = true;
        }
        usage.bytes += bytes;
        self.bytes += bytes;
        true
    }

    fn end_exemption(&mut self) {
        if std::mem::take(&mut self.is_exempt) {
            self.budget.free(|usage| usage.has_exempt = false);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end_exemption();
        self.budget.free(|usage| usage.bytes -= self.bytes);
    }
}

/// The body of an answer, as far as it has arrived.
#[derive(Debug)]
pub struct CapturedBody {
    bytes: Vec<u8>,
    lease: Lease,
}

impl CapturedBody {
    /// Returns an empty body, which takes from `budget` as it grows.
    #[must_use]
    pub fn new(budget: &BodyBudget) -> Self {
        let lease = Lease {
            budget: budget.clone(),
            bytes: 0,
            is_exempt: false,
        };
        Self {
            bytes: Vec::new(),
            lease,
        }
    }

    /// Takes `bytes` more from the budget, if there is room. Must be called before [`push`](Self::push).
    pub fn try_reserve(&mut self, bytes: usize) -> bool {
        self.lease.grow(bytes)
    }

    /// Takes `bytes` more from the budget; waits until there is room.
    pub async fn reserve(&mut self, bytes: usize) {
        loop {
            let freed = self.lease.budget.0.clone();
            let mut freed = pin!(freed.freed.notified());
            // Registered before the check, so that nothing is missed between the two.
            freed.as_mut().enable();
            if self.lease.grow(bytes) {
                return;
            }
            freed.await;
        }
    }

    /// Adds the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// Notes that the body grows no further: from now on another one may go over the budget.
    pub fn finish(&mut self) {
        self.lease.end_exemption();
    }

    /// Replaces the body by the `bytes` of its record, which wait to be written.
    #[must_use]
    pub fn into_unwritten(self, bytes: usize) -> UnwrittenBody {
        let Self { mut lease, .. } = self;
        lease.end_exemption();
        lease.budget.free(|usage| {
            usage.bytes = usage.bytes - lease.bytes + bytes;
            usage.unwritten += bytes;
        });
        lease.bytes = bytes;
        UnwrittenBody(lease)
    }
}

impl Deref for CapturedBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The share in the budget of a body whose record waits to be written. To be dropped once it is.
#[derive(Debug)]
pub struct UnwrittenBody(Lease);

impl Drop for UnwrittenBody {
    fn drop(&mut self) {
        let Self(lease) = self;
        lease.budget.usage().unwritten -= lease.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    /// Whether `bytes` more are granted at once.
    fn is_granted(body: &mut CapturedBody, bytes: usize) -> bool {
        body.reserve(bytes).now_or_never().is_some()
    }

    #[test]
    fn one_body_at_a_time_goes_over_the_budget() {
        let budget = BodyBudget::default();
        let [mut one, mut other, mut third] = [(); 3].map(|()| CapturedBody::new(&budget));
        assert!(is_granted(&mut one, BUDGET / 2) && is_granted(&mut other, BUDGET / 2));
        assert!(is_granted(&mut one, BUDGET), "nobody else can go on");
        assert!(!is_granted(&mut other, 1) && !is_granted(&mut third, 1));
        one.finish();
        assert!(is_granted(&mut other, 1));
        assert!(!is_granted(&mut third, 1));
        drop(other);
        assert!(is_granted(&mut third, 1));
    }

    #[test]
    fn nobody_goes_over_the_budget_while_records_wait_to_be_written() {
        let budget = BodyBudget::default();
        let [mut one, mut other] = [(); 2].map(|()| CapturedBody::new(&budget));
        assert!(is_granted(&mut one, BUDGET + 1));
        let record = one.into_unwritten(2 * BUDGET);
        assert!(!is_granted(&mut other, 1));
        let mut waiting = Box::pin(other.reserve(2 * BUDGET));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(record);
        assert!(waiting.now_or_never().is_some(), "it was not woken");
    }

    #[test]
    fn everything_is_given_back() {
        let budget = BodyBudget::default();
        for round in 0..3 {
            let mut body = CapturedBody::new(&budget);
            assert!(is_granted(&mut body, BUDGET), "{round}");
            drop(body.into_unwritten(1));
            let mut body = CapturedBody::new(&budget);
            assert!(is_granted(&mut body, 2 * BUDGET), "{round}");
        }
        let usage = budget.usage();
        assert_eq!(
            (usage.bytes, usage.unwritten, usage.has_exempt),
            (0, 0, false)
        );
    }
}
