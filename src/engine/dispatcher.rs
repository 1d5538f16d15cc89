//! The loop of a run: sends what the schedule yields, and decides what follows each answer.

use std::cell::RefCell;
use std::future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{Stream, StreamExt, poll_fn};
use tokio_util::sync::CancellationToken;

use reqwest::StatusCode;
use url::Url;

use super::input_order::InputOrder;
use super::job::{Job, cancelled_failure};
use super::options::EngineOptions;
use super::reachability::Change;
use super::retry::{self, RetryDecision};
use super::schedule::{Decided, Schedule};
use super::signal::Signal;
use super::transport::Transport;
use crate::http::{AttemptState, ExchangeResult};
use crate::input::{Intake, Totals};
use crate::model::error::{Failure, Kind, Phase};
use crate::model::event::{BrokenSource, Event, RunEnd, Stop};
use crate::model::outcome::{Outcome, Verdict};

/// The number of jobs that are handled before signals and the deadline are looked at again.
const MAX_BATCH: usize = 64;

/// A job after an exchange. There is no result where the run was aborted during it.
struct Finished {
    job: Box<Job>,
    result: Option<ExchangeResult>,
}

/// Runs until every input has its outcome, and reports what happens to `on_event`.
///
/// `gate` is polled with the number of requests in flight before an input is taken. It is
/// pending while the caller is behind with the events, and stops the intake only. `stops` yields
/// the signals: the first stops the intake, the second also cancels the requests in flight.
pub async fn run<T: Transport>(
    intake: Intake,
    transport: &T,
    options: &EngineOptions,
    gate: impl FnMut(&mut Context<'_>, usize) -> Poll<()>,
    stops: impl Stream<Item = Stop>,
    on_event: impl FnMut(Event<'_>),
) -> RunEnd {
    let schedule = RefCell::new(Schedule::new(intake, gate, options));
    let abort = CancellationToken::new();
    let mut dispatcher = Dispatcher {
        options,
        schedule: &schedule,
        abort: &abort,
        input_order: options.ordered.then(InputOrder::default),
        stopped: None,
        end_reported: false,
        broken: None,
        on_event,
    };
    let mut finished_jobs = pin!(
        poll_fn(|cx| schedule.borrow_mut().poll_next(cx))
            .map(|job| execute(transport, &abort, job))
            .buffer_unordered(options.jobs)
    );
    let mut stops = pin!(stops.fuse());
    let mut deadline = pin!(sleep(options.deadline));
    let mut has_more = true;
    while has_more {
        tokio::select! {
            biased;
            Some(stop) = stops.next() => dispatcher.stop(stop),
            () = &mut deadline => {
                deadline.set(sleep(None));
                dispatcher.stop(Stop::Deadline);
            }
            more = future::poll_fn(|cx| dispatcher.poll_finished(cx, finished_jobs.as_mut())) => {
                has_more = more;
            }
        }
        dispatcher.end_batch();
    }
    RunEnd {
        list: schedule.borrow().totals().and_then(Totals::list),
        broken: dispatcher.broken,
        aborted: abort.is_cancelled(),
        stopped: dispatcher.stopped,
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

async fn execute<T: Transport>(
    transport: &T,
    abort: &CancellationToken,
    mut job: Box<Job>,
) -> Finished {
    let is_running = !abort.is_cancelled();
    let Some((request, state)) = is_running.then(|| job.begin_exchange()).flatten() else {
        return Finished { job, result: None };
    };
    let (state, result) = transport.exchange(request, state, abort).await;
    job.state = Some(state);
    Finished { job, result }
}

/// Describes a Retry-After that is longer than `--retry-max-delay`.
fn pause_too_long(pause: Duration, longest: Option<Duration>) -> Failure {
    let longest = longest.map_or_else(String::new, |longest| format!(" ({longest:?})"));
    let message = format!(
        "the server asks to wait {} s (Retry-After), longer than --retry-max-delay{longest}; not retried",
        pause.as_secs()
    );
    Failure::new(Kind::Timeout, Phase::Headers, message)
}

/// Decides what follows each exchange, and reports it.
struct Dispatcher<'a, G, F> {
    options: &'a EngineOptions,
    schedule: &'a RefCell<Schedule<G>>,
    abort: &'a CancellationToken,
    input_order: Option<InputOrder>,
    stopped: Option<Stop>,
    end_reported: bool,
    broken: Option<BrokenSource>,
    on_event: F,
}

impl<G, F> Dispatcher<'_, G, F>
where
    G: FnMut(&mut Context<'_>, usize) -> Poll<()>,
    F: FnMut(Event<'_>),
{
    /// Handles every job that has finished, up to [`MAX_BATCH`]; returns false after the last.
    /// Each job is handled before the next is polled for, so that its redirect or retry
    /// is queued before a new input takes its slot.
    fn poll_finished(
        &mut self,
        cx: &mut Context<'_>,
        mut finished_jobs: Pin<&mut impl Stream<Item = Finished>>,
    ) -> Poll<bool> {
        let mut handled = 0;
        loop {
            let finished = finished_jobs.as_mut().poll_next(cx);
            let decided = self.schedule.borrow_mut().take_decided();
            handled += decided.len() + usize::from(finished.is_ready());
            for Decided { job, given_up } in decided {
                match given_up {
                    Some(failure) => {
                        self.complete(job.into_given_up_outcome(self.options, failure));
                    }
                    None if job.input.is_to_send() => self.cancel(job),
                    None => self.complete(job.into_unsent_outcome()),
                }
            }
            match finished {
                Poll::Ready(Some(finished)) => self.handle(finished),
                Poll::Ready(None) => return Poll::Ready(false),
                Poll::Pending if handled == 0 && !self.report_hold_up() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(true),
            }
            if handled >= MAX_BATCH {
                return Poll::Ready(true);
            }
        }
    }

    /// Reports what holds the run up, if that is to be told; returns whether it was.
    fn report_hold_up(&mut self) -> bool {
        let hold_up = self.schedule.borrow_mut().take_hold_up();
        let is_new = hold_up.is_some();
        if let Some(hold_up) = hold_up {
            (self.on_event)(Event::HeldUp(hold_up));
        }
        is_new
    }

    fn handle(&mut self, Finished { mut job, result }: Finished) {
        let change = self.count_finished(&mut job, result.as_ref());
        let is_given_up = matches!(change, Some(Change::GivenUp(_)));
        match result {
            Some(ExchangeResult::Redirected(status, to)) => self.redirect(job, status, to),
            Some(ExchangeResult::Ended(answer, failure)) => {
                job.end_attempt(answer, failure);
                self.attempt_ended(job, is_given_up);
            }
            None => self.cancel(job),
        }
    }

    /// Counts an exchange that ended at its host. Reports what that changed, and returns it.
    fn count_finished(&mut self, job: &mut Job, result: Option<&ExchangeResult>) -> Option<Change> {
        let signal = Signal::of(result, &self.options.accept);
        let why = match result {
            Some(ExchangeResult::Ended(_, Some(failure))) => failure.message.as_str(),
            _ => "",
        };
        let change = self.schedule.borrow_mut().finish(job, signal, why);
        if let Some(url) = job.next_url() {
            match change {
                Some(Change::WentDown(timeouts)) => {
                    (self.on_event)(Event::HostDown { url, timeouts, why });
                }
                Some(Change::CameBack) => (self.on_event)(Event::HostUp { url }),
                Some(Change::GivenUp(_)) | None => {}
            }
        }
        change
    }

    fn redirect(&mut self, mut job: Box<Job>, status: StatusCode, to: Arc<Url>) {
        let input = &job.input;
        (self.on_event)(Event::Redirected {
            input,
            status,
            to: &to,
        });
        if let Some(state) = &mut job.state {
            state.follow(status, to);
        }
        let rejected = self.schedule.borrow_mut().requeue(job);
        if let Some(job) = rejected {
            self.cancel(job);
        }
    }

    /// Decides whether the attempt that ended is retried, and pauses its host where it asked for that. The last probe of
    /// a host that is given up is not retried.
    fn attempt_ended(&mut self, mut job: Box<Job>, is_given_up: bool) {
        self.report_attempt(&job);
        let EngineOptions { retry, accept, .. } = self.options;
        let pause = job
            .last_attempt()
            .and_then(|last| retry::host_pause(retry, accept, last));
        if let Some(pause) = pause
            && let Some(host) = job.last_host()
        {
            self.schedule.borrow_mut().pause_host(host, pause);
        }
        let decision = match self.stopped {
            None if !is_given_up => job.decide_retry(retry, accept),
            _ => RetryDecision::GiveUp,
        };
        let retry_failure = match decision {
            RetryDecision::AfterBackoff(backoff) => {
                job.drop_body();
                self.report_retry(&job, backoff);
                return self.schedule.borrow_mut().retry_later(job, backoff);
            }
            RetryDecision::AfterPause(pause) => {
                job.drop_body();
                self.report_retry(&job, pause);
                return self.schedule.borrow_mut().retry(job);
            }
            RetryDecision::PauseTooLong(pause) => {
                Some(pause_too_long(pause, self.options.retry.max_delay))
            }
            RetryDecision::GiveUp => None,
        };
        self.complete(job.into_outcome(self.options, retry_failure));
    }

    /// Completes a job that the end of the run cancels.
    fn cancel(&mut self, mut job: Box<Job>) {
        let why = self.stopped.unwrap_or(Stop::Interrupted);
        let Some(phase) = job.state.as_deref().map(AttemptState::phase) else {
            return self.complete(job.into_cancelled_outcome(why));
        };
        job.end_attempt(None, Some(cancelled_failure(why, phase)));
        self.report_attempt(&job);
        self.complete(job.into_outcome(self.options, None));
    }

    fn report_attempt(&mut self, job: &Job) {
        if let Some(attempt) = job.last_attempt() {
            let input = &job.input;
            (self.on_event)(Event::Attempted { input, attempt });
        }
    }

    fn report_retry(&mut self, job: &Job, delay: Duration) {
        (self.on_event)(Event::Retrying {
            input: &job.input,
            made: job.attempts_made(),
            allowed: usize::try_from(self.options.retry.max)
                .unwrap_or(usize::MAX)
                .saturating_add(1),
            delay,
        });
    }

    fn complete(&mut self, outcome: Outcome) {
        let failed = matches!(outcome.verdict, Verdict::HttpError | Verdict::Error);
        let mut outcome = Box::new(outcome);
        (self.on_event)(Event::Completed(&mut outcome));
        match &mut self.input_order {
            None => (self.on_event)(Event::RecordDue(outcome)),
            Some(order) => {
                order.push(outcome);
                while let Some(outcome) = order.pop() {
                    (self.on_event)(Event::RecordDue(outcome));
                }
                let mut schedule = self.schedule.borrow_mut();
                schedule.advance(order.next_position(), order.bytes());
            }
        }
        if failed && self.options.fail_fast && self.stopped.is_none() {
            self.stop(Stop::FailFast);
        }
    }

    /// Stops the run. The first signal lets the requests in flight end; everything else cancels them.
    fn stop(&mut self, why: Stop) {
        if self.stopped.is_some() || !why.is_signal() {
            self.abort.cancel();
        }
        self.stopped.get_or_insert(why);
        let (queued, waiting_for) = {
            let mut schedule = self.schedule.borrow_mut();
            (schedule.stop(), schedule.in_flight())
        };
        let waiting_for = if self.abort.is_cancelled() {
            0
        } else {
            waiting_for
        };
        (self.on_event)(Event::Stopping { why, waiting_for });
        for job in queued {
            if job.input.is_to_send() {
                self.cancel(job);
            } else {
                self.complete(job.into_unsent_outcome());
            }
        }
    }

    fn end_batch(&mut self) {
        let (hints, error, totals, inputs) = {
            let mut schedule = self.schedule.borrow_mut();
            (
                schedule.take_source_hints(),
                schedule.take_read_error(),
                schedule.totals(),
                schedule.inputs_taken(),
            )
        };
        for hint in hints {
            (self.on_event)(Event::SourceHint(hint));
        }
        if let Some(why) = self.schedule.borrow_mut().take_spill_error() {
            (self.on_event)(Event::SpillFailed(why));
        }
        if let Some(error) = error {
            self.broken = Some(error.broken_source());
            (self.on_event)(Event::SourceFailed(error.to_string()));
        }
        if totals.and_then(Totals::list).is_some()
            && !std::mem::replace(&mut self.end_reported, true)
        {
            (self.on_event)(Event::InputEnded { inputs });
        }
        (self.on_event)(Event::Pause);
    }
}
