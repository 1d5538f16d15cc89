//! `--ordered`.

use std::time::Duration;

use super::harness::{SECOND, Simulation, options, page};
use crate::engine::options::EngineOptions;
use crate::engine::schedule::ORDERED_WINDOW;

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
