//! Sources, and how they are split into lines.

use std::{io::Write as _, thread};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Fetch, Gate, Script, Server, ok, record::RecordExt as _};

/// The records of a list, in input order.
#[track_caller]
pub(super) fn listed(list: impl AsRef<[u8]>) -> Vec<Value> {
    Fetch::jsonl().stdin(list).run().in_order()
}

pub(super) fn verdicts(records: &[Value]) -> Vec<String> {
    records.iter().map(Value::verdict).collect()
}

/// Asserts that a line of more white space than a line may have, with text at its end, is an invalid line, and that the
/// next line is read.
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
fn each_line_of_a_file_gives_a_record_that_says_where_it_stood() {
    let server = Server::always(ok("x"));
    let list = format!(
        "{}\n{}\n\n{}\n",
        server.url("/a"),
        server.url("/b"),
        server.url("/c")
    );
    let out = Fetch::jsonl()
        .file("urls.txt", list)
        .arg("urls.txt")
        .run()
        .exits(0);
    for (record, (path, line)) in out.in_order().iter().zip([("/a", 1), ("/b", 2), ("/c", 4)]) {
        assert_eq!(record["url"], server.url(path));
        assert_eq!(record["line"], line);
        assert_eq!(record["source"], "urls.txt");
        assert_eq!(record["outcome"], "ok");
    }
    assert_eq!(out.records().len(), 3);
}

#[test]
fn standard_input_is_the_source_with_a_dash_and_without_one() {
    let server = Server::always(ok("x"));
    for args in [&["-"][..], &[]] {
        let out = Fetch::jsonl()
            .args(args)
            .stdin(server.list(2))
            .run()
            .exits(0);
        let records = out.in_order();
        assert_eq!(records.len(), 2);
        assert!(
            records.iter().all(|record| record["source"] == "-"),
            "{records:?}"
        );
        assert_eq!(
            (&records[0]["line"], &records[1]["line"]),
            (&1.into(), &2.into())
        );
    }
}

#[test]
fn an_argument_with_a_scheme_is_a_url() {
    let server = Server::always(ok("x"));
    let out = Fetch::jsonl()
        .args([server.url("/a"), server.url("/b")])
        .run()
        .exits(0);
    let records = out.in_order();
    assert_eq!(records.len(), 2);
    assert!(
        records.iter().all(|record| record["source"] == "args"),
        "{records:?}"
    );
    assert_eq!(records[1]["url"], server.url("/b"));
}

#[test]
fn arguments_may_be_many_and_long() {
    let server = Server::always(ok("x"));
    for (count, length) in [(64, 4_000), (65, 4_000), (500, 10)] {
        let url = |n| server.url(&format!("/{}{n}", "x".repeat(length)));
        let urls: Vec<_> = (0..count).map(url).collect();
        let out = Fetch::jsonl().args(&urls).run().exits(0);
        let records = out.in_order();
        let asked: Vec<_> = records.iter().map(|record| record.text("url")).collect();
        assert_eq!(asked, urls);
    }
}

#[test]
fn several_sources_are_read_one_after_the_other_in_one_run() {
    let server = Server::always(ok("x"));
    let out = Fetch::jsonl()
        .file("one.txt", server.url("/1"))
        .file(
            "two.txt",
            format!("{}\n{}\n", server.url("/3"), server.url("/4")),
        )
        .args(["-j1", "one.txt", &server.url("/2"), "two.txt", "-"])
        .stdin(server.url("/5"))
        .run()
        .exits(0);
    assert_eq!(server.targets(), ["/1", "/2", "/3", "/4", "/5"]);
    let sources: Vec<_> = out
        .in_order()
        .iter()
        .map(|record| record.text("source").to_owned())
        .collect();
    assert_eq!(sources, ["one.txt", "args", "two.txt", "two.txt", "-"]);
    assert_eq!(out.in_order()[3]["line"], 2);
}

#[test]
fn the_end_of_a_source_ends_its_last_line() {
    let server = Server::always(ok("x"));
    let out = Fetch::jsonl()
        .file("one", server.url("/1"))
        .file("two", server.url("/2"))
        .args(["one", "two"])
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 2);
}

#[test]
fn windows_line_ends_and_byte_order_marks_are_cut() {
    let server = Server::always(ok("x"));
    let list = format!("\u{feff}{}\r\n{}\r\n", server.url("/a"), server.url("/b"));
    let out = Fetch::jsonl()
        .file("one", &list)
        .file("two", &list)
        .args(["one", "two", "-j1"])
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 4);
    assert_eq!(server.targets(), ["/a", "/b", "/a", "/b"]);
}

#[test]
fn blank_lines_and_comments_give_no_record() {
    let server = Server::always(ok("x"));
    let records = listed(format!(
        "# a list\n\n   \n\t\n  # indented\r\n\r\n{}\n#end",
        server.url("/a#b")
    ));
    assert_eq!(records.len(), 1);
    assert_eq!(
        (&records[0]["line"], &records[0]["index"]),
        (&7.into(), &0.into())
    );
    assert_eq!(
        server.request().target,
        "/a",
        "a fragment is no comment, and is not sent"
    );
}

#[test]
fn surrounding_white_space_is_cut() {
    let server = Server::always(ok("x"));
    let records = listed(format!("  \t {}\t \n", server.url("/a")));
    assert_eq!(records[0]["url"], server.url("/a"));
}

