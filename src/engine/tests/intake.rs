//! How far the list is read: the gate, and the bound of what waits.

use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use super::harness::{Page, Reply, SECOND, Simulation, dead_page, options, page, retrying};
use crate::engine::options::{EngineOptions, HostLimits};
use crate::engine::waiting::LOOK_AHEAD;
use crate::model::error::Kind;
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

/// Options that allow each host two requests at a time.
fn two_per_host(jobs: usize) -> EngineOptions {
    EngineOptions {
        per_host: HostLimits {
            jobs: Some(2),
            interval: None,
        },
        ..options(jobs)
    }
}

#[test]
fn a_sorted_list_is_as_fast_as_a_shuffled_one() {
    let sorted: Vec<_> = (0..40_000).map(|number| page(number / 2_000, 20)).collect();
    let mut shuffled = sorted.clone();
    fastrand::Rng::with_seed(1).shuffle(&mut shuffled);
    let fast = Simulation::new(shuffled, two_per_host(50))
        .parkable(false)
        .run();
    for spilled in [false, true] {
        let run = Simulation::new(sorted.clone(), two_per_host(50))
            .parkable(spilled)
            .run();
        assert!(run.has_each_input_once());
        assert_eq!(run.count(Verdict::Ok), 40_000);
        let most = fast.elapsed.mul_f64(1.15);
        assert!(run.elapsed <= most, "{:?} of {most:?}", run.elapsed);
    }
}

#[test]
fn a_stop_cancels_what_was_read_from_a_pipe_and_leaves_the_rest_of_a_file_unread() {
    for (spilled, cancelled) in [(true, 20_000), (false, 4_500)] {
        let pages = (0..20_000).map(|number| page(number / 10_000, 1_000));
        let run = Simulation::new(pages, two_per_host(5))
            .parkable(spilled)
            .interrupted_after([100])
            .run();
        assert_eq!(run.count(Verdict::Ok), 4);
        assert_eq!(
            run.done.len(),
            run.count(Verdict::Ok) + run.count(Verdict::Cancelled)
        );
        if spilled {
            assert!(run.has_each_input_once());
        } else {
            assert!(run.done.len() < cancelled, "{}", run.done.len());
            assert!(run.end.list.is_none());
        }
    }
}

#[test]
fn parked_inputs_of_a_dead_host_each_have_their_outcome() {
    for spilled in [false, true] {
        let mut pages = vec![dead_page(0, 1_000); 6_000];
        pages.extend((0..2_000).map(|number| page(1 + number % 20, 20)));
        let run = Simulation::new(
            pages,
            EngineOptions {
                host_timeouts: 10,
                ..two_per_host(50)
            },
        )
        .parkable(spilled)
        .run();
        assert!(run.has_each_input_once());
        assert_eq!(run.count(Verdict::Ok), 2_000);
        assert_eq!(
            run.errors(Kind::HostDown) + run.errors(Kind::Timeout),
            6_000
        );
        let live = run.last_done(6_000..8_000);
        assert!(live <= 2 * SECOND, "{live:?}");
    }
}

#[test]
fn jobs_that_were_started_and_wait_are_bounded_although_inputs_can_be_parked() {
    let refused = page(0, 10).replying([Reply::Refused; 4]);
    let mut long_delay = retrying(10);
    long_delay.retry.delay = 3_600 * SECOND;
    long_delay.retry.max_delay = None;
    let dead = Page {
        then: Reply::TimedOut,
        ..page(0, 10).replying([Reply::Redirect(1)])
    };
    let give_up = EngineOptions {
        host_timeouts: 10,
        ..options(10)
    };
    for (page, options) in [(refused, long_delay), (dead, give_up)] {
        let run = Simulation::new(vec![page; 10_000], options)
            .parkable(false)
            .run();
        assert!(run.has_each_input_once());
        let most = run.most_unfinished();
        // What waits behind inputs that were read before, and what is in flight, comes on top.
        assert!(most <= LOOK_AHEAD + 300, "{most}");
    }
}
