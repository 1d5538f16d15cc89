//! Decides which request is sent next.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::host_id::{HostId, HostIndex};
use super::host_state::HostPolicy;
use super::job::Job;
use super::options::EngineOptions;
use super::pacer::Pacer;
use super::patience::Patience;
use super::reachability::Change;
use super::signal::Signal;
use super::waiting::{Among, Drained, WaitingJobs};
use crate::input::{Intake, ParkedInput, ReadError, Recalled, Totals};
use crate::model::error::{Failure, Kind, Phase};
use crate::model::hold_up::HoldUp;
use crate::model::live::LiveCounts;

/// The number of jobs that wait where some can be sent at once: what fair turns choose from.
const CHOICE: usize = 256;

/// How far the intake may be ahead of the oldest input without an outcome, with `--ordered`.
pub(super) const ORDERED_WINDOW: u64 = 4_096;

/// The size of the header fields and bodies that may wait to be reported in order, with `--ordered`.
const ORDERED_BYTES: usize = 16 * 1024 * 1024;

/// How long a slot stays free while the list is searched for a host that could use it better.
const SEARCH: Duration = Duration::from_millis(10);

/// While the search goes on, a host that has not answered gets all slots but this part of them.
const RESERVE: usize = 8;

/// How long slots may stay free although jobs wait before the user is told why.
const IDLE: Duration = Duration::from_secs(5);

/// The number of inputs that are taken before other work is looked at.
const BATCH: usize = 64;

/// Holds every job that is not in flight, and the intake that more come from.
pub(super) struct Schedule<G> {
    intake: Intake,
    /// Pending while the writer of records is behind: no input is taken or sent then, while jobs go on.
    gate: G,
    waiting: WaitingJobs,
    /// The search for hosts that could use a free slot better than one that has not answered.
    search: Patience,
    /// The rate of the run, and the timer of the next start.
    pacer: Option<(Pacer, Pin<Box<Sleep>>)>,
    /// Inputs whose outcome is known without a request.
    decided: VecDeque<Decided>,
    jobs: usize,
    in_flight: usize,
    inputs_taken: u64,
    /// How far the intake may go, with `--ordered`.
    window: Option<u64>,
    stopped: bool,
    /// Parked inputs that a stop cancels. Each has a record, for which its line is read again.
    cancelled: VecDeque<ParkedInput>,
    /// How many of them are being read.
    cancelled_recalled: usize,
    /// Whether a stop left inputs unread that were counted as read before.
    left_unread: bool,
    read_error: Option<ReadError>,
    /// The time that slots have been free although jobs wait; `None` once the user was told.
    idle_slots: Option<Patience>,
    /// What held the run up, to be told.
    hold_up: Option<HoldUp>,
    live: LiveCounts,
}

/// Marks recalled inputs as cancelled; others are marked with their host.
const CANCELLED: usize = usize::MAX;

/// An input whose outcome is known without a request.
pub(super) struct Decided {
    pub(super) job: Box<Job>,
    /// Why it is given up, where the input itself does not say what becomes of it.
    pub(super) given_up: Option<Failure>,
}

