//! What waits and holds no slot: for a host's turn, for its rest, for a back-off.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::time::DelayQueue;

use super::host::Host;
use super::job::Job;
use super::options::PerHost;
use super::pace::Pace;

/// Timers take no longer waits. Whoever waits this long looks again, or is done waiting.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Jobs by host, in the order they came, and those that wait for a time.
pub(super) struct WaitingJobs {
    per_host: PerHost,
    /// Hosts that something waits for, is on the wire to, or that rest.
    lanes: HashMap<Host, Lane>,
    /// Hosts that have a job and a turn for it, the one that waits longest first.
    ready: VecDeque<Host>,
    /// Jobs that nothing holds back.
    free: VecDeque<Box<Job>>,
    timers: DelayQueue<Due>,
    jobs: usize,
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<Box<Job>>,
    in_flight: usize,
    pace: Option<Pace>,
    rests_until: Option<Instant>,
    /// It stands in `ready`.
    listed: bool,
    /// A timer will look at it.
    timed: bool,
}

enum Due {
    /// The back-off of this job is over.
    Job(Box<Job>),
    /// This host may have a turn.
    Lane(Host),
}

impl Lane {
    /// When it has a turn as far as time is concerned; `None` is now.
    fn opens(&self, now: Instant) -> Option<Instant> {
        let turn = self.pace.as_ref().map(Pace::next);
        turn.max(self.rests_until).filter(|&opens| opens > now)
    }

    fn is_full(&self, per_host: PerHost) -> bool {
        per_host.jobs.is_some_and(|jobs| self.in_flight >= jobs)
    }

    /// Whether one more job has no turn now.
    fn must_wait(&self, per_host: PerHost, now: Instant) -> bool {
        !self.queue.is_empty() || self.is_full(per_host) || self.opens(now).is_some()
    }
}

impl WaitingJobs {
    pub(super) fn new(per_host: PerHost) -> Self {
        Self {
            per_host,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            free: VecDeque::new(),
            timers: DelayQueue::new(),
            jobs: 0,
        }
    }

    /// How many jobs wait.
    pub(super) fn len(&self) -> usize {
        self.jobs
    }

    /// Moves what has waited long enough to where it can be taken; wakes when
    /// there will be more of that.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(due)) = self.timers.poll_expired(cx) {
            match due.into_inner() {
                Due::Job(job) => {
                    self.jobs -= 1;
                    self.add(job);
                }
                Due::Lane(host) => {
                    if let Some(lane) = self.lanes.get_mut(&host) {
                        lane.timed = false;
                    }
                    self.look_at(&host);
                }
            }
        }
    }

    /// The next job that may go on the wire now, its host's turn taken.
    pub(super) fn pop(&mut self) -> Option<Box<Job>> {
        while let Some(job) = self.free.pop_front() {
            self.jobs -= 1;
            // Since it came, its host may have begun to rest.
            if let Some(job) = self.admit(job) {
                return Some(job);
            }
        }
        while let Some(host) = self.ready.pop_front() {
            let now = Instant::now();
            let Some(lane) = self.lanes.get_mut(&host) else {
                continue;
            };
            lane.listed = false;
            if lane.opens(now).is_none()
                && !lane.is_full(self.per_host)
                && let Some(mut job) = lane.queue.pop_front()
            {
                self.jobs -= 1;
                self.take_turn(&host, &mut job, now);
                return Some(job);
            }
            self.look_at(&host);
        }
        None
    }

    /// Gives `job` back with its turn taken where its host has one now; else it waits.
    pub(super) fn admit(&mut self, mut job: Box<Job>) -> Option<Box<Job>> {
        if self.lanes.is_empty() && !self.per_host.is_limited() {
            return Some(job);
        }
        let host = job.host();
        let now = Instant::now();
        match self.lanes.get(&host) {
            Some(lane) if lane.must_wait(self.per_host, now) => {
                self.enqueue(&host, job);
                None
            }
            None if !self.per_host.is_limited() => Some(job),
            _ => {
                self.take_turn(&host, &mut job, now);
                Some(job)
            }
        }
    }

    /// Whether the host of `job` has no turn for it now.
    pub(super) fn must_wait(&self, job: &Job) -> bool {
        let lane = self.lanes.get(&job.host());
        lane.is_some_and(|lane| lane.must_wait(self.per_host, Instant::now()))
    }

    /// Takes a job that waits for its host's turn, or for a slot only.
    pub(super) fn add(&mut self, job: Box<Job>) {
        if self.lanes.is_empty() && !self.per_host.is_limited() {
            self.jobs += 1;
            self.free.push_back(job);
        } else {
            self.enqueue(&job.host(), job);
        }
    }

    /// Takes a job that waits for a back-off.
    pub(super) fn add_later(&mut self, job: Box<Job>, after: Duration) {
        self.jobs += 1;
        self.timers.insert(Due::Job(job), after.min(LONGEST));
    }

    /// This host rests.
    pub(super) fn pause_host(&mut self, host: &Host, rest: Duration) {
        let until = Some(Instant::now() + rest.min(LONGEST));
        let lane = self.lanes.entry(host.clone()).or_default();
        lane.rests_until = lane.rests_until.max(until);
        self.look_at(host);
    }

    /// A job of this host came off the wire.
    pub(super) fn free_turn(&mut self, host: &Host) {
        if let Some(lane) = self.lanes.get_mut(host) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
        self.look_at(host);
    }

    /// Everything that waits.
    pub(super) fn drain(&mut self) -> VecDeque<Box<Job>> {
        let mut jobs = std::mem::take(&mut self.free);
        for lane in self.lanes.values_mut() {
            jobs.append(&mut lane.queue);
        }
        while let Some(key) = self.timers.peek() {
            if let Due::Job(job) = self.timers.remove(&key).into_inner() {
                jobs.push_back(job);
            }
        }
        self.jobs = 0;
        jobs.make_contiguous().sort_by_key(|job| job.input.turn);
        jobs
    }

    fn enqueue(&mut self, host: &Host, job: Box<Job>) {
        self.jobs += 1;
        let lane = self.lanes.entry(host.clone()).or_default();
        lane.queue.push_back(job);
        self.look_at(host);
    }

    fn take_turn(&mut self, host: &Host, job: &mut Job, now: Instant) {
        let lane = self.lanes.entry(host.clone()).or_default();
        if let Some(interval) = self.per_host.interval {
            lane.pace
                .get_or_insert_with(|| Pace::new(interval))
                .take(now);
        }
        lane.in_flight += 1;
        job.turn = Some(host.clone());
        self.look_at(host);
    }

    /// Lists a host that has a job and a turn, times one that will have, forgets one that has nothing.
    fn look_at(&mut self, host: &Host) {
        let Some(lane) = self.lanes.get_mut(host) else {
            return;
        };
        match lane.opens(Instant::now()) {
            Some(opens) => {
                if !std::mem::replace(&mut lane.timed, true) {
                    let opens = opens.min(Instant::now() + LONGEST);
                    self.timers.insert_at(Due::Lane(host.clone()), opens);
                }
            }
            None if lane.queue.is_empty() => {
                if lane.in_flight == 0 && !lane.timed {
                    self.lanes.remove(host);
                }
            }
            None if lane.is_full(self.per_host) || lane.listed => {}
            None => {
                lane.listed = true;
                self.ready.push_back(host.clone());
            }
        }
    }
}
