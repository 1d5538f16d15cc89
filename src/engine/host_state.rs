//! The state of one host, as pure functions: the caller gives the time and the policy.

use tokio::time::Instant;

use super::options::HostLimits;
use super::pacer::Pacer;
use super::reachability::{Change, Reachability};
use super::share::Share;
use super::signal::Signal;
use crate::model::hold_up::Obstacle;

/// The part of all requests in flight that a host may have before it has answered: a host that never does leaves the others
/// their slots.
const PROBE: usize = 4;

/// What applies to every host.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostPolicy {
    /// The limits that the user set.
    pub(super) limits: HostLimits,
    /// The maximum number of requests in flight to all hosts.
    pub(super) jobs: usize,
    /// The number of time-outs in a row after which a host is down; 0 for never.
    pub(super) timeouts: u32,
}

impl HostPolicy {
    fn jobs_per_host(self) -> usize {
        self.limits.jobs.unwrap_or(self.jobs)
    }
}

/// What decides whether a host can be sent a request. Jobs that wait for it are not its concern.
#[derive(Debug, Default)]
pub(super) struct HostState {
    in_flight: usize,
    /// The requests that were answered, without those that the host was too busy for.
    answers: usize,
    pacer: Option<Pacer>,
    paused_until: Option<Instant>,
    reachability: Reachability,
    share: Share,
}

/// Whether a host can be sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// A request can be sent now.
    Ready,
    /// A request can be sent if no other host could use the slot: this one has not answered enough yet, or timed out.
    Unproven,
    /// No request can be sent until then: the host is paused or down, or its rate is used up.
    NotBefore(Instant),
    /// No request can be sent until one in flight has ended.
    Full,
}

impl HostState {
    /// Creates the state of a host of which this is known.
    pub(super) fn new(known: Reachability) -> Self {
        Self {
            reachability: known,
            ..Self::default()
        }
    }

    /// Returns whether the host can be sent a request at `now`.
    pub(super) fn readiness(&self, policy: HostPolicy, now: Instant) -> Readiness {
        let next_start = self.pacer.as_ref().map(Pacer::next_start);
        let not_before = next_start
            .max(self.paused_until)
            .max(self.reachability.next_probe());
        let most = match (self.share.limit(), policy.limits.jobs) {
            (Some(share), Some(jobs)) => Some(share.min(jobs)),
            (share, jobs) => share.or(jobs),
        };
        if let Some(at) = not_before.filter(|&at| at > now) {
            Readiness::NotBefore(at)
        } else if most.is_some_and(|most| self.in_flight >= most)
            || self.reachability.is_probed()
            || self.share.is_undecided()
        {
            Readiness::Full
        } else if self.reachability.is_doubtful()
            || self.in_flight >= (policy.jobs / PROBE).max(1).saturating_add(self.answers)
        {
            Readiness::Unproven
        } else {
            Readiness::Ready
        }
    }

    /// Returns why the host cannot be sent a request at `now`, if it cannot.
    pub(super) fn obstacle(&self, policy: HostPolicy, now: Instant) -> Option<Obstacle> {
        let is_later = |at: Option<Instant>| at.is_some_and(|at| at > now);
        match self.readiness(policy, now) {
            Readiness::Ready | Readiness::Unproven => None,
            Readiness::NotBefore(_) if is_later(self.reachability.next_probe()) => {
                Some(Obstacle::Down)
            }
            Readiness::NotBefore(_) if is_later(self.paused_until) => Some(Obstacle::RetryAfter),
            Readiness::NotBefore(_) => Some(Obstacle::RatePerHost),
            Readiness::Full if self.reachability.is_probed() => Some(Obstacle::Down),
            Readiness::Full if self.share.limit().is_some() || self.share.is_undecided() => {
                Some(Obstacle::Busy)
            }
            Readiness::Full => policy.limits.jobs.map(Obstacle::MaxPerHost),
        }
    }

    /// Returns the number of requests in flight.
    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether the state can be forgotten but for what [`into_memory`](Self::into_memory) returns.
    pub(super) const fn is_forgettable(&self) -> bool {
        self.in_flight == 0 && !self.reachability.is_down() && self.share.limit().is_none()
    }

    /// Returns what is to be remembered of the host, if there is anything.
    pub(super) fn into_memory(self) -> Option<Reachability> {
        let known = self.reachability;
        (known.has_answered() || known.has_timed_out()).then_some(known)
    }

    /// Whether the host is down.
    pub(super) const fn is_down(&self) -> bool {
        self.reachability.is_down()
    }

    /// Counts a request that starts.
    pub(super) fn start(&mut self, policy: HostPolicy, now: Instant) {
        if let Some(interval) = policy.limits.interval {
            self.pacer
                .get_or_insert_with(|| Pacer::new(interval, now))
                .start(now);
        }
        self.in_flight += 1;
        self.share.start(self.in_flight);
        self.reachability.start(now);
    }

