//! The engine with a fake wire and tokio's paused clock.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt as _};
use proptest::prelude::*;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{EngineOptions, HostLimits, RetryPolicy, Transport, run};
use crate::http::{AttemptState, ExchangeResult};
use crate::input::{Intake, inputs};
use crate::model::error::{Failure, Kind, Phase};
use crate::model::event::{Event, RunEnd, Stop};
use crate::model::outcome::{Answer, Verdict};
use crate::model::request::Request;

/// What the fake wire does with one URL.
#[derive(Clone, Debug)]
struct Page {
    millis: u64,
    redirects: u32,
    fails: bool,
}

const fn page(millis: u64) -> Page {
    Page {
        millis,
        redirects: 0,
        fails: false,
    }
}

/// Page N of the list is `http://h/N`.
struct Wire {
    pages: Vec<Page>,
    on: Cell<usize>,
    most: Cell<usize>,
    hops: RefCell<BTreeMap<usize, u32>>,
}

impl Wire {
    fn of(pages: impl IntoIterator<Item = Page>) -> Self {
        Self {
            pages: pages.into_iter().collect(),
            on: Cell::new(0),
            most: Cell::new(0),
            hops: RefCell::default(),
        }
    }
}

/// A slot that is given back also where a hop is cut off.
struct Slot<'a>(&'a Wire);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.on.set(self.0.on.get() - 1);
    }
}

impl Transport for Wire {
    async fn exchange(
        &self,
        request: Arc<Request>,
        state: Box<AttemptState>,
        abort: &CancellationToken,
    ) -> (Box<AttemptState>, Option<ExchangeResult>) {
        let exchange = abort.run_until_cancelled(self.answer(&request)).await;
        (state, exchange)
    }
}

impl Wire {
    async fn answer(&self, request: &Request) -> ExchangeResult {
        let number: usize = request.url.path()[1..].parse().unwrap();
        let page = &self.pages[number];
        self.on.set(self.on.get() + 1);
        self.most.set(self.most.get().max(self.on.get()));
        let _slot = Slot(self);
        sleep(Duration::from_millis(page.millis)).await;
        let mut hops = self.hops.borrow_mut();
        let exchange = hops.entry(number).or_default();
        *exchange += 1;
        if *exchange <= page.redirects {
            return ExchangeResult::Redirected(StatusCode::FOUND, request.url.clone());
        }
        let failure = Failure::new(Kind::Connect, Phase::Connect, "refused");
        if page.fails {
            ExchangeResult::Ended(None, Some(failure))
        } else {
            ExchangeResult::Ended(Some(Answer::of(200).into()), None)
        }
    }
}

/// What came out: index and verdict, with the time since the start.
#[derive(Debug, Default)]
struct Seen {
    done: Vec<(u64, Verdict, u128)>,
    ended: Option<RunEnd>,
    millis: u128,
}

impl Seen {
    fn count(&self, verdict: Verdict) -> usize {
        self.done.iter().filter(|done| done.1 == verdict).count()
    }

    fn each_once(&self, inputs: usize) -> bool {
        let mut indices: Vec<_> = self.done.iter().map(|done| done.0).collect();
        indices.sort_unstable();
        indices == (0..inputs as u64).collect::<Vec<_>>()
    }
}

pub(super) fn options(jobs: usize) -> EngineOptions {
    EngineOptions {
        jobs,
        interval: None,
        per_host: HostLimits::default(),
        retry: RetryPolicy {
            max: 0,
            delay: Duration::from_secs(1),
            max_delay: Some(Duration::from_secs(60)),
            on: "503".parse().unwrap(),
        },
        ordered: false,
        fail_fast: false,
        deadline: None,
        accept: "200".parse().unwrap(),
        slow: None,
    }
}

fn list(wire: &Wire) -> Intake {
    inputs((0..wire.pages.len()).map(|number| format!("http://h/{number}")))
}

