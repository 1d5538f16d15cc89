//! Jobs that wait for their host or for a back-off. They hold no slot.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::time::DelayQueue;

use super::host::Host;
use super::host_state::{HostState, Readiness};
use super::job::Job;
use super::options::HostLimits;
use super::retry::MAX_TIMER;

/// Queues of jobs by host, in the order in which they came, and the timers of back-offs.
pub(super) struct WaitingJobs {
    limits: HostLimits,
    /// Hosts with a job that waits or is in flight, and hosts that are paused. Empty while there
    /// are no limits and no pauses: then no job pays for the look-up of its host.
    hosts: HashMap<Host, HostQueue>,
    /// Hosts that have a job and can be sent it now, the longest in this state first.
    ready_hosts: VecDeque<Host>,
    /// Jobs that came while no host had a limit or a pause.
    unrestricted: VecDeque<Box<Job>>,
    timers: DelayQueue<Timer>,
    len: usize,
}

#[derive(Default)]
struct HostQueue {
    jobs: VecDeque<Box<Job>>,
    state: HostState,
    /// Whether the host is in `ready_hosts`.
    is_listed: bool,
    /// Whether a timer of the host runs.
    has_timer: bool,
}

enum Timer {
    /// Ends the back-off of a job.
    Backoff(Box<Job>),
    /// Looks whether a host is ready.
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

    /// Returns how many jobs wait.
    pub(super) fn len(&self) -> usize {
        self.len
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
                    if let Some(queue) = self.hosts.get_mut(&host) {
                        queue.has_timer = false;
                    }
                    self.update(&host);
                }
            }
        }
    }

    /// Removes the next job that can be sent now, and counts it as in flight at its host.
    pub(super) fn pop(&mut self) -> Option<Box<Job>> {
        while let Some(job) = self.unrestricted.pop_front() {
            self.len -= 1;
            // Its host may have been paused since the job came.
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

    /// Returns `job`, counted as in flight at its host, if it can be sent now; queues it otherwise.
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

    /// Whether `job` would have to wait for its host.
    pub(super) fn must_wait(&self, job: &Job) -> bool {
        let queue = self.hosts.get(&job.next_host());
        queue.is_some_and(|queue| queue.must_wait(self.limits, Instant::now()))
    }

    /// Queues a job at its host, behind those that wait there already.
    pub(super) fn push(&mut self, job: Box<Job>) {
        if self.hosts.is_empty() && !self.limits.is_limited() {
            self.len += 1;
            self.unrestricted.push_back(job);
        } else {
            self.enqueue(&job.next_host(), job);
        }
    }

    /// Queues a job when this back-off is over.
    pub(super) fn push_after(&mut self, job: Box<Job>, backoff: Duration) {
        self.len += 1;
        self.timers
            .insert(Timer::Backoff(job), backoff.min(MAX_TIMER));
    }

    /// Holds all requests to this host back for the duration of `pause`.
    pub(super) fn pause_host(&mut self, host: &Host, pause: Duration) {
        let queue = self.hosts.entry(host.clone()).or_default();
        let until = Instant::now() + pause.min(MAX_TIMER);
        queue.state.pause_until(until);
        self.update(host);
    }

    /// Counts a request to this host that ended.
    pub(super) fn finish(&mut self, host: &Host) {
        if let Some(queue) = self.hosts.get_mut(host) {
            queue.state.finish();
        }
        self.update(host);
    }

    /// Removes every job, in the order of the input.
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
        jobs.make_contiguous().sort_by_key(|job| job.input.position);
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

    /// Updates the queues after a change at a host: lists it as ready, starts its timer, or removes it
    /// where it has no job left.
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
    /// Whether one more job would have to wait.
    fn must_wait(&self, limits: HostLimits, now: Instant) -> bool {
        !self.jobs.is_empty() || self.state.readiness(limits, now) != Readiness::Ready
    }
}
