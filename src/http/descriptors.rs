//! File descriptors: how many there are, and what fits into them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for everything that is no connection: standard streams, sources, results, the event loop, a look-up's files.
const RESERVE: usize = 32;

/// Idle connections that are worth their memory, however many descriptors there are.
const IDLE: usize = 256;

/// What fits into the limit of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Requests on the wire at a time: as asked, or less.
    pub jobs: usize,
    /// Connections opened before the idle ones are closed.
    pub pool: usize,
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
    let pool = |jobs: usize| jobs.saturating_mul(2).max(IDLE);
    let Some(limit) = limit else {
        return Fit {
            jobs,
            pool: pool(jobs),
            limit: None,
        };
    };
    let connections = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_sub(RESERVE + sources)
        .max(2);
    // Half of them for the requests on the wire, half for idle ones.
    let fitted = jobs.min(connections / 2);
    Fit {
        jobs: fitted,
        pool: pool(fitted).min(connections - fitted),
        limit: (fitted < jobs).then_some(limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_idle_connections_fit_into_the_limit() {
        for (jobs, limit, expected, pool) in [
            (50, None, 50, 256),
            (5_000, None, 5_000, 10_000),
            (50, Some(1_048_576), 50, 256),
            (50, Some(512), 50, 256),
            (300, Some(1024), 300, 600),
            (600, Some(1024), 496, 496),
            (50, Some(64), 16, 16),
            (1, Some(64), 1, 31),
            (50, Some(8), 1, 1),
        ] {
            let fit = fit(jobs, 0, limit);
            assert_eq!((fit.jobs, fit.pool), (expected, pool), "{jobs} {limit:?}");
            assert_eq!(fit.limit.is_some(), expected < jobs);
        }
    }
}
