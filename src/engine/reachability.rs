//! Whether a host is down, as a pure function of what its requests told.
//!
//! A host is down after a number of time-outs in a row. They have to be of two rounds: requests that were in flight
//! together time out together when a server pauses. So one of them must have started after the first had timed out.
//! While a host is down, one request is let through after 30 s, 60 s and so on: a probe.

use std::time::Duration;

use tokio::time::Instant;

use super::signal::Signal;

/// The time until the first probe. Each following one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// What is known of whether a host can be reached.
#[derive(Debug, Default)]
pub(super) struct Reachability {
    has_answered: bool,
    /// The time-outs since the last other signal.
    timeouts: u32,
    /// When the first of them was noticed.
    first_timeout: Option<Instant>,
    /// Boxed, because it is rare, and there is an entry for every host.
    down: Option<Box<Down>>,
}

/// A host that is down.
#[derive(Debug)]
struct Down {
    /// How many probes failed.
    failed_probes: u32,
    next_probe: Instant,
    /// When the probe in flight started.
    probe: Option<Instant>,
    /// Whether nothing else is left to do, so that what waits for the host ends if the next probe fails.
    is_last: bool,
}

/// What a signal changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The host is down after so many time-outs.
    WentDown(u32),
    /// The host answered again.
    CameBack,
    /// The last probe failed, after so many time-outs in all.
    GivenUp(u32),
}

impl Reachability {
    /// Whether the host has answered in this run.
    pub(super) const fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Whether the last request timed out, but the host is not down.
    pub(super) const fn is_doubtful(&self) -> bool {
        self.timeouts > 0 && self.down.is_none()
    }

    /// Whether the last thing that the host did was to time out.
    pub(super) const fn has_timed_out(&self) -> bool {
        self.timeouts > 0
    }

    /// Whether the host is down.
    pub(super) const fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// Returns when the next request may be sent to a host that is down.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        self.down.as_ref().map(|down| down.next_probe)
    }

    /// Whether the host is down and a probe is in flight.
    pub(super) fn is_probed(&self) -> bool {
        self.down.as_ref().is_some_and(|down| down.probe.is_some())
    }

    /// Counts a request that starts. It is the probe of a host that is down.
    pub(super) fn start(&mut self, now: Instant) {
        if let Some(down) = &mut self.down {
            down.probe = Some(now);
        }
    }

    /// Lets a probe through at once: nothing else is left to do.
    pub(super) fn probe_last(&mut self, now: Instant) {
        if let Some(down) = &mut self.down {
            down.is_last = true;
            down.next_probe = down.next_probe.min(now);
        }
    }

    /// Counts the end of a request that started at `started`. `limit` is the number of time-outs after which a host is
    /// down; 0 for never.
    pub(super) fn finish(
        &mut self,
        signal: Signal,
        started: Instant,
        limit: u32,
        now: Instant,
    ) -> Option<Change> {
        match signal {
            Signal::Accepted | Signal::Busy | Signal::Rejected => {
                self.has_answered = true;
                self.open()
            }
            Signal::Failed => self.open(),
            Signal::Unreachable | Signal::Silent if self.down.is_some() => {
                self.probe_failed(started, now)
            }
            // A server that answers other requests takes long for this one.
            Signal::Silent if self.has_answered => None,
            Signal::Unreachable | Signal::Silent => self.count_timeout(started, limit, now),
            Signal::Nothing => {
                if let Some(down) = &mut self.down
                    && down.probe == Some(started)
                {
                    (down.probe, down.is_last) = (None, false);
                }
                None
            }
        }
    }

    fn open(&mut self) -> Option<Change> {
        self.timeouts = 0;
        self.first_timeout = None;
        self.down.take().map(|_| Change::CameBack)
    }

    fn count_timeout(&mut self, started: Instant, limit: u32, now: Instant) -> Option<Change> {
        if limit == 0 {
            return None;
        }
        self.timeouts = self.timeouts.saturating_add(1);
        let first = *self.first_timeout.get_or_insert(now);
        if self.timeouts < limit || started < first {
            return None;
        }
        self.down = Some(Box::new(Down {
            failed_probes: 0,
            next_probe: now + FIRST_PAUSE,
            probe: None,
            is_last: false,
        }));
        Some(Change::WentDown(self.timeouts))
    }

    /// Handles a time-out at a host that is down. It counts only if it is the probe's: others were in flight when the host
    /// went down.
    fn probe_failed(&mut self, started: Instant, now: Instant) -> Option<Change> {
        let down = self
            .down
            .as_mut()
            .filter(|down| down.probe == Some(started))?;
        down.probe = None;
        down.failed_probes = down.failed_probes.saturating_add(1);
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(down.failed_probes));
        down.next_probe = now + pause;
        let is_last = std::mem::take(&mut down.is_last);
        let timeouts = self.timeouts.saturating_add(down.failed_probes);
        is_last.then_some(Change::GivenUp(timeouts))
    }
}

