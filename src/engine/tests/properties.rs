//! What holds whatever the hosts do.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::harness::{Page, Reply, Simulation, dead_page, options, page, random_pages, retrying};
use crate::engine::options::{EngineOptions, HostLimits};

const HOSTS: usize = 4;

/// How far a rate may catch up with timers that were late.
const CATCH_UP: Duration = Duration::from_millis(10);

/// Cases that failed once are run again first: their seeds are in `properties.failed`.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("failed"))),
        ..ProptestConfig::default()
    }
}

fn replies() -> impl Strategy<Value = Vec<Reply>> {
    let reply = prop_oneof![
        2 => Just(Reply::Refused),
        1 => (0_u64..3000).prop_map(Reply::RetryAfter),
        2 => (0..HOSTS).prop_map(Reply::Redirect),
        3 => Just(Reply::Ok),
    ];
    prop::collection::vec(reply, 0..4)
}

/// Leaves out the replies that would not be retried: the progress check cannot know that such
/// a page is done.
fn only_retried(mut page: Page, retries: u32) -> Page {
    if retries == 0 {
        let is_retried = |reply: &Reply| !matches!(reply, Reply::RetryAfter(_));
        page.replies.retain(is_retried);
    } else {
        page.replies.truncate(retries as usize);
    }
    page
}

