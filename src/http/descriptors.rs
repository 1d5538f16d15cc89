//! File descriptors: how many there are, and what fits into them.

use super::Pool;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Look-ups of names at a time, each in a thread of its own.
pub const LOOKUPS: usize = 16;

/// Kept for everything that is no connection: standard streams, sources, results, the event loop, look-ups.
const RESERVE: usize = 32 + LOOKUPS;

/// Idle connections that are worth their memory, however many descriptors there are.
const SHARE: usize = 64;

/// Pools that are kept alive for their slow answers, however many descriptors there are.
const SHARES: usize = 4;

/// What fits into the limit of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Requests on the wire at a time: as asked, or less.
    pub jobs: usize,
    /// Connections beside those: idle ones.
    pub pool: Pool,
    /// The hard limit, where it made `jobs` less than asked.
    pub limit: Option<u64>,
}

/// Fewer than this, and nothing runs.
const LEAST: u64 = 24;

/// So few files may be open that nothing runs.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("only {0} open files are allowed here, and {LEAST} is the least (ulimit -n)")]
pub struct TooFewFiles(u64);

/// Raises the soft limit of open files to the hard one and fits `jobs` to it, beside
/// `others` open files and `files` for each job.
///
/// # Errors
///
/// There is no room for anything.
pub fn fit_jobs(jobs: usize, others: usize, files: usize) -> Result<Fit, TooFewFiles> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    match current {
        Some(few) if few < LEAST => Err(TooFewFiles(few)),
        current => Ok(fit(jobs, others, files, current)),
    }
}

fn fit(jobs: usize, others: usize, files: usize, limit: Option<u64>) -> Fit {
    let available = match limit {
        None => usize::MAX,
        Some(limit) => usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_sub(RESERVE + others)
            .max(3 + files),
    };
    let fitted = jobs.min(available / (3 + files));
    let connections = available - fitted * files;
    // Requests that are under way when a share is used up go beyond it. A share under
    // `fitted` would be used up by a single host.
    let idle = connections - fitted;
    let share = fitted.max(SHARE).min(idle - fitted);
    Fit {
        jobs: fitted,
        pool: Pool {
            share,
            shares: (idle / (share + fitted)).min(SHARES),
        },
        limit: limit.filter(|_| fitted < jobs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_idle_connections_fit_into_the_limit() {
        for (jobs, limit, expected, share, shares) in [
            (50, None, 50, 64, 4),
            (5_000, None, 5_000, 5_000, 4),
            (50, Some(1_048_576), 50, 64, 4),
            (50, Some(512), 50, 64, 3),
            (300, Some(1024), 300, 300, 1),
            (600, Some(1024), 325, 325, 1),
            (50, Some(64), 5, 6, 1),
            (1, Some(64), 1, 14, 1),
            (50, Some(8), 1, 1, 1),
        ] {
            let fit = fit(jobs, 0, 0, limit);
            let pool = Pool { share, shares };
            assert_eq!((fit.jobs, fit.pool), (expected, pool), "{jobs} {limit:?}");
            assert_eq!(fit.limit.is_some(), expected < jobs);
            let open = fit.jobs + (share + fit.jobs) * shares;
            assert!(
                limit.is_none_or(|limit| open as u64 <= limit.max(3)),
                "{jobs} {limit:?}"
            );
        }
        assert_eq!(super::fit(1000, 0, 1, Some(1024)).jobs, 244);
    }
}
