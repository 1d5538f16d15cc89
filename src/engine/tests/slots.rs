//! `-j` and the rate of the whole run.

use std::time::Duration;

use super::harness::Reply::Redirect;
use super::harness::{SECOND, Simulation, options, page};
use crate::engine::options::{EngineOptions, HostLimits};
use crate::model::hold_up::Obstacle;
use crate::model::outcome::Verdict;

#[test]
fn an_empty_list_ends_at_once_without_an_outcome() {
    let run = Simulation::new([], options(3)).run();
    assert!(run.done.is_empty() && run.end.list.is_some());
    assert_eq!(run.elapsed, Duration::ZERO);
}

#[test]
fn every_slot_is_used_and_no_more() {
    for (jobs, millis) in [(1, 10_000), (3, 3_400), (100, 100), (1000, 100)] {
        let run = Simulation::new(vec![page(0, 100); 100], options(jobs)).run();
        assert!(run.has_each_input_once());
        assert_eq!(run.most_in_flight, jobs.min(100));
        assert_eq!(run.elapsed, Duration::from_millis(millis));
    }
}

#[test]
fn a_redirect_is_followed_before_new_inputs_are_sent() {
    let mut pages = vec![page(0, 100); 4];
    pages[0].replies = vec![Redirect(0); 2];
    let run = Simulation::new(pages, options(1)).run();
    let first = run.done[0];
    assert_eq!((first.index, first.verdict), (0, Verdict::Ok));
    assert_eq!(first.at, Duration::from_millis(300));
    let sent: Vec<_> = run.starts.iter().map(|start| start.page).collect();
    assert_eq!(sent, [0, 0, 0, 1, 2, 3]);
    assert_eq!(run.elapsed, Duration::from_millis(600));
}

#[test]
fn the_run_does_not_wait_for_its_rate_after_the_last_request() {
    let rare = EngineOptions {
        interval: Some(3600 * SECOND),
        ..options(2)
    };
    let run = Simulation::new([page(0, 10)], rare)
        .checking_progress()
        .run();
    assert_eq!(run.done[0].at, Duration::from_millis(10));
    assert_eq!(run.elapsed, Duration::from_millis(10));
}

#[test]
fn slots_that_stay_free_for_five_seconds_are_explained_once() {
    let per_host = HostLimits {
        jobs: Some(2),
        interval: None,
    };
    let capped = EngineOptions {
        per_host,
        ..options(10)
    };
    let run = Simulation::new(vec![page(0, 1_000); 30], capped.clone()).run();
    let [hold_up] = &*run.hold_ups else {
        panic!("{:?}", run.hold_ups)
    };
    assert_eq!((hold_up.in_flight, hold_up.jobs), (2, 10));
    assert_eq!(hold_up.obstacle, Obstacle::MaxPerHost(2));
    assert_eq!(
        (hold_up.hosts, &*hold_up.names),
        (1, &["0.h".to_owned()][..])
    );
    // Two a second for five seconds, and two in flight.
    assert!((18..=20).contains(&hold_up.waiting), "{}", hold_up.waiting);

    let quick = Simulation::new(vec![page(0, 100); 30], capped).run();
    assert_eq!(quick.hold_ups, []);
    let busy = Simulation::new(vec![page(0, 1_000); 100], options(10)).run();
    assert_eq!(busy.hold_ups, []);
}

#[test]
fn a_rate_that_leaves_slots_free_is_named() {
    let slow = EngineOptions {
        interval: Some(SECOND),
        ..options(10)
    };
    let run = Simulation::new(vec![page(0, 10); 20], slow).run();
    let obstacles: Vec<_> = run
        .hold_ups
        .iter()
        .map(|hold_up| hold_up.obstacle)
        .collect();
    assert_eq!(obstacles, [Obstacle::Rate]);
}
