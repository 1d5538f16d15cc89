//! The clock of one hop: where it is, when the server was last heard of, and
//! which limit runs out first.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Limits;
use super::upload::Left;
use crate::error::{Failure, Kind, Phase};

tokio::task_local! {
    /// The hop whose request is being polled, for the connector and the resolver, which reqwest calls from within.
    static CURRENT: std::rc::Rc<Watch>;
}

/// Where a hop is.
#[derive(Debug)]
pub(crate) struct Watch {
    phase: Cell<Phase>,
    started: Instant,
    heard: Cell<Instant>,
    stopped: Cell<Option<Instant>>,
    /// The content under way to the server.
    upload: RefCell<Left>,
    connected: Cell<bool>,
}

impl Watch {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self {
            phase: Cell::new(Phase::Headers),
            started: now,
            heard: Cell::new(now),
            stopped: Cell::new(None),
            upload: RefCell::default(),
            connected: Cell::new(false),
        }
    }

    /// The hop is over.
    pub(super) fn stop(&self) {
        self.stopped.set(Some(Instant::now()));
    }

    /// From the start to the end, or to now.
    pub(super) fn elapsed(&self) -> Duration {
        self.stopped.get().unwrap_or_else(Instant::now) - self.started
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.get() {
            Phase::Headers if self.upload.borrow().bytes() > 0 => Phase::Request,
            phase => phase,
        }
    }

    /// This content goes out.
    pub(super) fn uploads(&self, left: Left) {
        self.upload.replace(left);
    }

    /// The hop has come this far.
    pub(super) fn reached(&self, phase: Phase) {
        self.phase.set(phase);
        self.heard.set(Instant::now());
    }

    /// The server sent something.
    pub(super) fn heard(&self) {
        self.heard.set(Instant::now());
    }

    /// This hop opened its connection itself, instead of taking one from the pool.
    pub(super) fn connected(&self) -> bool {
        self.connected.get()
    }

    /// Ends with a failure when a limit runs out. `spent` is what the attempt had used before this hop.
    pub(super) async fn run_out(&self, limits: &Limits, spent: Duration) -> Failure {
        let end = limits
            .total
            .map(|total| self.started + total.saturating_sub(spent));
        let left = Cell::new(usize::MAX);
        let silence_end = || match self.phase.get() {
            // The connector has a limit of its own.
            Phase::Resolve | Phase::Connect => None,
            _ => {
                // What the server takes, it gave a sign for.
                let now = self.upload.borrow().bytes();
                if left.replace(now) > now {
                    self.heard();
                }
                limits.silence.map(|silence| self.heard.get() + silence)
            }
        };
        let next = || {
            let silent = silence_end().or_else(|| Some(Instant::now() + limits.silence?));
            [end, silent].into_iter().flatten().min()
        };
        let Some(first) = next() else {
            return std::future::pending().await;
        };
        let mut timer = pin!(sleep_until(first));
        poll_fn(|cx| {
            loop {
                std::task::ready!(timer.as_mut().poll(cx));
                let now = Instant::now();
                if let (Some(end), Some(total)) = (end, limits.total)
                    && end <= now
                {
                    return Poll::Ready(
                        self.timeout(format!("not done within {total:?} (--timeout)")),
                    );
                }
                if let (Some(end), Some(silence)) = (silence_end(), limits.silence)
                    && end <= now
                {
                    return Poll::Ready(
                        self.timeout(format!("no byte for {silence:?} (--read-timeout)")),
                    );
                }
                match next() {
                    Some(next) => timer.as_mut().reset(next),
                    None => return Poll::Pending,
                }
            }
        })
        .await
    }

    fn timeout(&self, message: String) -> Failure {
        Failure::new(Kind::Timeout, self.phase(), message)
    }
}

/// Polls `future` as the work of `watch`.
pub(super) fn watched<F: Future>(
    watch: std::rc::Rc<Watch>,
    future: F,
) -> impl Future<Output = F::Output> {
    CURRENT.scope(watch, future)
}

/// The hop being polled has come to `phase`, if one is being polled: a connection
/// that hyper opens in the background belongs to none.
pub(super) fn current_reached(phase: Phase) {
    let _ = CURRENT.try_with(|watch| watch.reached(phase));
}

/// The hop being polled has a new connection.
pub(super) fn current_connected() {
    let _ = CURRENT.try_with(|watch| {
        watch.connected.set(true);
        watch.reached(Phase::Headers);
    });
}
