//! The progress of a run while it goes on: a bar on a terminal, or a line a minute in a log.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::status::{Rate, Status};
use super::summary::Counts;
use crate::model::live::LiveCounts;
use crate::sys::terminal_columns;

/// The time between two redraws. Lines written to the same terminal redraw the bar as
/// well, at the same interval: together at most ten redraws a second.
pub(super) const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// The time between two lines in a log.
const LINE_INTERVAL: Duration = Duration::from_secs(60);

/// Room at the end of the line for what the terminal shows of Ctrl-C (`^C`).
const ECHO: usize = 2;

/// The width of a terminal that does not tell it.
const USUAL_COLUMNS: usize = 80;

/// The total number of inputs, 0 while it is unknown. Whoever counts the list stores it,
/// the progress reads it.
pub type InputCount = Arc<AtomicU64>;

/// How the progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressStyle {
    /// As a bar on standard error, or a spinner while the total is unknown.
    Bar,
    /// As a line a minute on standard error.
    Lines,
    /// Only when it is asked for.
    Hidden,
}

/// Shows how far the run is.
pub(super) struct Progress {
    bar: Option<Bar>,
    /// When the next line is due, where there are lines.
    next_line: Option<Instant>,
    total: InputCount,
    live: LiveCounts,
    rate: Rate,
}

impl Progress {
    pub(super) fn new(style: ProgressStyle, total: InputCount, live: LiveCounts) -> Self {
        let now = Instant::now();
        Self {
            bar: (style == ProgressStyle::Bar).then(Bar::new),
            next_line: (style == ProgressStyle::Lines).then(|| now + LINE_INTERVAL),
            total,
            live,
            rate: Rate::new(now),
        }
    }

    /// Returns how long nothing may be shown from now on; `None` for ever.
    pub(super) fn patience(&self) -> Option<Duration> {
        let line = self
            .next_line
            .map(|at| at.saturating_duration_since(Instant::now()));
        self.bar.as_ref().map(|_| REDRAW_INTERVAL).or(line)
    }

    /// Shows `counts` on the bar, if one is due. Returns the line that is due, if one is; `is_asked` makes it so.
    pub(super) fn update(&mut self, counts: Counts, is_asked: bool) -> Option<String> {
        let now = Instant::now();
        let total = self.total.load(Ordering::Relaxed);
        let status = Status {
            counts,
            total: Some(total).filter(|&total| total > 0),
            received: self.live.received(),
            in_flight: self.live.in_flight(),
            waiting: self.live.waiting(),
            rate: self.rate.note(now, counts.inputs),
        };
        if let Some(bar) = &mut self.bar {
            bar.update(&status);
        }
        let is_due = self.next_line.is_some_and(|at| at <= now);
        if is_due {
            self.next_line = Some(now + LINE_INTERVAL);
        }
        (is_due || is_asked).then(|| status.line())
    }

    /// Returns the bar, if it is shown.
    pub(super) fn bar(&self) -> Option<&Bar> {
        self.bar.as_ref()
    }

    /// Removes the bar from the terminal for good.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            write(&bar.erasure());
        }
    }
}

/// A progress bar on standard error.
///
/// It is drawn without indicatif, which leaves the cursor at the right end of the terminal. What the terminal shows of
/// Ctrl-C (`^C`) is then on the next line, and the bar stays on the one above it for good.
pub(super) struct Bar {
    frame: usize,
    last_redraw: Option<Instant>,
    /// What is drawn at the moment.
    drawn: String,
}

impl Bar {
    fn new() -> Self {
        Self {
            frame: 0,
            last_redraw: None,
            drawn: String::new(),
        }
    }

    /// Shows `status`, unless the last redraw was too recent.
    fn update(&mut self, status: &Status) {
        let redrawn = self.last_redraw;
        if redrawn.is_some_and(|at| at.elapsed() < REDRAW_INTERVAL) {
            return;
        }
        let columns = terminal_columns().unwrap_or(USUAL_COLUMNS);
        let line = status.bar(self.frame, columns.saturating_sub(ECHO + 1));
        write(&format!("{}{line}", self.erasure()));
        self.drawn = line;
        self.frame += 1;
        self.last_redraw = Some(Instant::now());
    }

    /// Hides the bar, runs `write_lines` and shows the bar again.
    pub(super) fn hide_during<R>(&self, write_lines: impl FnOnce() -> R) -> R {
        write(&self.erasure());
        let result = write_lines();
        write(&self.drawn);
        result
    }

    /// Returns what erases the bar: with spaces, because not every terminal knows more.
    fn erasure(&self) -> String {
        match self.drawn.len() {
            0 => String::new(),
            width => format!("\r{}\r", " ".repeat(width + ECHO)),
        }
    }
}

/// Writes to the terminal. A bar that cannot be shown is no reason to end the run.
fn write(text: &str) {
    if !text.is_empty() {
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(style: ProgressStyle) -> Progress {
        Progress::new(style, InputCount::default(), LiveCounts::default())
    }

    #[test]
    fn a_log_gets_a_line_a_minute() {
        let mut progress = progress(ProgressStyle::Lines);
        let patience = progress.patience();
        assert!(patience.is_some_and(|it| it > LINE_INTERVAL / 2 && it <= LINE_INTERVAL));
        assert_eq!(progress.update(Counts::default(), false), None);
        progress.next_line = Some(Instant::now());
        let line = progress.update(Counts::default(), false);
        assert!(line.is_some_and(|line| line.starts_with("0 done, 0 failed")));
        assert_eq!(
            progress.update(Counts::default(), false),
            None,
            "it is said once"
        );
    }

    #[test]
    fn what_is_hidden_is_shown_when_it_is_asked_for() {
        let mut progress = progress(ProgressStyle::Hidden);
        assert_eq!(progress.patience(), None);
        assert_eq!(progress.update(Counts::default(), false), None);
        assert!(progress.update(Counts::default(), true).is_some());
    }
}