/// A runtime whose clock goes on when nothing else does.
pub(super) fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Runs the pages of `wire` with these stops, and a gate that closes while `gate` says so.
fn play(
    wire: &Wire,
    options: &EngineOptions,
    stops: impl Stream<Item = Stop>,
    closed: impl Fn(usize) -> bool,
) -> Seen {
    let runtime = paused();
    runtime.block_on(async {
        let start = Instant::now();
        let seen = RefCell::new(Seen::default());
        let gate = |_: &mut std::task::Context<'_>, _: usize| {
            if closed(seen.borrow().done.len()) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        };
        let tell = |event: Event<'_>| {
            if let Event::Done(outcome) = event {
                let millis = start.elapsed().as_millis();
                let done = (outcome.input.index, outcome.verdict, millis);
                seen.borrow_mut().done.push(done);
            }
        };
        let ended = run(list(wire), wire, options, gate, stops, tell).await;
        let mut seen = seen.into_inner();
        seen.ended = Some(ended);
        seen.millis = start.elapsed().as_millis();
        seen
    })
}

fn play_through(wire: &Wire, options: &EngineOptions) -> Seen {
    play(wire, options, stream::pending(), |_| false)
}

fn at(millis: &'static [u64]) -> impl Stream<Item = Stop> {
    stream::iter(millis).then(async |&millis| {
        sleep(Duration::from_millis(millis)).await;
        Stop::Interrupted
    })
}

#[test]
fn nothing_in_nothing_out() {
    let seen = play_through(&Wire::of([]), &options(3));
    assert!(seen.done.is_empty() && seen.ended.unwrap().list.is_some());
}

#[test]
fn slots_are_full_and_never_overfull() {
    for (jobs, millis) in [(1, 10_000), (3, 3_400), (100, 100), (1000, 100)] {
        let wire = Wire::of(vec![page(100); 100]);
        let seen = play_through(&wire, &options(jobs));
        assert!(seen.each_once(100));
        assert_eq!((wire.most.get(), seen.millis), (jobs.min(100), millis));
    }
}

#[test]
fn as_completed_is_the_default_and_input_order_an_option() {
    let wire = Wire::of((0..10).map(|number| page(1000 - number * 100)));
    let as_completed = play_through(&wire, &options(10));
    let order: Vec<_> = as_completed.done.iter().map(|done| done.0).collect();
    assert_eq!(order, (0..10).rev().collect::<Vec<_>>());

    let wire = Wire::of((0..10).map(|number| page(1000 - number * 100)));
    let ordered = EngineOptions {
        ordered: true,
        ..options(10)
    };
    let seen = play_through(&wire, &ordered);
    let order: Vec<_> = seen.done.iter().map(|done| done.0).collect();
    assert_eq!((order, seen.millis), ((0..10).collect::<Vec<_>>(), 1000));
}

#[test]
fn a_slow_first_url_stops_the_intake_of_an_ordered_run_at_a_bound() {
    let window = usize::try_from(crate::engine::schedule::ORDERED_WINDOW).unwrap();
    let pages = std::iter::once(page(60_000)).chain(vec![page(1); 2 * window]);
    let wire = Wire::of(pages);
    let ordered = EngineOptions {
        ordered: true,
        ..options(50)
    };
    let asked_early = Cell::new(0);
    let seen = play(&wire, &ordered, stream::pending(), |done| {
        if done == 0 {
            asked_early.set(wire.hops.borrow().len());
        }
        false
    });
    assert!(seen.each_once(2 * window + 1));
    assert!(asked_early.get() < window, "{}", asked_early.get());
    assert!(asked_early.get() > window / 2);
}

#[test]
fn a_redirect_goes_on_the_wire_again_before_new_inputs() {
    let mut pages = vec![page(100); 4];
    pages[0].redirects = 2;
    let wire = Wire::of(pages);
    let seen = play_through(&wire, &options(1));
    assert_eq!(seen.done[0], (0, Verdict::Ok, 300));
    assert_eq!((wire.most.get(), seen.millis), (1, 600));
}

#[test]
fn the_first_failure_of_a_fail_fast_run_cuts_off_the_rest_at_once() {
    let mut pages = vec![page(1000); 50];
    pages[3] = Page {
        fails: true,
        ..page(100)
    };
    let fail_fast = EngineOptions {
        fail_fast: true,
        ..options(10)
    };
    let seen = play_through(&Wire::of(pages), &fail_fast);
    assert!(seen.each_once(50));
    assert_eq!(seen.millis, 100);
    assert_eq!(
        (seen.count(Verdict::Error), seen.count(Verdict::Cancelled)),
        (1, 49)
    );
    assert_eq!(seen.ended.unwrap().stopped, Some(Stop::FailFast));
}

