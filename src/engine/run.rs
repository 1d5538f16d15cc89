//! The loop: schedule → wire → outcome.

use std::cell::RefCell;
use std::future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{Stream, StreamExt, poll_fn};
use tokio_util::sync::CancellationToken;

use super::job::{Job, Started, cancelled};
use super::order::Order;
use super::schedule::Schedule;
use super::{Options, Transport};
use crate::error::Phase;
use crate::event::{Ended, Event, Stop};
use crate::http::{Chain, Hop};
use crate::input::{Intake, Totals};
use crate::outcome::{Outcome, Verdict};

/// Jobs that are taken off the wire at a time at most.
const CHUNK: usize = 64;

/// A job that came off the wire after a hop; `None` when the run was stopped during it.
struct Landed(Job, Option<Hop>);

/// Runs until every input has its outcome.
///
/// `gate` is polled before a new input is taken, and is pending while the
/// caller is behind with what `tell` gave it. `stops` gives the signals: the
/// first stops the intake, the second also what is on the wire.
pub async fn run<T: Transport>(
    intake: Intake,
    transport: &T,
    options: &Options,
    gate: impl FnMut(&mut Context<'_>) -> Poll<()>,
    stops: impl Stream<Item = Stop>,
    tell: impl FnMut(Event<'_>),
) -> Ended {
    let schedule = RefCell::new(Schedule::new(intake, gate, options.ordered));
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
        complete: schedule.borrow().totals() == Some(Totals::Complete),
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

async fn fly<T: Transport>(transport: &T, abort: &CancellationToken, mut job: Job) -> Landed {
    let request = match &job.input.request {
        Ok(request) if !abort.is_cancelled() => request,
        _ => return Landed(job, None),
    };
    job.started.get_or_insert_with(Started::now);
    let chain = job.chain.get_or_insert_with(|| Chain::new(request));
    // Pinned here: a future that is handed on is copied into each that takes it.
    let hop = {
        let hop = pin!(transport.hop(request, chain));
        tokio::select! {
            biased;
            hop = hop => Some(hop),
            () = abort.cancelled() => None,
        }
    };
    Landed(job, hop)
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
    G: FnMut(&mut Context<'_>) -> Poll<()>,
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
            let rejected = self.schedule.borrow_mut().take_rejected();
            taken += rejected.len() + usize::from(landed.is_ready());
            for (job, failure) in rejected {
                self.done(job.reject(failure));
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

    fn land(&mut self, Landed(job, hop): Landed) {
        self.schedule.borrow_mut().landed();
        let outcome = match hop {
            Some(Hop::Redirected(status)) => {
                if let Some(chain) = &job.chain {
                    let (input, to) = (&job.input, chain.url());
                    (self.tell)(Event::Redirected { input, status, to });
                }
                self.schedule.borrow_mut().again(job);
                return;
            }
            Some(Hop::Ended(answer, failure)) => job.end(answer, failure, self.options),
            None => {
                let phase = job.chain.as_ref().map_or(Phase::Request, Chain::phase);
                let why = self.stopped.unwrap_or(Stop::Interrupted);
                job.end(None, Some(cancelled(why, phase)), self.options)
            }
        };
        self.done(outcome);
    }

    fn done(&mut self, outcome: Outcome) {
        if let Some(attempt) = &outcome.last {
            let input = &outcome.input;
            (self.tell)(Event::Attempted { input, attempt });
        }
        let failed = matches!(outcome.verdict, Verdict::HttpError | Verdict::Error);
        let outcome = Box::new(outcome);
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
        let first = *self.stopped.get_or_insert(why);
        let (unsent, waiting_for) = {
            let mut schedule = self.schedule.borrow_mut();
            (schedule.stop(), schedule.under_way())
        };
        let waiting_for = if self.abort.is_cancelled() {
            0
        } else {
            waiting_for
        };
        (self.tell)(Event::Stopping { why, waiting_for });
        for job in unsent {
            self.done(job.cancel(first));
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
        if totals == Some(Totals::Complete) && !std::mem::replace(&mut self.input_ended, true) {
            (self.tell)(Event::InputEnded { inputs });
        }
        (self.tell)(Event::Pause);
    }
}
