//! How far the list is read: the gate, and the bound of what waits.

use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use super::harness::{SECOND, Simulation, options, page};
use crate::engine::options::{EngineOptions, HostLimits};
use crate::engine::schedule::LOOK_AHEAD;
use crate::model::outcome::Verdict;

#[test]
fn a_closed_gate_stops_the_intake_and_nothing_else() {
    let run = Simulation::new(vec![page(0, 100); 20], options(5))
        .gated(|_, done| {
            if done < 5 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .interrupted_after([1000])
        .run();
    assert!(run.has_each_input_once());
    // What was in flight when the gate closed went on; then nothing, until the signal.
    assert!((5..10).contains(&run.count(Verdict::Ok)), "{run:?}");
    assert_eq!(run.count(Verdict::Ok) + run.count(Verdict::Cancelled), 20);
}

#[test]
fn a_gate_that_opens_wakes_the_intake() {
    let mut timer = None;
    let run = Simulation::new(vec![page(0, 100); 20], options(20))
        .gated(move |cx, _| {
            let timer = timer.get_or_insert_with(|| Box::pin(sleep(5 * SECOND)));
            if timer.is_elapsed() {
                Poll::Ready(())
            } else {
                timer.as_mut().poll(cx)
            }
        })
        .run();
    assert_eq!(run.count(Verdict::Ok), 20);
    let least = 5 * SECOND + Duration::from_millis(100);
    assert!(run.elapsed >= least, "{:?}", run.elapsed);
}

#[test]
fn what_waits_is_bounded_and_holds_up_only_what_is_behind_the_bound() {
    let done_behind = |before: usize| {
        let mut pages = vec![page(0, 100); before];
        pages.push(page(1, 0));
        let capped = EngineOptions {
            per_host: HostLimits {
                jobs: Some(1),
                interval: None,
            },
            ..options(10)
        };
        let run = Simulation::new(pages, capped).checking_progress().run();
        run.outcome(before as u64).at
    };
    assert_eq!(done_behind(LOOK_AHEAD), Duration::ZERO);
    assert_eq!(done_behind(LOOK_AHEAD + 10), SECOND);
}
