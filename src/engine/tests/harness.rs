//! A scripted world of fake hosts behind the engine's [`Transport`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::recording::{Done, Recording, Start};
use crate::engine::options::{EngineOptions, HostLimits, RetryPolicy};
use crate::engine::waiting::LOOK_AHEAD;
use crate::engine::{Transport, run};
use crate::http::{AttemptState, ExchangeResult};
use crate::input::{inputs, inputs_in_file};
use crate::model::error::{Failure, Kind, Phase};
use crate::model::event::{Event, Stop};
use crate::model::hold_up::HoldUp;
use crate::model::live::LiveCounts;
use crate::model::outcome::Answer;
use crate::model::request::Request;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// The resolution of tokio's timers is one millisecond; what is due may be this late.
const TIMER_SLACK: Duration = Duration::from_millis(2);

/// No simulation takes longer, or the engine has forgotten something.
const MAX_RUN: Duration = Duration::from_secs(1_000_000);

/// How a fake host answers one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// 200.
    Ok,
    /// Refuses the connection.
    Refused,
    /// Does not connect in time.
    TimedOut,
    /// Connects, but sends nothing in time.
    Silent,
    /// 503 with this Retry-After, in milliseconds.
    RetryAfter(u64),
    /// 429 without a Retry-After.
    Busy,
    /// Redirects to the same page on this host.
    Redirect(usize),
}

/// One URL of the list, and how its exchanges go.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) host: usize,
    /// How long each exchange takes, in milliseconds.
    pub(super) latency: u64,
    /// The reply to each exchange in turn; after the last, `then`.
    pub(super) replies: Vec<Reply>,
    pub(super) then: Reply,
}

/// A page that is answered with 200 after `latency` milliseconds.
pub(super) fn page(host: usize, latency: u64) -> Page {
    Page {
        host,
        latency,
        replies: Vec::new(),
        then: Reply::Ok,
    }
}

/// A page of a host that never connects in time.
pub(super) fn dead_page(host: usize, timeout: u64) -> Page {
    Page {
        then: Reply::TimedOut,
        ..page(host, timeout)
    }
}

impl Page {
    pub(super) fn replying(self, replies: impl Into<Vec<Reply>>) -> Self {
        let replies = replies.into();
        Self { replies, ..self }
    }
}

/// `per_host` pages on each of `hosts` hosts, in random order, with random latencies and failures;
/// the same `seed` gives the same pages.
pub(super) fn random_pages(seed: u64, hosts: usize, per_host: usize) -> Vec<Page> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pages: Vec<_> = (0..hosts * per_host)
        .map(|number| {
            let replies = (0..random.usize(0..3)).map(|_| match random.u32(0..4) {
                0 => Reply::Refused,
                1 => Reply::RetryAfter(random.u64(0..3_000)),
                2 => Reply::Redirect(random.usize(0..hosts)),
                _ => Reply::Ok,
            });
            let replies: Vec<_> = replies.collect();
            page(number % hosts, random.u64(1..300)).replying(replies)
        })
        .collect();
    random.shuffle(&mut pages);
    pages
}

/// Options without limits or retries.
pub(super) fn options(jobs: usize) -> EngineOptions {
    EngineOptions {
        jobs,
        interval: None,
        per_host: HostLimits::default(),
        host_timeouts: 0,
        retry: RetryPolicy {
            max: 0,
            delay: SECOND,
            max_delay: Some(60 * SECOND),
            on: "429,503".parse().unwrap(),
        },
        ordered: false,
        fail_fast: false,
        deadline: None,
        accept: "200".parse().unwrap(),
        slow: None,
        live: LiveCounts::default(),
    }
}

/// Options with up to five retries.
pub(super) fn retrying(jobs: usize) -> EngineOptions {
    let mut options = options(jobs);
    options.retry.max = 5;
    options
}

