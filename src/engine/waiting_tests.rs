//! Waiting well, on a fake wire with hosts: caps, rates, rests, back-offs.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::stream;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::tests::paused;
use super::{EngineOptions, HostLimits, Transport, run};
use crate::http::{AttemptState, ExchangeResult};
use crate::input::inputs;
use crate::model::error::{Failure, Kind, Phase};
use crate::model::event::Event;
use crate::model::outcome::{Answer, Verdict};
use crate::model::request::Request;

/// What one hop of a page leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Ok,
    Fail,
    /// 503 with this Retry-After, in milliseconds.
    Rest(u64),
    /// To the same page on this host.
    Redirect(usize),
}

/// A page of a host: how long each hop takes, and what it leads to; after the last, `Ok`.
#[derive(Clone, Debug)]
struct Page {
    host: usize,
    millis: u64,
    replies: Vec<Reply>,
}

fn page(host: usize, millis: u64) -> Page {
    Page {
        host,
        millis,
        replies: Vec::new(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Never sent.
    New,
    /// It will be sent to this host when there is a turn.
    Between(usize),
    /// On the wire, or in a back-off whose end nobody but the engine knows.
    Away,
}

struct Seen {
    states: Vec<State>,
    hops: Vec<usize>,
    in_flight: Vec<usize>,
    starts: Vec<(usize, Instant)>,
    rests: Vec<Instant>,
    /// When a host last said so; what was sent in that moment could not know.
    told: Vec<Instant>,
    now: Instant,
    most: usize,
    done: Vec<(u64, Verdict, usize, Duration)>,
}

/// The wire, and an eye on it: after every step of time it checks that nothing was owed.
struct Wire {
    pages: Vec<Page>,
    options: EngineOptions,
    seen: RefCell<Seen>,
}

const HOSTS: usize = 4;

/// Timers count milliseconds.
const TICK: Duration = Duration::from_millis(2);

impl Wire {
    fn new(pages: Vec<Page>, options: EngineOptions) -> Self {
        let now = Instant::now();
        let seen = Seen {
            states: vec![State::New; pages.len()],
            hops: vec![0; pages.len()],
            in_flight: vec![0; HOSTS],
            starts: Vec::new(),
            rests: vec![now; HOSTS],
            told: vec![now; HOSTS],
            now,
            most: 0,
            done: Vec::new(),
        };
        Self {
            pages,
            options,
            seen: RefCell::new(seen),
        }
    }

    /// Whether `host` could have taken a request all of the time until `now`.
    fn is_open(&self, seen: &Seen, host: usize, now: Instant) -> bool {
        let limits = self.options.per_host;
        let since = |host: Option<usize>| {
            let mut starts = seen.starts.iter().rev();
            starts
                .find(|start| host.is_none_or(|host| start.0 == host))
                .map(|start| start.1)
        };
        let paced = |last: Option<Instant>, interval: Option<Duration>| match (last, interval) {
            (Some(last), Some(interval)) => last + interval + TICK <= now,
            _ => true,
        };
        limits.jobs.is_none_or(|jobs| seen.in_flight[host] < jobs)
            && seen.rests[host] + TICK <= now
            && paced(since(Some(host)), limits.interval)
            && paced(since(None), self.options.interval)
    }

    /// Time went on: at the end of the moment before, no slot and turn were free that a page waited for.
    fn look(&self) {
        let mut seen = self.seen.borrow_mut();
        let now = Instant::now();
        if now > seen.now {
            let before = seen.now;
            let free = seen.in_flight.iter().sum::<usize>() < self.options.jobs;
            let waiting = seen.states.iter().enumerate();
            let waiting = waiting.filter(|(_, state)| **state != State::Away);
            for (number, state) in waiting.take(crate::engine::schedule::LOOK_AHEAD) {
                let host = match *state {
                    State::New => self.pages[number].host,
                    State::Between(host) => host,
                    State::Away => continue,
                };
                let owed = free && self.is_open(&seen, host, before);
                assert!(
                    !owed,
                    "page {number} waits for host {host} at {:?}",
                    now - before
                );
            }
            seen.now = now;
        }
    }

    fn start(&self, number: usize, host: usize) {
        self.look();
        let mut seen = self.seen.borrow_mut();
        seen.states[number] = State::Away;
        seen.in_flight[host] += 1;
        seen.starts.push((host, Instant::now()));
        seen.most = seen.most.max(seen.in_flight.iter().sum());
        let limit = self.options.per_host.jobs.unwrap_or(usize::MAX);
        assert!(seen.in_flight[host] <= limit, "host {host} is over its cap");
        let now = Instant::now();
        assert!(
            seen.rests[host] <= now || seen.told[host] == now,
            "host {host} rests"
        );
    }

    fn end(&self, number: usize, host: usize) -> ExchangeResult {
        self.look();
        let mut seen = self.seen.borrow_mut();
        seen.in_flight[host] -= 1;
        let reply = self.pages[number].replies.get(seen.hops[number]);
        seen.hops[number] += 1;
        match reply.copied().unwrap_or(Reply::Ok) {
            Reply::Ok => ExchangeResult::Ended(Some(Answer::of(200).into()), None),
            Reply::Fail => {
                let failure = Failure::new(Kind::Connect, Phase::Connect, "refused");
                ExchangeResult::Ended(None, Some(failure))
            }
            Reply::Rest(millis) => {
                let rest = Duration::from_millis(millis);
                if Some(rest) <= self.options.retry.max_delay {
                    seen.rests[host] = seen.rests[host].max(Instant::now() + rest);
                    seen.told[host] = Instant::now();
                }
                seen.states[number] = State::Between(self.pages[number].host);
                let answer = Answer {
                    retry_after: Some(rest),
                    ..Answer::of(503)
                };
                ExchangeResult::Ended(Some(answer.into()), None)
            }
            Reply::Redirect(to) => {
                seen.states[number] = State::Between(to);
                let to = Url::parse(&format!("http://{to}.h/{number}")).unwrap();
                ExchangeResult::Redirected(StatusCode::FOUND, to.into())
            }
        }
    }
}

impl Transport for Wire {
    async fn exchange(
        &self,
        _: Arc<Request>,
        chain: Box<AttemptState>,
        abort: &CancellationToken,
    ) -> (Box<AttemptState>, Option<ExchangeResult>) {
        let number: usize = chain.url().path()[1..].parse().unwrap();
        let host: usize = chain.url().host_str().unwrap()[..1].parse().unwrap();
        self.start(number, host);
        let answer = sleep(Duration::from_millis(self.pages[number].millis));
        let answered = abort.run_until_cancelled(answer).await;
        (chain, answered.map(|()| self.end(number, host)))
    }
}

fn options(jobs: usize) -> EngineOptions {
    let mut options = crate::engine::tests::options(jobs);
    options.retry.max = 5;
    options
}

/// Runs `pages` on the paused clock; index, verdict, attempts and time of each that is done.
fn play(pages: Vec<Page>, options: EngineOptions) -> Seen {
    let runtime = paused();
    runtime.block_on(async {
        let start = Instant::now();
        let list = pages.iter().enumerate();
        let list = list.map(|(number, page)| format!("http://{}.h/{number}", page.host));
        let list = inputs(list.collect::<Vec<_>>());
        let wire = Wire::new(pages, options);
        let tell = |event: Event<'_>| {
            if let Event::Done(outcome) = event {
                let done = (
                    outcome.input.index,
                    outcome.verdict,
                    outcome.attempts.len(),
                    start.elapsed(),
                );
                wire.seen.borrow_mut().done.push(done);
            }
        };
        let open = |_: &mut std::task::Context<'_>, _: usize| Poll::Ready(());
        let run = run(list, &wire, &wire.options, open, stream::pending(), tell);
        tokio::time::timeout(Duration::from_secs(1_000_000), run)
            .await
            .unwrap();
        wire.seen.into_inner()
    })
}

impl Seen {
    fn end_of(&self, index: u64) -> Duration {
        self.done.iter().find(|done| done.0 == index).unwrap().3
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_capped_host_holds_nobody_up() {
    let mut pages = vec![page(0, 1000); 40];
    pages.extend(vec![page(1, 20); 200]);
    let capped = EngineOptions {
        per_host: HostLimits {
            jobs: Some(2),
            interval: None,
        },
        ..options(8)
    };
    let seen = play(pages, capped);
    let fast = (40..240).map(|index| seen.end_of(index)).max().unwrap();
    assert_eq!(fast, 2 * SECOND, "200 pages, two at a time");
    assert_eq!(seen.done.iter().map(|done| done.3).max(), Some(20 * SECOND));
}

#[test]
fn a_host_that_rests_holds_nobody_up() {
    let resting = Page {
        replies: vec![Reply::Rest(4000)],
        ..page(0, 10)
    };
    let mut pages = vec![resting; 8];
    pages.extend(vec![page(1, 10); 50]);
    let seen = play(pages, options(2));
    let others = (8..58).map(|index| seen.end_of(index)).max().unwrap();
    assert!(others < SECOND, "{others:?}");
    for index in 0..8 {
        assert!(seen.end_of(index) >= 4 * SECOND);
    }
}

#[test]
fn a_back_off_holds_no_slot() {
    let failing = Page {
        replies: vec![Reply::Fail; 5],
        ..page(0, 10)
    };
    let mut pages = vec![failing; 10];
    pages.extend(vec![page(0, 10); 100]);
    let seen = play(pages, options(1));
    let others = (10..110).map(|index| seen.end_of(index)).max().unwrap();
    assert!(others < 2 * SECOND, "{others:?}");
    assert!(seen.done.iter().all(|done| done.1 == Verdict::Ok));
    assert!((0..10).all(|index| seen.done.iter().any(|done| done.0 == index && done.2 == 6)));
}

#[test]
fn what_waits_is_bounded_and_what_stands_behind_it_waits_no_longer() {
    let bound = crate::engine::schedule::LOOK_AHEAD;
    let behind = |before: usize| {
        let mut pages = vec![page(0, 100); before];
        pages.push(page(1, 0));
        let capped = EngineOptions {
            per_host: HostLimits {
                jobs: Some(1),
                interval: None,
            },
            ..options(10)
        };
        play(pages, capped).end_of(before as u64)
    };
    assert_eq!(behind(bound), Duration::ZERO);
    assert_eq!(behind(bound + 10), SECOND);
}

#[test]
fn a_rest_that_is_too_long_is_not_waited_for() {
    let resting = Page {
        replies: vec![Reply::Rest(61_000)],
        ..page(0, 10)
    };
    let seen = play(vec![resting, page(0, 10)], options(1));
    assert_eq!((seen.done[0].1, seen.done[0].2), (Verdict::HttpError, 1));
    assert_eq!(seen.done[0].3, Duration::from_millis(10));
}

#[test]
fn the_end_does_not_wait_for_a_turn_that_nobody_wants() {
    let rare = EngineOptions {
        interval: Some(3600 * SECOND),
        ..options(2)
    };
    let seen = play(vec![page(0, 10)], rare);
    assert_eq!(seen.done[0].3, Duration::from_millis(10));
}

fn replies() -> impl Strategy<Value = Vec<Reply>> {
    let reply = prop_oneof![
        2 => Just(Reply::Fail),
        1 => (0_u64..3000).prop_map(Reply::Rest),
        2 => (0..HOSTS).prop_map(Reply::Redirect),
        3 => Just(Reply::Ok),
    ];
    prop::collection::vec(reply, 0..4)
}

/// At most `time / interval + 1` starts in any stretch of time, and the little that pacing may catch up.
fn assert_paced(starts: &[Instant], interval: Option<Duration>) {
    let Some(interval) = interval else { return };
    for (first, start) in starts.iter().enumerate() {
        for (turns, later) in (0_u32..).zip(&starts[first..]) {
            let least = (interval * turns).saturating_sub(Duration::from_millis(10));
            assert!(*later - *start >= least, "{turns} in {:?}", *later - *start);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_500,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("failed"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_exceeded_or_owed(
        pages in prop::collection::vec((0..HOSTS, 1_u64..300, replies()), 0..40),
        jobs in 1_usize..8,
        cap in prop::option::of(1_usize..4),
        rates in prop::option::of(20_u64..400),
        rate in prop::option::of(5_u64..100),
        retries in 0_u32..4,
        ordered in any::<bool>(),
    ) {
        let pages: Vec<_> = pages.into_iter().map(|(host, millis, replies)| Page { host, millis, replies }).collect();
        let inputs = pages.len();
        let mut options = options(jobs);
        options.retry.max = retries;
        options.per_host = HostLimits { jobs: cap, interval: rates.map(Duration::from_millis) };
        options.interval = rate.map(Duration::from_millis);
        options.ordered = ordered;
        // A page that will not be tried again is no page that waits, which the eye cannot know.
        let pages = if retries == 0 {
            pages.into_iter().map(|page| Page {
                replies: page.replies.into_iter().filter(|reply| !matches!(reply, Reply::Rest(_))).collect(),
                ..page
            }).collect()
        } else {
            pages.into_iter().map(|mut page| { page.replies.truncate(retries as usize); page }).collect()
        };
        let limits = options.clone();
        let seen = play(pages, options);
        let mut indices: Vec<_> = seen.done.iter().map(|done| done.0).collect();
        prop_assert!(!ordered || indices.is_sorted());
        indices.sort_unstable();
        prop_assert_eq!(indices, (0..inputs as u64).collect::<Vec<_>>());
        prop_assert!(seen.most <= jobs);
        let all: Vec<_> = seen.starts.iter().map(|start| start.1).collect();
        assert_paced(&all, limits.interval);
        for host in 0..HOSTS {
            let starts = seen.starts.iter().filter(|start| start.0 == host);
            let starts: Vec<_> = starts.map(|start| start.1).collect();
            assert_paced(&starts, limits.per_host.interval);
        }
    }
}
