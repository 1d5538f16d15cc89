//! File descriptors: how many there are, and what fits into them.

use super::Pool;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Look-ups of names at a time, each in a thread of its own.
pub const LOOKUPS: usize = 16;

/// Kept for everything that is no connection: standard streams, sources, results, the event loop, look-ups.
const RESERVE: usize = 32 + LOOKUPS;

/// Idle connections that are worth their memory, however many descriptors there are.
const IDLE: usize = 256;

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

/// Raises the soft limit of open files to the hard one and fits `jobs` to it, beside `sources` open files.
#[must_use]
pub fn fit_jobs(jobs: usize, sources: usize) -> Fit {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    fit(jobs, sources, current)
}

fn fit(jobs: usize, sources: usize, limit: Option<u64>) -> Fit {
    let connections = match limit {
        None => usize::MAX,
        Some(limit) => usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_sub(RESERVE + sources)
            .max(4),
    };
    // Half of them for the requests on the wire, half for idle ones.
    let fitted = jobs.min(connections / 2);
    let idle = fitted.saturating_mul(4).max(IDLE).min(connections - fitted);
    // A share under `fitted` would replace the client over and over for a single host.
    let share = (idle / 4).max(fitted.min(idle / 2));
    Fit {
        jobs: fitted,
        pool: Pool {
            share,
            shares: idle / share,
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
            (50, Some(512), 50, 64, 4),
            (300, Some(1024), 300, 300, 2),
            (600, Some(1024), 488, 244, 2),
            (50, Some(64), 8, 4, 2),
            (1, Some(64), 1, 3, 5),
            (50, Some(8), 2, 1, 2),
        ] {
            let fit = fit(jobs, 0, limit);
            let pool = Pool { share, shares };
            assert_eq!((fit.jobs, fit.pool), (expected, pool), "{jobs} {limit:?}");
            assert_eq!(fit.limit.is_some(), expected < jobs);
            let open = fit.jobs + fit.pool.share * fit.pool.shares;
            assert!(
                limit.is_none_or(|limit| open as u64 <= limit.max(4)),
                "{jobs} {limit:?}"
            );
        }
    }
}
