//! Back-offs and Retry-After.

use std::time::Duration;

use super::harness::Reply::{Refused, RetryAfter};
use super::harness::{SECOND, Simulation, page, retrying};
use crate::model::outcome::Verdict;

#[test]
fn a_back_off_holds_no_slot() {
    let mut pages = vec![page(0, 10).replying([Refused; 5]); 10];
    pages.extend(vec![page(0, 10); 100]);
    let run = Simulation::new(pages, retrying(1))
        .checking_progress()
        .run();
    let others = run.last_done(10..110);
    assert!(others < 2 * SECOND, "{others:?}");
    assert_eq!(run.count(Verdict::Ok), 110);
    assert!((0..10).all(|index| run.outcome(index).attempts == 6));
}

#[test]
fn a_retry_after_that_is_too_long_is_not_waited_for() {
    let pages = [page(0, 10).replying([RetryAfter(61_000)]), page(0, 10)];
    let run = Simulation::new(pages, retrying(1)).run();
    let first = run.outcome(0);
    assert_eq!((first.verdict, first.attempts), (Verdict::HttpError, 1));
    assert_eq!(first.at, Duration::from_millis(10));
    assert_eq!(run.outcome(1).at, Duration::from_millis(20));
}
