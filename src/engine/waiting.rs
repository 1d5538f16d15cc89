//! What waits and holds no slot: for its host, or for a back-off.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::time::DelayQueue;

use super::host::Host;
use super::host_state::{HostState, Readiness};
use super::job::Job;
use super::options::HostLimits;

/// Timers take no longer waits. Whoever waits this long looks again, or is done waiting.
const MAX_TIMER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Jobs by host, in the order they came, and those that wait for a time.
pub(super) struct WaitingJobs {
    limits: HostLimits,
    /// Hosts that something waits for, is in flight to, or that are paused.
    hosts: HashMap<Host, HostQueue>,
    /// Hosts that have a job and take it now, the one that waits longest first.
    ready_hosts: VecDeque<Host>,
    /// Jobs that nothing holds back.
    unrestricted: VecDeque<Box<Job>>,
    timers: DelayQueue<Timer>,
    len: usize,
}

#[derive(Default)]
struct HostQueue {
    jobs: VecDeque<Box<Job>>,
    state: HostState,
    /// It stands in `ready_hosts`.
    is_listed: bool,
    /// A timer will look at it.
    has_timer: bool,
}

enum Timer {
    /// The back-off of this job is over.
    Backoff(Box<Job>),
    /// This host may be ready.
    Host(Host),
}

impl WaitingJobs {
    pub(super) fn new(limits: HostLimits) -> Self {
        Self {
            limits,
            hosts: HashMap::new(),
            ready_hosts: VecDeque::new(),
            unrestricted: VecDeque::new(),
            timers: DelayQueue::new(),
            len: 0,
        }
    }

    /// How many jobs wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Moves what has waited long enough to where it can be taken; wakes when
    /// there will be more of that.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(expired)) = self.timers.poll_expired(cx) {
            match expired.into_inner() {
                Timer::Backoff(job) => {
                    self.len -= 1;
                    self.push(job);
                }
                Timer::Host(host) => {
                    if let Some(queue) = self.hosts.get_mut(&host) {
                        queue.has_timer = false;
                    }
                    self.update(&host);
                }
            }
        }
    }

    /// The next job that may be sent now, counted at its host.
    pub(super) fn pop(&mut self) -> Option<Box<Job>> {
        while let Some(job) = self.unrestricted.pop_front() {
            self.len -= 1;
            // Since it came, its host may have been paused.
            if let Some(job) = self.admit(job) {
                return Some(job);
            }
        }
        while let Some(host) = self.ready_hosts.pop_front() {
            let now = Instant::now();
            let Some(queue) = self.hosts.get_mut(&host) else {
                continue;
            };
            queue.is_listed = false;
            if queue.state.readiness(self.limits, now) == Readiness::Ready
                && let Some(mut job) = queue.jobs.pop_front()
            {
                self.len -= 1;
                self.start(&host, &mut job, now);
                return Some(job);
            }
            self.update(&host);
        }
        None
    }

    /// Gives `job` back, counted at its host, where that takes it now; else it waits.
    pub(super) fn admit(&mut self, mut job: Box<Job>) -> Option<Box<Job>> {
        if self.hosts.is_empty() && !self.limits.is_limited() {
            return Some(job);
        }
        let host = job.next_host();
        let now = Instant::now();
        match self.hosts.get(&host) {
            Some(queue) if queue.must_wait(self.limits, now) => {
                self.enqueue(&host, job);
                None
            }
            None if !self.limits.is_limited() => Some(job),
            _ => {
                self.start(&host, &mut job, now);
                Some(job)
            }
        }
    }

    /// Whether the host of `job` does not take it now.
    pub(super) fn must_wait(&self, job: &Job) -> bool {
        let queue = self.hosts.get(&job.next_host());
        queue.is_some_and(|queue| queue.must_wait(self.limits, Instant::now()))
    }

    /// Takes a job that waits for its host, or for a slot only.
    pub(super) fn push(&mut self, job: Box<Job>) {
        if self.hosts.is_empty() && !self.limits.is_limited() {
            self.len += 1;
            self.unrestricted.push_back(job);
        } else {
            self.enqueue(&job.next_host(), job);
        }
    }

    /// Takes a job that waits for a back-off.
    pub(super) fn push_after(&mut self, job: Box<Job>, backoff: Duration) {
        self.len += 1;
        self.timers
            .insert(Timer::Backoff(job), backoff.min(MAX_TIMER));
    }

    /// No request to this host starts for this long.
    pub(super) fn pause_host(&mut self, host: &Host, pause: Duration) {
        let queue = self.hosts.entry(host.clone()).or_default();
        let until = Instant::now() + pause.min(MAX_TIMER);
        queue.state.pause_until(until);
        self.update(host);
    }

    /// A request to this host ended.
    pub(super) fn finish(&mut self, host: &Host) {
        if let Some(queue) = self.hosts.get_mut(host) {
            queue.state.finish();
        }
        self.update(host);
    }

    /// Everything that waits.
    pub(super) fn drain(&mut self) -> VecDeque<Box<Job>> {
        let mut jobs = std::mem::take(&mut self.unrestricted);
        for queue in self.hosts.values_mut() {
            jobs.append(&mut queue.jobs);
        }
        while let Some(key) = self.timers.peek() {
            if let Timer::Backoff(job) = self.timers.remove(&key).into_inner() {
                jobs.push_back(job);
            }
        }
        self.len = 0;
        jobs.make_contiguous().sort_by_key(|job| job.input.turn);
        jobs
    }

    fn enqueue(&mut self, host: &Host, job: Box<Job>) {
        self.len += 1;
        let queue = self.hosts.entry(host.clone()).or_default();
        queue.jobs.push_back(job);
        self.update(host);
    }

    fn start(&mut self, host: &Host, job: &mut Job, now: Instant) {
        let queue = self.hosts.entry(host.clone()).or_default();
        queue.state.start(self.limits, now);
        job.counted_at = Some(host.clone());
        self.update(host);
    }

    /// Lists a host that has a job and takes it, times one that will take it later, forgets one that has nothing.
    fn update(&mut self, host: &Host) {
        let Some(queue) = self.hosts.get_mut(host) else {
            return;
        };
        let now = Instant::now();
        match queue.state.readiness(self.limits, now) {
            Readiness::NotBefore(at) => {
                if !std::mem::replace(&mut queue.has_timer, true) {
                    let at = at.min(now + MAX_TIMER);
                    self.timers.insert_at(Timer::Host(host.clone()), at);
                }
            }
            Readiness::Full | Readiness::Ready if queue.jobs.is_empty() => {
                if queue.state.is_idle() && !queue.has_timer {
                    self.hosts.remove(host);
                }
            }
            Readiness::Ready if !queue.is_listed => {
                queue.is_listed = true;
                self.ready_hosts.push_back(host.clone());
            }
            Readiness::Full | Readiness::Ready => {}
        }
    }
}

impl HostQueue {
    /// Whether one more job does not go now.
    fn must_wait(&self, limits: HostLimits, now: Instant) -> bool {
        !self.jobs.is_empty() || self.state.readiness(limits, now) != Readiness::Ready
    }
}
