//! `--ordered`.

use std::time::Duration;

use super::harness::Reply::Refused;
use super::harness::{SECOND, Simulation, dead_page, options, page, retrying};
use crate::engine::options::EngineOptions;
use crate::engine::schedule::ORDERED_WINDOW;
use crate::model::error::Kind;
use crate::model::outcome::Verdict;

fn ordered(jobs: usize) -> EngineOptions {
    EngineOptions {
        ordered: true,
        ..options(jobs)
    }
}

#[test]
fn outcomes_come_as_completed_unless_the_order_of_the_input_is_asked_for() {
    let pages = || (0..10).map(|number| page(0, 1000 - number * 100));
    let as_completed = Simulation::new(pages(), options(10)).run();
    assert!(as_completed.order().into_iter().eq((0..10).rev()));

    let in_order = Simulation::new(pages(), ordered(10)).run();
    assert!(in_order.order().into_iter().eq(0..10));
    assert_eq!(in_order.elapsed, SECOND);
}

#[test]
fn an_ordered_run_reads_only_so_far_ahead_of_a_slow_url() {
    let window = usize::try_from(ORDERED_WINDOW).unwrap();
    let slow = page(0, 60_000);
    let pages = std::iter::once(slow).chain(vec![page(0, 1); 2 * window]);
    let run = Simulation::new(pages, ordered(50)).run();
    assert!(run.has_each_input_once());
    let minute = Duration::from_secs(60);
    let early = run.starts.iter().filter(|start| start.at < minute).count();
    assert_eq!(early, window);
}

/// Options under which a retry comes long after an ordered run holds as many answers as it may.
fn ordered_with_long_delays(jobs: usize) -> EngineOptions {
    let mut options = EngineOptions {
        ordered: true,
        ..retrying(jobs)
    };
    options.retry.delay = 60 * SECOND;
    options
}

#[test]
fn a_retry_is_sent_although_all_others_wait_for_it() {
    let mut pages = vec![page(0, 10); 1_000];
    pages[10].replies = vec![Refused];
    for seed in 0..10 {
        let run = Simulation::new(pages.clone(), ordered_with_long_delays(10))
            .with_large_answers()
            .seeded(seed)
            .run();
        assert!(run.has_each_input_once() && run.order().is_sorted());
        assert_eq!(run.count(Verdict::Ok), 1_000);
        assert!(run.elapsed < 70 * SECOND, "{:?}", run.elapsed);
    }
}

#[test]
fn a_host_that_is_down_ends_although_all_others_wait_for_it() {
    let mut pages = vec![dead_page(0, 1_000); 20];
    pages.extend(vec![page(1, 10); 1_000]);
    let mut options = ordered_with_long_delays(4);
    options.host_timeouts = 3;
    options.retry.max = 0;
    let run = Simulation::new(pages, options).with_large_answers().run();
    assert!(run.has_each_input_once() && run.order().is_sorted());
    assert_eq!(run.count(Verdict::Ok), 1_000);
    assert!(run.errors(Kind::HostDown) > 0);
    assert!(run.elapsed < 20 * SECOND, "{:?}", run.elapsed);
}
