//! What one host takes, and that its limits are nobody else's.

use super::harness::Reply::RetryAfter;
use super::harness::{SECOND, Simulation, page, retrying};
use crate::engine::options::{EngineOptions, HostLimits};

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
