//! What was broken before the wire once and is mended: lines, secrets, files, dry runs.

use std::io::Write as _;

use serde_json::json;

use crate::support::{CANARY, Fetch, Output, Server, ok, record::RecordExt as _};

#[test]
fn a_file_that_is_named_twice_is_a_usage_error_that_touches_nothing() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::new()
        .args(["--summary-file", "X", "--results", "X", &server.url("/a")])
        .run()
        .exits(2);
    assert!(out.stderr().contains('X'), "{}", out.stderr());
    assert!(out.names().is_empty(), "{:?}", out.names());
    for summary in ["list", "./list"] {
        let out = Fetch::new()
            .file("list", server.list(3))
            .args(["--summary-file", summary, "list"])
            .run()
            .exits(2);
        assert!(out.stderr().contains("list"), "{}", out.stderr());
        assert_eq!(out.read("list"), server.list(3));
        assert_eq!(out.names(), ["list"]);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_file_that_is_not_there_yet_and_is_named_twice_in_two_ways_is_a_usage_error() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::new()
        .args(["--summary-file", "./X", "--results", "X"])
        .arg(server.url("/a"))
        .run()
        .exits(2);
    assert!(out.names().is_empty(), "{:?}", out.names());
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_summary_that_the_disk_does_not_take_is_3() {
    let server = Server::always(ok("x"));
    for args in [&[][..], &["-q"], &["--exit-zero"]] {
        let out = Fetch::new()
            .args(["--summary-file", "/dev/full", &server.url("/a")])
            .args(args)
            .run()
            .exits(3);
        assert!(out.stderr().contains("/dev/full"), "{}", out.stderr());
        assert_eq!(out.lines().len(), 1, "the record is there all the same");
    }
}

#[test]
fn passwords_in_lines_that_are_nearly_urls_are_not_shown() {
    let lines = [
        format!("\"http://u:{CANARY}@h/\""),
        format!("git+https://u:{CANARY}@h/"),
        format!("http:/u:{CANARY}@h/"),
        format!("http://u:{CANARY}/x@h h/"),
    ];
    for line in &lines {
        let object = json!({ "url": line }).to_string();
        for line in [line, &object] {
            for format in ["text", "jsonl", "csv", "tsv"] {
                // The runner looks for the secret in whatever comes out.
                Fetch::new()
                    .args(["--format", format, "-v", "--summary-file", "sum.json", "-"])
                    .stdin(line)
                    .run()
                    .exits(1);
            }
            Fetch::new().arg("--dry-run").stdin(line).run().exits(1);
            let record = Fetch::jsonl().stdin(line).run().exits(1).record();
            assert_eq!(record.verdict(), "error invalid_url/input", "{record}");
        }
    }
}

#[test]
fn the_password_in_a_source_that_is_no_file_is_not_shown() {
    for source in [
        format!("u:{CANARY}@h/x"),
        format!("u:{CANARY}@h"),
        format!("u:{CANARY}/x@h/x"),
    ] {
        let out = Fetch::new().arg(source).run().exits(2);
        assert_eq!(out.stdout(), "");
        assert!(out.stderr().contains("@h"), "{}", out.stderr());
    }
}

/// A line of so many blanks that they are over the limit alone, and text: the list goes on behind it.
#[track_caller]
fn blanks_and_text(blank: &str) {
    let server = Server::always(ok("x"));
    let blanks = blank.repeat(70_000);
    let out = Fetch::jsonl()
        .stdin(format!("{blanks}http://h/\n{}\n", server.url("/b")))
        .run();
    let records = out.in_order();
    assert_eq!(records.len(), 2, "{blank:?} {}", out.stdout());
    assert_eq!(records[0].verdict(), "error invalid_input/input");
    assert_eq!(
        (records[0]["line"].clone(), records[1]["line"].clone()),
        (json!(1), json!(2))
    );
    assert_eq!(records[1]["outcome"], "ok");
}

#[test]
fn a_line_of_more_blanks_than_fit_and_then_text_gets_its_record() {
    blanks_and_text(" ");
    blanks_and_text("\t");
}

#[test]
fn so_does_one_of_blanks_that_are_not_those_of_ascii() {
    for blank in ["\u{b}", "\u{a0}", "\u{2003}"] {
        blanks_and_text(blank);
    }
}

#[test]
fn a_comment_may_stand_behind_any_blank() {
    let server = Server::always(ok("x"));
    let mut list: String = [" ", "\t", "\u{b}", "\u{c}", "\u{a0}", "\u{b} \u{a0}"]
        .iter()
        .map(|blank| format!("{blank}# http://h/\n{blank}\n"))
        .collect();
    list += &server.url("/a");
    let record = Fetch::jsonl().stdin(list).run().exits(0).record();
    assert_eq!(record["line"], 13);
}

#[test]
fn a_meta_that_no_one_could_read_back_is_refused() {
    let server = Server::always(ok("x"));
    let (open, close) = ("[".repeat(20_000), "]".repeat(20_000));
    let line = format!(r#"{{"url":"http://h/","meta":{open}{close}}}"#);
    let out = Fetch::jsonl()
        .stdin(format!("{line}\n{}\n", server.url("/b")))
        .run()
        .exits(1);
    // A reader with a limit of its own has to be able to read the record that says so.
    assert_eq!(
        out.in_order()[0].verdict(),
        "error invalid_input/input",
        "{}",
        out.stdout()
    );
    assert_eq!(out.in_order()[1]["outcome"], "ok");
}

#[test]
fn a_line_without_a_host_is_no_url_and_no_one_is_asked() {
    let server = Server::build().may_stay_unasked().start();
    let port = server.port();
    for scheme in ["http", "https"] {
        let list = format!(
            "/relative\nhttp:///x\n/127.0.0.1:{port}/x\n//127.0.0.1:{port}/x\nhttp:///127.0.0.1:{port}/x\n"
        );
        let out = Fetch::jsonl()
            .args(["--default-scheme", scheme, "-"])
            .stdin(list)
            .run()
            .exits(1);
        let records = out.in_order();
        assert_eq!(records.len(), 5);
        for record in records {
            assert_eq!(record.verdict(), "error invalid_url/input", "{record}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_url_that_is_too_long_to_be_sent_is_no_url() {
    let server = Server::always(ok("x"));
    let url = |length: usize| {
        let start = server.url("/");
        start.clone() + &"a".repeat(length - start.len())
    };
    let list = format!("{}\n{}\n", url(65_535), url(65_534));
    let records = Fetch::jsonl().stdin(list).run().exits(1).in_order();
    assert_eq!(records[0].verdict(), "error invalid_url/input");
    assert_eq!(records[0].text("url").chars().count(), 200);
    assert_eq!(records[1].verdict(), "ok");
    assert_eq!(server.requests().len(), 1);
}

/// A dry run whose reader has left before there was anything to say.
fn dry_run_unread(list: &str) -> Output {
    let mut run = Fetch::new().args(["--dry-run", "-"]).stdin_open().spawn();
    run.close_stdout();
    // Who leaves early does not read it all.
    let _ = run.take_stdin().write_all(list.as_bytes());
    run.wait()
}

#[test]
fn a_dry_run_whose_reader_left_ends_quietly() {
    for count in [1, 100_000] {
        let out = dry_run_unread(&"http://127.0.0.1/\n".repeat(count)).exits(141);
        assert_eq!(out.stderr(), "");
    }
}

#[test]
fn a_dry_run_may_exit_with_zero_too() {
    let list = "http://127.0.0.1/\nhttp://[\n";
    let dry = || Fetch::new().args(["--dry-run", "-"]).stdin(list);
    let out = dry().arg("--exit-zero").run().exits(0);
    assert_eq!(out.stdout(), dry().run().exits(1).stdout());
    assert!(out.stderr().contains("-:2"), "{}", out.stderr());
}
