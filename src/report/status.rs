//! How far a run is, in one line: for the progress bar, and for a log.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use humantime::format_duration;
use indicatif::HumanBytes;

use super::summary::Counts;

/// The time over which the rate is measured.
const WINDOW: Duration = Duration::from_secs(60);

/// The least time between two samples of it.
const SAMPLE: Duration = Duration::from_secs(1);

/// The width of the drawn part of the progress bar.
const BAR: usize = 20;

/// What the spinner shows while the total is unknown. ASCII, as the bar: not every locale has more.
const SPINNER: [&str; 4] = ["|", "/", "-", "\\"];

/// Counts of a run at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    pub(super) counts: Counts,
    /// The number of inputs, once it is known.
    pub(super) total: Option<u64>,
    pub(super) received: u64,
    pub(super) in_flight: usize,
    pub(super) waiting: usize,
    /// Inputs that were done in each second of the last minute.
    pub(super) rate: f64,
}

impl Status {
    /// Returns the progress bar, at most `columns` wide. `frame` counts its drawings.
    pub(super) fn bar(&self, frame: usize, columns: usize) -> String {
        let done = self.counts.inputs;
        let (drawing, mut line) = match self.total {
            Some(total) => {
                let eta = self.eta().map(|eta| format!(" ETA {eta}"));
                let line = format!("{done}/{total}{}", eta.unwrap_or_default());
                (drawing(done, total), line)
            }
            None => (SPINNER[frame % SPINNER.len()].to_owned(), done.to_string()),
        };
        let counts = &self.counts;
        let (ok, failed) = (counts.ok + counts.skipped, counts.http_error + counts.error);
        let _ = write!(line, "  {ok} ok, {failed} failed");
        if self.waiting > 0 {
            let _ = write!(line, ", {} waiting", self.waiting);
        }
        let _ = write!(line, ", {:.0}/s, {}", self.rate, HumanBytes(self.received));
        // Where there is not room for all, the numbers say more.
        if drawing.len() + 1 + line.len() <= columns {
            line = format!("{drawing} {line}");
        }
        // All of it is ASCII.
        line.truncate(columns);
        line
    }

    /// Returns the line for a log.
    pub(super) fn line(&self) -> String {
        let counts = &self.counts;
        let mut line = match self.total {
            Some(total) => format!("{}/{total} done", counts.inputs),
            None => format!("{} done", counts.inputs),
        };
        let failed = counts.http_error + counts.error;
        let _ = write!(
            line,
            ", {failed} failed, {} in flight, {} waiting, {:.1}/s, {}",
            self.in_flight,
            self.waiting,
            self.rate,
            HumanBytes(self.received)
        );
        if let Some(eta) = self.eta() {
            let _ = write!(line, ", ETA {eta}");
        }
        line
    }

    /// Returns the time that the rest takes at this rate. There is none before the first result.
    #[expect(clippy::cast_precision_loss, reason = "a time for people")]
    fn eta(&self) -> Option<String> {
        let left = self.total?.checked_sub(self.counts.inputs)?;
        if left == 0 || self.rate <= 0.0 {
            return None;
        }
        let seconds = (left as f64 / self.rate).ceil();
        let eta = Duration::try_from_secs_f64(seconds).ok()?;
        Some(format_duration(eta).to_string())
    }
}

/// Draws how much of `total` is done.
fn drawing(done: u64, total: u64) -> String {
    let filled = BAR as u64 * done.min(total) / total.max(1);
    let filled = usize::try_from(filled).unwrap_or(BAR);
    let mut drawing = "=".repeat(filled);
    if filled < BAR {
        drawing.push('>');
    }
    format!("{drawing:BAR$}")
}

/// Measures how many inputs are done per second, over the last minute.
pub(super) struct Rate {
    /// Moments of the last minute, and how many inputs were done then.
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Begins to measure at `now`, when nothing is done.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            samples: VecDeque::from([(now, 0)]),
        }
    }

    /// Notes that `inputs` are done at `now`, and returns the rate.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn note(&mut self, now: Instant, inputs: u64) -> f64 {
        // The one before the window stays, since the window begins somewhere after it.
        while self.samples.len() > 1 && now.duration_since(self.samples[1].0) >= WINDOW {
            self.samples.pop_front();
        }
        let newest = self.samples.back().map(|(at, _)| *at);
        if newest.is_none_or(|at| now.duration_since(at) >= SAMPLE) {
            self.samples.push_back((now, inputs));
        }
        let Some(&(since, before)) = self.samples.front() else {
            return 0.0;
        };
        let elapsed = now.duration_since(since).as_secs_f64().max(1e-3);
        inputs.saturating_sub(before) as f64 / elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(inputs: u64, total: Option<u64>, rate: f64) -> Status {
        Status {
            counts: Counts {
                inputs,
                ok: inputs,
                ..Counts::default()
            },
            total,
            received: 3 << 20,
            in_flight: 4,
            waiting: 0,
            rate,
        }
    }

    #[test]
    fn the_time_that_is_left_is_known_after_the_first_result() {
        for (status, line) in [
            (
                status(0, Some(20), 0.0),
                "0/20 done, 0 failed, 4 in flight, 0 waiting, 0.0/s, 3.00 MiB",
            ),
            (
                status(5, Some(20), 0.1),
                "5/20 done, 0 failed, 4 in flight, 0 waiting, 0.1/s, 3.00 MiB, ETA 2m 30s",
            ),
            (
                status(20, Some(20), 4.0),
                "20/20 done, 0 failed, 4 in flight, 0 waiting, 4.0/s, 3.00 MiB",
            ),
            (
                status(5, None, 0.5),
                "5 done, 0 failed, 4 in flight, 0 waiting, 0.5/s, 3.00 MiB",
            ),
        ] {
            assert_eq!(status.line(), line);
        }
    }

    #[test]
    fn a_bar_is_ascii_and_fits() {
        let half = Status {
            waiting: 7,
            ..status(10, Some(20), 2.0)
        };
        assert_eq!(
            half.bar(0, 200),
            "==========>          10/20 ETA 5s  10 ok, 0 failed, 7 waiting, 2/s, 3.00 MiB"
        );
        assert_eq!(
            status(1, None, 1.0).bar(5, 200),
            "/ 1  1 ok, 0 failed, 1/s, 3.00 MiB"
        );
        let whole = status(20, Some(20), 2.0).bar(0, 200);
        assert!(
            whole.starts_with("==================== 20/20  20 ok"),
            "{whole}"
        );
        let numbers = "10/20 ETA 5s  10 ok, 0 failed, 7 waiting, 2/s, 3.00 MiB";
        for columns in [0, 1, 10, 37, 70] {
            let shown = numbers.len().min(columns);
            assert_eq!(half.bar(0, columns), numbers[..shown], "{columns}");
        }
        // An estimate of the list may be too low.
        assert!(
            status(9, Some(3), 1.0)
                .bar(0, 80)
                .starts_with("====================")
        );
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rate = Rate::new(start);
        let mut last = 0.0;
        // Ten a second for two minutes, then one a second.
        for second in 1..=240_u64 {
            let inputs = 10 * second.min(120) + second.saturating_sub(120);
            last = rate.note(at(second), inputs);
            let expected = if second <= 120 { 10.0 } else { 1.0 };
            if second <= 120 || second >= 181 {
                assert!((last - expected).abs() < 0.1, "{second}: {last}");
            }
            assert!(rate.samples.len() <= 62);
        }
        assert!(
            rate.note(at(241), 1_320) < last,
            "it falls while nothing is done"
        );
    }
}
