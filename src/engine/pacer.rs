//! A rate: turns at even distances.

use std::time::Duration;

use tokio::time::Instant;

/// How far turns that come late may catch up: timers are a little late, and with
/// many turns a second that would add up.
const CATCH_UP: Duration = Duration::from_millis(10);

/// The same where turns are further apart than that: as late as one timer is.
const TIMER_LATENESS: Duration = Duration::from_millis(2);

/// A clock cannot add what is longer than its range.
const MAX_INTERVAL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Turns of one rate. Over any time `t` it gives at most `t / interval + 1`, and
/// what fits into [`CATCH_UP`] more, or into [`TIMER_LATENESS`] where the interval is longer than that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    interval: Duration,
    next_start: Instant,
}

impl Pacer {
    /// A first turn at once.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            next_start: now,
        }
    }

    /// When the next turn comes.
    pub(super) fn next_start(&self) -> Instant {
        self.next_start
    }

    /// Takes a turn.
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
    async fn turns_are_even_and_lateness_is_caught_up_where_they_are_many() {
        for (interval_millis, late_micros, turns) in [
            (100, 1_000, 10),
            (100, 0, 10),
            (10, 1_500, 99),
            (1, 1_000, 990),
        ] {
            let interval = Duration::from_millis(interval_millis);
            let start = Instant::now();
            let mut pacer = Pacer::new(interval, start);
            let mut taken = 0;
            loop {
                let turn =
                    pacer.next_start().max(Instant::now()) + Duration::from_micros(late_micros);
                if turn - start >= Duration::from_secs(1) {
                    break;
                }
                tokio::time::sleep_until(turn).await;
                pacer.start(turn);
                taken += 1;
            }
            let most = 1000 / interval_millis + 11;
            assert!((turns..=most).contains(&taken), "{taken} of {interval:?}");
        }
    }
}
