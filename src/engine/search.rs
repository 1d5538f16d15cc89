//! The search for hosts that could use a free slot better than one that has not answered.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long a slot stays free while the list is searched.
const PATIENCE: Duration = Duration::from_millis(10);

/// A search, which begins when a slot is free and only hosts that have not answered have jobs that wait.
pub(super) struct Search {
    /// Runs out [`PATIENCE`] after the beginning.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Search {
    pub(super) fn new() -> Self {
        Self { timer: None }
    }

    /// Returns whether the search has taken long enough; begins it where it has not begun. The task is woken when it has.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> bool {
        let begin = || Box::pin(sleep_until(Instant::now() + PATIENCE));
        let timer = self.timer.get_or_insert_with(begin);
        timer.is_elapsed() || timer.as_mut().poll(cx) == Poll::Ready(())
    }

    /// Ends the search: another host was found, or the one in question has answered.
    pub(super) fn end(&mut self) {
        self.timer = None;
    }
}
