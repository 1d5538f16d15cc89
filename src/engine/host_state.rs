//! The state of one host, as pure functions: the caller gives the time and the limits.

use tokio::time::Instant;

use super::options::HostLimits;
use super::pacer::Pacer;

/// What decides whether a host can be sent a request. Jobs that wait for it are not its concern.
#[derive(Debug, Default)]
pub(super) struct HostState {
    in_flight: usize,
    pacer: Option<Pacer>,
    paused_until: Option<Instant>,
}

/// Whether a host can be sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// A request can be sent now.
    Ready,
    /// No request can be sent until then: the host is paused, or its rate is used up.
    NotBefore(Instant),
    /// No request can be sent until one in flight has ended.
    Full,
}

impl HostState {
    /// Returns whether the host can be sent a request at `now`.
    pub(super) fn readiness(&self, limits: HostLimits, now: Instant) -> Readiness {
        let next_start = self.pacer.as_ref().map(Pacer::next_start);
        if let Some(at) = next_start.max(self.paused_until).filter(|&at| at > now) {
            Readiness::NotBefore(at)
        } else if limits.jobs.is_some_and(|jobs| self.in_flight >= jobs) {
            Readiness::Full
        } else {
            Readiness::Ready
        }
    }

    /// Whether no request to the host is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// Counts a request that starts.
    pub(super) fn start(&mut self, limits: HostLimits, now: Instant) {
        if let Some(interval) = limits.interval {
            self.pacer
                .get_or_insert_with(|| Pacer::new(interval, now))
                .start(now);
        }
        self.in_flight += 1;
    }

    /// Counts a request that ended.
    pub(super) fn finish(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Pauses the host until `until`. A longer pause that was set before stays.
    pub(super) fn pause_until(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Start,
        Finish,
        Pause(u64),
    }
    use Step::{Finish, Pause, Start};

    #[tokio::test(start_paused = true)]
    async fn a_host_is_ready_unless_it_is_full_or_paused_or_paced() {
        let limits = |jobs, interval: Option<u64>| HostLimits {
            jobs,
            interval: interval.map(Duration::from_millis),
        };
        let now = Instant::now();
        let at = |millis| Readiness::NotBefore(now + Duration::from_millis(millis));
        for (limits, steps, expected) in [
            (limits(None, None), &[][..], Readiness::Ready),
            (limits(None, None), &[Start, Start, Start], Readiness::Ready),
            (limits(Some(2), None), &[Start], Readiness::Ready),
            (limits(Some(2), None), &[Start, Start], Readiness::Full),
            (
                limits(Some(2), None),
                &[Start, Start, Finish],
                Readiness::Ready,
            ),
            (limits(None, None), &[Pause(70)], at(70)),
            (limits(None, None), &[Pause(0)], Readiness::Ready),
            (limits(None, None), &[Pause(70), Pause(30)], at(70)),
            (limits(None, None), &[Pause(30), Pause(70)], at(70)),
            (limits(None, Some(50)), &[], Readiness::Ready),
            (limits(None, Some(50)), &[Start], at(50)),
            (limits(None, Some(50)), &[Start, Start], at(100)),
            (limits(None, Some(50)), &[Start, Pause(70)], at(70)),
            (limits(None, Some(50)), &[Start, Pause(30)], at(50)),
            // The pause decides, even while the host is also full: a timer is needed for it.
            (limits(Some(1), Some(50)), &[Start], at(50)),
        ] {
            let mut host = HostState::default();
            for step in steps {
                match step {
                    Start => host.start(limits, now),
                    Finish => host.finish(),
                    Pause(millis) => host.pause_until(now + Duration::from_millis(*millis)),
                }
            }
            assert_eq!(
                host.readiness(limits, now),
                expected,
                "{limits:?} {steps:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_makes_a_paused_host_ready() {
        let now = Instant::now();
        let limits = HostLimits::default();
        let mut host = HostState::default();
        host.pause_until(now + Duration::from_secs(1));
        assert_ne!(host.readiness(limits, now), Readiness::Ready);
        let later = now + Duration::from_secs(1);
        assert_eq!(host.readiness(limits, later), Readiness::Ready);
        assert!(host.is_idle());
    }
}