/// Asserts that any time `t` holds at most `t / interval + 1` starts, and what may be caught up.
fn assert_paced(starts: &[Duration], interval: Option<Duration>) {
    let Some(interval) = interval else { return };
    for (first, start) in starts.iter().enumerate() {
        for (intervals, later) in (0_u32..).zip(&starts[first..]) {
            let least = (interval * intervals).saturating_sub(CATCH_UP);
            let taken = later.saturating_sub(*start);
            assert!(taken >= least, "{intervals} intervals in {taken:?}");
        }
    }
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn no_input_is_lost_no_limit_exceeded_and_no_slot_left_free(
        pages in prop::collection::vec((0..HOSTS, 1_u64..300, replies()), 0..40),
        jobs in 1_usize..8,
        cap in prop::option::of(1_usize..4),
        host_interval in prop::option::of(20_u64..400),
        interval in prop::option::of(5_u64..100),
        retries in 0_u32..4,
        ordered in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let pages = pages.into_iter().map(|(host, latency, replies)| {
            only_retried(page(host, latency).replying(replies), retries)
        });
        let mut options = retrying(jobs);
        options.retry.max = retries;
        options.per_host = HostLimits { jobs: cap, interval: host_interval.map(Duration::from_millis) };
        options.interval = interval.map(Duration::from_millis);
        options.ordered = ordered;
        let limits = options.clone();
        let run = Simulation::new(pages, options).seeded(seed).checking_progress().run();
        prop_assert!(run.has_each_input_once());
        prop_assert!(!ordered || run.order().is_sorted());
        prop_assert!(run.most_in_flight <= jobs);
        let starts: Vec<_> = run.starts.iter().map(|start| start.at).collect();
        assert_paced(&starts, limits.interval);
        for host in 0..HOSTS {
            assert_paced(&run.starts_at(host), limits.per_host.interval);
        }
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn every_input_ends_exactly_once_however_the_run_is_stopped(
        pages in prop::collection::vec((0_u64..50, 0_usize..3, any::<bool>()), 0..80),
        jobs in 1_usize..12,
        (ordered, fail_fast) in any::<(bool, bool)>(),
        deadline in prop::option::of(0_u64..200),
        signals in prop::collection::vec(0_u64..100, 0..3),
    ) {
        let pages = pages.into_iter().map(|(latency, redirects, fails)| {
            let mut replies = vec![Reply::Redirect(0); redirects];
            if fails && latency % 5 == 0 {
                replies.push(Reply::Refused);
            }
            page(0, latency).replying(replies)
        });
        let options = EngineOptions {
            ordered,
            fail_fast,
            deadline: deadline.map(Duration::from_millis),
            ..options(jobs)
        };
        let run = Simulation::new(pages, options).interrupted_after(signals).run();
        prop_assert!(run.has_each_input_once());
        prop_assert!(!ordered || run.order().is_sorted());
        prop_assert!(run.most_in_flight <= jobs);
    }
}

/// What a host may do, time-outs and busy answers included.
fn any_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        3 => Just(Reply::TimedOut),
        2 => Just(Reply::Silent),
        2 => Just(Reply::Busy),
        1 => Just(Reply::Refused),
        1 => (0_u64..3_000).prop_map(Reply::RetryAfter),
        2 => (0..HOSTS).prop_map(Reply::Redirect),
        3 => Just(Reply::Ok),
    ]
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn each_input_has_one_outcome_whatever_the_hosts_do(
        pages in prop::collection::vec(
            (0..HOSTS, 1_u64..2_000, prop::collection::vec(any_reply(), 0..4), any_reply()),
            0..60,
        ),
        (jobs, retries, host_timeouts) in (1_usize..12, 0_u32..3, 0_u32..4),
        cap in prop::option::of(1_usize..4),
        interval in prop::option::of(5_u64..100),
        ordered in any::<bool>(),
        capacity in prop::option::of(1_usize..4),
        signals in prop::collection::vec(0_u64..20_000, 0..3),
    ) {
        let pages = pages.into_iter().map(|(host, latency, replies, then)| Page {
            // Those that end in a redirect would go on until there are too many.
            then: if matches!(then, Reply::Redirect(_)) { Reply::Ok } else { then },
            ..page(host, latency).replying(replies)
        });
        let mut options = EngineOptions { host_timeouts, ordered, ..retrying(jobs) };
        options.retry.max = retries;
        options.per_host.jobs = cap;
        options.interval = interval.map(Duration::from_millis);
        let mut simulation = Simulation::new(pages, options).interrupted_after(signals);
        if let Some(capacity) = capacity {
            simulation = simulation.with_capacity(0, capacity);
        }
        let run = simulation.run();
        prop_assert!(run.has_each_input_once());
        prop_assert!(!ordered || run.order().is_sorted());
        prop_assert!(run.most_in_flight <= jobs);
    }
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn parked_inputs_have_one_outcome_each_whatever_the_hosts_do(
        thens in prop::collection::vec(any_reply(), 12),
        (jobs, cap) in (4_usize..40, 1_usize..4),
        host_timeouts in 1_u32..12,
        spilled in any::<bool>(),
        sorted in any::<bool>(),
    ) {
        const EACH: usize = 500;
        let page_of = |number: usize| {
            let host = if sorted { number / EACH } else { number % thens.len() };
            let then = match thens[host] {
                Reply::Redirect(_) => Reply::Ok,
                then => then,
            };
            Page { then, ..page(host, 20) }
        };
        let mut options = EngineOptions { host_timeouts, ..options(jobs) };
        options.per_host.jobs = Some(cap);
        let pages = (0..thens.len() * EACH).map(page_of);
        let run = Simulation::new(pages, options).parkable(spilled).run();
        prop_assert!(run.has_each_input_once());
        prop_assert!(run.most_in_flight <= jobs);
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn dead_hosts_starve_no_live_one(
        live in prop::collection::vec((0_usize..4, 1_u64..500), 1..150),
        dead in prop::collection::vec((4_usize..7, 500_u64..2_000), 0..150),
        jobs in 7_usize..40,
        seed in any::<u64>(),
    ) {
        let longest = live.iter().map(|&(_, latency)| latency).max().unwrap_or_default();
        let work: u64 = live.iter().map(|&(_, latency)| latency).sum();
        let timeout = dead.iter().map(|&(_, timeout)| timeout).max().unwrap_or_default();
        let is_live: Vec<_> = live.iter().map(|_| true).chain(dead.iter().map(|_| false)).collect();
        let pages = live.iter().map(|&(host, latency)| page(host, latency));
        let pages = pages.chain(dead.iter().map(|&(host, timeout)| dead_page(host, timeout)));
        let mut pages: Vec<_> = pages.zip(is_live).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut pages);
        let (pages, is_live): (Vec<_>, Vec<_>) = pages.into_iter().unzip();
        let options = EngineOptions { host_timeouts: 10, ..options(jobs) };
        let run = Simulation::new(pages, options).run();
        prop_assert!(run.has_each_input_once());
        prop_assert!(run.most_in_flight <= jobs);
        // While a live host has a page that waits, the seven hosts share the slots: the three that are dead have no more
        // than three sevenths of them, once those that were taken at first have timed out.
        let slots = (jobs * 4 / 7).max(1) as u64;
        let bound = Duration::from_millis(timeout + 2 * longest + work / slots + longest);
        let live = (0_u64..).zip(is_live).filter_map(|(index, is_live)| is_live.then_some(index));
        let last = run.last_done(live);
        prop_assert!(last <= bound, "{last:?} of {bound:?}");
    }
}

#[test]
fn thousands_of_unreliable_hosts_have_one_outcome_for_each_url() {
    for seed in 0..4 {
        let mut options = retrying(50);
        options.per_host.jobs = Some(2);
        options.retry.max = 2;
        let run = Simulation::new(random_pages(seed, 2_000, 2), options)
            .seeded(seed)
            .run();
        assert!(run.has_each_input_once(), "seed {seed}");
        assert_eq!(run.most_in_flight, 50, "seed {seed}");
    }
}
