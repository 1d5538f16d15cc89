//! Jobs that wait: for a slot, for their host, or for a back-off. They hold no slot.
//!
//! Memory has room for [`LOOK_AHEAD`] of them. Of inputs past that, only the place in the list is kept: they are parked, and
//! recalled when their turn comes near.

mod parking;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;
use tokio_util::time::DelayQueue;
use url::Position;

use super::host_id::{HostId, HostIndex};
use super::host_queue::{Class, HostQueue, Turn};
use super::host_state::{HostPolicy, Readiness};
use super::job::{Job, Sent};
use super::parked::Parked;
use super::reachability::{Change, Reachability};
use super::retry::MAX_TIMER;
use super::signal::Signal;
use crate::input::ParkedInput;
use crate::model::error::Failure;
use crate::model::hold_up::{HoldUp, Obstacle};

/// The number of jobs that may wait in memory. Where inputs past that cannot be parked, no more are taken:
/// what is behind them in the list waits, too.
pub(super) const LOOK_AHEAD: usize = 4_096;

/// The number of hosts that a message names.
const NAMED_HOSTS: usize = 3;

/// How often jobs are looked for that have waited so long that they come first.
const AGING: Duration = Duration::from_secs(1);

/// Queues of jobs by host, and the timers of back-offs.
pub(super) struct WaitingJobs {
    policy: HostPolicy,
    /// Hosts with a job that waits or is in flight, and hosts of which something is known that matters later.
    hosts: Slab<HostQueue>,
    indices: HashMap<HostId, HostIndex>,
    /// The origin of the last job that was queued: many in a row have the same.
    recent: Option<RecentOrigin>,
    /// What is known of hosts that are in `hosts` no more.
    remembered: HashMap<HostId, Reachability>,
    /// Hosts that have a job and can be sent it now. The last one comes first.
    ready: VecDeque<Turn>,
    /// Hosts that are down.
    down: Vec<HostIndex>,
    timers: DelayQueue<Timer>,
    next_aging: Instant,
    /// With `--ordered`, new jobs from this position on are not sent.
    send_before: Option<u64>,
    /// The jobs in memory.
    len: usize,
    /// Those of them that were started: retries, and what was redirected.
    started: usize,
    /// Whether the last input for which memory had no room could not be parked.
    cannot_park: bool,
    parked: Parked,
    /// Hosts whose parked inputs are to be recalled.
    recalls: Vec<HostIndex>,
}

/// An origin, and its host in the table of hosts.
#[derive(Default)]
struct RecentOrigin {
    origin: String,
    host: HostIndex,
}

/// What waited when the run was stopped.
pub(super) struct Drained {
    /// In the order of the input.
    pub(super) jobs: VecDeque<Box<Job>>,
    /// Parked inputs whose lines are in the temporary file, in the order of the input.
    pub(super) spilled: VecDeque<ParkedInput>,
    /// The number of parked inputs that can be read again in the next run.
    pub(super) unread: u64,
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

enum Timer {
    /// Ends the back-off of a job, which is for this host.
    Backoff(HostIndex, Box<Job>),
    /// Looks whether a host is ready.
    Host(HostIndex),
}

impl WaitingJobs {
    /// Creates the queues of a run. With `send_before`, new jobs from this position on are not sent.
    pub(super) fn new(policy: HostPolicy, send_before: Option<u64>) -> Self {
        Self {
            policy,
            hosts: Slab::new(),
            indices: HashMap::new(),
            recent: None,
            remembered: HashMap::new(),
            ready: VecDeque::new(),
            down: Vec::new(),
            timers: DelayQueue::new(),
            next_aging: Instant::now() + AGING,
            send_before,
            len: 0,
            started: 0,
            cannot_park: false,
            parked: Parked::default(),
            recalls: Vec::new(),
        }
    }

    /// Sends no new job from `position` on.
    pub(super) fn send_before(&mut self, position: u64) {
        self.send_before = Some(position);
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len + self.parked.len() == 0
    }

