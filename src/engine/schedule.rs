//! What may go on the wire now.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::host::Host;
use super::job::Job;
use super::options::EngineOptions;
use super::pace::Pace;
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
const UNSENT: usize = 64;

/// Holds everything that is not on the wire.
pub(super) struct Schedule<G> {
    intake: Intake,
    /// Closed while the records written are behind: it stops the intake, nothing else.
    gate: G,
    waiting: WaitingJobs,
    /// Taken from the intake while the rate of all had no turn.
    taken_early: Option<Box<Job>>,
    /// The rate of all, and what wakes for its next turn.
    pace: Option<(Pace, Pin<Box<Sleep>>)>,
    /// Inputs without a request to be sent: they need no slot.
    unsent: VecDeque<Box<Job>>,
    in_flight: usize,
    taken: u64,
    /// How far the intake may go, with `--ordered`.
    window: Option<u64>,
    stopped: bool,
    read_error: Option<ReadError>,
}

impl<G: FnMut(&mut Context<'_>, usize) -> Poll<()>> Schedule<G> {
    pub(super) fn new(intake: Intake, gate: G, options: &EngineOptions) -> Self {
        let pace = |interval| {
            let pace = Pace::new(interval);
            (pace, Box::pin(sleep_until(pace.next())))
        };
        Self {
            intake,
            gate,
            waiting: WaitingJobs::new(options.per_host),
            taken_early: None,
            pace: options.interval.map(pace),
            unsent: VecDeque::new(),
            in_flight: 0,
            taken: 0,
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
        if self.poll_pace(cx).is_pending() {
            // Only to know whether there is anything to wait for.
            if self.taken_early.is_none() && self.waiting.len() == 0 {
                match ready!(self.poll_intake(cx)) {
                    Some(job) => self.taken_early = Some(job),
                    None if self.in_flight == 0 => return Poll::Ready(None),
                    None => {}
                }
            }
            return Poll::Pending;
        }
        if let Some(job) = self.waiting.pop() {
            return self.send(job);
        }
        loop {
            if self.waiting.len() >= LOOK_AHEAD {
                return Poll::Pending;
            }
            let job = match self.taken_early.take() {
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

    /// Ready when the rate of all has a turn.
    fn poll_pace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((pace, timer)) = &mut self.pace else {
            return Poll::Ready(());
        };
        if pace.next() <= Instant::now() {
            return Poll::Ready(());
        }
        timer.as_mut().reset(pace.next());
        timer.as_mut().poll(cx)
    }

    /// The next input with a request to be sent; `None` when there will be none.
    fn poll_intake(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Job>>> {
        loop {
            if self.intake.totals().is_none() {
                if self.window.is_some_and(|window| self.taken >= window) {
                    return Poll::Pending;
                }
                ready!((self.gate)(cx, self.in_flight));
            }
            match ready!(self.intake.poll_next(cx)) {
                Some(Ok(input)) => {
                    self.taken += 1;
                    let job = Job::new(input);
                    if job.is_to_be_sent() {
                        return Poll::Ready(Some(job));
                    }
                    self.unsent.push_back(job);
                    if self.unsent.len() == UNSENT {
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
    pub(super) fn take_unsent(&mut self) -> VecDeque<Box<Job>> {
        std::mem::take(&mut self.unsent)
    }

    fn send(&mut self, job: Box<Job>) -> Poll<Option<Box<Job>>> {
        if let Some((pace, _)) = &mut self.pace {
            pace.take(Instant::now());
        }
        self.in_flight += 1;
        Poll::Ready(Some(job))
    }

    /// A job came off the wire.
    pub(super) fn finished(&mut self, job: &mut Job) {
        self.in_flight -= 1;
        if let Some(host) = job.turn.take() {
            self.waiting.free_turn(&host);
        }
    }

    /// A job that came off the wire goes on it again, before any new one. It is
    /// given back where it would have to wait although the run is stopped.
    pub(super) fn again(&mut self, job: Box<Job>) -> Option<Box<Job>> {
        if self.stopped && (self.waiting.must_wait(&job) || self.pace_must_wait()) {
            return Some(job);
        }
        self.waiting.add(job);
        None
    }

    fn pace_must_wait(&self) -> bool {
        self.pace
            .as_ref()
            .is_some_and(|(pace, _)| pace.next() > Instant::now())
    }

    /// An attempt is made again after a back-off.
    pub(super) fn retry_later(&mut self, job: Box<Job>, after: Duration) {
        self.waiting.add_later(job, after);
    }

    /// An attempt is made again when its host has a turn.
    pub(super) fn retry(&mut self, job: Box<Job>) {
        self.waiting.add(job);
    }

    /// Nobody asks this host until it has had its rest.
    pub(super) fn pause_host(&mut self, host: &Host, rest: Duration) {
        self.waiting.pause_host(host, rest);
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

    /// Takes no more input; gives what was read and not sent, and what waits.
    pub(super) fn stop(&mut self) -> VecDeque<Box<Job>> {
        let (read, broken) = self.intake.stop();
        self.read_error = self.read_error.take().or(broken);
        self.taken += read.len() as u64;
        self.stopped = true;
        let mut jobs = self.waiting.drain();
        jobs.extend(self.taken_early.take());
        jobs.extend(read.into_iter().map(Job::new));
        jobs
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

    /// Jobs on the wire.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }
}