/// Whether more inputs can be taken at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supply {
    /// There may be more at once; enough were taken for now.
    More,
    /// There will be more soon: the source is a file.
    Slow,
    /// The source has no more at the moment.
    Paused,
    /// None is taken until something that is waited for ends.
    Blocked,
    /// There will be no more.
    Ended,
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
            waiting: WaitingJobs::new(
                HostPolicy {
                    limits: options.per_host,
                    jobs: options.jobs,
                    timeouts: options.host_timeouts,
                },
                options.ordered.then_some(ORDERED_WINDOW),
            ),
            search: Patience::new(SEARCH),
            pacer: options.interval.map(pacer),
            decided: VecDeque::new(),
            jobs: options.jobs,
            in_flight: 0,
            inputs_taken: 0,
            window: options.ordered.then_some(ORDERED_WINDOW),
            stopped: false,
            cancelled: VecDeque::new(),
            cancelled_recalled: 0,
            left_unread: false,
            read_error: None,
            idle_slots: Some(Patience::new(IDLE)),
            hold_up: None,
            live: options.live.clone(),
        }
    }

    /// Polls for the next job to be sent; `None` when there will be no more. A task that gets
    /// `Pending` is woken by the intake, the gate or a timer. Where all of these are silent,
    /// jobs are in flight, and the caller polls again when one of them ends.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Job>>> {
        let next = self.poll_job(cx);
        let waiting = self.waiting.held_up(self.in_flight < self.jobs);
        self.live.set_jobs(self.in_flight, waiting);
        next
    }

    fn poll_job(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Job>>> {
        self.waiting.poll_timers(cx);
        let has_room = (self.gate)(cx, self.in_flight).is_ready();
        let is_open = self.stopped || has_room && !self.waiting.is_backlogged();
        let supply = if is_open {
            let supply = self.take_inputs(cx);
            self.recall(has_room);
            supply
        } else {
            Supply::Blocked
        };
        self.poll_recalled(cx);
        if self.poll_pacer(cx).is_ready() {
            let next = if is_open {
                self.next_job(cx, supply)
            } else {
                self.waiting.pop(Among::Started)
            };
            if let Some(job) = next {
                return self.send(job);
            }
        }
        // A job that waits or is in flight may be sent again.
        if supply == Supply::Ended
            && self.in_flight == 0
            && self.waiting.is_empty()
            && self.cancelled.is_empty()
            && self.cancelled_recalled == 0
        {
            return Poll::Ready(None);
        }
        if supply == Supply::More {
            cx.waker().wake_by_ref();
        }
        self.watch_idle_slots(cx, is_open);
        Poll::Pending
    }

    /// Notices that a slot stays free although jobs wait, unless they wait for the writer of records.
    fn watch_idle_slots(&mut self, cx: &mut Context<'_>, is_open: bool) {
        let is_rate_exhausted = self.is_rate_exhausted();
        let Some(idle_slots) = &mut self.idle_slots else {
            return;
        };
        if !is_open || self.stopped || self.waiting.is_empty() {
            idle_slots.reset();
        } else if idle_slots.poll_end(cx) {
            idle_slots.reset();
            self.hold_up = if is_rate_exhausted {
                Some(self.waiting.hold_up_by_rate(self.in_flight))
            } else {
                self.waiting.hold_up(self.in_flight)
            };
            self.idle_slots.take_if(|_| self.hold_up.is_some());
            cx.waker().wake_by_ref();
        }
    }

    /// Takes what held the run up, the first time that it did.
    pub(super) fn take_hold_up(&mut self) -> Option<HoldUp> {
        self.hold_up.take()
    }

    /// Removes the job that comes next from those that wait. A host that has not answered yet gets few slots as long as
    /// another could use them: the search for one reads on, for a while.
    fn next_job(&mut self, cx: &mut Context<'_>, supply: Supply) -> Option<Box<Job>> {
        if let Some(job) = self.waiting.pop(Among::Proven) {
            self.search.reset();
            return Some(job);
        }
        let is_found = match supply {
            Supply::Ended | Supply::Blocked => true,
            Supply::Paused => self.waiting.has_ready(Among::All) && self.search.poll_end(cx),
            Supply::More | Supply::Slow => {
                let reserve = (self.jobs / RESERVE).max(1);
                self.in_flight + reserve < self.jobs
                    && self.waiting.has_ready(Among::All)
                    && self.search.poll_end(cx)
            }
        };
        if !is_found {
            return None;
        }
        let job = self.waiting.pop(Among::All);
        let is_last = || matches!(supply, Supply::Ended | Supply::Blocked);
        if job.is_none() && is_last() && self.waiting.only_down() {
            self.waiting.probe_last(Instant::now());
            let probe = self.waiting.pop(Among::All);
            if probe.is_none() && self.waiting.has_recalls() {
                // What is sent has to be recalled first.
                cx.waker().wake_by_ref();
            }
            return probe;
        }
        job
    }

    /// Takes inputs until there is enough to choose from. Reads on where none that waits can be sent.
    fn take_inputs(&mut self, cx: &mut Context<'_>) -> Supply {
        for _ in 0..BATCH {
            let has_choice = self.waiting.len() >= CHOICE && self.waiting.has_ready(Among::Proven);
            if (has_choice || self.waiting.is_full()) && self.intake.totals().is_none() {
                return Supply::Blocked;
            }
            let is_past_window = self
                .window
                .is_some_and(|window| self.inputs_taken >= window);
            if is_past_window && self.intake.totals().is_none() {
                return Supply::Blocked;
            }
            match self.intake.poll_next(cx) {
                Poll::Ready(Some(Ok(input))) => {
                    self.inputs_taken += 1;
                    if input.is_to_send() {
                        self.waiting.push_input(input);
                    } else {
                        self.decide(Job::new(input), None);
                    }
                }
                Poll::Ready(Some(Err(error))) => self.read_error = Some(error),
                Poll::Ready(None) => return Supply::Ended,
                Poll::Pending if self.intake.may_pause() => return Supply::Paused,
                Poll::Pending => return Supply::Slow,
            }
        }
        Supply::More
    }

    /// Asks for parked inputs whose turn comes near; for those that a stop cancelled if the writer of records has room.
    fn recall(&mut self, has_room: bool) {
        self.intake.keep_lines(self.waiting.keeps_lines());
        for (host, parked) in self.waiting.take_recalls() {
            self.intake.recall(host, parked);
        }
        if has_room && !self.cancelled.is_empty() {
            let count = self.cancelled.len().min(BATCH);
            let cancelled = self.cancelled.drain(..count).collect();
            self.cancelled_recalled += count;
            self.intake.recall(CANCELLED, cancelled);
        }
    }

    /// Takes the inputs that were asked for.
    fn poll_recalled(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Recalled { tag, inputs }) = self.intake.poll_recalled(cx) {
            if tag == CANCELLED {
                self.cancelled_recalled -= inputs.len();
            }
            let unsent = if self.stopped {
                if tag != CANCELLED {
                    self.waiting.forget_recalled(tag);
                }
                let cancelled = inputs.into_iter().map(|input| (Job::new(input), None));
                cancelled.collect()
            } else {
                self.waiting.push_recalled(tag, inputs)
            };
            for (job, given_up) in unsent {
                self.decide(job, given_up);
            }
        }
    }

    fn decide(&mut self, job: Box<Job>, given_up: Option<Failure>) {
        self.decided.push_back(Decided { job, given_up });
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

    /// Takes the inputs whose outcome is known without a request.
    pub(super) fn take_decided(&mut self) -> VecDeque<Decided> {
        std::mem::take(&mut self.decided)
    }

    fn send(&mut self, job: Box<Job>) -> Poll<Option<Box<Job>>> {
        if let Some((pacer, _)) = &mut self.pacer {
            pacer.start(Instant::now());
        }
        self.in_flight += 1;
        if self.in_flight >= self.jobs
            && let Some(idle_slots) = &mut self.idle_slots
        {
            idle_slots.reset();
        }
        Poll::Ready(Some(job))
    }

    /// Counts a job whose exchange ended; `signal` is what that told about its host. What waits for a host that is given
    /// up ends.
    pub(super) fn finish(&mut self, job: &mut Job, signal: Signal, why: &str) -> Option<Change> {
        self.in_flight -= 1;
        let sent = job.sent.take()?;
        let change = self.waiting.finish(sent, signal);
        if let Some(Change::GivenUp(timeouts)) = change {
            self.give_up(sent.host, &host_down(timeouts, why));
        }
        change
    }

    fn give_up(&mut self, host: HostIndex, failure: &Failure) {
        for job in self.waiting.give_up(host, failure) {
            self.decide(job, Some(failure.clone()));
        }
    }

    /// Queues the next exchange of a job that was redirected, before any new job. Returns the
    /// job where the run is stopped and the exchange could not start at once.
    pub(super) fn requeue(&mut self, job: Box<Job>) -> Option<Box<Job>> {
        if self.stopped && (self.waiting.must_wait(&job) || self.is_rate_exhausted()) {
            return Some(job);
        }
        self.waiting.push_redirected(job);
        if self.waiting.is_backlogged()
            && let Some(host) = self.waiting.most_started_of_down()
        {
            let failure = "not tried: its host is down, and too many redirects lead to it";
            self.give_up(host, &Failure::new(Kind::HostDown, Phase::Connect, failure));
        }
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
    pub(super) fn pause_host(&mut self, host: HostId, pause: Duration) {
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
        // The oldest one has to go on, or none behind it could ever be reported.
        self.waiting.send_before(oldest + room.max(1));
    }

    /// Stops the intake. Returns every job that is not in flight, in the order of the input.
    pub(super) fn stop(&mut self) -> VecDeque<Box<Job>> {
        let (read, broken) = self.intake.stop();
        self.read_error = self.read_error.take().or(broken);
        self.inputs_taken += read.len() as u64;
        self.stopped = true;
        let Drained {
            mut jobs,
            spilled,
            unread,
        } = self.waiting.drain();
        self.cancelled.extend(spilled);
        self.inputs_taken -= unread;
        self.left_unread |= unread > 0;
        jobs.extend(read.into_iter().map(Job::new));
        jobs
    }

    /// Returns how many inputs have been taken.
    pub(super) fn inputs_taken(&self) -> u64 {
        self.inputs_taken
    }

    /// Returns how the input ended, if it has.
    pub(super) fn totals(&self) -> Option<Totals> {
        if self.left_unread {
            Some(Totals::Cut)
        } else {
            self.intake.totals()
        }
    }

    /// Takes the reason why lines cannot be kept in a temporary file.
    pub(super) fn take_spill_error(&mut self) -> Option<String> {
        self.intake.take_spill_error()
    }

    /// Takes what sources look like that are no lists.
    pub(super) fn take_source_hints(&mut self) -> Vec<String> {
        self.intake.take_hints()
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

/// Describes why an input is not tried: its host is down after so many time-outs, the last of which was `why`.
fn host_down(timeouts: u32, why: &str) -> Failure {
    let message = format!(
        "not tried: {timeouts} requests in a row timed out, the last one: {why}; --host-timeouts 0 tries every URL"
    );
    Failure::new(Kind::HostDown, Phase::Connect, message)
}