#[test]
fn a_deadline_cuts_off_everything_at_once() {
    let deadline = EngineOptions {
        deadline: Some(Duration::from_millis(250)),
        ..options(10)
    };
    let seen = play_through(&Wire::of(vec![page(100); 50]), &deadline);
    assert!(seen.each_once(50));
    assert_eq!((seen.millis, seen.count(Verdict::Ok)), (250, 20));
    assert_eq!(seen.count(Verdict::Cancelled), 30);
}

#[test]
fn the_first_signal_waits_for_the_wire_and_the_second_does_not() {
    let wire = Wire::of(vec![page(1000); 50]);
    let seen = play(
        &wire,
        &options(10),
        at(&[100]).chain(stream::pending()),
        |_| false,
    );
    assert!(seen.each_once(50));
    assert_eq!((seen.millis, seen.count(Verdict::Ok)), (1000, 10));
    let early = seen.done.iter().filter(|done| done.2 == 100).count();
    assert_eq!(early, 40, "what was not sent is cancelled at once");

    let wire = Wire::of(vec![page(1000); 50]);
    let seen = play(&wire, &options(10), at(&[100, 200]), |_| false);
    assert!(seen.each_once(50));
    assert_eq!((seen.millis, seen.count(Verdict::Cancelled)), (300, 50));
    let ended = seen.ended.unwrap();
    assert_eq!(
        (ended.stopped, ended.aborted),
        (Some(Stop::Interrupted), true)
    );
}

#[test]
fn a_chain_of_redirects_is_finished_after_the_first_signal() {
    let mut pages = vec![page(1000); 3];
    pages[0].redirects = 3;
    let seen = play(
        &Wire::of(pages),
        &options(1),
        at(&[100]).chain(stream::pending()),
        |_| false,
    );
    assert_eq!((seen.millis, seen.count(Verdict::Ok)), (4000, 1));
}

#[test]
fn a_closed_gate_stops_the_intake_and_nothing_else() {
    let wire = Wire::of(vec![page(100); 20]);
    let seen = play(&wire, &options(5), at(&[1000]), |done| done >= 5);
    assert!(seen.each_once(20));
    // What was on the wire when the gate closed went on; then nothing, until the signal.
    assert!((5..10).contains(&seen.count(Verdict::Ok)), "{seen:?}");
    assert_eq!(seen.count(Verdict::Ok) + seen.count(Verdict::Cancelled), 20);
}

#[test]
fn a_gate_that_opens_wakes_the_intake() {
    let wire = Wire::of(vec![page(100); 20]);
    let runtime = paused();
    runtime.block_on(async {
        let mut opens = Box::pin(sleep(Duration::from_secs(5)));
        let gate = |cx: &mut std::task::Context<'_>, _: usize| {
            if opens.is_elapsed() {
                Poll::Ready(())
            } else {
                opens.as_mut().poll(cx)
            }
        };
        let mut done = 0;
        let tell = |event: Event<'_>| done += usize::from(matches!(event, Event::Done(_)));
        run(
            list(&wire),
            &wire,
            &options(20),
            gate,
            stream::pending(),
            tell,
        )
        .await;
        assert_eq!(done, 20);
    });
}

proptest! {
    #[test]
    fn every_input_ends_exactly_once(
        pages in prop::collection::vec((0_u64..50, 0_u32..3, any::<bool>()), 0..80),
        jobs in 1_usize..12,
        (ordered, fail_fast) in any::<(bool, bool)>(),
        deadline in prop::option::of(0_u64..200),
        stops in prop::collection::vec(0_u64..100, 0..3),
    ) {
        let pages = pages.into_iter().map(|(millis, redirects, fails)| Page { millis, redirects, fails: fails && millis % 5 == 0 });
        let wire = Wire::of(pages);
        let options = EngineOptions {
            ordered,
            fail_fast,
            deadline: deadline.map(Duration::from_millis),
            ..options(jobs)
        };
        let stops = stream::iter(stops).then(async |millis| {
            sleep(Duration::from_millis(millis)).await;
            Stop::Terminated
        });
        let seen = play(&wire, &options, stops.chain(stream::pending()), |_| false);
        prop_assert!(seen.each_once(wire.pages.len()));
        prop_assert!(wire.most.get() <= jobs);
        prop_assert_eq!(wire.on.get(), 0);
        if ordered {
            prop_assert!(seen.done.is_sorted_by_key(|done| done.0));
        }
    }
}
