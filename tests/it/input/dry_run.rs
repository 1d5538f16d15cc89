//! `--dry-run`: the list is read, and nothing is sent.

use std::io::Write as _;

use crate::support::{Fetch, Output, Server};

/// A dry run whose reader leaves before anything is printed.
fn dry_run_unread(list: &str) -> Output {
    let mut run = Fetch::new().args(["--dry-run", "-"]).stdin_open().spawn();
    run.close_stdout();
    // A run that ends early does not read all of the list.
    let _ = run.take_stdin().write_all(list.as_bytes());
    run.wait()
}

#[test]
fn a_dry_run_reads_and_sends_nothing() {
    let server = Server::build().may_stay_unasked().start();
    Fetch::jsonl()
        .args(["--dry-run", "-"])
        .stdin(server.list(3))
        .run()
        .exits(0);
    Fetch::jsonl()
        .args(["--dry-run", "-"])
        .stdin(format!("{}http://[\n", server.list(3)))
        .run()
        .exits(1);
    assert!(server.requests().is_empty() && server.connections() == 0);
}

#[test]
fn a_dry_run_whose_reader_left_ends_quietly() {
    for count in [1, 100_000] {
        let out = dry_run_unread(&"http://127.0.0.1/\n".repeat(count)).exits(141);
        assert_eq!(out.stderr(), "");
    }
}

#[test]
fn one_input_is_counted_in_the_singular() {
    for (list, counted) in [
        ("http://a/\n", "1 input, 1 to fetch, 0 invalid\n"),
        (
            "http://a/\nhttp://b/\n",
            "2 inputs, 2 to fetch, 0 invalid\n",
        ),
    ] {
        let out = Fetch::new().args(["--dry-run", "-"]).stdin(list).run();
        assert_eq!(out.exits(0).stdout(), counted);
    }
}

#[test]
fn a_dry_run_says_that_it_does_not_read_the_journal() {
    let dry = Fetch::new().args(["--dry-run", "--journal", "run.jsonl", "-"]);
    let out = dry.stdin("http://a/\n").run().exits(0);
    let said = "fetch: warning: --dry-run does not read the journal\n";
    assert_eq!(out.stderr(), said);
    assert!(out.names().is_empty());
}

#[test]
fn exit_zero_applies_to_a_dry_run() {
    let list = "http://127.0.0.1/\nhttp://[\n";
    let dry = || Fetch::new().args(["--dry-run", "-"]).stdin(list);
    let out = dry().arg("--exit-zero").run().exits(0);
    assert_eq!(out.stdout(), dry().run().exits(1).stdout());
    let said = "fetch: -:2: invalid_url: not a URL: ";
    assert!(out.stderr().starts_with(said), "{}", out.stderr());
}
