//! How long a retry waits: `--retry-delay` and `--retry-max-delay`.
//!
//! `-v` tells how long a retry is going to wait. That it waits no shorter is what the record shows.

use super::policy::delays;
use crate::support::{Fetch, Server, answer, ok, port::Refusing};

/// The waits before the attempts 2, 3 and 4 of many URLs, in seconds.
#[track_caller]
fn drawn(args: &[&str]) -> [Vec<f64>; 3] {
    const MANY: usize = 40;
    let server = Server::always(answer(503, "no"));
    let out = Fetch::jsonl()
        .args(["-v", "--retry", "3", "-j", "40"])
        .args(args)
        .stdin(server.list(MANY))
        .run()
        .exits(1);
    assert_eq!(server.requests().len(), 4 * MANY);
    let announced = |line: usize, attempt: usize| -> f64 {
        let start = format!("-:{line}: attempt {attempt} of 4 in ");
        let mut lines = out.stderr().lines();
        let wait = lines.find_map(|line| line.split_once(&start)).unwrap().1;
        wait.trim_end_matches('s').parse().unwrap()
    };
    let waits = [2, 3, 4]
        .map(|attempt| -> Vec<f64> { (1..=MANY).map(|line| announced(line, attempt)).collect() });
    for (record, line) in out.in_order().iter().zip(0..) {
        for (waits, waited) in waits.iter().zip(&delays(record)[1..]) {
            // What is announced is rounded.
            assert!(*waited >= waits[line] - 0.001, "{waits:?}: {record}");
        }
    }
    waits
}

/// Anything from zero to `most`. That 40 draws are all in one half happens once in 500,000,000,000 times.
#[track_caller]
fn assert_spread(waits: &[f64], most: f64) {
    assert!(
        waits.iter().all(|wait| (0.0..=most).contains(wait)),
        "over {most}: {waits:?}"
    );
    assert!(
        waits.iter().any(|wait| *wait < most / 2.0),
        "no jitter up to {most}: {waits:?}"
    );
    assert!(
        waits.iter().any(|wait| *wait > most / 2.0),
        "none near {most}: {waits:?}"
    );
}

#[test]
fn the_back_off_doubles_and_has_full_jitter() {
    let [second, third, fourth] = drawn(&["--retry-delay", "300ms"]);
    assert_spread(&second, 0.3);
    assert_spread(&third, 0.6);
    assert_spread(&fourth, 1.2);
}

#[test]
fn the_back_off_has_a_longest() {
    let [second, third, fourth] = drawn(&["--retry-delay", "400ms", "--retry-max-delay", "500ms"]);
    assert_spread(&second, 0.4);
    assert_spread(&third, 0.5);
    assert_spread(&fourth, 0.5);
    for waits in drawn(&["--retry-max-delay", "200ms"]) {
        assert_spread(&waits, 0.2);
    }
}

#[test]
fn a_back_off_of_zero_is_possible() {
    let refusing = Refusing::new();
    let url = format!("http://{}/", refusing.address());
    // With the delay of one second that is the default, these take over an hour.
    let out = Fetch::jsonl()
        .args(["--retry", "200", "--retry-delay", "0", &url])
        .run()
        .exits(1);
    assert_eq!(out.record()["attempts"].as_array().unwrap().len(), 201);
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
