//! Look-ups of names: one for each host, few at a time, and none that delays the end of a run.

use std::fs;
use std::net::UdpSocket;
use std::thread;

use rustix::process::Signal;

use crate::support::{Fetch, Limit, Script, Server, ok, record::RecordExt as _, with_time_enough};

/// As many look-ups as there may be where no name server answers, and the threads that a run has besides.
const MOST_THREADS: usize = 1_024 + 16;

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
fn many_hosts_do_not_start_a_thread_each() {
    let mut run = strangers(2_000).args(["-j2000", "-t", "20s"]).spawn();
    let mut peak = 0;
    for _ in 0..2_000 {
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

/// Starts a name server that says nothing about names that begin with `dead`, and has an IPv4 address of the loopback for
/// all others. Returns its address.
fn name_server(number: u8) -> String {
    let address = format!("127.53.{}.{number}", std::process::id() % 250);
    let socket = UdpSocket::bind((address.as_str(), 53)).unwrap();
    thread::spawn(move || {
        let mut message = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut message) {
            let question = &message[12..length];
            let name = question.iter().position(|&byte| byte == 0).unwrap();
            if question[1..].starts_with(b"dead") {
                continue;
            }
            // The header: a response, one question, and one answer if the type is A (RFC 1035, section 4.1.1).
            let is_a = question[name + 2] == 1;
            let mut response = message[..2].to_vec();
            response.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
            response.extend(&question[..name + 5]);
            if is_a {
                response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
            }
            let _ = socket.send_to(&response, client);
        }
    });
    address
}

/// Runs as a user of its own, with no other process, and with few threads.
const FEW_THREADS: [&str; 6] = [
    "setpriv",
    "--reuid=61235",
    "--regid=61235",
    "--clear-groups",
    "prlimit",
    "--nproc=9",
];

/// A run with the list of `names` that asks only this name server, as `programs` run it.
fn asking(name_server: &str, options: &str, programs: &[&str], names: &[String]) -> Fetch {
    Fetch::jsonl()
        .with_name_server(name_server, options, programs)
        .stdin(names.join("\n"))
}

/// URLs of `count` names of the server, every third of them dead.
fn every_third_dead(server: &Server, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| {
            let name = if number % 3 == 0 { "dead" } else { "good" };
            server.url_as(&format!("{name}-{number}.test"), "/")
        })
        .collect()
}

/// Whether all good names are ok and all dead ones end in a time-out.
fn only_dead_names_fail(records: &[serde_json::Value]) -> bool {
    records.iter().all(|record| {
        let is_dead = record["url"].as_str().unwrap().contains("dead");
        let verdict = record.verdict();
        if is_dead {
            assert_eq!(verdict, "error timeout/resolve", "{record}");
        }
        is_dead || verdict == "ok"
    })
}

#[test]
#[ignore = "needs the right to mount, and port 53"]
fn names_that_never_resolve_cost_no_others() {
    let server = Server::always(ok("x"));
    let name_server = name_server(2);
    let names = every_third_dead(&server, 180);
    with_time_enough(|limit: Limit| {
        let out = asking(&name_server, "timeout:30 attempts:3", &[], &names)
            .args(["-j50", "--connect-timeout", &limit.to_string()])
            .run()
            .exits(1);
        assert_eq!(out.records().len(), names.len());
        only_dead_names_fail(&out.records()).then_some(())
    });
}

#[test]
#[ignore = "needs the right to mount, and port 53"]
fn a_silent_name_server_is_a_time_out_even_if_the_system_gives_up_first() {
    let name_server = name_server(4);
    let names = ["http://dead.test/".to_owned()];
    let out = asking(&name_server, "timeout:1 attempts:1", &[], &names)
        .args(["--connect-timeout", "0", "-t0"])
        .run()
        .exits(1);
    let record = out.record();
    assert_eq!(record.verdict(), "error timeout/resolve");
    let message = record.message();
    assert!(
        message.starts_with("dead.test: not resolved within "),
        "{message}"
    );
}

#[test]
#[ignore = "needs the right to mount, port 53 and util-linux"]
fn names_that_wait_for_a_thread_do_not_time_out_meanwhile() {
    let server = Server::always(ok("x"));
    let name_server = name_server(3);
    let names = every_third_dead(&server, 60);
    with_time_enough(|limit: Limit| {
        // The system takes thrice as long as the run waits for a connection.
        let options = format!(
            "timeout:{} attempts:1",
            limit.milliseconds(300).div_ceil(1_000)
        );
        let out = asking(&name_server, &options, &FEW_THREADS, &names)
            .args(["-j20", "-t0", "--connect-timeout", &limit.to_string()])
            .run()
            .exits(1);
        assert_eq!(out.records().len(), names.len());
        only_dead_names_fail(&out.records()).then_some(())
    });
}

#[test]
#[ignore = "needs the right to mount, port 53 and util-linux"]
fn a_name_that_gets_no_thread_ends_at_the_limit_of_the_attempt() {
    let name_server = name_server(5);
    let mut names: Vec<_> = (0..30)
        .map(|number| format!("http://dead-{number}.test/"))
        .collect();
    names.push("http://good.test/".to_owned());
    let out = asking(&name_server, "timeout:30 attempts:3", &FEW_THREADS, &names)
        .args(["-j31", "-t", "1s", "--connect-timeout", "0"])
        .run()
        .exits(1);
    assert_eq!(out.records().len(), names.len());
    for record in out.records() {
        assert_eq!(record.verdict(), "error timeout/resolve", "{record}");
        assert!(record.message().contains("--timeout"), "{record}");
    }
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
