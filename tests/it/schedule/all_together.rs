//! Order, limits and rates used together: every run comes to its end.

use rustix::process::Signal;

use super::per_host::mixed;
use crate::support::{Fetch, QUIET, Script, Server, answer, ok, redirect, reply};

/// Options that make URLs wait for everything that they can wait for, for a short time.
const EVERYTHING: [&str; 10] = [
    "--max-per-host",
    "2",
    "--rate",
    "60/s",
    "--rate-per-host",
    "30/s",
    "--retry",
    "2",
    "--retry-delay",
    "50ms",
];

/// Two servers with failures, redirects and a Retry-After, and a list of 40 URLs.
fn troubled() -> ([Server; 2], String) {
    let first = Server::build()
        .route_in_turn("/0", [answer(503, "no"), answer(500, "no"), ok("x")])
        .route_in_turn("/3", [Script::new().close(), ok("x")])
        .route_in_turn("/7", [reply(429, &[("Retry-After", "1")], ""), ok("x")])
        .otherwise(ok("x"))
        .start();
    let second = Server::build()
        .route("/5", redirect(302, &first.url("/led")))
        .route_in_turn("/19", [answer(503, "no"), ok("x")])
        .otherwise(ok("x"))
        .start();
    let list = mixed(&first.list(20), &second.list(20));
    ([first, second], list)
}

#[test]
fn output_is_ordered_with_all_limits_at_once() {
    for jobs in ["-j1", "-j8"] {
        let (servers, list) = troubled();
        let out = Fetch::jsonl()
            .args(EVERYTHING)
            .args([jobs, "--ordered"])
            .stdin(list)
            .run()
            .exits(0);
        let indices: Vec<_> = out
            .records()
            .iter()
            .map(|record| record["index"].as_u64().unwrap())
            .collect();
        assert_eq!(indices, (0..40).collect::<Vec<_>>());
        for server in &servers {
            assert!(server.peak() <= 2);
        }
    }
}

#[test]
fn an_ordered_run_fetches_on_while_the_first_waits() {
    let server = Server::build()
        .route("/0", answer(503, "no"))
        .otherwise(ok("x"))
        .start();
    let mut run = Fetch::jsonl()
        .args(["--ordered", "-j1", "--retry", "1"])
        .args(["--retry-delay", "1h", "--retry-max-delay", "0"])
        .stdin(server.list(500))
        .spawn();
    server.wait_for_requests(500);
    assert!(!run.speaks_within(QUIET), "the first is still to come");
    run.signal(Signal::INT);
    let out = run.wait().exits(130);
    let records = out.records();
    let indices: Vec<_> = records.iter().map(|record| &record["index"]).collect();
    assert!((0..500).eq(indices.iter().map(|index| index.as_u64().unwrap())));
    assert_eq!(records[0]["outcome"], "cancelled");
    assert!(
        records[1..499]
            .iter()
            .all(|record| record["outcome"] == "ok")
    );
}

#[test]
fn an_empty_list_ends_despite_the_limits() {
    for args in [&EVERYTHING[..], &["--rate", "1/h", "-j1", "--ordered"]] {
        for list in ["", "# nothing\n\n"] {
            let out = Fetch::jsonl().args(args).stdin(list).run().exits(0);
            assert_eq!(out.stdout(), "");
            assert!(out.stderr().contains("no URLs"), "{}", out.stderr());
        }
    }
}

#[test]
fn bad_lines_alone_end_despite_the_limits() {
    for args in [
        &EVERYTHING[..],
        &["--rate", "1/h", "--rate-per-host", "1/h"],
    ] {
        let out = Fetch::jsonl()
            .args(args)
            .stdin("http://[\n".repeat(300))
            .run()
            .exits(1);
        assert_eq!(out.records().len(), 300);
    }
}

#[test]
fn bad_lines_do_not_wait_for_the_rate() {
    let server = Server::always(ok("x"));
    for option in ["--rate", "--rate-per-host"] {
        let mut run = Fetch::jsonl()
            .args([option, "1/h"])
            .stdin(format!("{}http://[\n{0}", server.url("/a\n")))
            .spawn();
        let mut indices =
            [run.record(), run.record()].map(|record| record["index"].as_u64().unwrap());
        indices.sort_unstable();
        assert_eq!(indices, [0, 1]);
    }
}

#[test]
fn a_run_of_one_job_with_every_url_delayed_ends() {
    let mut builder = Server::build();
    for number in 0..10 {
        let scripts = [answer(503, "no"), Script::new().close(), ok("x")];
        builder = builder.route_in_turn(&format!("/{number}"), scripts);
    }
    let server = builder.start();
    let args = ["-j1", "--max-per-host", "1", "--rate-per-host", "40/s"];
    let out = Fetch::jsonl()
        .args(args)
        .args(["--retry", "3", "--retry-delay", "100ms"])
        .stdin(server.list(10))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 10);
    assert_eq!(server.peak(), 1);
}

#[test]
fn a_run_goes_on_when_input_comes_while_all_wait() {
    let server = Server::build()
        .route("/wait", answer(503, "no"))
        .otherwise(ok("x"))
        .start();
    let mut run = Fetch::jsonl()
        .args(["-j1", "--retry", "1", "--retry-delay", "1h"])
        .args(["--retry-max-delay", "0", "--max-per-host", "1"])
        .stdin_open()
        .spawn();
    run.write(server.url("/wait\n"));
    server.wait_for_requests(1);
    for number in 1..4 {
        run.write(server.url("/more\n"));
        assert_eq!(run.record()["index"], number);
    }
}
