//! File descriptors: how many there are, and what fits into them.

use crate::http::Pool;
use crate::sys::raise_open_file_limit;

/// Look-ups of names at a time, each in a thread of its own.
pub const LOOKUPS: usize = 16;

/// Kept for everything that is no connection: standard streams, sources, results, event loops.
const RESERVE: usize = 32;

/// Idle connections that are worth their memory, however many descriptors there are.
const SHARE: usize = 64;

/// Pools that are kept alive for their slow answers, however many descriptors there are.
const SHARES: usize = 4;

/// What fits into the limit of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Requests on the wire at a time: as asked, or less.
    pub jobs: usize,
    /// Runtimes that carry them.
    pub runtimes: usize,
    /// Connections of each runtime beside those: idle ones.
    pub pool: Pool,
    /// The hard limit, where it made `jobs` less than asked.
    pub limit: Option<u64>,
}

impl Fit {
    /// How many descriptors the connections of a run take, and all else; more of them are open only
    /// where slow answers keep pools alive.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        RESERVE + self.jobs + self.runtimes * self.pool.share
    }
}

/// Fewer than this, and nothing runs.
const LEAST: u64 = 24;

/// So few files may be open that nothing runs.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("only {0} open files are allowed here, and {LEAST} is the least (ulimit -n)")]
pub struct FileLimitError(u64);

/// Raises the soft limit of open files to the hard one and fits `jobs` to it, beside
/// `others` open files and `files` for each job, and `runtimes` to carry them.
///
/// # Errors
///
/// There is no room for anything.
pub fn fit_jobs(
    jobs: usize,
    others: usize,
    files: usize,
    runtimes: usize,
) -> Result<Fit, FileLimitError> {
    match raise_open_file_limit() {
        Some(few) if few < LEAST => Err(FileLimitError(few)),
        limit => Ok(fit(jobs, others, files, limit, runtimes)),
    }
}

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
    // Less than its room would be used up by a single host; more serves more hosts.
    let share = fitted.max(SHARE).min((idle - fitted) / runtimes);
    // Requests that are under way when a share is used up go beyond it.
    let shares = (idle / (share * runtimes + fitted)).min(SHARES);
    if runtimes > 1 && (fitted < jobs || share < room(fitted, runtimes) || shares == 0) {
        return fit(jobs, others, files, limit, runtimes - 1);
    }
    Fit {
        jobs: fitted,
        runtimes,
        pool: Pool { share, shares },
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
            let pool = Pool { share, shares };
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
        assert_eq!(
            crate::http::connect::descriptors::fit(1000, 0, 1, Some(1024), 1).jobs,
            244
        );
    }
}
