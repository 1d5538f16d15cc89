//! `-j` and the rate of the whole run.

use std::time::Duration;

use super::harness::Reply::Redirect;
use super::harness::{SECOND, Simulation, options, page};
use crate::engine::options::EngineOptions;
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
