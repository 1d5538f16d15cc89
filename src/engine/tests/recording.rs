//! What happened in a simulated run.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::error::Kind;
use crate::model::event::RunEnd;
use crate::model::hold_up::HoldUp;
use crate::model::outcome::Verdict;

/// The start of one exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) page: usize,
    pub(super) host: usize,
    /// Since the start of the run.
    pub(super) at: Duration,
}

/// The outcome of one input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) index: u64,
    pub(super) verdict: Verdict,
    pub(super) error: Option<Kind>,
    pub(super) attempts: usize,
    /// Since the start of the run.
    pub(super) at: Duration,
}

/// What happened in a run.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) inputs: usize,
    pub(super) starts: Vec<Start>,
    /// In the order in which the engine reported them.
    pub(super) done: Vec<Done>,
    pub(super) hold_ups: Vec<HoldUp>,
    pub(super) most_in_flight: usize,
    pub(super) end: RunEnd,
    pub(super) elapsed: Duration,
}

impl Recording {
    pub(super) fn count(&self, verdict: Verdict) -> usize {
        let done = self.done.iter();
        done.filter(|done| done.verdict == verdict).count()
    }

    /// Returns how many inputs ended with this kind of error.
    pub(super) fn errors(&self, kind: Kind) -> usize {
        let done = self.done.iter();
        done.filter(|done| done.error == Some(kind)).count()
    }

    /// The indices of the inputs, in the order in which they were done.
    pub(super) fn order(&self) -> Vec<u64> {
        self.done.iter().map(|done| done.index).collect()
    }

    /// Whether every input has exactly one outcome.
    pub(super) fn has_each_input_once(&self) -> bool {
        let mut indices = self.order();
        indices.sort_unstable();
        indices.into_iter().eq(0..self.inputs as u64)
    }

    /// The outcome of one input.
    pub(super) fn outcome(&self, index: u64) -> Done {
        *self.done.iter().find(|done| done.index == index).unwrap()
    }

    /// When the last of these inputs was done.
    pub(super) fn last_done(&self, indices: impl IntoIterator<Item = u64>) -> Duration {
        let times = indices.into_iter().map(|index| self.outcome(index).at);
        times.max().unwrap()
    }

    /// The most inputs at a time that were started and not done.
    pub(super) fn most_unfinished(&self) -> usize {
        let mut started: HashMap<usize, Duration> = HashMap::new();
        for start in &self.starts {
            started.entry(start.page).or_insert(start.at);
        }
        let begins = started.into_values().map(|at| (at, 1));
        let started = |done: &&Done| done.attempts > 0;
        let ends = self.done.iter().filter(started).map(|done| (done.at, -1));
        let mut changes: Vec<(Duration, isize)> = begins.chain(ends).collect();
        changes.sort_unstable();
        let mut unfinished = 0;
        let counts = changes.into_iter().map(|(_, change)| {
            unfinished += change;
            unfinished
        });
        counts.max().unwrap_or_default().unsigned_abs()
    }

    /// When each exchange with `host` started.
    pub(super) fn starts_at(&self, host: usize) -> Vec<Duration> {
        let starts = self.starts.iter().filter(|start| start.host == host);
        starts.map(|start| start.at).collect()
    }
}
