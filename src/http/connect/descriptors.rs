//! Fits the number of connections to the limit of open files.

use super::look_ups::LookUpLimits;
use super::pool::PoolLimits;
use crate::sys::{raise_open_file_limit, thread_limit};

/// How many names are looked up at a time for each runtime, not counting those that take longer than usual.
const LOOKUPS: usize = 16;

/// How many names are looked up at a time in all, if the limits of the system allow it. As many URLs with names that
/// never resolve can be in flight before others have to wait.
const MAX_LOOKUPS: usize = 1_024;

/// How many descriptors a look-up takes that no name server answers: one for each of up to three name servers.
const LOOKUP_FILES: usize = 3;

/// Which part of the processes and threads that the user may have can be look-ups.
const LOOKUP_SHARE: u64 = 4;

/// Descriptors for everything other than connections: standard streams, sources, results, event loops.
const RESERVE: usize = 32;

/// How many idle connections to keep, even if more would fit.
const MIN_IDLE: usize = 64;

/// How many pools are kept alive for slow answers, however many descriptors there are.
const MAX_POOLS: usize = 4;

/// What the limit of open files has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Requests in flight at a time: as asked for, or fewer.
    pub jobs: usize,
    /// Runtimes that carry them.
    pub runtimes: usize,
    /// The idle connections that each runtime keeps beside those.
    pub pool: PoolLimits,
    /// How many names are looked up at a time.
    pub look_ups: LookUpLimits,
    /// The hard limit, if `jobs` had to be lowered because of it.
    pub limit: Option<u64>,
}

impl Fit {
    /// Returns how many descriptors the run takes in all. More are open only where slow answers keep
    /// pools alive.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        RESERVE + self.jobs + self.runtimes * self.pool.connections
    }

    /// Fits the look-ups to a limit of threads, which the user's other processes need, too.
    fn with_threads(mut self, limit: Option<u64>) -> Self {
        let share = limit.map_or(u64::MAX, |limit| limit / LOOKUP_SHARE);
        let share = usize::try_from(share).unwrap_or(usize::MAX);
        let LookUpLimits { at_once, threads } = &mut self.look_ups;
        *threads = (*threads).min(share).max(*at_once);
        self
    }
}

/// The smallest limit that a run can do with.
const LEAST: u64 = 24;

/// The limit of open files is too low for any run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit of open files is {0}: at least {LEAST} are needed; raise it with ulimit -n")]
pub struct FileLimitError(u64);

/// Raises the soft limit of open files to the hard one, and fits `jobs` and `runtimes` to it. `others` files
/// are open anyway, and `files` more for each job.
///
/// # Errors
///
/// The limit is too low for any run.
pub fn fit_jobs(
    jobs: usize,
    others: usize,
    files: usize,
    runtimes: usize,
) -> Result<Fit, FileLimitError> {
    match raise_open_file_limit() {
        Some(few) if few < LEAST => Err(FileLimitError(few)),
        limit => Ok(fit(jobs, others, files, limit, runtimes).with_threads(thread_limit())),
    }
}

/// Fits a run to `limit` descriptors. Each job needs its connection, an idle one and one that a replaced client still
/// holds, and `files` more.
fn fit(jobs: usize, others: usize, files: usize, limit: Option<u64>, runtimes: usize) -> Fit {
    let available = match limit {
        None => usize::MAX,
        Some(limit) => usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_sub(RESERVE + LOOKUPS * runtimes + others)
            .max(3 + files),
    };
    let fitted = jobs.min(available / (3 + files));
    let connections = available - fitted * files;
    let idle = connections - fitted;
    // One host can use as many as there are jobs. More help with many hosts.
    let share = fitted.max(MIN_IDLE).min((idle - fitted) / runtimes);
    // A replaced client still holds the connections of its requests in flight.
    let shares = (idle / (share * runtimes + fitted)).min(MAX_POOLS);
    if runtimes > 1 && (fitted < jobs || share < room(fitted, runtimes) || shares == 0) {
        return fit(jobs, others, files, limit, runtimes - 1);
    }
    // What a run with connections to every pool leaves.
    let open = fitted * files + fitted + (share * runtimes + fitted) * shares;
    let at_once = LOOKUPS * runtimes;
    let more = available.saturating_sub(open) / LOOKUP_FILES;
    Fit {
        jobs: fitted,
        runtimes,
        look_ups: LookUpLimits {
            at_once,
            threads: at_once.saturating_add(more).min(MAX_LOOKUPS),
        },
        pool: PoolLimits {
            connections: share,
            pools: shares,
        },
        limit: limit.filter(|_| fitted < jobs),
    }
}