type Gate = Box<dyn FnMut(&mut Context<'_>, usize) -> Poll<()>>;

/// A run of the engine over a list of pages.
pub(super) struct Simulation {
    pages: Vec<Page>,
    options: EngineOptions,
    signals: Vec<u64>,
    gate: Gate,
    checks_progress: bool,
    seed: u64,
    capacities: HashMap<usize, usize>,
    answers_are_large: bool,
    /// Whether inputs can be parked, and whether in a temporary file.
    parkable: Option<bool>,
}

impl Simulation {
    pub(super) fn new(pages: impl IntoIterator<Item = Page>, options: EngineOptions) -> Self {
        Self {
            pages: pages.into_iter().collect(),
            options,
            signals: Vec::new(),
            gate: Box::new(|_, _| Poll::Ready(())),
            checks_progress: false,
            seed: 0,
            capacities: HashMap::new(),
            answers_are_large: false,
            parkable: None,
        }
    }

    /// Gives every answer 64 KiB of header fields, which `--ordered` has to hold.
    pub(super) fn with_large_answers(mut self) -> Self {
        self.answers_are_large = true;
        self
    }

    /// Lets the engine park inputs, of a regular file or, if `spilled`, in a temporary file.
    pub(super) fn parkable(mut self, spilled: bool) -> Self {
        self.parkable = Some(spilled);
        self
    }

    /// Lets `host` answer 429 at once to every exchange over so many at a time.
    pub(super) fn with_capacity(mut self, host: usize, capacity: usize) -> Self {
        self.capacities.insert(host, capacity);
        self
    }

    /// Interrupts the run, each time so many milliseconds after the time before.
    pub(super) fn interrupted_after(self, millis: impl Into<Vec<u64>>) -> Self {
        let signals = millis.into();
        Self { signals, ..self }
    }

    /// Polls `gate` with the number of inputs that are done before an input is taken.
    pub(super) fn gated(
        self,
        gate: impl FnMut(&mut Context<'_>, usize) -> Poll<()> + 'static,
    ) -> Self {
        let gate = Box::new(gate);
        Self { gate, ..self }
    }

    /// Checks after each step of the clock that no slot is free while a page could use it.
    /// For runs that nothing stops, and in which every [`Reply::RetryAfter`] is retried.
    pub(super) fn checking_progress(self) -> Self {
        Self {
            checks_progress: true,
            ..self
        }
    }

    /// Draws the jitter of back-offs from this seed.
    pub(super) fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Runs to the end.
    pub(super) fn run(self) -> Recording {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        fastrand::seed(self.seed);
        runtime.block_on(self.play())
    }

    async fn play(self) -> Recording {
        let Self {
            pages,
            options,
            signals,
            mut gate,
            checks_progress,
            capacities,
            parkable,
            answers_are_large,
            ..
        } = self;
        let urls = pages.iter().enumerate();
        let urls = urls.map(|(number, page)| format!("http://{}.h/{number}", page.host));
        let urls: Vec<_> = urls.collect();
        let intake = match parkable {
            Some(is_temporary) => inputs_in_file(urls, is_temporary),
            None => inputs(urls),
        };
        let stops = stream::iter(signals).then(async |millis| {
            sleep(Duration::from_millis(millis)).await;
            Stop::Interrupted
        });
        let world = World {
            capacities,
            headers: answers_are_large.then(large_headers),
            ..World::new(pages, options, checks_progress)
        };
        let on_event = |event: Event<'_>| {
            if let Event::HeldUp(hold_up) = &event {
                world.log.borrow_mut().hold_ups.push(hold_up.clone());
            }
            if let Event::RecordDue(outcome) = event {
                let mut log = world.log.borrow_mut();
                let done = Done {
                    index: outcome.input.index,
                    verdict: outcome.verdict,
                    error: outcome.failure.as_ref().map(|failure| failure.kind),
                    attempts: outcome.attempts.len(),
                    at: log.elapsed(),
                };
                log.done.push(done);
            }
        };
        let end = run(
            intake,
            &world,
            &world.options,
            |cx: &mut Context<'_>, _| gate(cx, world.log.borrow().done.len()),
            stops.chain(stream::pending()),
            on_event,
        );
        let end = tokio::time::timeout(MAX_RUN, end).await.unwrap();
        let inputs = world.pages.len();
        let log = world.log.into_inner();
        assert_eq!(log.in_flight, 0, "an exchange did not end");
        Recording {
            inputs,
            end,
            elapsed: log.elapsed(),
            starts: log.starts,
            done: log.done,
            hold_ups: log.hold_ups,
            most_in_flight: log.most_in_flight,
        }
    }
}

fn large_headers() -> HeaderMap {
    let value = HeaderValue::from_str(&"x".repeat(64 * 1024)).unwrap();
    HeaderMap::from_iter([(HeaderName::from_static("x"), value)])
}

/// The fake hosts, and what the engine did to them.
struct World {
    pages: Vec<Page>,
    options: EngineOptions,
    checks_progress: bool,
    capacities: HashMap<usize, usize>,
    headers: Option<HeaderMap>,
    log: RefCell<Log>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageState {
    New,
    /// Its next exchange goes to this host as soon as that takes it.
    Waiting(usize),
    /// In flight, done, or in a back-off whose end only the engine knows.
    Away,
}

#[derive(Clone, Copy)]
struct FakeHost {
    in_flight: usize,
    last_start: Option<Instant>,
    paused_until: Instant,
    /// When it last asked for a pause; an exchange that started at that moment could not know.
    pause_asked: Instant,
    /// Whether it ever said that it is busy. It gets one request at a time at least, then.
    was_busy: bool,
}

struct Log {
    started: Instant,
    states: Vec<PageState>,
    /// How many exchanges of each page have ended.
    exchanges: Vec<usize>,
    hosts: Vec<FakeHost>,
    in_flight: usize,
    most_in_flight: usize,
    last_start: Option<Instant>,
    /// Up to when progress is checked.
    checked: Instant,
    starts: Vec<Start>,
    done: Vec<Done>,
    hold_ups: Vec<HoldUp>,
}

impl Log {
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl World {
    fn new(pages: Vec<Page>, options: EngineOptions, checks_progress: bool) -> Self {
        let now = Instant::now();
        let redirects = pages.iter().flat_map(|page| &page.replies);
        let redirects = redirects.filter_map(|reply| match reply {
            Reply::Redirect(host) => Some(*host),
            _ => None,
        });
        let last_host = pages.iter().map(|page| page.host).chain(redirects).max();
        let host = FakeHost {
            in_flight: 0,
            last_start: None,
            paused_until: now,
            pause_asked: now,
            was_busy: false,
        };
        let log = Log {
            started: now,
            states: vec![PageState::New; pages.len()],
            exchanges: vec![0; pages.len()],
            hosts: vec![host; last_host.map_or(0, |last| last + 1)],
            in_flight: 0,
            most_in_flight: 0,
            last_start: None,
            checked: now,
            starts: Vec::new(),
            done: Vec::new(),
            hold_ups: Vec::new(),
        };
        Self {
            pages,
            options,
            checks_progress,
            capacities: HashMap::new(),
            headers: None,
            log: RefCell::new(log),
        }
    }

    /// Whether `host` could have taken an exchange for some time at `now`.
    fn is_available(&self, log: &Log, host: usize, now: Instant) -> bool {
        let limits = self.options.per_host;
        let host = log.hosts[host];
        let is_due = |last: Option<Instant>, interval: Option<Duration>| match (last, interval) {
            (Some(last), Some(interval)) => last + interval + TIMER_SLACK <= now,
            _ => true,
        };
        limits.jobs.is_none_or(|jobs| host.in_flight < jobs)
            && (!host.was_busy || host.in_flight == 0)
            && host.paused_until + TIMER_SLACK <= now
            && is_due(host.last_start, limits.interval)
            && is_due(log.last_start, self.options.interval)
    }

    /// Asserts, where the clock has gone on, that at the end of the moment before it did
    /// no page waited for a slot and a host that were both free.
    fn check_progress(&self) {
        let mut log = self.log.borrow_mut();
        let now = Instant::now();
        if !self.checks_progress || now == log.checked {
            return;
        }
        let before = std::mem::replace(&mut log.checked, now);
        if log.in_flight >= self.options.jobs {
            return;
        }
        let waiting = log.states.iter().enumerate();
        let waiting = waiting.filter_map(|(number, state)| match *state {
            PageState::New => Some((number, self.pages[number].host)),
            PageState::Waiting(host) => Some((number, host)),
            PageState::Away => None,
        });
        for (number, host) in waiting.take(LOOK_AHEAD) {
            assert!(
                !self.is_available(&log, host, before),
                "page {number} waits for host {host} at {:?}",
                before - log.started
            );
        }
    }

    /// Notes that an exchange starts. Returns how many are in flight to the host.
    fn start(&self, page: usize, host: usize) -> usize {
        self.check_progress();
        let mut log = self.log.borrow_mut();
        let now = Instant::now();
        let at = log.elapsed();
        log.starts.push(Start { page, host, at });
        log.states[page] = PageState::Away;
        log.last_start = Some(now);
        log.in_flight += 1;
        log.most_in_flight = log.most_in_flight.max(log.in_flight);
        let host_log = &mut log.hosts[host];
        host_log.last_start = Some(now);
        host_log.in_flight += 1;
        let cap = self.options.per_host.jobs.unwrap_or(usize::MAX);
        assert!(host_log.in_flight <= cap, "host {host} is over its cap");
        let is_paused = host_log.paused_until > now && host_log.pause_asked != now;
        assert!(!is_paused, "host {host} is paused");
        host_log.in_flight
    }

    /// Notes that an exchange ended, or was cut off.
    fn end(&self, host: usize) {
        self.check_progress();
        let mut log = self.log.borrow_mut();
        log.in_flight -= 1;
        log.hosts[host].in_flight -= 1;
    }

    fn reply(&self, number: usize, host: usize) -> ExchangeResult {
        let mut log = self.log.borrow_mut();
        let page = &self.pages[number];
        let reply = page.replies.get(log.exchanges[number]);
        log.exchanges[number] += 1;
        match reply.copied().unwrap_or(page.then) {
            Reply::Ok => {
                let headers = self.headers.clone().map(Box::new);
                let answer = Answer {
                    headers,
                    ..Answer::of(200)
                };
                ExchangeResult::Ended(Some(answer.into()), None)
            }
            Reply::Busy => ExchangeResult::Ended(Some(Answer::of(429).into()), None),
            Reply::TimedOut => {
                let failure = Failure::new(Kind::Timeout, Phase::Connect, "no connection");
                ExchangeResult::Ended(None, Some(failure))
            }
            Reply::Silent => {
                let failure = Failure::new(Kind::Timeout, Phase::Headers, "nothing received");
                ExchangeResult::Ended(None, Some(failure))
            }
            Reply::Refused => {
                let failure = Failure::new(Kind::Connect, Phase::Connect, "refused");
                ExchangeResult::Ended(None, Some(failure))
            }
            Reply::RetryAfter(millis) => {
                let retry_after = Some(Duration::from_millis(millis));
                log.hosts[host].was_busy = true;
                self.pause(&mut log.hosts[host], retry_after);
                log.states[number] = PageState::Waiting(page.host);
                let answer = Answer {
                    retry_after,
                    ..Answer::of(503)
                };
                ExchangeResult::Ended(Some(answer.into()), None)
            }
            Reply::Redirect(to) => {
                log.states[number] = PageState::Waiting(to);
                let to = Url::parse(&format!("http://{to}.h/{number}")).unwrap();
                ExchangeResult::Redirected(StatusCode::FOUND, to.into())
            }
        }
    }

    /// Notes that a host asked for a pause, where the engine has to respect it.
    fn pause(&self, host: &mut FakeHost, retry_after: Option<Duration>) {
        let policy = &self.options.retry;
        if let Some(pause) = retry_after
            && policy.max > 0
            && policy.max_delay.is_none_or(|max| pause <= max)
        {
            let now = Instant::now();
            host.paused_until = host.paused_until.max(now + pause);
            host.pause_asked = now;
        }
    }
}

impl Transport for World {
    async fn exchange(
        &self,
        _: Arc<Request>,
        state: Box<AttemptState>,
        abort: &CancellationToken,
    ) -> (Box<AttemptState>, Option<ExchangeResult>) {
        let url = state.url();
        let number: usize = url.path()[1..].parse().unwrap();
        let host = url.host_str().unwrap().strip_suffix(".h").unwrap();
        let host: usize = host.parse().unwrap();
        let in_flight = self.start(number, host);
        let capacity = self.capacities.get(&host);
        if capacity.is_some_and(|&capacity| in_flight > capacity) {
            sleep(Duration::from_millis(1)).await;
            self.end(host);
            let busy = ExchangeResult::Ended(Some(Answer::of(429).into()), None);
            return (state, Some(busy));
        }
        let latency = sleep(Duration::from_millis(self.pages[number].latency));
        let answered = abort.run_until_cancelled(latency).await;
        self.end(host);
        (state, answered.map(|()| self.reply(number, host)))
    }
}
