//! The progress bar. It alone uses indicatif's bars.

use std::fmt::Write;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::summary::Counts;
use crate::model::lock::lock;

/// The time between two redraws. Lines written to the same terminal redraw the bar as
/// well, at the same interval: together at most ten redraws a second.
pub(super) const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// indicatif's own limit, which allows bursts: [`REDRAW_INTERVAL`] is the stricter one.
const MAX_REDRAWS_PER_SECOND: u8 = 10;

/// The total number of inputs, 0 while it is unknown. Whoever counts the list stores it,
/// the progress bar reads it.
pub type InputCount = Arc<AtomicU64>;

/// A progress bar on standard error, or a spinner while the total is unknown.
pub(super) struct Bar {
    indicator: ProgressBar,
    counts: Arc<Mutex<Counts>>,
    total: Option<u64>,
    last_redraw: Option<Instant>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(MAX_REDRAWS_PER_SECOND);
        let indicator = ProgressBar::with_draw_target(None, target);
        let counts = Arc::default();
        indicator.set_style(style("{spinner} {pos}  {counts}", &counts));
        Self {
            indicator,
            counts,
            total: None,
            last_redraw: None,
        }
    }

    /// Shows `counts` out of `total` inputs, unless the last redraw was too recent.
    pub(super) fn update(&mut self, counts: Counts, total: Option<u64>) {
        let redrawn = self.last_redraw;
        if redrawn.is_some_and(|at| at.elapsed() < REDRAW_INTERVAL) {
            return;
        }
        if total != self.total {
            self.total = total;
            let template = "{bar:20} {pos}/{len} ETA {eta}  {counts}";
            self.indicator.set_style(style(template, &self.counts));
        }
        *lock(&self.counts) = counts;
        self.indicator.update(|state| {
            state.set_pos(counts.inputs);
            if let Some(total) = total {
                state.set_len(total);
            }
        });
        self.last_redraw = Some(Instant::now());
    }

    /// Hides the bar, runs `write` and shows the bar again.
    pub(super) fn hide_during<R>(&self, write: impl FnOnce() -> R) -> R {
        self.indicator.suspend(write)
    }

    /// Removes the bar from the terminal for good.
    pub(super) fn clear(&self) {
        self.indicator.finish_and_clear();
    }
}

fn style(template: &str, counts: &Arc<Mutex<Counts>>) -> ProgressStyle {
    let counts = counts.clone();
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .with_key(
            "counts",
            move |state: &ProgressState, to: &mut dyn Write| {
                let counts = lock(&counts);
                let _ = write!(
                    to,
                    "{} ok, {} failed, {:.0}/s, {}",
                    counts.ok + counts.skipped,
                    counts.http_error + counts.error,
                    state.per_sec(),
                    HumanBytes(counts.bytes)
                );
            },
        )
}
