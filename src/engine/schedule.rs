//! What may go on the wire now.

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

/// How many inputs may wait for their hosts, for back-offs and for rests. While it
/// is that many, no more are taken: what stands behind them in the list waits too.
pub(super) const LOOK_AHEAD: usize = 4_096;

/// How far the intake may be ahead of the oldest input that is not done, with `--ordered`.
pub(super) const ORDERED_WINDOW: u64 = 4_096;

/// Bytes of bodies that may wait for their turn, with `--ordered`.
const ORDERED_BYTES: usize = 16 * 1024 * 1024;

/// Inputs without a request to be sent that are set aside at a time at most.
const DECIDED_BATCH: usize = 64;

/// Holds everything that is not on the wire.
pub(super) struct Schedule<G> {
    intake: Intake,
    /// Closed while the records written are behind: it stops the intake, nothing else.
    gate: G,
    waiting: WaitingJobs,
    /// Taken from the intake while the rate of all had no turn.
    prefetched: Option<Box<Job>>,
    /// The rate of all, and what wakes for its next turn.
    pacer: Option<(Pacer, Pin<Box<Sleep>>)>,
    /// Inputs without a request to be sent: they need no slot.
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

    /// The next job for the wire; `None` when there will be none. Whoever gets
    /// `Pending` is woken by the intake, the gate or a timer, or has jobs on the
    /// wire and polls again when one has come back.
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
                // What waits, or is on the wire, may come back.
                None if self.in_flight > 0 || self.waiting.len() > 0 => return Poll::Pending,
                None => return Poll::Ready(None),
            }
        }
    }

    /// Ready when there will be no more jobs. Until then the next input is kept for later.
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

    /// Ready when the rate of all has a turn.
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

    /// The next input with a request to be sent; `None` when there will be none.
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

    /// The inputs without a request to be sent, since one last asked.
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

    /// A job came off the wire.
    pub(super) fn finish(&mut self, job: &mut Job) {
        self.in_flight -= 1;
        if let Some(host) = job.counted_at.take() {
            self.waiting.finish(&host);
        }
    }

    /// A job that came off the wire goes on it again, before any new one. It is
    /// given back where it would have to wait although the run is stopped.
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

    /// An attempt is made again after a back-off.
    pub(super) fn retry_later(&mut self, job: Box<Job>, backoff: Duration) {
        self.waiting.push_after(job, backoff);
    }

    /// An attempt is made again when its host has a turn.
    pub(super) fn retry(&mut self, job: Box<Job>) {
        self.waiting.push(job);
    }

    /// Nobody asks this host until it has had its rest.
    pub(super) fn pause_host(&mut self, host: &Host, pause: Duration) {
        self.waiting.pause_host(host, pause);
    }

    /// All records before the index `oldest` are written; so many bytes wait for it.
    pub(super) fn advance(&mut self, oldest: u64, held_bytes: usize) {
        let room = if held_bytes < ORDERED_BYTES {
            ORDERED_WINDOW
        } else {
            0
        };
        self.window = Some(oldest + room);
    }

    /// Takes no more input; gives what was read and not sent, and what waits.
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

    /// Inputs that were taken so far.
    pub(super) fn inputs_taken(&self) -> u64 {
        self.inputs_taken
    }

    /// How the input ended, if it has.
    pub(super) fn totals(&self) -> Option<Totals> {
        self.intake.totals()
    }

    /// The source that broke, once.
    pub(super) fn take_read_error(&mut self) -> Option<ReadError> {
        self.read_error.take()
    }

    /// Jobs on the wire.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }
}
