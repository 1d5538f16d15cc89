//! SIGINT and SIGTERM: the first lets requests in flight end, the second aborts them.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Fetch, Gate, Running, Script, Server, ok};

const BOTH: [(Signal, i32, &str); 2] = [
    (Signal::INT, 130, "interrupted"),
    (Signal::TERM, 143, "terminated"),
];

/// Reads records until one is cancelled, which shows that the signal was handled.
fn until_cancelled(run: &mut Running) {
    while run.record()["outcome"] != "cancelled" {}
}

#[test]
fn the_first_signal_lets_requests_in_flight_end_and_cancels_the_rest() {
    for (signal, code, name) in BOTH {
        let gate = Gate::new();
        let held = Script::new()
            .wait(&gate)
            .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let server = Server::always(held);
        let mut run = Fetch::jsonl()
            .args(["-j2", "--summary-file", "sum.json"])
            .stdin(server.list(10))
            .spawn();
        server.wait_for_requests(2);
        run.signal(signal);
        until_cancelled(&mut run);
        gate.open();
        let out = run.wait().exits(code);
        let records = out.in_order();
        assert!(
            records[..2].iter().all(|record| record["outcome"] == "ok"),
            "{records:?}"
        );
        assert!(
            records[2..]
                .iter()
                .all(|record| record["outcome"] == "cancelled")
        );
        assert_eq!(server.requests().len(), 2, "nothing more was sent");
        let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
        assert_eq!(
            (&summary["stopped"], &summary["exit_code"]),
            (&name.into(), &code.into())
        );
        assert_eq!(
            (&summary["ok"], &summary["inputs"]),
            (&2.into(), &records.len().into())
        );
        assert!(out.stderr().contains("\nFAILED 2/"), "{}", out.stderr());
    }
}

#[test]
fn the_first_signal_reports_what_is_waited_for() {
    let waits = [
        "waiting for 1 request (AGAIN to abort it)",
        "waiting for 2 requests (AGAIN to abort them)",
    ];
    for ((signal, code, name), (jobs, wait)) in BOTH
        .into_iter()
        .flat_map(|way| (1..).zip(waits).map(move |wait| (way, wait)))
    {
        let again = match signal {
            Signal::INT => "press Ctrl-C again",
            _ => "send SIGTERM again",
        };
        let wait = wait.replace("AGAIN", again);
        let server = Server::always(Script::new().silence());
        let list = server.list(6);
        let run = Fetch::jsonl().arg(format!("-j{jobs}")).stdin(list).spawn();
        server.wait_for_requests(jobs);
        run.signal(signal);
        run.stderr.wait_for(&format!("warning: {name}; {wait}\n"));
        run.signal(signal);
        run.wait().exits(code);
    }
}

#[test]
fn the_second_signal_cancels_requests_in_flight() {
    for (signal, code, _) in BOTH {
        let server = Server::always(Script::new().silence());
        let mut run = Fetch::jsonl().arg("-j2").stdin(server.list(6)).spawn();
        server.wait_for_requests(2);
        run.signal(signal);
        until_cancelled(&mut run);
        run.signal(signal);
        let out = run.wait().exits(code);
        assert!(out.records().iter().all(
            |record| record["outcome"] == "cancelled" && record["error"]["kind"] == "cancelled"
        ));
    }
}

#[test]
fn a_signal_ends_an_idle_run() {
    for (signal, code, _) in BOTH {
        let server = Server::always(ok("x"));
        let mut run = Fetch::jsonl().stdin_open().spawn();
        run.write(server.url("/a\n"));
        assert_eq!(run.record()["outcome"], "ok");
        run.signal(signal);
        let out = run.wait_with_stdin_open().exits(code);
        assert!(
            out.stderr().contains("not read to its end"),
            "{}",
            out.stderr()
        );
    }
}

#[test]
fn a_signal_while_the_reader_pauses_loses_no_record() {
    let server = Server::always(ok("x".repeat(3000)));
    let mut run = Fetch::jsonl()
        .args(["--body", "-j4", "--summary-file", "sum.json"])
        .stdin(server.list(5000))
        .spawn();
    run.line();
    server.wait_for_requests(20);
    run.signal(Signal::INT);
    let out = run.wait().exits(130);
    let records = out.records();
    let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
    assert_eq!(summary["inputs"], records.len());
    assert_eq!(summary["complete"], records.len() == 5000);
}

#[test]
fn the_two_signals_may_differ() {
    let server = Server::always(Script::new().silence());
    let mut run = Fetch::jsonl().arg("-j1").stdin(server.list(3)).spawn();
    server.wait_for_requests(1);
    run.signal(Signal::INT);
    until_cancelled(&mut run);
    run.signal(Signal::TERM);
    let code = run.wait().code();
    assert!([130, 143].contains(&code), "{code}");
}

#[test]
fn what_came_while_the_run_was_stopped_is_read_before_a_server_is_silent() {
    for limit in ["--read-timeout", "--timeout"] {
        let gate = Gate::new();
        let held = Script::new()
            .wait(&gate)
            .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
        let server = Server::always(held);
        let fetch = Fetch::jsonl().args(["-j8", limit, "1s"]);
        let run = fetch.stdin(server.list(8)).spawn();
        server.wait_for_requests(8);
        run.signal(Signal::STOP);
        gate.open();
        // Longer than the limit, which is what this is about.
        std::thread::sleep(Duration::from_secs(2));
        run.signal(Signal::CONT);
        let out = run.wait().exits(0);
        assert_eq!(out.in_order().len(), 8, "{limit}");
    }
}
