//! Jobs that wait: for a slot, for their host, or for a back-off. They hold no slot.

use std::collections::{HashMap, HashSet, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;
use tokio_util::time::DelayQueue;

use super::host_id::{HostId, HostIndex};
use super::host_state::{HostPolicy, HostState, Readiness};
use super::job::{Job, Sent};
use super::reachability::Change;
use super::retry::MAX_TIMER;
use super::signal::Signal;

/// How long a job waits at most while other hosts have fewer requests in flight.
const MAX_TURN: Duration = Duration::from_secs(30);

/// How often jobs that wait for longer than [`MAX_TURN`] are looked for.
const AGING: Duration = Duration::from_secs(1);

/// Queues of jobs by host, and the timers of back-offs.
pub(super) struct WaitingJobs {
    policy: HostPolicy,
    /// Hosts with a job that waits or is in flight, and hosts of which something is known that matters later.
    hosts: Slab<HostQueue>,
    indices: HashMap<HostId, HostIndex>,
    /// Hosts that answered and are in `hosts` no more.
    answered: HashSet<HostId>,
    /// Hosts that have a job and can be sent it now. The last one comes first.
    ready: Vec<Turn>,
    /// Hosts that are down.
    down: Vec<HostIndex>,
    timers: DelayQueue<Timer>,
    next_aging: Instant,
    len: usize,
}

/// Decides which host comes first: the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    class: Class,
    in_flight: usize,
    /// The position in the list of the job that is next at the host.
    position: u64,
    host: HostIndex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// The next job was redirected, or has waited for [`MAX_TURN`].
    First,
    Fair,
    /// The host gets no more slots while other hosts could use them.
    Unproven,
}

/// Which jobs may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    /// Those of hosts that have answered enough.
    Proven,
    /// All: nobody else could use the slot.
    All,
    /// Those of which an attempt was started.
    Started,
}

struct HostQueue {
    id: HostId,
    jobs: VecDeque<Box<Job>>,
    /// How many of the first jobs were redirected.
    redirected: usize,
    state: HostState,
    /// Its entry in `ready`.
    turn: Option<Turn>,
    /// Whether a timer of the host runs.
    has_timer: bool,
}

enum Timer {
    /// Ends the back-off of a job.
    Backoff(Box<Job>),
    /// Looks whether a host is ready.
    Host(HostIndex),
}

impl WaitingJobs {
    pub(super) fn new(policy: HostPolicy) -> Self {
        Self {
            policy,
            hosts: Slab::new(),
            indices: HashMap::new(),
            answered: HashSet::new(),
            ready: Vec::new(),
            down: Vec::new(),
            timers: DelayQueue::new(),
            next_aging: Instant::now() + AGING,
            len: 0,
        }
    }

    /// Returns how many jobs wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether some job can be sent now among these.
    pub(super) fn has_ready(&self, among: Among) -> bool {
        self.next_host(among).is_some()
    }

    fn next_host(&self, among: Among) -> Option<HostIndex> {
        let first = match among {
            Among::All => self.ready.last(),
            Among::Proven => self
                .ready
                .last()
                .filter(|first| first.class != Class::Unproven),
            Among::Started => self.ready.iter().rev().find(|turn| {
                let next = self.hosts[turn.host].jobs.front();
                next.is_some_and(|job| job.is_started())
            }),
        };
        first.map(|turn| turn.host)
    }

    /// Whether every job that waits, and there are some, waits for a host that is down.
    pub(super) fn only_parked(&self) -> bool {
        let parked = || self.down.iter().map(|&host| self.hosts[host].jobs.len());
        !self.down.is_empty() && self.len > 0 && self.len == parked().sum::<usize>()
    }

    /// Lets one probe through to each host that is down and has jobs: nothing else is left to do.
    pub(super) fn probe_last(&mut self, now: Instant) {
        for host in self.down.clone() {
            let queue = &mut self.hosts[host];
            if !queue.jobs.is_empty() {
                queue.state.probe_last(now);
                self.update(host, now);
            }
        }
    }

