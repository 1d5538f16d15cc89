//! What one host takes, and that its limits and its faults are nobody else's.

use std::time::Duration;

use super::harness::Reply::{Busy, Refused, RetryAfter, Silent, TimedOut};
use super::harness::{Page, SECOND, Simulation, dead_page, options, page, retrying};
use crate::engine::options::{EngineOptions, HostLimits};
use crate::model::error::Kind;
use crate::model::outcome::Verdict;

/// Options that give a host up after ten time-outs.
fn giving_up(jobs: usize) -> EngineOptions {
    EngineOptions {
        host_timeouts: 10,
        ..options(jobs)
    }
}

/// `pages` in random order, always the same.
fn shuffled(mut pages: Vec<Page>) -> Vec<Page> {
    fastrand::Rng::with_seed(1).shuffle(&mut pages);
    pages
}

#[test]
fn a_capped_host_delays_no_other_host() {
    let mut pages = vec![page(0, 1000); 40];
    pages.extend(vec![page(1, 20); 200]);
    let capped = EngineOptions {
        per_host: HostLimits {
            jobs: Some(2),
            interval: None,
        },
        ..retrying(8)
    };
    let run = Simulation::new(pages, capped).checking_progress().run();
    assert_eq!(
        run.last_done(40..240),
        2 * SECOND,
        "200 pages, two at a time"
    );
    assert_eq!(run.elapsed, 20 * SECOND);
}

#[test]
fn a_paused_host_delays_no_other_host() {
    let mut pages = vec![page(0, 10).replying([RetryAfter(4000)]); 8];
    pages.extend(vec![page(1, 10); 50]);
    let run = Simulation::new(pages, retrying(2))
        .checking_progress()
        .run();
    let others = run.last_done(8..58);
    assert!(others < SECOND, "{others:?}");
    for index in 0..8 {
        assert!(run.outcome(index).at >= 4 * SECOND);
    }
}

#[test]
fn a_silent_host_at_the_top_of_the_list_leaves_slots_for_the_others() {
    let silent = Page {
        then: Silent,
        ..page(0, 1_000)
    };
    let mut pages = vec![silent; 100];
    pages.extend(vec![page(1, 20); 5]);
    // The list is known to its end at once, so the silent host gets every slot while no other host has a page.
    let run = Simulation::new(pages, giving_up(10)).run();
    assert!(run.has_each_input_once());
    assert!(run.last_done(100..105) <= Duration::from_millis(60));
    assert_eq!(run.count(Verdict::Ok), 5);
}

#[test]
fn a_dead_host_costs_its_own_urls_and_little_time() {
    let live = |number: usize| page(1 + number % 20, 20);
    let mut pages: Vec<_> = (0..14_000).map(live).collect();
    let alone = Simulation::new(shuffled(pages.clone()), giving_up(50)).run();
    pages.extend(vec![dead_page(0, 1_000); 3_000]);
    let run = Simulation::new(shuffled(pages), giving_up(50)).run();
    assert!(run.has_each_input_once());
    assert_eq!(run.count(Verdict::Ok), 14_000);
    let down = run.errors(Kind::HostDown);
    assert!(down > 2_900, "{down}");
    assert_eq!(down + run.errors(Kind::Timeout), 3_000);
    let most = alone.elapsed.mul_f64(1.3) + SECOND;
    assert!(run.elapsed < most, "{:?} of {most:?}", run.elapsed);
}

#[test]
fn a_host_that_is_down_is_given_up_although_some_of_its_urls_wait_for_a_retry() {
    let mut options = giving_up(10);
    options.retry.max = 1;
    options.retry.delay = 20 * SECOND;
    let mut pages = vec![dead_page(0, 500); 40];
    pages.extend(vec![page(1, 10); 10]);
    let run = Simulation::new(pages, options).run();
    assert!(run.has_each_input_once());
    assert_eq!(run.count(Verdict::Ok), 10);
    // The last probe was tried.
    assert_eq!(run.errors(Kind::HostDown), 39);
    assert_eq!(run.errors(Kind::Timeout), 1);
    assert!(run.elapsed < 3 * SECOND, "{:?}", run.elapsed);
}

#[test]
fn a_host_that_recovers_gets_all_its_urls() {
    let mut pages = vec![page(0, 1_000).replying([TimedOut]); 10];
    pages.extend(vec![page(0, 10); 50]);
    // Keeps the run going, so that the first probe comes after 30 s.
    pages.extend(vec![page(1, 1_000); 40]);
    let run = Simulation::new(pages, giving_up(2)).run();
    assert!(run.has_each_input_once());
    assert_eq!(run.errors(Kind::Timeout), 10);
    assert_eq!(run.count(Verdict::Ok), 90);
}

#[test]
fn quick_failures_give_no_host_up() {
    let refused = Page {
        then: Refused,
        ..page(0, 1)
    };
    let run = Simulation::new(vec![refused; 100], giving_up(5)).run();
    assert_eq!(run.errors(Kind::Connect), 100);
}

