//! What waits for a host, a rate or a retry is cancelled when the run stops.

use std::io::Write as _;

use rustix::process::Signal;
use serde_json::Value;

use super::per_host::held;
use crate::support::{
    Fetch, Gate, Output, Running, Script, Server, answer, ok, record::RecordExt as _, redirect,
    reply, with_time_enough,
};

/// A run of seven URLs. The first waits for its back-off, the second for a Retry-After, the third for the host of the
/// second. One of the next three is in flight, and the other two wait for its host. The last is done.
struct Waiters {
    run: Running,
    tired: Server,
    resting: Server,
    full: Server,
    gate: Gate,
}

impl Waiters {
    fn start(args: &[&str]) -> Self {
        let mut waiters = Self::spawn(args);
        for server in [&waiters.tired, &waiters.resting, &waiters.full] {
            server.wait_for_requests(1);
        }
        let run = &mut waiters.run;
        assert_eq!(run.record()["index"], 6);
        // The first two have been answered.
        run.stderr.wait_for("-:1: attempt 2 of");
        run.stderr.wait_for("-:2: attempt 2 of");
        waiters
    }

    /// Starts the run, which gets to that state by itself.
    fn spawn(args: &[&str]) -> Self {
        let gate = Gate::new();
        let tired = Server::build()
            .route("/0", answer(503, "no"))
            .route("/fails", answer(404, "no"))
            .otherwise(ok("x"))
            .may_stay_unasked()
            .start();
        let unless_it_is_late = |script| {
            let server = Server::build().otherwise(script);
            server.may_stay_unasked().start()
        };
        let resting = unless_it_is_late(reply(429, &[("Retry-After", "1000")], ""));
        let full = unless_it_is_late(held(&gate));
        let mut run = Fetch::jsonl()
            .args(["-v", "-j5", "--max-per-host", "1", "--retry", "1"])
            .args(["--retry-delay", "1h", "--retry-max-delay", "0"])
            .args(args)
            .stdin_open()
            .spawn();
        run.write(tired.list(1) + &resting.list(2) + &full.list(3) + &tired.url("/done\n"));
        Self {
            run,
            tired,
            resting,
            full,
            gate,
        }
    }
}

/// Asserts that the five that wait, in input order, are cancelled.
#[track_caller]
fn check_waiters(records: &[Value]) {
    let attempts: Vec<_> = records
        .iter()
        .map(|record| {
            assert_eq!(record["outcome"], "cancelled", "{record}");
            record["attempts"].as_array().unwrap().as_slice()
        })
        .collect();
    let statuses = |at: usize| attempts[at].iter().map(|attempt| &attempt["status"]);
    assert!(statuses(0).eq([503]), "{}", records[0]);
    assert!(statuses(1).eq([429]), "{}", records[1]);
    assert!(attempts[2..].iter().all(|attempts| attempts.is_empty()));
}

#[track_caller]
fn check_stopped(out: &Output, records: usize) {
    assert_eq!(out.records().len(), records);
    assert!(out.stderr().contains("FAILED "), "{}", out.stderr());
}

#[test]
fn a_signal_cancels_what_waits() {
    let mut waiters = Waiters::start(&[]);
    waiters.run.signal(Signal::INT);
    let mut records: Vec<_> = (0..5).map(|_| waiters.run.record()).collect();
    records.sort_by_key(|record| record["index"].as_u64());
    check_waiters(&records);
    waiters.gate.open();
    let out = waiters.run.wait().exits(130);
    check_stopped(&out, 7);
    assert_eq!(out.in_order()[3]["outcome"], "ok", "it was on the wire");
    waiters.full.request();
    assert_eq!(waiters.tired.requests().len(), 2);
}

#[test]
fn fail_fast_cancels_what_waits() {
    let mut waiters = Waiters::start(&["--fail-fast"]);
    waiters.run.write(waiters.tired.url("/fails\n"));
    let out = waiters.run.wait_with_stdin_open().exits(1);
    check_stopped(&out, 8);
    let mut records = out.in_order();
    assert_eq!(records.remove(3)["outcome"], "cancelled", "on the wire");
    check_waiters(&records[..5]);
    assert_eq!(records[6].verdict(), "http_error 404");
}