/// How many of `requests` one of so many runtimes carries before others are asked:
/// more than its part, so that hosts can stay where their connections are.
pub(in crate::http) fn room(requests: usize, runtimes: usize) -> usize {
    match runtimes {
        0 | 1 => requests,
        _ => requests.saturating_mul(4).div_ceil(3 * runtimes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_idle_connections_fit_into_the_limit() {
        for (jobs, limit, asked, expected, runtimes, share, shares) in [
            (50, None, 1, 50, 1, 64, 4),
            (5_000, None, 1, 5_000, 1, 5_000, 4),
            (50, Some(1_048_576), 1, 50, 1, 64, 4),
            (50, Some(512), 1, 50, 1, 64, 3),
            (300, Some(1024), 1, 300, 1, 300, 1),
            (600, Some(1024), 1, 325, 1, 325, 1),
            (50, Some(64), 1, 5, 1, 6, 1),
            (1, Some(64), 1, 1, 1, 14, 1),
            (50, Some(8), 1, 1, 1, 1, 1),
            (50, None, 2, 50, 2, 64, 4),
            (5_000, None, 2, 5_000, 2, 5_000, 4),
            (5_000, Some(20_000), 2, 5_000, 2, 4_968, 1),
            (50, Some(512), 2, 50, 2, 64, 2),
            (50, Some(1_048_576), 4, 50, 4, 64, 4),
            (300, Some(1024), 4, 300, 1, 300, 1),
            (50, Some(64), 2, 5, 1, 6, 1),
        ] {
            let fit = fit(jobs, 0, 0, limit, asked);
            let pool = PoolLimits {
                connections: share,
                pools: shares,
            };
            let wanted = (expected, runtimes, pool);
            let fitted = (fit.jobs, fit.runtimes, fit.pool);
            assert_eq!(fitted, wanted, "{jobs} {limit:?} {asked}");
            assert_eq!(fit.limit.is_some(), expected < jobs);
            let open = fit.jobs + (share * runtimes + fit.jobs) * shares;
            assert!(
                limit.is_none_or(|limit| open as u64 <= limit.max(3)),
                "{jobs} {limit:?}"
            );
        }
        assert_eq!(super::fit(1000, 0, 1, Some(1024), 1).jobs, 244);
    }

    #[test]
    fn look_ups_fit_into_what_connections_leave_and_into_the_limit_of_threads() {
        for (jobs, files, threads, runtimes, expected) in [
            (50, None, None, 2, (32, 1_024)),
            (50, Some(1_048_576), Some(1_000_000), 2, (32, 1_024)),
            (50, Some(4_096), None, 1, (16, 1_024)),
            (50, Some(1_024), None, 1, (16, 172)),
            (50, Some(64), None, 1, (16, 16)),
            (50, None, Some(1_000), 2, (32, 250)),
            (50, None, Some(9), 2, (32, 32)),
        ] {
            let LookUpLimits { at_once, threads } = fit(jobs, 0, 0, files, runtimes)
                .with_threads(threads)
                .look_ups;
            assert_eq!((at_once, threads), expected, "{jobs} {files:?} {threads:?}");
        }
    }
}