    /// Returns how many jobs wait in memory.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns how many inputs wait for something else than a slot: all of them while a slot `is_free`, and those that are
    /// tried again.
    pub(super) fn held_up(&self, is_free: bool) -> usize {
        if is_free {
            self.len + self.parked.len()
        } else {
            self.started
        }
    }

    /// Whether so many jobs that were started wait that no new ones can be sent: they cannot be parked.
    pub(super) fn is_backlogged(&self) -> bool {
        self.started >= LOOK_AHEAD
    }

    /// Returns the host that is down and has most jobs that were started, if some has.
    pub(super) fn most_started_of_down(&self) -> Option<HostIndex> {
        let started = |host: HostIndex| self.hosts[host].started;
        let most = self.down.iter().copied().max_by_key(|&host| started(host));
        most.filter(|&host| started(host) > 0)
    }

    /// Whether some job can be sent now among these.
    pub(super) fn has_ready(&self, among: Among) -> bool {
        self.next_host(among).is_some()
    }

    fn next_host(&self, among: Among) -> Option<HostIndex> {
        let is_started = |turn: &&Turn| {
            let next = self.hosts[turn.host].jobs.front();
            next.is_some_and(|job| job.is_started())
        };
        let is_proven = |turn: &&Turn| among == Among::All || turn.class != Class::Unproven;
        let first = match (among, self.send_before) {
            (Among::Started, _) => self.ready.iter().rev().find(is_started),
            (_, None) => self.ready.back().filter(is_proven),
            (_, Some(limit)) => {
                let mut turns = self.ready.iter().rev().take_while(is_proven);
                turns.find(|turn| turn.position < limit || is_started(turn))
            }
        };
        first.map(|turn| turn.host)
    }

    /// Whether everything that waits, and there is something, waits for hosts that are down, where no job can be sent
    /// now. What `--ordered` holds back waits for them, too.
    pub(super) fn only_down(&self) -> bool {
        let all = self.len + self.parked.len();
        let down = || {
            let of_host = |&host: &HostIndex| {
                let queue = &self.hosts[host];
                queue.len() + queue.backoffs.len()
            };
            self.down.iter().map(of_host).sum::<usize>()
        };
        let held_back = || {
            let queues = self.ready.iter().map(|turn| &self.hosts[turn.host]);
            let up = queues.filter(|queue| !queue.state.is_down());
            up.map(|queue| queue.jobs.len()).sum::<usize>()
        };
        !self.down.is_empty() && all > 0 && all == down() + held_back()
    }

    /// Lets one probe through to each host that is down and has jobs: nothing else is left to do.
    pub(super) fn probe_last(&mut self, now: Instant) {
        for host in self.down.clone() {
            let queue = &mut self.hosts[host];
            if queue.len() > 0 {
                queue.state.probe_last(now);
                self.update(host, now);
            }
        }
    }

    /// Describes what most of the jobs wait for while `in_flight` requests are in flight. `None` if some can be sent.
    pub(super) fn hold_up(&self, in_flight: usize) -> Option<HoldUp> {
        let now = Instant::now();
        let mut by_obstacle = BTreeMap::<Obstacle, Vec<&HostQueue>>::new();
        for (_, queue) in self.hosts.iter().filter(|(_, queue)| queue.len() > 0) {
            let obstacle = queue.state.obstacle(self.policy, now)?;
            by_obstacle.entry(obstacle).or_default().push(queue);
        }
        let waiting = |queues: &[&HostQueue]| queues.iter().map(|queue| queue.len()).sum();
        let most = by_obstacle
            .into_iter()
            .map(|(obstacle, queues)| (waiting(&queues), obstacle, queues));
        let (waiting, obstacle, mut queues) =
            most.max_by_key(|(waiting, ..): &(usize, _, _)| *waiting)?;
        queues.sort_by_key(|queue| Reverse(queue.len()));
        Some(HoldUp {
            in_flight,
            jobs: self.policy.jobs,
            obstacle,
            waiting,
            hosts: queues.len(),
            names: queues
                .iter()
                .filter_map(|queue| queue.name())
                .take(NAMED_HOSTS)
                .collect(),
        })
    }

