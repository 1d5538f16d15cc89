//! The bar: the one place that knows indicatif.

use std::fmt::Write;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::summary::Counts;

/// From one drawing to the next. Lines on the same terminal draw the bar once
/// more each time, so both together come to ten a second at most.
pub(super) const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// indicatif lets bursts pass; the pace is ours.
const MAX_REDRAWS_PER_SECOND: u8 = 10;

/// The inputs in all; 0 while that is not known.
pub type InputCount = Arc<AtomicU64>;

/// A bar on standard error, or a spinner while the total is unknown.
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

    /// Draws `counts`, of `total` inputs in all once that is known, if it is time to.
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
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        self.indicator.update(|state| {
            state.set_pos(counts.inputs);
            if let Some(total) = total {
                state.set_len(total);
            }
        });
        self.last_redraw = Some(Instant::now());
    }

    /// Runs `write` while the bar is not there.
    pub(super) fn hide_during<R>(&self, write: impl FnOnce() -> R) -> R {
        self.indicator.suspend(write)
    }

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
                let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
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
