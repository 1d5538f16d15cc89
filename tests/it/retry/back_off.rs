//! How long a retry waits: `--retry-delay` and `--retry-max-delay`.

use std::time::Duration;

use super::policy::delays;
use crate::support::{Fetch, Server, answer, ok, port::Refusing};

/// Delays of attempts 2, 3 and 4 of many URLs that are tried again at once.
fn drawn(args: &[&str]) -> [Vec<f64>; 3] {
    const MANY: usize = 40;
    let server = Server::always(answer(503, "no"));
    let out = Fetch::jsonl()
        .args(["--retry", "3", "-j", "40"])
        .args(args)
        .stdin(server.list(MANY))
        .run()
        .exits(1);
    let records = out.records();
    assert_eq!(server.requests().len(), 4 * MANY);
    [1, 2, 3].map(|number| {
        records
            .iter()
            .map(|record| delays(record)[number])
            .collect()
    })
}

/// Anything from zero to `most`: with 40 draws it is not all in one half.
#[track_caller]
fn spread(delays: &[f64], most: f64) {
    let late = 0.15;
    assert!(
        delays
            .iter()
            .all(|delay| (0.0..most + late).contains(delay)),
        "over {most}: {delays:?}"
    );
    assert!(
        delays.iter().any(|delay| *delay < most / 2.0),
        "no jitter up to {most}: {delays:?}"
    );
    assert!(
        delays.iter().any(|delay| *delay > most / 2.0),
        "none near {most}: {delays:?}"
    );
}

#[test]
fn the_back_off_doubles_and_has_full_jitter() {
    let [second, third, fourth] = drawn(&["--retry-delay", "300ms"]);
    spread(&second, 0.3);
    spread(&third, 0.6);
    spread(&fourth, 1.2);
}

#[test]
fn the_back_off_has_a_longest() {
    let [second, third, fourth] = drawn(&["--retry-delay", "400ms", "--retry-max-delay", "500ms"]);
    spread(&second, 0.4);
    spread(&third, 0.5);
    spread(&fourth, 0.5);
    for delays in drawn(&["--retry-max-delay", "200ms"]) {
        spread(&delays, 0.2);
    }
}

#[test]
fn a_back_off_may_be_none() {
    let refusing = Refusing::new();
    let url = format!("http://{}/", refusing.address());
    let out = Fetch::jsonl()
        .args(["--retry", "200", "--retry-delay", "0", &url])
        .run()
        .exits(1);
    assert_eq!(out.record()["attempts"].as_array().unwrap().len(), 201);
    assert!(out.elapsed < Duration::from_secs(5), "{:?}", out.elapsed);
}

#[test]
fn a_back_off_holds_no_slot() {
    let server = Server::build()
        .route("/0", answer(503, "no"))
        .route("/1", answer(500, "no"))
        .otherwise(ok("x"))
        .start();
    let mut run = Fetch::jsonl()
        .args(["--retry", "1", "--retry-delay", "1h"])
        .args(["--retry-max-delay", "0", "-j1"])
        .stdin(server.list(50))
        .spawn();
    for _ in 2..50 {
        assert_eq!(run.record()["outcome"], "ok");
    }
}
