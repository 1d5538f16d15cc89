//! Decides which request is sent next.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::host::Host;
use super::job::Job;
use super::options::EngineOptions;
use super::pacer::Pacer;
use super::waiting::WaitingJobs;
use crate::input::{Intake, ReadError, Totals};

/// The number of jobs that may wait for a host or a back-off. While so many wait, no more
/// inputs are taken, so that memory stays bounded: what is behind them in the list waits, too.
pub(super) const LOOK_AHEAD: usize = 4_096;

/// How far the intake may be ahead of the oldest input without an outcome, with `--ordered`.
pub(super) const ORDERED_WINDOW: u64 = 4_096;

/// The size of the header fields and bodies that may wait to be reported in order, with `--ordered`.
const ORDERED_BYTES: usize = 16 * 1024 * 1024;

/// The number of inputs without a request that are collected before the dispatcher takes them.
const DECIDED_BATCH: usize = 64;

/// Holds every job that is not in flight, and the intake that more come from.
pub(super) struct Schedule<G> {
    intake: Intake,
    /// Pending while the writer of records is behind: no input is taken then, while jobs go on.
    gate: G,
    waiting: WaitingJobs,
    /// A job taken from the intake while the rate allowed no request.
    prefetched: Option<Box<Job>>,
    /// The rate of the run, and the timer of the next start.
    pacer: Option<(Pacer, Pin<Box<Sleep>>)>,
    /// Inputs whose outcome is known without a request.
    decided: VecDeque<Box<Job>>,
    in_flight: usize,
    inputs_taken: u64,
    /// How far the intake may go, with `--ordered`.
    window: Option<u64>,
    stopped: bool,
    read_error: Option<ReadError>,
}

