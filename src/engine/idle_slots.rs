//! Notices that slots stay free although jobs wait.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long slots may stay free before the user is told why.
const PATIENCE: Duration = Duration::from_secs(5);

/// Measures how long slots have been free without a break.
pub(super) enum IdleSlots {
    /// Until all slots are used, or nothing waits.
    Watched(Option<Pin<Box<Sleep>>>),
    /// The user was told, once.
    Told,
}

impl IdleSlots {
    /// Notes that no slot is free, or that nothing waits.
    pub(super) fn reset(&mut self) {
        if let Self::Watched(timer) = self {
            *timer = None;
        }
    }

    /// Notes that a slot is free while jobs wait. Returns whether that has been so for too long.
    pub(super) fn poll_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        let Self::Watched(timer) = self else {
            return false;
        };
        let start = || Box::pin(sleep_until(Instant::now() + PATIENCE));
        timer.get_or_insert_with(start).as_mut().poll(cx) == Poll::Ready(())
    }
}
