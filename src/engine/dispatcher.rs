//! The loop: schedule → wire → outcome.

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
use super::job::{Job, cancelled};
use super::options::EngineOptions;
use super::retry::{self, Next};
use super::schedule::Schedule;
use super::transport::Transport;
use crate::http::{AttemptState, ExchangeResult};
use crate::input::{Intake, Totals};
use crate::model::error::{Failure, Kind, Phase};
use crate::model::event::{Event, RunEnd, Stop};
use crate::model::outcome::{Outcome, Verdict};

/// Jobs that are taken off the wire at a time at most.
const CHUNK: usize = 64;

/// A job that came off the wire after a hop; `None` when the run was stopped during it.
struct Finished(Box<Job>, Option<ExchangeResult>);

/// Runs until every input has its outcome.
///
/// `gate` is polled with the number of jobs on the wire before a new input is taken,
/// and is pending while the caller is behind with what `tell` gave it. `stops` gives the signals: the
/// first stops the intake, the second also what is on the wire.
pub async fn run<T: Transport>(
    intake: Intake,
    transport: &T,
    options: &EngineOptions,
    gate: impl FnMut(&mut Context<'_>, usize) -> Poll<()>,
    stops: impl Stream<Item = Stop>,
    tell: impl FnMut(Event<'_>),
) -> RunEnd {
    let schedule = RefCell::new(Schedule::new(intake, gate, options));
    let abort = CancellationToken::new();
    let mut dispatcher = Dispatcher {
        options,
        schedule: &schedule,
        abort: &abort,
        order: options.ordered.then(InputOrder::default),
        stopped: None,
        input_ended: false,
        broken: false,
        tell,
    };
    let mut finished = pin!(
        poll_fn(|cx| schedule.borrow_mut().poll_next(cx))
            .map(|job| execute(transport, &abort, job))
            .buffer_unordered(options.jobs)
    );
    let mut stops = pin!(stops.fuse());
    let mut deadline = pin!(sleep(options.deadline));
    let mut goes_on = true;
    while goes_on {
        tokio::select! {
            biased;
            Some(stop) = stops.next() => dispatcher.stop(stop),
            () = &mut deadline => {
                deadline.set(sleep(None));
                dispatcher.stop(Stop::Deadline);
            }
            more = future::poll_fn(|cx| dispatcher.poll_finished(cx, finished.as_mut())) => goes_on = more,
        }
        dispatcher.pause();
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
    let goes_on = !abort.is_cancelled();
    let Some((request, state)) = goes_on.then(|| job.attempt()).flatten() else {
        return Finished(job, None);
    };
    let (state, exchange) = transport.exchange(request, state, abort).await;
    job.state = Some(state);
    Finished(job, exchange)
}

/// The server wants to be left alone for longer than the user waits.
fn too_long(rest: Duration) -> Failure {
    let message = format!("Retry-After is {rest:?}, over --retry-max-delay");
    Failure::new(Kind::Timeout, Phase::Headers, message)
}

/// Where jobs land: decides what becomes of each.
struct Dispatcher<'a, G, F> {
    options: &'a EngineOptions,
    schedule: &'a RefCell<Schedule<G>>,
    abort: &'a CancellationToken,
    order: Option<InputOrder>,
    stopped: Option<Stop>,
    input_ended: bool,
    broken: bool,
    tell: F,
}

impl<G, F> Dispatcher<'_, G, F>
where
    G: FnMut(&mut Context<'_>, usize) -> Poll<()>,
    F: FnMut(Event<'_>),
{
    /// Takes everything that has landed, up to a chunk; false after the last. Each
    /// is dealt with before the next is asked for: what it leads to comes first.
    fn poll_finished(
        &mut self,
        cx: &mut Context<'_>,
        mut finished: Pin<&mut impl Stream<Item = Finished>>,
    ) -> Poll<bool> {
        let mut taken = 0;
        loop {
            let finished = finished.as_mut().poll_next(cx);
            let unsent = self.schedule.borrow_mut().take_unsent();
            taken += unsent.len() + usize::from(finished.is_ready());
            for job in unsent {
                self.done(job.settle());
            }
            match finished {
                Poll::Ready(Some(finished)) => self.handle(finished),
                Poll::Ready(None) => return Poll::Ready(false),
                Poll::Pending if taken == 0 => return Poll::Pending,
                Poll::Pending => return Poll::Ready(true),
            }
            if taken >= CHUNK {
                return Poll::Ready(true);
            }
        }
    }

    fn handle(&mut self, Finished(mut job, exchange): Finished) {
        self.schedule.borrow_mut().finished(&mut job);
        match exchange {
            Some(ExchangeResult::Redirected(status, to)) => self.redirect(job, status, to),
            Some(ExchangeResult::Ended(answer, failure)) => {
                job.end_attempt(answer, failure);
                self.attempted(job);
            }
            None => self.cut_off(job),
        }
    }

    fn redirect(&mut self, mut job: Box<Job>, status: StatusCode, to: Arc<Url>) {
        let input = &job.input;
        (self.tell)(Event::Redirected {
            input,
            status,
            to: &to,
        });
        if let Some(state) = &mut job.state {
            state.follow(status, to);
        }
        let left_over = self.schedule.borrow_mut().again(job);
        if let Some(job) = left_over {
            self.cut_off(job);
        }
    }

    /// An attempt ended: it is made again, or it was the last.
    fn attempted(&mut self, job: Box<Job>) {
        self.tell_attempt(&job);
        let rest = job
            .last()
            .and_then(|last| retry::rest(&self.options.retry, &self.options.accept, last));
        if let Some(rest) = rest
            && let Some(host) = job.answered_by()
        {
            self.schedule.borrow_mut().pause_host(&host, rest);
        }
        let next = match self.stopped {
            None => job.next(&self.options.retry, &self.options.accept),
            Some(_) => Next::Done,
        };
        let mut extra = None;
        match next {
            Next::After(delay) => {
                self.tell_retry(&job, delay);
                return self.schedule.borrow_mut().retry_later(job, delay);
            }
            Next::AfterRest(rest) => {
                self.tell_retry(&job, rest);
                return self.schedule.borrow_mut().retry(job);
            }
            Next::TooLong(rest) => extra = Some(too_long(rest)),
            Next::Done => {}
        }
        self.done(job.finish(self.options, extra));
    }

    /// The run ended before it did.
    fn cut_off(&mut self, mut job: Box<Job>) {
        let why = self.stopped.unwrap_or(Stop::Interrupted);
        let Some(phase) = job.state.as_deref().map(AttemptState::phase) else {
            return self.done(job.cancel(why));
        };
        job.end_attempt(None, Some(cancelled(why, phase)));
        self.tell_attempt(&job);
        self.done(job.finish(self.options, None));
    }

    fn tell_attempt(&mut self, job: &Job) {
        if let Some(attempt) = job.last() {
            let input = &job.input;
            (self.tell)(Event::Attempted { input, attempt });
        }
    }

    fn tell_retry(&mut self, job: &Job, delay: Duration) {
        (self.tell)(Event::Retrying {
            input: &job.input,
            made: job.made(),
            delay,
        });
    }

    fn done(&mut self, outcome: Outcome) {
        let failed = matches!(outcome.verdict, Verdict::HttpError | Verdict::Error);
        let mut outcome = Box::new(outcome);
        (self.tell)(Event::Completed(&mut outcome));
        match &mut self.order {
            None => (self.tell)(Event::Done(outcome)),
            Some(order) => {
                order.push(outcome);
                while let Some(outcome) = order.pop() {
                    (self.tell)(Event::Done(outcome));
                }
                let mut schedule = self.schedule.borrow_mut();
                schedule.advance(order.next(), order.bytes());
            }
        }
        if failed && self.options.fail_fast && self.stopped.is_none() {
            self.stop(Stop::FailFast);
        }
    }

    /// The first signal lets what is on the wire end; everything else does not.
    fn stop(&mut self, why: Stop) {
        if self.stopped.is_some() || !why.is_signal() {
            self.abort.cancel();
        }
        self.stopped.get_or_insert(why);
        let (unsent, waiting_for) = {
            let mut schedule = self.schedule.borrow_mut();
            (schedule.stop(), schedule.in_flight())
        };
        let waiting_for = if self.abort.is_cancelled() {
            0
        } else {
            waiting_for
        };
        (self.tell)(Event::Stopping { why, waiting_for });
        for job in unsent {
            if job.is_to_be_sent() {
                self.cut_off(job);
            } else {
                self.done(job.settle());
            }
        }
    }

    fn pause(&mut self) {
        let (error, totals, inputs) = {
            let mut schedule = self.schedule.borrow_mut();
            (
                schedule.take_read_error(),
                schedule.totals(),
                schedule.taken(),
            )
        };
        if let Some(error) = error {
            self.broken = true;
            (self.tell)(Event::SourceFailed(error.to_string()));
        }
        if totals.and_then(Totals::list).is_some()
            && !std::mem::replace(&mut self.input_ended, true)
        {
            (self.tell)(Event::InputEnded { inputs });
        }
        (self.tell)(Event::Pause);
    }
}
