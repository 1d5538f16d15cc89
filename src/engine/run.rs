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

use super::job::{Job, cancelled};
use super::order::Order;
use super::retry::{self, Next};
use super::schedule::Schedule;
use super::{Options, Transport};
use crate::http::{Chain, Hop};
use crate::input::{Intake, Totals};
use crate::model::error::{Failure, Kind, Phase};
use crate::model::event::{Ended, Event, Stop};
use crate::model::outcome::{Outcome, Verdict};

/// Jobs that are taken off the wire at a time at most.
const CHUNK: usize = 64;

/// A job that came off the wire after a hop; `None` when the run was stopped during it.
struct Landed(Box<Job>, Option<Hop>);

/// Runs until every input has its outcome.
///
/// `gate` is polled with the number of jobs on the wire before a new input is taken,
/// and is pending while the caller is behind with what `tell` gave it. `stops` gives the signals: the
/// first stops the intake, the second also what is on the wire.
pub async fn run<T: Transport>(
    intake: Intake,
    transport: &T,
    options: &Options,
    gate: impl FnMut(&mut Context<'_>, usize) -> Poll<()>,
    stops: impl Stream<Item = Stop>,
    tell: impl FnMut(Event<'_>),
) -> Ended {
    let schedule = RefCell::new(Schedule::new(intake, gate, options));
    let abort = CancellationToken::new();
    let mut desk = Desk {
        options,
        schedule: &schedule,
        abort: &abort,
        order: options.ordered.then(Order::default),
        stopped: None,
        input_ended: false,
        broken: false,
        tell,
    };
    let mut landings = pin!(
        poll_fn(|cx| schedule.borrow_mut().poll_next(cx))
            .map(|job| fly(transport, &abort, job))
            .buffer_unordered(options.jobs)
    );
    let mut stops = pin!(stops.fuse());
    let mut deadline = pin!(sleep(options.deadline));
    let mut goes_on = true;
    while goes_on {
        tokio::select! {
            biased;
            Some(stop) = stops.next() => desk.stop(stop),
            () = &mut deadline => {
                deadline.set(sleep(None));
                desk.stop(Stop::Deadline);
            }
            more = future::poll_fn(|cx| desk.poll_land(cx, landings.as_mut())) => goes_on = more,
        }
        desk.pause();
    }
    Ended {
        list: schedule.borrow().totals().and_then(Totals::list),
        broken: desk.broken,
        aborted: abort.is_cancelled(),
        stopped: desk.stopped,
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

async fn fly<T: Transport>(transport: &T, abort: &CancellationToken, mut job: Box<Job>) -> Landed {
    let goes_on = !abort.is_cancelled();
    let Some((request, chain)) = goes_on.then(|| job.attempt()).flatten() else {
        return Landed(job, None);
    };
    let (chain, hop) = transport.hop(request, chain, abort).await;
    job.chain = Some(chain);
    Landed(job, hop)
}

/// The server wants to be left alone for longer than the user waits.
fn too_long(rest: Duration) -> Failure {
    let message = format!("Retry-After is {rest:?}, over --retry-max-delay");
    Failure::new(Kind::Timeout, Phase::Headers, message)
}

/// Where jobs land: decides what becomes of each.
struct Desk<'a, G, F> {
    options: &'a Options,
    schedule: &'a RefCell<Schedule<G>>,
    abort: &'a CancellationToken,
    order: Option<Order>,
    stopped: Option<Stop>,
    input_ended: bool,
    broken: bool,
    tell: F,
}

impl<G, F> Desk<'_, G, F>
where
    G: FnMut(&mut Context<'_>, usize) -> Poll<()>,
    F: FnMut(Event<'_>),
{
    /// Takes everything that has landed, up to a chunk; false after the last. Each
    /// is dealt with before the next is asked for: what it leads to comes first.
    fn poll_land(
        &mut self,
        cx: &mut Context<'_>,
        mut landings: Pin<&mut impl Stream<Item = Landed>>,
    ) -> Poll<bool> {
        let mut taken = 0;
        loop {
            let landed = landings.as_mut().poll_next(cx);
            let unsent = self.schedule.borrow_mut().take_unsent();
            taken += unsent.len() + usize::from(landed.is_ready());
            for job in unsent {
                self.done(job.settle());
            }
            match landed {
                Poll::Ready(Some(landed)) => self.land(landed),
                Poll::Ready(None) => return Poll::Ready(false),
                Poll::Pending if taken == 0 => return Poll::Pending,
                Poll::Pending => return Poll::Ready(true),
            }
            if taken >= CHUNK {
                return Poll::Ready(true);
            }
        }
    }

    fn land(&mut self, Landed(mut job, hop): Landed) {
        self.schedule.borrow_mut().landed(&mut job);
        match hop {
            Some(Hop::Redirected(status, to)) => self.redirect(job, status, to),
            Some(Hop::Ended(answer, failure)) => {
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
        if let Some(chain) = &mut job.chain {
            chain.follow(status, to);
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
        let Some(phase) = job.chain.as_deref().map(Chain::phase) else {
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
            (schedule.stop(), schedule.on_wire())
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