    /// Counts a request that started at `started` and ended; `signal` is what that told.
    pub(super) fn finish(
        &mut self,
        signal: Signal,
        started: Instant,
        policy: HostPolicy,
        now: Instant,
    ) -> Option<Change> {
        self.in_flight = self.in_flight.saturating_sub(1);
        if matches!(signal, Signal::Accepted | Signal::Rejected) {
            self.answers = self.answers.saturating_add(1);
        }
        self.share
            .finish(signal, started, self.in_flight, policy.jobs_per_host(), now);
        self.reachability
            .finish(signal, started, policy.timeouts, now)
    }

    /// Pauses the host until `until`. A longer pause that was set before stays.
    pub(super) fn pause_until(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// Lets a probe of a host that is down through at once, the last one if it fails.
    pub(super) fn probe_last(&mut self, now: Instant) {
        self.reachability.probe_last(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Start,
        Finish(Signal),
        Pause(u64),
    }
    use Step::{Finish, Pause, Start};

    const DONE: Step = Finish(Signal::Accepted);

    fn policy(jobs: Option<usize>, interval: Option<u64>) -> HostPolicy {
        HostPolicy {
            limits: HostLimits {
                jobs,
                interval: interval.map(Duration::from_millis),
            },
            jobs: 8,
            timeouts: 2,
        }
    }

    fn after(policy: HostPolicy, steps: &[Step]) -> Readiness {
        let now = Instant::now();
        let mut host = HostState::default();
        for step in steps {
            match step {
                Start => host.start(policy, now),
                Finish(signal) => {
                    host.finish(*signal, now, policy, now);
                }
                Pause(millis) => host.pause_until(now + Duration::from_millis(*millis)),
            }
        }
        host.readiness(policy, now)
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_ready_unless_it_is_full_or_paused_or_paced() {
        let at = |millis| Readiness::NotBefore(Instant::now() + Duration::from_millis(millis));
        for (policy, steps, expected) in [
            (policy(None, None), &[][..], Readiness::Ready),
            (policy(Some(2), None), &[Start], Readiness::Ready),
            (policy(Some(2), None), &[Start, Start], Readiness::Full),
            (
                policy(Some(2), None),
                &[Start, Start, DONE],
                Readiness::Ready,
            ),
            (policy(None, None), &[Pause(70)], at(70)),
            (policy(None, None), &[Pause(0)], Readiness::Ready),
            (policy(None, None), &[Pause(70), Pause(30)], at(70)),
            (policy(None, None), &[Pause(30), Pause(70)], at(70)),
            (policy(None, Some(50)), &[], Readiness::Ready),
            (policy(None, Some(50)), &[Start], at(50)),
            (policy(None, Some(50)), &[Start, Start], at(100)),
            (policy(None, Some(50)), &[Start, Pause(70)], at(70)),
            (policy(None, Some(50)), &[Start, Pause(30)], at(50)),
            // The pause decides, even while the host is also full: a timer is needed for it.
            (policy(Some(1), Some(50)), &[Start], at(50)),
        ] {
            assert_eq!(after(policy, steps), expected, "{policy:?} {steps:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_gets_more_slots_as_it_answers() {
        let rejected = Finish(Signal::Rejected);
        let busy = Finish(Signal::Busy);
        let timed_out = Finish(Signal::Silent);
        for (steps, expected) in [
            (&[Start][..], Readiness::Ready),
            (&[Start, Start], Readiness::Unproven),
            (&[Start, Start, timed_out, Start], Readiness::Unproven),
            (&[Start, Start, DONE, Start], Readiness::Ready),
            (&[Start, Start, DONE, Start, Start], Readiness::Unproven),
            (&[Start, Start, rejected, Start], Readiness::Ready),
            // Whether it takes any is known when the others are answered.
            (&[Start, Start, busy], Readiness::Full),
        ] {
            assert_eq!(after(policy(None, None), steps), expected, "{steps:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_is_down_takes_one_probe_at_a_time() {
        let policy = policy(None, None);
        let start = Instant::now();
        let mut host = HostState::default();
        for _ in 0..2 {
            host.start(policy, start);
            host.finish(Signal::Unreachable, start, policy, start);
        }
        assert!(host.is_down() && !host.is_forgettable());
        let at = start + Duration::from_secs(30);
        assert_eq!(host.readiness(policy, start), Readiness::NotBefore(at));
        assert_eq!(host.readiness(policy, at), Readiness::Ready);
        host.start(policy, at);
        assert_eq!(host.readiness(policy, at), Readiness::Full);
        host.finish(Signal::Rejected, at, policy, at);
        assert_eq!(host.readiness(policy, at), Readiness::Ready);
        assert!(host.is_forgettable() && host.into_memory().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn time_makes_a_paused_host_ready() {
        let now = Instant::now();
        let policy = policy(None, None);
        let mut host = HostState::default();
        host.pause_until(now + Duration::from_secs(1));
        assert_ne!(host.readiness(policy, now), Readiness::Ready);
        let later = now + Duration::from_secs(1);
        assert_eq!(host.readiness(policy, later), Readiness::Ready);
        assert!(host.is_forgettable() && host.into_memory().is_none());
    }
}
