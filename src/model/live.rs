//! What is under way in a run at the moment, for whoever shows its progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts that change all the time. Clones share them. Nothing is decided by them, so they need not agree with each
/// other at any moment.
#[derive(Clone, Debug, Default)]
pub struct LiveCounts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    received: AtomicU64,
    in_flight: AtomicUsize,
    waiting: AtomicUsize,
}

impl LiveCounts {
    /// Counts bytes of a body as they arrive.
    pub fn add_received(&self, bytes: u64) {
        self.0.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes how many requests are in flight, and how many inputs wait for a retry, a host or a rate.
    pub fn set_jobs(&self, in_flight: usize, waiting: usize) {
        self.0.in_flight.store(in_flight, Ordering::Relaxed);
        self.0.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Returns the bytes of all bodies so far, after decoding.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// Returns the number of requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// Returns the number of inputs that wait for a retry, a host or a rate.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }
}
