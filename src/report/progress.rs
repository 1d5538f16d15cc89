//! The bar: the one place that knows indicatif.

use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::summary::Counts;

/// From one drawing to the next: lines on a terminal draw the bar anew as well, so both together stay under ten a second.
pub(super) const PACE: Duration = Duration::from_millis(200);

const DRAWINGS_A_SECOND: u8 = 5;

/// A bar on standard error, or a spinner while the total is unknown.
pub(super) struct Bar {
    bar: ProgressBar,
    total: Option<u64>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(DRAWINGS_A_SECOND);
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style("{spinner} {pos} {msg}"));
        Self { bar, total: None }
    }

    /// Draws `counts`, of `total` inputs in all once that is known.
    pub(super) fn show(&mut self, counts: &Counts, total: Option<u64>) {
        if total != self.total
            && let Some(total) = total
        {
            self.total = Some(total);
            self.bar.set_length(total);
            self.bar
                .set_style(style("{bar:20} {pos}/{len} {msg}, ETA {eta}"));
        }
        self.bar.set_position(counts.inputs);
        self.bar.set_message(format!(
            "{} ok, {} failed, {:.0}/s, {}",
            counts.ok,
            counts.http_error + counts.error,
            self.bar.per_sec(),
            HumanBytes(counts.bytes)
        ));
        self.bar.tick();
    }

    /// Runs `write` while the bar is not there.
    pub(super) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
