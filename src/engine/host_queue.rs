//! What waits for one host, and its turn among the hosts.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::time::delay_queue::Key;
use url::Position;

use super::host_id::{HostId, HostIndex};
use super::host_state::{HostState, Readiness};
use super::job::Job;
use super::reachability::Reachability;
use crate::input::ParkedInput;
use crate::model::error::Failure;

/// How long a job waits at most while other hosts have fewer requests in flight.
const MAX_TURN: Duration = Duration::from_secs(30);

/// What waits for one host: jobs first, then the inputs that are parked.
pub(super) struct HostQueue {
    pub(super) id: HostId,
    pub(super) jobs: VecDeque<Box<Job>>,
    /// How many of the first jobs were redirected.
    pub(super) redirected: usize,
    /// How many of the first jobs were started: those, and retries.
    pub(super) started: usize,
    pub(super) parked: VecDeque<ParkedInput>,
    /// How many parked inputs are on their way back into memory.
    pub(super) recalled: usize,
    /// Whether the host is listed for a recall.
    pub(super) is_listed_for_recall: bool,
    /// Why the parked inputs are given up.
    pub(super) given_up: Option<Failure>,
    pub(super) state: HostState,
    /// The timers of jobs that wait for a back-off before they are queued here.
    pub(super) backoffs: HashSet<Key>,
    /// The entry in the list of hosts that are ready.
    pub(super) turn: Option<Turn>,
    /// The timer of the host, and when it fires.
    pub(super) timer: Option<(Key, Instant)>,
}

/// Decides which host comes first: the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) class: Class,
    in_flight: usize,
    /// The position in the list of the job that is next at the host.
    pub(super) position: u64,
    pub(super) host: HostIndex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The next job was redirected, or has waited for [`MAX_TURN`].
    First,
    /// Which host comes first depends on how many requests it has in flight.
    Fair,
    /// The host gets no more slots while other hosts could use them.
    Unproven,
}

impl HostQueue {
    pub(super) fn new(id: HostId, known: Reachability) -> Self {
        Self {
            id,
            jobs: VecDeque::new(),
            redirected: 0,
            started: 0,
            parked: VecDeque::new(),
            recalled: 0,
            is_listed_for_recall: false,
            given_up: None,
            state: HostState::new(known),
            backoffs: HashSet::new(),
            turn: None,
            timer: None,
        }
    }

    /// Returns how many inputs wait for the host, in memory or not.
    pub(super) fn len(&self) -> usize {
        self.jobs.len() + self.parked.len() + self.recalled
    }

    /// Whether nothing waits for the host, and nothing will after a back-off.
    pub(super) fn is_unused(&self) -> bool {
        self.len() == 0 && self.backoffs.is_empty()
    }

    /// Returns the name of the host, if a job that waits tells it.
    pub(super) fn name(&self) -> Option<String> {
        let url = self.jobs.front()?.next_url()?;
        Some(url[Position::BeforeHost..Position::AfterPort].to_owned())
    }

    /// Whether some of them are not in memory.
    pub(super) fn has_parked(&self) -> bool {
        !self.parked.is_empty() || self.recalled > 0
    }

    /// Returns the entry in the list of hosts that are ready, if the host has a job that can be sent.
    pub(super) fn turn(&self, host: HostIndex, readiness: Readiness, now: Instant) -> Option<Turn> {
        let next = self.jobs.front()?;
        let is_old = || {
            let queued = next.queued_at;
            queued.is_some_and(|queued| now.saturating_duration_since(queued) >= MAX_TURN)
        };
        let class = match readiness {
            Readiness::Ready if self.redirected > 0 || is_old() => Class::First,
            Readiness::Unproven if self.state.in_flight() == 0 && is_old() => Class::First,
            Readiness::Ready => Class::Fair,
            Readiness::Unproven => Class::Unproven,
            Readiness::NotBefore(_) | Readiness::Full => return None,
        };
        Some(Turn {
            class,
            in_flight: self.state.in_flight(),
            position: next.input.position,
            host,
        })
    }
}
