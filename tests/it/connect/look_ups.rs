//! Look-ups: one a host, few at a time, and none that keeps a run from its end.

use std::{fs, time::Duration};

use rustix::process::Signal;

use crate::support::{Fetch, Script, Server, ok, record::RecordExt as _};

/// Far more than a run needs, far less than one a host.
const MOST_THREADS: usize = 80;

/// Names that no one has. The system gives up early, should there be no one to ask.
fn strangers(count: usize) -> Fetch {
    let list: String = (0..count)
        .map(|number| format!("http://h{number}.invalid/\n"))
        .collect();
    Fetch::jsonl()
        .env("RES_OPTIONS", "timeout:1 attempts:1")
        .stdin(list)
}

#[test]
fn many_hosts_do_not_start_many_threads() {
    let mut run = strangers(500).args(["-j500", "-t", "20s"]).spawn();
    let mut peak = 0;
    for _ in 0..500 {
        let record = run.record();
        // The first comes when all look-ups that may be under way are.
        peak = peak.max(run.threads());
        let verdict = record.verdict();
        assert!(
            ["error dns/resolve", "error timeout/resolve"].contains(&verdict.as_str()),
            "{record}"
        );
    }
    assert!(peak > 0 && peak <= MOST_THREADS, "{peak} threads");
    run.wait().exits(1);
}

#[test]
fn a_host_that_is_known_does_not_wait_for_those_that_are_not() {
    let server = Server::always(ok("x"));
    let list: String = (0..100)
        .map(|number| format!("http://h{number}.invalid/\n"))
        .collect();
    let port = server.port();
    let mut run = Fetch::jsonl()
        .env("RES_OPTIONS", "timeout:5 attempts:2")
        .args(["-j101", "--resolve", &format!("name.test:{port}:127.0.0.1")])
        .stdin(list + &server.url_as("name.test", "/a"))
        .spawn();
    server.wait_for_requests(1);
    run.kill();
    run.end();
}

/// A look-up cannot be taken back; the run need not wait for it.
#[test]
fn look_ups_under_way_do_not_keep_a_run_from_its_end() {
    let out = strangers(50)
        .args(["-j50", "--deadline", "300ms"])
        .run()
        .exits(1);
    assert_eq!(out.records().len(), 50);
    assert!(out.elapsed < Duration::from_secs(5), "{:?}", out.elapsed);
}

#[test]
fn a_signal_ends_a_run_that_looks_up() {
    let server = Server::always(Script::new().silence());
    let strangers: String = (0..10)
        .map(|number| format!("http://h{number}.invalid/\n"))
        .collect();
    let mut run = Fetch::jsonl()
        .args(["-t0", "--connect-timeout", "0", "--read-timeout", "0"])
        .args(["-j20", "--max-per-host", "1"])
        .stdin(server.list(2) + &strangers)
        .spawn();
    server.wait_for_requests(1);
    run.signal(Signal::TERM);
    // The second of the server waits for the first: that it waits no more shows that the signal has come.
    while run.record()["outcome"] != "cancelled" {}
    run.signal(Signal::TERM);
    let out = run.wait().exits(143);
    assert!(out.elapsed < Duration::from_secs(5), "{:?}", out.elapsed);
}

#[test]
#[ignore = "needs strace; .ci/run installs and runs it"]
fn a_host_is_looked_up_once() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let list: String = (0..50)
        .map(|number| server.url_as("localhost", &format!("/{number}\n")))
        .collect();
    let out = Fetch::jsonl()
        .args(["-j20", "-4"])
        .stdin(list)
        .under(["strace", "-f", "-qq", "-o", "log", "-e", "trace=openat"])
        .run()
        .exits(0);
    assert_eq!(server.requests().len(), 50);
    let log = fs::read_to_string(out.path("log")).unwrap();
    let opened = log
        .lines()
        .filter(|line| line.contains("/etc/hosts\"") && !line.contains("resumed"));
    assert_eq!(opened.count(), 1, "{log}");
}
