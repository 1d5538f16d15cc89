//! What may go on the wire now.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use super::job::Job;
use crate::error::Failure;
use crate::input::{Intake, ReadError, Totals};

/// How far the intake may be ahead of the oldest input that is not done, with `--ordered`.
pub(super) const ORDERED_WINDOW: u64 = 4_096;

/// Bytes of bodies that may wait for their turn, with `--ordered`.
const ORDERED_BYTES: usize = 16 * 1024 * 1024;

/// Inputs without a request that are set aside at a time at most.
const REJECTED: usize = 64;

/// Holds everything that is not on the wire.
pub(super) struct Schedule<G> {
    intake: Intake,
    /// Closed while the records written are behind: it stops the intake, nothing else.
    gate: G,
    /// Went off the wire to go on it again: the next hop of a redirect.
    again: VecDeque<Job>,
    /// Inputs that hold no request: they need no slot.
    rejected: Vec<(Job, Failure)>,
    on_wire: usize,
    taken: u64,
    /// How far the intake may go, with `--ordered`.
    window: Option<u64>,
    read_error: Option<ReadError>,
}

impl<G: FnMut(&mut Context<'_>) -> Poll<()>> Schedule<G> {
    pub(super) fn new(intake: Intake, gate: G, ordered: bool) -> Self {
        Self {
            intake,
            gate,
            again: VecDeque::new(),
            rejected: Vec::new(),
            on_wire: 0,
            taken: 0,
            window: ordered.then_some(ORDERED_WINDOW),
            read_error: None,
        }
    }

    /// The next job for the wire; `None` when there will be none. Whoever gets
    /// `Pending` is woken by the intake or the gate, or has jobs on the wire and
    /// polls again when [`landed`](Self::landed) has taken one back.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Job>> {
        if let Some(job) = self.again.pop_front() {
            return self.send(job);
        }
        loop {
            if self.intake.totals().is_none() {
                if self.window.is_some_and(|window| self.taken >= window) {
                    return Poll::Pending;
                }
                ready!((self.gate)(cx));
            }
            match ready!(self.intake.poll_next(cx)) {
                Some(Ok(input)) => {
                    self.taken += 1;
                    match &input.request {
                        Ok(_) => return self.send(Job::new(input)),
                        Err(failure) => {
                            let failure = failure.clone();
                            self.rejected.push((Job::new(input), failure));
                        }
                    }
                    if self.rejected.len() == REJECTED {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Some(Err(error)) => self.read_error = Some(error),
                // What is on the wire may come back.
                None if self.on_wire > 0 => return Poll::Pending,
                None => return Poll::Ready(None),
            }
        }
    }

    /// The inputs that hold no request, since one last asked.
    pub(super) fn take_rejected(&mut self) -> Vec<(Job, Failure)> {
        std::mem::take(&mut self.rejected)
    }

    fn send(&mut self, job: Job) -> Poll<Option<Job>> {
        self.on_wire += 1;
        Poll::Ready(Some(job))
    }

    /// A job came off the wire.
    pub(super) fn landed(&mut self) {
        self.on_wire -= 1;
    }

    /// A job that came off the wire goes on it again, before any new one.
    pub(super) fn again(&mut self, job: Job) {
        self.again.push_back(job);
    }

    /// All records before the index `oldest` are written; so many bytes wait for it.
    pub(super) fn advance(&mut self, oldest: u64, bytes: usize) {
        let room = if bytes < ORDERED_BYTES {
            ORDERED_WINDOW
        } else {
            0
        };
        self.window = Some(oldest + room);
    }

    /// Takes no more input; gives what was read and not sent.
    pub(super) fn stop(&mut self) -> Vec<Job> {
        let (read, broken) = self.intake.stop();
        self.read_error = self.read_error.take().or(broken);
        self.taken += read.len() as u64;
        read.into_iter().map(Job::new).collect()
    }

    /// Inputs that were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// How the input ended, if it has.
    pub(super) fn totals(&self) -> Option<Totals> {
        self.intake.totals()
    }

    /// The source that broke, once.
    pub(super) fn take_read_error(&mut self) -> Option<ReadError> {
        self.read_error.take()
    }

    /// Jobs on the wire, and those between two hops.
    pub(super) fn under_way(&self) -> usize {
        self.on_wire + self.again.len()
    }
}
