//! A time that something may last before something is done about it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A time that begins with the first poll, and again with the first one after a reset.
pub(super) struct Patience {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Creates a patience of this length, which has not begun.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    /// Returns whether the time is over; begins it where it has not begun. The task is woken when it is over.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> bool {
        let begin = || Box::pin(sleep_until(Instant::now() + self.limit));
        let timer = self.timer.get_or_insert_with(begin);
        timer.is_elapsed() || timer.as_mut().poll(cx) == Poll::Ready(())
    }

    /// Ends the time: what it was for is over.
    pub(super) fn reset(&mut self) {
        self.timer = None;
    }
}