#[cfg(test)]
mod tests {
    use super::Change::{CameBack, GivenUp, WentDown};
    use super::Signal::{Accepted, Busy, Failed, Nothing, Rejected, Silent, Unreachable};
    use super::*;

    /// The ends of requests, as (when it started, when it ended, what it told), in seconds.
    type Ends<'a> = &'a [(u64, u64, Signal)];

    /// Plays `ends` with a limit of three time-outs, and returns the changes. A request that starts while the host is
    /// down is its probe.
    fn changes(host: &mut Reachability, ends: Ends<'_>) -> Vec<Change> {
        let epoch = Instant::now();
        let at = |seconds| epoch + Duration::from_secs(seconds);
        let play = |&(started, ended, signal): &(u64, u64, Signal)| {
            if host.next_probe().is_some_and(|probe| probe <= at(started)) {
                host.start(at(started));
            }
            host.finish(signal, at(started), 3, at(ended))
        };
        ends.iter().filter_map(play).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_down_after_time_outs_in_a_row_over_two_rounds() {
        for (ends, expected) in [
            (&[][..], &[][..]),
            (&[(0, 1, Unreachable); 50], &[]),
            (
                &[
                    (0, 1, Unreachable),
                    (0, 1, Unreachable),
                    (1, 2, Unreachable),
                ],
                &[WentDown(3)],
            ),
            (&[(0, 1, Unreachable), (1, 2, Unreachable)], &[]),
            // Something else between.
            (
                &[
                    (0, 1, Unreachable),
                    (1, 2, Unreachable),
                    (1, 2, Failed),
                    (2, 3, Unreachable),
                    (3, 4, Unreachable),
                ],
                &[],
            ),
            (
                &[
                    (0, 1, Silent),
                    (1, 2, Silent),
                    (2, 3, Nothing),
                    (2, 3, Silent),
                ],
                &[WentDown(3)],
            ),
            // It answered once, so it is slow now.
            (
                &[
                    (0, 1, Rejected),
                    (1, 2, Silent),
                    (2, 3, Silent),
                    (3, 4, Silent),
                ],
                &[],
            ),
            (
                &[
                    (0, 1, Busy),
                    (1, 2, Unreachable),
                    (2, 3, Unreachable),
                    (3, 4, Unreachable),
                ],
                &[WentDown(3)],
            ),
        ] {
            assert_eq!(
                changes(&mut Reachability::default(), ends),
                expected,
                "{ends:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_is_down_is_probed_ever_more_rarely_until_it_answers() {
        let epoch = Instant::now();
        let at = |seconds| epoch + Duration::from_secs(seconds);
        let mut host = Reachability::default();
        let went_down = changes(
            &mut host,
            &[
                (0, 1, Unreachable),
                (0, 1, Unreachable),
                (1, 2, Unreachable),
            ],
        );
        assert_eq!(went_down, [WentDown(3)]);
        for pause in [30, 60, 120, 240] {
            let start = host.next_probe();
            let before = host.next_probe().map(|at| at - epoch);
            // One that was in flight when the host went down is not the probe.
            assert_eq!(host.finish(Unreachable, at(1), 3, at(3)), None);
            assert_eq!(host.next_probe(), start);
            let Some(start) = start else {
                unreachable!("the host is down")
            };
            host.start(start);
            assert!(host.is_probed());
            let ended = start + Duration::from_secs(1);
            assert_eq!(host.finish(Unreachable, start, 3, ended), None);
            let next = host.next_probe().map(|next| next - ended);
            assert_eq!(next, Some(Duration::from_secs(2 * pause)), "{before:?}");
        }
        assert!(host.is_down() && !host.has_answered());
        host.start(at(1_000));
        assert_eq!(
            host.finish(Rejected, at(1_000), 3, at(1_001)),
            Some(CameBack)
        );
        assert!(host.has_answered() && !host.is_down());
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_probe_goes_out_at_once_and_decides() {
        for (signal, expected) in [
            (Unreachable, Some(GivenUp(4))),
            (Silent, Some(GivenUp(4))),
            (Failed, Some(CameBack)),
            (Accepted, Some(CameBack)),
            (Nothing, None),
        ] {
            let mut host = Reachability::default();
            changes(
                &mut host,
                &[
                    (0, 1, Unreachable),
                    (1, 2, Unreachable),
                    (2, 3, Unreachable),
                ],
            );
            let now = Instant::now() + Duration::from_secs(4);
            assert!(host.next_probe() > Some(now));
            host.probe_last(now);
            assert_eq!(host.next_probe(), Some(now));
            host.start(now);
            let ended = now + Duration::from_secs(1);
            assert_eq!(host.finish(signal, now, 3, ended), expected, "{signal:?}");
            assert!(!host.is_probed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_of_zero_gives_no_host_up() {
        let now = Instant::now();
        let mut host = Reachability::default();
        for _ in 0..1_000 {
            assert_eq!(host.finish(Unreachable, now, 0, now), None);
        }
        assert!(!host.is_down() && !host.has_timed_out());
    }
}
