//! `--shard` as a filter, as engines run it: lines are answered at once, and lines of other shards cause no delay.

use std::collections::BTreeMap;

use rustix::process::Signal;

use crate::support::{Fetch, Running, Script, Server, answer, ok};

/// A URL of shard 0 of 2 and a URL of shard 1.
fn two_urls(server: &Server) -> [String; 2] {
    let size = |host: &usize| {
        let url = format!("http://host-{host}.test:{}/\n", server.port());
        let run = Fetch::new().args(["-", "--dry-run", "--shard", "0/2"]);
        let out = run.stdin(&url).run().exits(0);
        (out.stdout().starts_with('1'), url)
    };
    let urls: BTreeMap<bool, String> = (0..20).map(|host| size(&host)).collect();
    [urls[&true].clone(), urls[&false].clone()]
}

/// A run whose standard input is open.
fn shard_0_of_2(server: &Server) -> Running {
    let resolve = format!("*:{}:127.0.0.1", server.port());
    let run = Fetch::jsonl().args(["--shard", "0/2", "--resolve", &resolve, "-"]);
    run.stdin_open().spawn()
}

#[test]
fn a_line_of_the_shard_is_answered_at_once() {
    let server = Server::always(ok("x"));
    let [ours, other] = two_urls(&server);
    let mut run = shard_0_of_2(&server);
    for index in [1, 3] {
        run.write(&other);
        run.write(&ours);
        assert_eq!(run.record()["index"], index);
    }
    let out = run.wait().exits(0);
    assert!(out.stderr().starts_with("OK 2/2"), "{}", out.stderr());
}

#[test]
fn the_reader_may_leave_while_only_lines_of_other_shards_come() {
    let server = Server::always(ok("x"));
    let [ours, other] = two_urls(&server);
    let mut run = shard_0_of_2(&server);
    run.write(&ours);
    run.record();
    run.write(&other);
    run.close_stdout();
    let out = run.wait_with_stdin_open().exits(141);
    assert_eq!(out.stderr(), "");
}

#[test]
fn a_signal_stops_a_shard_that_has_nothing_to_do() {
    let server = Server::always(ok("x"));
    let [ours, other] = two_urls(&server);
    let mut run = shard_0_of_2(&server);
    run.write(ours + &other);
    run.record();
    run.signal(Signal::TERM);
    let out = run.wait_with_stdin_open().exits(143);
    assert!(out.stderr().contains("stopped early"), "{}", out.stderr());
}

#[test]
fn exit_zero_changes_1_and_no_other_exit_code() {
    let server = Server::build()
        .route("/bad", answer(500, ""))
        .route("/cut", Script::new().close())
        .start();
    let list = server.url("/bad\n") + &server.url("/cut\n") + "http://[\n";
    let zero = |args: &[&str]| {
        let run = Fetch::new()
            .args(args)
            .args(["--exit-zero", "--shard", "0/1"]);
        run.file("list", &list)
    };
    zero(&["list"]).run().exits(0);
    zero(&["missing"]).run().exits(2);
    zero(&["--shard", "1/1", "list"]).run().exits(2);
    zero(&["list"]).stdout_to("/dev/full").run().exits(3);
    let mut run = zero(&["-"]).stdin_open().spawn();
    run.write(&list);
    run.line();
    run.close_stdout();
    run.wait_with_stdin_open().exits(141);
}

#[test]
fn a_shard_resumes_from_its_journal() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let url = |number: usize| {
        server.url_as(
            &format!("127.0.0.{}", number % 30 + 1),
            &format!("/{number}\n"),
        )
    };
    let list: String = (0..90).map(url).collect();
    let folder = tempfile::tempdir().unwrap();
    for outcome in ["ok", "skipped"] {
        let mut done = 0;
        for number in 0..2 {
            let journal = folder.path().join(number.to_string());
            let run =
                Fetch::new().args(["-", "-w", "%{outcome}", "--shard", &format!("{number}/2")]);
            let out = run
                .arg("--journal")
                .arg(journal)
                .stdin(&list)
                .run()
                .exits(0);
            assert!(out.lines().iter().all(|line| *line == outcome));
            done += out.lines().len();
        }
        assert_eq!(done, 90);
    }
    assert_eq!(server.requests().len(), 90);
}
