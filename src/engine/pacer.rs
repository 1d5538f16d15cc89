//! A rate limit: requests start at even intervals.

use std::time::Duration;

use tokio::time::Instant;

/// How far late starts may catch up: timers fire a little late, and at many starts
/// a second the delays would add up to a lower rate.
const CATCH_UP: Duration = Duration::from_millis(10);

/// How far they may catch up where the interval is longer than [`CATCH_UP`]: as late as a single timer is.
const TIMER_LATENESS: Duration = Duration::from_millis(2);

/// The longest interval: adding more to an [`Instant`] could overflow.
const MAX_INTERVAL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Spaces the starts of requests. In any period `t`, at most `t / interval + 1` of them start, and those
/// that fit into [`CATCH_UP`], or into [`TIMER_LATENESS`] where the interval is longer than that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    interval: Duration,
    next_start: Instant,
}

impl Pacer {
    /// Creates a pacer whose first request may start at `now`.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            next_start: now,
        }
    }

    /// Returns when the next request may start.
    pub(super) fn next_start(&self) -> Instant {
        self.next_start
    }

    /// Counts a request that starts at `now`.
    pub(super) fn start(&mut self, now: Instant) {
        let lateness = if self.interval < CATCH_UP {
            CATCH_UP
        } else {
            TIMER_LATENESS
        };
        let base = match now.checked_sub(lateness) {
            Some(earliest) => self.next_start.max(earliest),
            None => self.next_start.max(now),
        };
        self.next_start = base + self.interval.min(MAX_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn starts_are_evenly_spaced_and_lateness_is_caught_up_at_high_rates() {
        for (interval_millis, late_micros, least) in [
            (100, 1_000, 10),
            (100, 0, 10),
            (10, 1_500, 99),
            (1, 1_000, 990),
        ] {
            let interval = Duration::from_millis(interval_millis);
            let start = Instant::now();
            let mut pacer = Pacer::new(interval, start);
            let mut started = 0;
            loop {
                let at =
                    pacer.next_start().max(Instant::now()) + Duration::from_micros(late_micros);
                if at - start >= Duration::from_secs(1) {
                    break;
                }
                tokio::time::sleep_until(at).await;
                pacer.start(at);
                started += 1;
            }
            let most = 1000 / interval_millis + 11;
            assert!(
                (least..=most).contains(&started),
                "{started} at {interval:?}"
            );
        }
    }
}