    /// Describes jobs that wait for the rate of the run while `in_flight` requests are in flight.
    pub(super) fn hold_up_by_rate(&self, in_flight: usize) -> HoldUp {
        HoldUp {
            in_flight,
            jobs: self.policy.jobs,
            obstacle: Obstacle::Rate,
            waiting: self.len + self.parked.len(),
            hosts: 0,
            names: Vec::new(),
        }
    }

    /// Handles the timers that have expired, and registers the task for the next one.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(expired)) = self.timers.poll_expired(cx) {
            let key = expired.key();
            match expired.into_inner() {
                Timer::Backoff(host, job) => {
                    self.hosts[host].backoffs.remove(&key);
                    self.len -= 1;
                    self.started -= 1;
                    self.push(job);
                }
                Timer::Host(host) => {
                    self.hosts[host].timer = None;
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
                if queue.started > 0 {
                    queue.started -= 1;
                    self.started -= 1;
                }
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
        let others = self.ready.iter().filter(|turn| turn.class != Class::First);
        let hosts: Vec<_> = others.map(|turn| turn.host).collect();
        for host in hosts {
            self.update(host, now);
        }
    }

    /// Queues a job at its host: a new one behind those that wait there already, one that was started before the new ones,
    /// which come later in the list.
    pub(super) fn push(&mut self, job: Box<Job>) {
        self.started += usize::from(job.is_started());
        self.enqueue(job, |queue, job| {
            if job.is_started() {
                queue.jobs.insert(queue.started, job);
                queue.started += 1;
            } else {
                queue.jobs.push_back(job);
            }
        });
    }

    /// Queues a job that was redirected at its host, before all others that were not.
    pub(super) fn push_redirected(&mut self, job: Box<Job>) {
        self.started += 1;
        self.enqueue(job, |queue, job| {
            queue.jobs.insert(queue.redirected, job);
            queue.redirected += 1;
            queue.started += 1;
        });
    }

    fn enqueue(&mut self, mut job: Box<Job>, insert: impl FnOnce(&mut HostQueue, Box<Job>)) {
        let now = Instant::now();
        let host = self.host_of(&job);
        job.queued_at = Some(now);
        self.len += 1;
        insert(&mut self.hosts[host], job);
        self.update(host, now);
    }

    /// Queues a job when this back-off is over.
    pub(super) fn push_after(&mut self, job: Box<Job>, backoff: Duration) {
        self.len += 1;
        self.started += 1;
        let host = self.host_of(&job);
        let timer = Timer::Backoff(host, job);
        let key = self.timers.insert(timer, backoff.min(MAX_TIMER));
        self.hosts[host].backoffs.insert(key);
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
            Some(Change::CameBack) => {
                self.down.retain(|&down| down != host);
                self.hosts[host].given_up = None;
            }
            Some(Change::GivenUp(_)) | None => {}
        }
        self.update(host, now);
        change
    }

    /// Gives up what waits for this host, because of `failure`. Returns the jobs in memory; parked inputs follow as they
    /// are recalled.
    pub(super) fn give_up(&mut self, host: HostIndex, failure: &Failure) -> VecDeque<Box<Job>> {
        let queue = &mut self.hosts[host];
        let mut jobs = std::mem::take(&mut queue.jobs);
        self.started -= queue.started + queue.backoffs.len();
        (queue.redirected, queue.started) = (0, 0);
        for key in queue.backoffs.drain() {
            if let Timer::Backoff(_, job) = self.timers.remove(&key).into_inner() {
                jobs.push_back(job);
            }
        }
        queue.given_up = queue.has_parked().then(|| failure.clone());
        self.len -= jobs.len();
        self.update(host, Instant::now());
        jobs
    }