#[test]
fn the_deadline_cancels_what_waits() {
    with_time_enough(|deadline| {
        let waiters = Waiters::spawn(&["--deadline", &deadline.to_string()]);
        let out = waiters.run.wait_with_stdin_open().exits(1);
        assert!(out.elapsed.as_secs_f64() >= deadline.seconds());
        let mut records = out.in_order();
        let got_there = ["-:1: attempt 2 of", "-:2: attempt 2 of"]
            .iter()
            .all(|retry| out.stderr().contains(retry));
        if !got_there || records.len() < 7 || records[6]["outcome"] != "ok" {
            return None;
        }
        let cancelled = records.remove(3);
        assert_eq!(cancelled["outcome"], "cancelled", "on the wire");
        let said = &cancelled["error"]["message"];
        assert_eq!(said, "the deadline was reached (--deadline)");
        check_waiters(&records[..5]);
        Some(())
    });
}

#[test]
fn what_waits_for_a_rate_is_cancelled() {
    for option in ["--rate", "--rate-per-host"] {
        let server = Server::always(ok("x"));
        let mut run = Fetch::jsonl()
            .args([option, "1/h", "--summary-file", "sum.json"])
            .stdin(server.list(30))
            .spawn();
        assert_eq!(run.record()["outcome"], "ok");
        run.signal(Signal::INT);
        let out = run.wait().exits(130);
        let records = out.in_order();
        assert!(
            records[1..]
                .iter()
                .all(|record| record["outcome"] == "cancelled" && record["started"].is_null())
        );
        let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
        assert_eq!(summary["inputs"], records.len());
        server.request();
    }
}

#[test]
fn a_redirect_that_would_have_to_wait_after_a_signal_is_cancelled() {
    let gates = [Gate::new(), Gate::new()];
    let full = Server::always(held(&gates[0]));
    let location = format!(
        "HTTP/1.1 302 X\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        full.url("/target")
    );
    let leading = Server::always(Script::new().wait(&gates[1]).send(location));
    let mut run = Fetch::jsonl()
        .args(["-v", "--max-per-host", "1"])
        .args([full.url("/0"), leading.url("/1"), leading.url("/2")])
        .spawn();
    full.wait_for_requests(1);
    leading.wait_for_requests(1);
    run.signal(Signal::INT);
    let record = run.record();
    assert_eq!(
        (&record["index"], &record["outcome"]),
        (&2.into(), &"cancelled".into())
    );
    gates[1].open();
    let record = run.record();
    assert_eq!(
        (&record["index"], &record["outcome"]),
        (&1.into(), &"cancelled".into())
    );
    gates[0].open();
    assert_eq!(run.record()["outcome"], "ok");
    run.wait().exits(130);
    full.request();
}

#[test]
fn a_redirect_that_waits_is_cancelled_with_its_attempt() {
    let gate = Gate::new();
    let full = Server::always(held(&gate));
    let leading = Server::always(redirect(302, &full.url("/target")));
    let mut run = Fetch::jsonl()
        .args(["-v", "--max-per-host", "1"])
        .args([full.url("/0"), leading.url("/1")])
        .spawn();
    full.wait_for_requests(1);
    run.stderr.wait_for("302");
    run.signal(Signal::INT);
    let record = run.record();
    assert_eq!(
        (&record["index"], &record["outcome"]),
        (&1.into(), &"cancelled".into())
    );
    let attempts = record["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "it was on the wire: {record}");
    assert_eq!(attempts[0]["error"]["kind"], "cancelled", "{record}");
    assert!(record["time_total"].is_number(), "{record}");
    gate.open();
    run.wait().exits(130);
}

#[test]
fn a_signal_ends_a_run_with_an_endless_producer_and_a_resting_host() {
    let server = Server::always(reply(503, &[("Retry-After", "1000")], ""));
    let mut run = Fetch::jsonl()
        .args(["--retry", "1", "--retry-max-delay", "0"])
        .args(["-v", "-j1", "--summary-file", "sum.json"])
        .stdin_open()
        .spawn();
    let mut stdin = run.take_stdin();
    let line = server.url("/a\n");
    let writer = std::thread::spawn(move || while stdin.write_all(line.as_bytes()).is_ok() {});
    // Nothing is in flight any more, and nothing is sent while the host rests.
    run.stderr.wait_for("attempt 2 of ");
    run.signal(Signal::INT);
    let out = run.wait().exits(130);
    writer.join().unwrap();
    let records = out.records();
    assert!(
        records
            .iter()
            .all(|record| record["outcome"] == "cancelled")
    );
    let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
    assert_eq!(summary["inputs"], records.len());
    assert_eq!(summary["complete"], false);
    server.request();
}