impl<G: FnMut(&mut Context<'_>, usize) -> Poll<()>> Schedule<G> {
    pub(super) fn new(intake: Intake, gate: G, options: &EngineOptions) -> Self {
        let pacer = |interval| {
            let now = Instant::now();
            (Pacer::new(interval, now), Box::pin(sleep_until(now)))
        };
        Self {
            intake,
            gate,
            waiting: WaitingJobs::new(options.per_host),
            prefetched: None,
            pacer: options.interval.map(pacer),
            decided: VecDeque::new(),
            in_flight: 0,
            inputs_taken: 0,
            window: options.ordered.then_some(ORDERED_WINDOW),
            stopped: false,
            read_error: None,
        }
    }

    /// Polls for the next job to be sent; `None` when there will be no more. A task that gets
    /// `Pending` is woken by the intake, the gate or a timer. Where all of these are silent,
    /// jobs are in flight, and the caller polls again when one of them ends.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Job>>> {
        self.waiting.poll_timers(cx);
        if self.poll_pacer(cx).is_pending() {
            return self.poll_end(cx);
        }
        if let Some(job) = self.waiting.pop() {
            return self.send(job);
        }
        loop {
            if self.waiting.len() >= LOOK_AHEAD {
                return Poll::Pending;
            }
            let job = match self.prefetched.take() {
                Some(job) => Some(job),
                None => ready!(self.poll_intake(cx)),
            };
            match job {
                Some(job) => {
                    if let Some(job) = self.waiting.admit(job) {
                        return self.send(job);
                    }
                }
                // A job that waits or is in flight may be sent again.
                None if self.in_flight > 0 || self.waiting.len() > 0 => return Poll::Pending,
                None => return Poll::Ready(None),
            }
        }
    }

    /// Checks for the end of the list while the rate allows no request: without this, the run would
    /// wait for its next start after the last input. An input that is found is kept for later.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Job>>> {
        if self.prefetched.is_none() && self.waiting.len() == 0 {
            match ready!(self.poll_intake(cx)) {
                Some(job) => self.prefetched = Some(job),
                None if self.in_flight == 0 => return Poll::Ready(None),
                None => {}
            }
        }
        Poll::Pending
    }

    /// Ready when the rate of the run allows a request.
    fn poll_pacer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((pacer, timer)) = &mut self.pacer else {
            return Poll::Ready(());
        };
        if pacer.next_start() <= Instant::now() {
            return Poll::Ready(());
        }
        timer.as_mut().reset(pacer.next_start());
        timer.as_mut().poll(cx)
    }

    /// Polls for the next input that needs a request; `None` when there will be no more.
    fn poll_intake(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Job>>> {
        loop {
            if self.intake.totals().is_none() {
                if self
                    .window
                    .is_some_and(|window| self.inputs_taken >= window)
                {
                    return Poll::Pending;
                }
                ready!((self.gate)(cx, self.in_flight));
            }
            match ready!(self.intake.poll_next(cx)) {
                Some(Ok(input)) => {
                    self.inputs_taken += 1;
                    let job = Job::new(input);
                    if job.needs_request() {
                        return Poll::Ready(Some(job));
                    }
                    self.decided.push_back(job);
                    if self.decided.len() == DECIDED_BATCH {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Some(Err(error)) => self.read_error = Some(error),
                None => return Poll::Ready(None),
            }
        }
    }

    /// Takes the inputs whose outcome is known without a request.
    pub(super) fn take_decided(&mut self) -> VecDeque<Box<Job>> {
        std::mem::take(&mut self.decided)
    }

    fn send(&mut self, job: Box<Job>) -> Poll<Option<Box<Job>>> {
        if let Some((pacer, _)) = &mut self.pacer {
            pacer.start(Instant::now());
        }
        self.in_flight += 1;
        Poll::Ready(Some(job))
    }

    /// Counts a job whose exchange ended.
    pub(super) fn finish(&mut self, job: &mut Job) {
        self.in_flight -= 1;
        if let Some(host) = job.counted_at.take() {
            self.waiting.finish(&host);
        }
    }

    /// Queues the next exchange of a job that was redirected, before any new job. Returns the
    /// job where the run is stopped and the exchange could not start at once.
    pub(super) fn requeue(&mut self, job: Box<Job>) -> Option<Box<Job>> {
        if self.stopped && (self.waiting.must_wait(&job) || self.is_rate_exhausted()) {
            return Some(job);
        }
        self.waiting.push(job);
        None
    }

    fn is_rate_exhausted(&self) -> bool {
        self.pacer
            .as_ref()
            .is_some_and(|(pacer, _)| pacer.next_start() > Instant::now())
    }

    /// Queues the retry of a job, to be sent after a back-off.
    pub(super) fn retry_later(&mut self, job: Box<Job>, backoff: Duration) {
        self.waiting.push_after(job, backoff);
    }

    /// Queues the retry of a job, to be sent when its host's pause is over.
    pub(super) fn retry(&mut self, job: Box<Job>) {
        self.waiting.push(job);
    }

    /// Holds all requests to this host back for the duration of `pause`.
    pub(super) fn pause_host(&mut self, host: &Host, pause: Duration) {
        self.waiting.pause_host(host, pause);
    }

    /// Moves the window of `--ordered`: the outcome at position `oldest` is the next to be reported,
    /// and `held_bytes` wait for it.
    pub(super) fn advance(&mut self, oldest: u64, held_bytes: usize) {
        let room = if held_bytes < ORDERED_BYTES {
            ORDERED_WINDOW
        } else {
            0
        };
        self.window = Some(oldest + room);
    }

    /// Stops the intake. Returns every job that is not in flight, in the order of the input.
    pub(super) fn stop(&mut self) -> VecDeque<Box<Job>> {
        let (read, broken) = self.intake.stop();
        self.read_error = self.read_error.take().or(broken);
        self.inputs_taken += read.len() as u64;
        self.stopped = true;
        let mut jobs = self.waiting.drain();
        jobs.extend(self.prefetched.take());
        jobs.extend(read.into_iter().map(Job::new));
        jobs
    }

    /// Returns how many inputs have been taken.
    pub(super) fn inputs_taken(&self) -> u64 {
        self.inputs_taken
    }

    /// Returns how the input ended, if it has.
    pub(super) fn totals(&self) -> Option<Totals> {
        self.intake.totals()
    }

    /// Takes the error of a source that could not be read to its end.
    pub(super) fn take_read_error(&mut self) -> Option<ReadError> {
        self.read_error.take()
    }

    /// Returns how many jobs are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }
}
