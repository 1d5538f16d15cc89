//! The options of the engine.

use std::time::Duration;

use crate::model::live::LiveCounts;
use crate::model::status_set::StatusSet;

/// The options of the engine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The maximum number of requests in flight.
    pub jobs: usize,
    /// The least time between the starts of two requests.
    pub interval: Option<Duration>,
    /// The limits of each host.
    pub per_host: HostLimits,
    /// The number of time-outs in a row after which a host is down; 0 for never.
    pub host_timeouts: u32,
    /// Which attempts are retried, and when.
    pub retry: RetryPolicy,
    /// Whether outcomes are reported in the order of the input.
    pub ordered: bool,
    /// Whether the first input that is not ok ends the run.
    pub fail_fast: bool,
    /// The time after which the run is stopped.
    pub deadline: Option<Duration>,
    /// The statuses that are ok.
    pub accept: StatusSet,
    /// The duration over which an attempt is marked as slow.
    pub slow: Option<Duration>,
    /// Where it is noted what is in flight and what waits.
    pub live: LiveCounts,
}

/// The limits of the requests to one host.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostLimits {
    /// The maximum number of requests in flight; `None` if it would not be below `jobs`.
    pub jobs: Option<usize>,
    /// The least time between the starts of two requests.
    pub interval: Option<Duration>,
}

impl HostLimits {
    /// Whether there is any limit.
    #[must_use]
    pub fn is_limited(self) -> bool {
        self.jobs.is_some() || self.interval.is_some()
    }
}

/// Which attempts are retried, and when.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// The maximum number of attempts after the first.
    pub max: u32,
    /// The first back-off; each following one is twice as long.
    pub delay: Duration,
    /// The longest back-off, and the longest Retry-After that is respected.
    pub max_delay: Option<Duration>,
    /// The statuses that are retried, unless they are accepted.
    pub on: StatusSet,
}