    /// Handles the timers that have expired, and registers the task for the next one.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(expired)) = self.timers.poll_expired(cx) {
            match expired.into_inner() {
                Timer::Backoff(job) => {
                    self.len -= 1;
                    self.push(job);
                }
                Timer::Host(host) => {
                    self.hosts[host].has_timer = false;
                    self.update(host, Instant::now());
                }
            }
        }
    }

    /// Removes the next job that can be sent now, and counts it as in flight at its host.
    pub(super) fn pop(&mut self, among: Among) -> Option<Box<Job>> {
        let now = Instant::now();
        self.age(now);
        while let Some(host) = self.next_host(among) {
            let queue = &mut self.hosts[host];
            // The time since the host was listed can have changed it.
            if matches!(
                queue.state.readiness(self.policy, now),
                Readiness::Ready | Readiness::Unproven
            ) && let Some(mut job) = queue.jobs.pop_front()
            {
                self.len -= 1;
                queue.redirected = queue.redirected.saturating_sub(1);
                queue.state.start(self.policy, now);
                job.sent = Some(Sent { host, at: now });
                self.update(host, now);
                return Some(job);
            }
            self.update(host, now);
        }
        None
    }

    /// Moves hosts to the front whose next job has waited for too long.
    fn age(&mut self, now: Instant) {
        if now < self.next_aging {
            return;
        }
        self.next_aging = now + AGING;
        let fair = self.ready.iter().filter(|turn| turn.class == Class::Fair);
        let hosts: Vec<_> = fair.map(|turn| turn.host).collect();
        for host in hosts {
            self.update(host, now);
        }
    }

    /// Queues a job at its host, behind those that wait there already.
    pub(super) fn push(&mut self, job: Box<Job>) {
        self.enqueue(job, |queue, job| queue.jobs.push_back(job));
    }

    /// Queues a job that was redirected at its host, before all others that were not.
    pub(super) fn push_redirected(&mut self, job: Box<Job>) {
        self.enqueue(job, |queue, job| {
            queue.jobs.insert(queue.redirected, job);
            queue.redirected += 1;
        });
    }

    fn enqueue(&mut self, mut job: Box<Job>, insert: impl FnOnce(&mut HostQueue, Box<Job>)) {
        let now = Instant::now();
        let host = self.index_of(job.next_host());
        job.queued_at = Some(now);
        self.len += 1;
        insert(&mut self.hosts[host], job);
        self.update(host, now);
    }

    /// Queues a job when this back-off is over.
    pub(super) fn push_after(&mut self, job: Box<Job>, backoff: Duration) {
        self.len += 1;
        self.timers
            .insert(Timer::Backoff(job), backoff.min(MAX_TIMER));
    }

    /// Whether `job` would have to wait for its host.
    pub(super) fn must_wait(&self, job: &Job) -> bool {
        self.indices.get(&job.next_host()).is_some_and(|&host| {
            let queue = &self.hosts[host];
            let readiness = queue.state.readiness(self.policy, Instant::now());
            !queue.jobs.is_empty() || !matches!(readiness, Readiness::Ready | Readiness::Unproven)
        })
    }

    /// Holds all requests to this host back for the duration of `pause`.
    pub(super) fn pause_host(&mut self, host: HostId, pause: Duration) {
        let now = Instant::now();
        let host = self.index_of(host);
        let until = now + pause.min(MAX_TIMER);
        self.hosts[host].state.pause_until(until);
        self.update(host, now);
    }

    /// Counts a request that ended; `signal` is what that told about its host.
    pub(super) fn finish(&mut self, sent: Sent, signal: Signal) -> Option<Change> {
        let Sent { host, at } = sent;
        let now = Instant::now();
        let change = self.hosts[host].state.finish(signal, at, self.policy, now);
        match change {
            Some(Change::WentDown(_)) => self.down.push(host),
            Some(Change::CameBack) => self.down.retain(|&down| down != host),
            Some(Change::GivenUp(_)) | None => {}
        }
        self.update(host, now);
        change
    }

    /// Removes every job that waits for this host.
    pub(super) fn drain_host(&mut self, host: HostIndex) -> VecDeque<Box<Job>> {
        let queue = &mut self.hosts[host];
        let jobs = std::mem::take(&mut queue.jobs);
        queue.redirected = 0;
        self.len -= jobs.len();
        self.update(host, Instant::now());
        jobs
    }

    /// Removes every job, in the order of the input.
    pub(super) fn drain(&mut self) -> VecDeque<Box<Job>> {
        let mut jobs = VecDeque::new();
        for (_, queue) in &mut self.hosts {
            jobs.append(&mut queue.jobs);
            queue.redirected = 0;
            queue.turn = None;
        }
        self.ready.clear();
        while let Some(key) = self.timers.peek() {
            if let Timer::Backoff(job) = self.timers.remove(&key).into_inner() {
                jobs.push_back(job);
            }
        }
        self.len = 0;
        jobs.make_contiguous().sort_by_key(|job| job.input.position);
        jobs
    }

    fn index_of(&mut self, id: HostId) -> HostIndex {
        *self.indices.entry(id).or_insert_with(|| {
            let has_answered = self.answered.contains(&id);
            self.hosts.insert(HostQueue {
                id,
                jobs: VecDeque::new(),
                redirected: 0,
                state: HostState::new(has_answered),
                turn: None,
                has_timer: false,
            })
        })
    }

    /// Updates the queues after a change at a host: lists it as ready, starts its timer, or removes it
    /// where nothing is left to know of it.
    fn update(&mut self, host: HostIndex, now: Instant) {
        let queue = &mut self.hosts[host];
        let readiness = queue.state.readiness(self.policy, now);
        if let Readiness::NotBefore(at) = readiness
            && !std::mem::replace(&mut queue.has_timer, true)
        {
            let at = at.min(now + MAX_TIMER);
            self.timers.insert_at(Timer::Host(host), at);
        }
        let turn = queue.turn(host, readiness, now);
        let before = std::mem::replace(&mut queue.turn, turn);
        let is_forgettable =
            queue.jobs.is_empty() && !queue.has_timer && queue.state.is_forgettable();
        if before != turn {
            self.relist(before, turn);
        }
        if is_forgettable {
            let queue = self.hosts.remove(host);
            self.indices.remove(&queue.id);
            if queue.state.has_answered() {
                self.answered.insert(queue.id);
            }
        }
    }

    /// Replaces the entry of a host in `ready`.
    fn relist(&mut self, before: Option<Turn>, turn: Option<Turn>) {
        let place = |ready: &[Turn], turn: Turn| ready.partition_point(|other| *other > turn);
        if let Some(before) = before {
            self.ready.remove(place(&self.ready, before));
        }
        if let Some(turn) = turn {
            self.ready.insert(place(&self.ready, turn), turn);
        }
    }
}

impl HostQueue {
    /// Returns the entry in `ready`, if the host has a job that can be sent.
    fn turn(&self, host: HostIndex, readiness: Readiness, now: Instant) -> Option<Turn> {
        let next = self.jobs.front()?;
        let is_old = || {
            let queued = next.queued_at;
            queued.is_some_and(|queued| now.saturating_duration_since(queued) >= MAX_TURN)
        };
        let class = match readiness {
            Readiness::Ready if self.redirected > 0 || is_old() => Class::First,
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