    /// Removes everything.
    pub(super) fn drain(&mut self) -> Drained {
        let mut jobs = VecDeque::new();
        let mut parked = Vec::new();
        for (_, queue) in &mut self.hosts {
            jobs.append(&mut queue.jobs);
            parked.extend(queue.parked.drain(..));
            (queue.redirected, queue.started) = (0, 0);
            queue.turn = None;
            queue.timer = None;
            queue.is_listed_for_recall = false;
            queue.backoffs.clear();
        }
        self.ready.clear();
        self.recalls.clear();
        while let Some(key) = self.timers.peek() {
            if let Timer::Backoff(_, job) = self.timers.remove(&key).into_inner() {
                jobs.push_back(job);
            }
        }
        (self.len, self.started) = (0, 0);
        self.parked.clear();
        jobs.make_contiguous().sort_by_key(|job| job.input.position);
        let (mut spilled, unread): (Vec<_>, Vec<_>) =
            parked.into_iter().partition(ParkedInput::is_spilled);
        spilled.sort_by_key(ParkedInput::position);
        Drained {
            jobs,
            spilled: spilled.into(),
            unread: unread.len() as u64,
        }
    }

    /// Returns the host that `job` is sent to next.
    fn host_of(&mut self, job: &Job) -> HostIndex {
        let Some(url) = job.next_url() else {
            return self.index_of(HostId::default());
        };
        let origin = &url[..Position::AfterPort];
        if let Some(recent) = &self.recent
            && recent.origin == origin
        {
            return recent.host;
        }
        let host = self.index_of(HostId::of(url));
        let recent = self.recent.get_or_insert_default();
        recent.origin.clear();
        recent.origin.push_str(origin);
        recent.host = host;
        host
    }

    fn index_of(&mut self, id: HostId) -> HostIndex {
        *self.indices.entry(id).or_insert_with(|| {
            let known = self.remembered.remove(&id).unwrap_or_default();
            self.hosts.insert(HostQueue::new(id, known))
        })
    }

    /// Updates the queues after a change at a host: lists it as ready, starts its timer, or removes it
    /// where nothing is left to know of it.
    fn update(&mut self, host: HostIndex, now: Instant) {
        let queue = &mut self.hosts[host];
        let readiness = queue.state.readiness(self.policy, now);
        if let Readiness::NotBefore(at) = readiness {
            let at = at.min(now + MAX_TIMER);
            match &mut queue.timer {
                Some((key, due)) if at < *due => {
                    self.timers.reset_at(key, at);
                    *due = at;
                }
                Some(_) => {}
                None => {
                    let key = self.timers.insert_at(Timer::Host(host), at);
                    queue.timer = Some((key, at));
                }
            }
        }
        let turn = queue.turn(host, readiness, now);
        let before = std::mem::replace(&mut queue.turn, turn);
        let is_forgettable =
            queue.is_unused() && queue.timer.is_none() && queue.state.is_forgettable();
        if before != turn {
            self.relist(before, turn);
        }
        if !self.parked.is_empty() {
            self.list_for_recall(host, readiness);
        }
        if is_forgettable {
            let queue = self.hosts.remove(host);
            self.indices.remove(&queue.id);
            self.recent.take_if(|recent| recent.host == host);
            if let Some(known) = queue.state.into_memory() {
                self.remembered.insert(queue.id, known);
            }
        }
    }

    /// Replaces the entry of a host in `ready`.
    fn relist(&mut self, before: Option<Turn>, turn: Option<Turn>) {
        if let Some(before) = before {
            let place = self.ready.partition_point(|other| *other > before);
            self.ready.remove(place);
        }
        if let Some(turn) = turn {
            let place = self.ready.partition_point(|other| *other > turn);
            self.ready.insert(place, turn);
        }
    }
}
