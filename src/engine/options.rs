//! What the engine needs to know.

use std::time::Duration;

use crate::model::status_set::StatusSet;

/// What the part needs to know.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Requests on the wire at most.
    pub jobs: usize,
    /// From one request to the next.
    pub interval: Option<Duration>,
    /// What each host takes.
    pub per_host: HostLimits,
    /// Which attempts are made again.
    pub retry: RetryPolicy,
    /// Outcomes in the order of the input.
    pub ordered: bool,
    /// End the run with the first input that is not ok.
    pub fail_fast: bool,
    /// End the run after this.
    pub deadline: Option<Duration>,
    /// Which statuses are ok.
    pub accept: StatusSet,
    /// An attempt that takes longer is slow.
    pub slow: Option<Duration>,
}

/// What a host takes at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostLimits {
    /// Requests on the wire; `None` where that is no less than those of all.
    pub jobs: Option<usize>,
    /// From one request to the next.
    pub interval: Option<Duration>,
}

impl HostLimits {
    /// Whether a host gets less than there is.
    #[must_use]
    pub fn is_limited(self) -> bool {
        self.jobs.is_some() || self.interval.is_some()
    }
}

/// What the rules need to know.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max: u32,
    /// The first back-off; each following one is twice as long.
    pub delay: Duration,
    /// The longest back-off, and the longest Retry-After that is waited for.
    pub max_delay: Option<Duration>,
    /// Statuses that are tried again, unless they are accepted.
    pub on: StatusSet,
}
