//! What may go on the wire now.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use super::job::Job;
use crate::input::{Intake, ReadError, Totals};

/// How far the intake may be ahead of the oldest input that is not done, with `--ordered`.
pub(super) const ORDERED_WINDOW: u64 = 4_096;

/// Holds everything that is not on the wire.
pub(super) struct Schedule<G> {
    intake: Intake,
    /// Closed while the records written are behind: it stops the intake, nothing else.
    gate: G,
    /// Went off the wire to go on it again: the next hop of a redirect.
    again: VecDeque<Job>,
    on_wire: usize,
    taken: u64,
    /// The index that all records wait for, with `--ordered`.
    oldest: Option<u64>,
    read_error: Option<ReadError>,
}

impl<G: FnMut(&mut Context<'_>) -> Poll<()>> Schedule<G> {
    pub(super) fn new(intake: Intake, gate: G, ordered: bool) -> Self {
        Self {
            intake,
            gate,
            again: VecDeque::new(),
            on_wire: 0,
            taken: 0,
            oldest: ordered.then_some(0),
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
        if self.intake.totals().is_none() {
            if self
                .oldest
                .is_some_and(|oldest| self.taken >= oldest + ORDERED_WINDOW)
            {
                return Poll::Pending;
            }
            std::task::ready!((self.gate)(cx));
        }
        match std::task::ready!(self.intake.poll_next(cx)) {
            Some(Ok(input)) => {
                self.taken += 1;
                self.send(Job::new(input))
            }
            Some(Err(error)) => {
                self.read_error = Some(error);
                self.poll_next(cx)
            }
            // What is on the wire may come back.
            None if self.on_wire > 0 => Poll::Pending,
            None => Poll::Ready(None),
        }
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

    /// All records before this index are written.
    pub(super) fn advance(&mut self, oldest: u64) {
        self.oldest = Some(oldest);
    }

    /// Takes no more input; gives what was read and not sent.
    pub(super) fn stop(&mut self) -> Vec<Job> {
        let read = self.intake.stop();
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