#[test]
fn fifty_time_outs_at_once_are_one_pause_of_a_server() {
    let mut pages = vec![page(0, 1_000).replying([TimedOut]); 50];
    pages.extend(vec![page(0, 10); 50]);
    let run = Simulation::new(pages, giving_up(50)).run();
    assert_eq!(run.count(Verdict::Ok), 50);
    assert_eq!(run.errors(Kind::Timeout), 50);
}

#[test]
fn a_list_of_dead_hosts_ends_with_one_probe_more_each() {
    let pages = (0..200).map(|number| dead_page(number % 2, 1_000));
    let run = Simulation::new(pages, giving_up(10)).run();
    assert!(run.has_each_input_once());
    // Two rounds and a probe: ten slots for two hosts.
    assert!(run.elapsed <= 5 * SECOND, "{:?}", run.elapsed);
    assert!(run.starts.len() <= 32, "{}", run.starts.len());
    assert_eq!(run.errors(Kind::HostDown), 200 - run.starts.len());
}

#[test]
fn without_a_limit_of_time_outs_every_url_is_tried() {
    let pages = vec![dead_page(0, 1_000); 100];
    let run = Simulation::new(pages, options(10)).run();
    assert_eq!(run.starts.len(), 100);
    assert_eq!(run.errors(Kind::Timeout), 100);
}

#[test]
fn a_busy_host_is_asked_less_and_loses_nothing() {
    let mut allowed = retrying(20);
    allowed.retry.max = 3;
    let pages = || vec![page(0, 50); 200];
    let mut capped = allowed.clone();
    capped.per_host.jobs = Some(4);
    let best = Simulation::new(pages(), capped).with_capacity(0, 4).run();
    assert_eq!(best.starts.len(), 200);
    for seed in 0..20 {
        let run = Simulation::new(pages(), allowed.clone())
            .with_capacity(0, 4)
            .seeded(seed)
            .run();
        assert_eq!(run.count(Verdict::Ok), 200, "seed {seed}");
        // Who came too late waits for its back-off of up to a second, which may be the end of the run.
        let most = best.elapsed.mul_f64(2.0);
        assert!(run.elapsed <= most, "seed {seed}: {:?}", run.elapsed);
        let requests = run.starts.len();
        assert!(requests <= 240, "seed {seed}: {requests}");
    }
}

#[test]
fn a_host_that_only_says_it_is_busy_is_not_slowed_down() {
    let busy = Page {
        then: Busy,
        ..page(0, 100)
    };
    let run = Simulation::new(vec![busy; 1_000], options(10)).run();
    assert_eq!(run.elapsed, 10 * SECOND);
}

#[test]
fn a_slow_host_does_not_take_the_turns_of_the_others() {
    let slow = (0..20).map(|_| page(0, 5_000));
    let fast = (0..180).map(|number| page(1 + number % 3, 20));
    let pages = shuffled(slow.chain(fast).collect());
    let number_of = |host: usize| {
        let pages = pages.iter().enumerate();
        pages
            .filter(move |(_, page)| page.host != host)
            .map(|(number, _)| number as u64)
            .collect::<Vec<_>>()
    };
    let fast = number_of(0);
    let run = Simulation::new(pages, options(10)).run();
    let last = run.last_done(fast);
    assert!(last < SECOND, "{last:?}");
}

#[test]
fn a_host_that_came_back_goes_on_at_its_rate() {
    let mut pages = vec![page(0, 1_000).replying([TimedOut]); 4];
    pages.extend(vec![page(0, 10); 20]);
    let mut options = EngineOptions {
        host_timeouts: 2,
        ..options(2)
    };
    options.per_host.interval = Some(Duration::from_millis(200));
    let run = Simulation::new(pages, options).run();
    assert!(run.has_each_input_once());
    assert!(run.count(Verdict::Ok) >= 20);
    assert!(run.elapsed < 15 * SECOND, "{:?}", run.elapsed);
}

#[test]
fn hosts_that_timed_out_leave_the_slots_to_others() {
    let dead = (0..200).map(|number| dead_page(number / 20, 1_000));
    let good = (0..100).map(|number| page(10 + number % 2, 20));
    let run = Simulation::new(dead.chain(good), giving_up(10)).run();
    assert!(run.has_each_input_once());
    assert_eq!(run.count(Verdict::Ok), 100);
    // The dead hosts come first in the list, and one request to each takes every slot once.
    let good = run.last_done(200..300);
    assert!(good < 2 * SECOND, "{good:?}");
}

#[test]
fn a_host_that_timed_out_once_is_tried_while_others_have_work() {
    let mut pages = vec![page(0, 1_000).replying([TimedOut])];
    pages.extend(vec![page(1, 1_000); 200]);
    pages.insert(2, page(0, 10));
    let run = Simulation::new(pages, giving_up(2)).run();
    let second = run.outcome(2);
    assert_eq!(second.verdict, Verdict::Ok);
    assert!(second.at < 35 * SECOND, "{:?}", second.at);
}