#[test]
fn a_line_with_white_space_inside_is_shown_as_it_stands() {
    let line = "http://img.example/a.jpg\ta red car";
    let records = listed(format!("{line}\n"));
    assert_eq!(verdicts(&records), ["error invalid_url/input"]);
    assert_eq!(records[0]["url"], line);
    let out = Fetch::new().stdin(format!("{line}\n")).run().exits(1);
    let shown = "ERR  -  -  http://img.example/a.jpg\\ta%20red%20car  [ERROR] ";
    assert!(out.stdout().starts_with(shown), "{}", out.stdout());
}

#[test]
fn the_same_url_twice_is_fetched_twice() {
    let server = Server::always(ok("x"));
    assert_eq!(listed(format!("{0}\n{0}\n", server.url("/a"))).len(), 2);
    assert_eq!(server.targets(), ["/a", "/a"]);
}

#[test]
fn what_is_not_utf_8_becomes_a_record_and_the_run_goes_on() {
    let server = Server::always(ok("x"));
    let list = [
        b"http://127.0.0.1/\xff\xfe\n",
        server.url("/good").as_bytes(),
    ]
    .concat();
    let records = listed(list);
    assert_eq!(verdicts(&records), ["error invalid_input/input", "ok"]);
}

#[test]
fn a_line_over_64_kib_becomes_a_record_and_the_run_goes_on() {
    let server = Server::always(ok("x"));
    for length in [65_537, 200_000, 3_000_000] {
        let list = format!(
            "{}{}\n{}\n",
            server.url("/"),
            "a".repeat(length - server.url("/").len()),
            server.url("/good")
        );
        let records = listed(list);
        assert_eq!(
            verdicts(&records),
            ["error invalid_input/input", "ok"],
            "{length}"
        );
        assert_eq!(records[0].text("url").chars().count(), 200, "cut");
        assert_eq!(records[1]["line"], 2);
    }
    assert_eq!(server.targets(), ["/good"; 3]);
}

#[test]
fn a_line_of_64_kib_is_a_line() {
    let server = Server::at("/a", ok("x"));
    let start = format!("{{\"url\": \"{}\", \"body\": \"", server.url("/a"));
    let body = "b".repeat(65_536 - start.len() - 2);
    assert_eq!(verdicts(&listed(format!("{start}{body}\"}}\n"))), ["ok"]);
    assert_eq!(server.request().body_text(), body);
}

#[test]
fn a_source_that_is_missing_is_found_before_the_first_request() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::new()
        .file("urls.txt", server.list(3))
        .args(["urls.txt", &server.url("/x"), "missing.txt"])
        .run()
        .exits(2);
    assert!(
        out.stderr().contains("missing.txt") && out.stdout().is_empty(),
        "{}",
        out.stderr()
    );
    assert_eq!(out.stderr().lines().count(), 1, "{}", out.stderr());
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn a_folder_as_a_source_is_a_usage_error() {
    let out = Fetch::new().arg("/tmp").run().exits(2);
    assert!(out.stderr().contains("/tmp"), "{}", out.stderr());
}

#[test]
fn a_host_name_as_an_argument_is_a_file_that_is_missing() {
    let out = Fetch::new().arg("example.com").run().exits(2);
    assert!(out.stderr().contains("example.com"), "{}", out.stderr());
}

#[test]
fn the_first_result_is_there_while_the_input_is_still_open() {
    let server = Server::always(ok("x"));
    let mut run = Fetch::jsonl().stdin_open().spawn();
    let second = server.url("/b\n");
    let (half, rest) = second.split_at(10);
    run.write(format!("{}\n{half}", server.url("/a")));
    assert_eq!(
        run.record()["url"],
        server.url("/a"),
        "the half line behind it holds nothing back"
    );
    run.write(rest);
    assert_eq!(run.record()["url"], server.url("/b"));
    run.wait().exits(0);
}

#[test]
fn reading_ahead_is_bounded() {
    let gate = Gate::new();
    let server = Server::always(Script::new().wait(&gate).close());
    let line = server.url("/a\n");
    let mut run = Fetch::jsonl().arg("-j1").stdin_open().spawn();
    let mut stdin = run.take_stdin();
    let writer = thread::spawn(move || while stdin.write_all(line.as_bytes()).is_ok() {});
    server.wait_for_requests(1);
    // Time to read on, if it does.
    server.requests_once_quiet();
    run.signal(Signal::INT);
    run.stderr.wait_for("interrupted");
    run.signal(Signal::INT);
    let out = run.wait().exits(130);
    writer.join().unwrap();
    gate.open();
    let records = out.records();
    assert!(
        records
            .iter()
            .all(|record| record["outcome"] == "cancelled")
    );
    assert!(
        records.len() < 20_000,
        "read ahead: {} lines",
        records.len()
    );
}

#[test]
fn a_line_of_more_blanks_than_fit_and_then_text_gets_its_record() {
    blanks_and_text(" ");
    blanks_and_text("\t");
}

#[test]
fn a_line_of_more_unicode_blanks_than_fit_and_then_text_gets_its_record() {
    for blank in ["\u{b}", "\u{a0}", "\u{2003}"] {
        blanks_and_text(blank);
    }
}

#[test]
fn a_comment_may_follow_any_white_space() {
    let server = Server::always(ok("x"));
    let mut list: String = [" ", "\t", "\u{b}", "\u{c}", "\u{a0}", "\u{b} \u{a0}"]
        .iter()
        .map(|blank| format!("{blank}# http://h/\n{blank}\n"))
        .collect();
    list += &server.url("/a");
    let record = Fetch::jsonl().stdin(list).run().exits(0).record();
    assert_eq!(record["line"], 13);
}
