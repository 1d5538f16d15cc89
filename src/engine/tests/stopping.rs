//! `--fail-fast`, `--deadline` and signals.

use std::time::Duration;

use super::harness::Reply::{Redirect, Refused};
use super::harness::{SECOND, Simulation, options, page};
use crate::engine::options::EngineOptions;
use crate::model::event::Stop;
use crate::model::outcome::Verdict;

#[test]
fn the_first_failure_of_a_fail_fast_run_cancels_everything_else_at_once() {
    let mut pages = vec![page(0, 1000); 50];
    pages[3] = page(0, 100).replying([Refused]);
    let fail_fast = EngineOptions {
        fail_fast: true,
        ..options(10)
    };
    let run = Simulation::new(pages, fail_fast).run();
    assert!(run.has_each_input_once());
    assert_eq!(run.elapsed, Duration::from_millis(100));
    let (failed, cancelled) = (run.count(Verdict::Error), run.count(Verdict::Cancelled));
    assert_eq!((failed, cancelled), (1, 49));
    assert_eq!(run.end.stopped, Some(Stop::FailFast));
}

#[test]
fn a_deadline_cancels_everything_at_once() {
    let deadline = EngineOptions {
        deadline: Some(Duration::from_millis(250)),
        ..options(10)
    };
    let run = Simulation::new(vec![page(0, 100); 50], deadline).run();
    assert!(run.has_each_input_once());
    assert_eq!(run.elapsed, Duration::from_millis(250));
    let (ok, cancelled) = (run.count(Verdict::Ok), run.count(Verdict::Cancelled));
    assert_eq!((ok, cancelled), (20, 30));
    assert_eq!(run.end.stopped, Some(Stop::Deadline));
}

#[test]
fn after_the_first_signal_only_requests_in_flight_are_waited_for() {
    let run = Simulation::new(vec![page(0, 1000); 50], options(10))
        .interrupted_after([100])
        .run();
    assert!(run.has_each_input_once());
    assert_eq!((run.elapsed, run.count(Verdict::Ok)), (SECOND, 10));
    let at_once = Duration::from_millis(100);
    let cancelled = run.done.iter().filter(|done| done.at == at_once).count();
    assert_eq!(cancelled, 40, "what was not sent is cancelled at once");
    assert!(!run.end.aborted);
}

#[test]
fn the_second_signal_cancels_the_requests_in_flight() {
    let run = Simulation::new(vec![page(0, 1000); 50], options(10))
        .interrupted_after([100, 200])
        .run();
    assert!(run.has_each_input_once());
    assert_eq!(run.elapsed, Duration::from_millis(300));
    assert_eq!(run.count(Verdict::Cancelled), 50);
    assert_eq!(run.end.stopped, Some(Stop::Interrupted));
    assert!(run.end.aborted);
}

#[test]
fn a_chain_of_redirects_is_followed_to_its_end_after_the_first_signal() {
    let mut pages = vec![page(0, 1000); 3];
    pages[0].replies = vec![Redirect(0); 3];
    let run = Simulation::new(pages, options(1))
        .interrupted_after([100])
        .run();
    assert!(run.has_each_input_once());
    assert_eq!((run.elapsed, run.count(Verdict::Ok)), (4 * SECOND, 1));
}
