//! Look-ups of names: one for each host, few at a time, and none that delays the end of a run.

use std::fs;

use rustix::process::Signal;

use crate::support::{Fetch, Script, Server, ok, record::RecordExt as _};

/// Far more threads than a run needs, and far fewer than one for each host.
const MOST_THREADS: usize = 80;

/// Makes look-ups take longer than any test may if no name server answers.
const PATIENT: (&str, &str) = ("RES_OPTIONS", "timeout:30 attempts:5");

/// A run with names that do not exist. The system gives up early if no name server answers.
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
        // By the first record, as many look-ups are in progress as there may be.
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
fn a_host_given_with_resolve_does_not_wait_for_look_ups() {
    let server = Server::always(ok("x"));
    let list: String = (0..100)
        .map(|number| format!("http://h{number}.invalid/\n"))
        .collect();
    let port = server.port();
    let mut run = Fetch::jsonl()
        .env(PATIENT.0, PATIENT.1)
        .args(["-j101", "--resolve", &format!("name.test:{port}:127.0.0.1")])
        .stdin(list + &server.url_as("name.test", "/a"))
        .spawn();
    server.wait_for_requests(1);
    run.kill();
    run.end();
}

/// A look-up cannot be cancelled, but the run does not have to wait for it.
#[test]
fn look_ups_in_progress_do_not_delay_the_end_of_a_run() {
    let out = strangers(50)
        .args(["-j50", "--deadline", "300ms"])
        .env(PATIENT.0, PATIENT.1)
        .run()
        .exits(1);
    // On a busy machine the deadline may come before the list is read.
    assert!(out.records().len() <= 50);
}

#[test]
fn a_second_signal_ends_a_run_with_look_ups_in_progress() {
    let server = Server::always(Script::new().silence());
    let strangers: String = (0..10)
        .map(|number| format!("http://h{number}.invalid/\n"))
        .collect();
    let mut run = Fetch::jsonl()
        .env(PATIENT.0, PATIENT.1)
        .args(["-t0", "--connect-timeout", "0", "--read-timeout", "0"])
        .args(["-j20", "--max-per-host", "1"])
        .stdin(server.list(2) + &strangers)
        .spawn();
    server.wait_for_requests(1);
    run.signal(Signal::TERM);
    // The second URL of the server waits for the first. That it is cancelled shows that the signal was handled.
    while run.record()["outcome"] != "cancelled" {}
    run.signal(Signal::TERM);
    run.wait().exits(143);
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
