//! Options of the engine: how many requests are in flight, and which are retried.

use std::num::NonZeroUsize;

use crate::cli::{ConcurrencyArgs, ResultArgs, RetryArgs};
use crate::engine::{EngineOptions, HostLimits, RetryPolicy};
use crate::model::live::LiveCounts;

/// Returns the options of the engine.
pub(super) fn options(
    args: &ConcurrencyArgs,
    retry: &RetryArgs,
    result: &ResultArgs,
) -> EngineOptions {
    EngineOptions {
        jobs: args.jobs.get(),
        interval: args.rate,
        per_host: HostLimits {
            jobs: args
                .max_per_host
                .map(NonZeroUsize::get)
                .filter(|&jobs| jobs < args.jobs.get()),
            interval: args.rate_per_host,
        },
        host_timeouts: args.host_timeouts,
        retry: RetryPolicy {
            max: retry.retry,
            delay: retry.retry_delay,
            max_delay: retry.retry_max_delay.0,
            on: retry.retry_on.clone(),
        },
        ordered: args.ordered,
        fail_fast: args.fail_fast,
        deadline: args.deadline.and_then(|limit| limit.0),
        accept: result.accept.clone(),
        slow: result.slow.0,
        live: LiveCounts::default(),
    }
}
