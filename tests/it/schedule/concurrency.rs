//! `-j`, `--ordered`, `--fail-fast` and `--deadline`.

use std::{io::Write as _, thread};

use serde_json::Value;

use super::per_host::open_at;
use crate::support::{
    Fetch, Gate, QUIET, Running, Script, Server, answer, ok, reply, with_time_enough,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn held(gate: &Gate) -> Script {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    Script::new().wait(gate).send(answer)
}

#[track_caller]
fn sum_is_right(summary: &str) -> Value {
    let summary: Value = serde_json::from_str(summary).unwrap();
    let sum: u64 = ["ok", "http_error", "error", "skipped", "cancelled"]
        .iter()
        .map(|key| summary[key].as_u64().unwrap())
        .sum();
    assert_eq!(summary["inputs"], sum, "{summary}");
    summary
}

#[test]
fn as_many_requests_as_jobs_are_in_flight() {
    for (args, jobs) in [
        (&["-j4"][..], 4),
        (&["--jobs", "1"], 1),
        (&[], 10),
        (&["-j", "25"], 25),
    ] {
        let gate = Gate::new();
        let server = Server::always(held(&gate));
        let run = Fetch::jsonl()
            .args(args)
            .stdin(server.list(3 * jobs + 1))
            .spawn();
        open_at(&server, &gate, jobs);
        assert_eq!(run.wait().exits(0).records().len(), 3 * jobs + 1);
        assert_eq!(server.peak(), jobs);
    }
}

#[test]
fn one_job_sends_in_order_over_one_connection() {
    let server = Server::always(ok("x"));
    Fetch::new()
        .arg("-j1")
        .stdin(server.list(20))
        .run()
        .exits(0);
    assert_eq!(
        server.targets(),
        (0..20)
            .map(|number| format!("/{number}"))
            .collect::<Vec<_>>()
    );
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_slow_url_does_not_delay_the_others() {
    let gate = Gate::new();
    let server = Server::build()
        .route("/0", held(&gate))
        .otherwise(ok("x"))
        .start();
    let mut run = Fetch::jsonl().arg("-j2").stdin(server.list(30)).spawn();
    let done: Vec<_> = (1..30)
        .map(|_| run.record()["index"].as_u64().unwrap())
        .collect();
    assert!(!done.contains(&0));
    gate.open();
    assert_eq!(run.record()["index"], 0, "results come as they complete");
    run.wait().exits(0);
}

#[test]
fn ordered_results_come_in_the_order_of_the_input() {
    let gate = Gate::new();
    let server = Server::build()
        .route("/0", held(&gate))
        .otherwise(ok("x"))
        .start();
    let mut run = Fetch::jsonl()
        .args(["-j4", "--ordered"])
        .stdin(server.list(12))
        .spawn();
    server.wait_for_requests(4);
    assert!(!run.speaks_within(QUIET), "the first is still to come");
    gate.open();
    let indices: Vec<_> = (0..12)
        .map(|_| run.record()["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indices, (0..12).collect::<Vec<_>>());
    run.wait().exits(0);
}

#[test]
fn an_ordered_run_fetches_others_while_one_is_slow() {
    let gate = Gate::new();
    let server = Server::build()
        .route("/0", held(&gate))
        .otherwise(ok("x"))
        .start();
    let run = Fetch::jsonl()
        .args(["-j2", "--ordered"])
        .stdin(server.list(12))
        .spawn();
    server.wait_for_requests(6);
    gate.open();
    assert_eq!(run.wait().exits(0).records().len(), 12);
}

#[test]
fn a_bad_line_has_its_place_in_an_ordered_run() {
    let server = Server::always(ok("x"));
    let list = format!("{}\nhttp://[\n{}\n", server.url("/a"), server.url("/b"));
    let out = Fetch::jsonl().arg("--ordered").stdin(list).run().exits(1);
    let indices: Vec<_> = out
        .records()
        .iter()
        .map(|record| record["index"].clone())
        .collect();
    assert_eq!(indices, [0, 1, 2]);
}

/// Starts a producer that never ends. Only a run that stops reading ends.
fn flood(run: &mut Running, line: String) -> thread::JoinHandle<()> {
    let mut stdin = run.take_stdin();
    thread::spawn(move || while stdin.write_all(line.as_bytes()).is_ok() {})
}

#[test]
fn fail_fast_stops_at_the_first_that_is_not_ok() {
    for first in [
        answer(404, "no"),
        Script::new().close(),
        reply(302, &[], ""),
    ] {
        let server = Server::build()
            .route("/0", first)
            .otherwise(Script::new().silence())
            .start();
        let mut run = Fetch::jsonl()
            .args(["--fail-fast", "-j3", "--summary-file", "summary.json"])
            .stdin_open()
            .spawn();
        run.write(format!("{}\n", server.url("/1")));
        server.wait_for_requests(1);
        run.write(format!("{}\n", server.url("/0")));
        let writer = flood(&mut run, server.url("/more\n"));
        let out = run.wait().exits(1);
        writer.join().unwrap();
        let records = out.in_order();
        assert_eq!(
            records[0]["outcome"], "cancelled",
            "what is on the wire is broken off"
        );
        assert_eq!(records[1]["index"], 1);
        assert!(
            records[2..]
                .iter()
                .all(|record| record["outcome"] == "cancelled")
        );
        let summary = sum_is_right(&out.read("summary.json"));
        assert_eq!(
            (&summary["complete"], &summary["stopped"]),
            (&false.into(), &"fail_fast".into())
        );
        assert_eq!(summary["inputs"], records.len());
        assert!(
            out.stderr().contains("not read to its end"),
            "{}",
            out.stderr()
        );
    }
}

#[test]
fn fail_fast_stops_at_a_bad_line_too() {
    let server = Server::build()
        .otherwise(ok("x"))
        .may_stay_unasked()
        .start();
    let mut run = Fetch::jsonl().arg("--fail-fast").stdin_open().spawn();
    run.write("http://[\n");
    let writer = flood(&mut run, server.url("/more\n"));
    run.wait().exits(1);
    writer.join().unwrap();
}

#[test]
fn fail_fast_without_a_failure_changes_nothing() {
    let server = Server::always(ok("x"));
    let out = Fetch::jsonl()
        .arg("--fail-fast")
        .stdin(server.list(30))
        .run()
        .exits(0);
    assert!(out.records().iter().all(|record| record["outcome"] == "ok"));
}

#[test]
fn the_deadline_ends_the_run() {
    let server = Server::build()
        .route("/0", ok("x"))
        .otherwise(Script::new().silence())
        .start();
    let (out, records) = with_time_enough(|deadline| {
        let out = Fetch::jsonl()
            .args(["--deadline", &deadline.to_string(), "-j2"])
            .args(["--summary-file", "summary.json"])
            .stdin(server.list(6))
            .run()
            .exits(1);
        assert!(out.elapsed.as_secs_f64() >= deadline.seconds());
        let records = out.in_order();
        (records.len() == 6 && records[0]["outcome"] == "ok").then_some((out, records))
    });
    assert!(
        records[1..]
            .iter()
            .all(|record| record["outcome"] == "cancelled")
    );
    let summary = sum_is_right(&out.read("summary.json"));
    assert_eq!(
        (&summary["stopped"], &summary["ok"]),
        (&"deadline".into(), &1.into())
    );
}

#[test]
fn the_deadline_ends_a_run_that_waits_for_input() {
    let server = Server::always(ok("x"));
    with_time_enough(|deadline| {
        let mut run = Fetch::jsonl()
            .args(["--deadline", &deadline.to_string()])
            .stdin_open()
            .spawn();
        run.write(format!("{}\n", server.url("/a")));
        let out = run.wait_with_stdin_open();
        if out.lines().is_empty() || out.record()["outcome"] != "ok" {
            return None;
        }
        assert_eq!(out.code(), 1);
        assert!(
            out.stderr().contains("not read to its end"),
            "{}",
            out.stderr()
        );
        Some(())
    });
}

#[test]
fn a_deadline_that_is_not_reached_changes_nothing() {
    let server = Server::always(ok("x"));
    Fetch::new()
        .args(["--deadline", "1h"])
        .stdin(server.list(3))
        .run()
        .exits(0);
    Fetch::new()
        .args(["--deadline", "0"])
        .stdin(server.list(3))
        .run()
        .exits(0);
}

#[test]
fn an_ordered_run_holds_back_a_bounded_number_of_bodies() {
    const COUNT: usize = 1000;
    let gate = Gate::new();
    let server = Server::build()
        .route("/0", Script::new().wait(&gate).send(OK))
        .otherwise(ok(vec![b'x'; 128 << 10]))
        .start();
    let mut run = Fetch::jsonl()
        .args(["-j", "4", "--ordered", "--body"])
        .stdin_open()
        .spawn();
    run.write(server.list(COUNT));
    // More requests than `-j`, so some were fetched after the first ones while the first is slow.
    server.wait_for_requests(5);
    let asked = server.requests_once_quiet();
    assert!(asked < COUNT / 2, "not all are asked for: {asked}");
    gate.open();
    // The records that were held back, and some after them.
    for index in 0..asked + 10 {
        let line = run.line();
        let start = format!("{{\"index\":{index},");
        assert!(line.starts_with(&start), "{}", &line[..100]);
    }
    let peak = run.peak_memory();
    assert!(peak < 100 * 1024, "{peak} KiB");
    run.close_stdout();
    run.wait().exits(141);
}
