//! `--journal`: what is written to it, and what a later run fetches.

use serde_json::{Value, json};

use crate::support::{
    Fetch, Folder, JOURNAL, Script, Server, answer, begin, journal::BOTH, ok, record::RecordExt,
    reply,
};

/// The sorted targets of the requests after the first `before`.
fn asked_since(server: &Server, before: usize) -> Vec<String> {
    let mut targets = server.targets().split_off(before);
    targets.sort();
    targets
}

fn by_index(mut records: Vec<Value>) -> Vec<Value> {
    records.sort_by_key(|record| record["index"].as_u64());
    records
}

#[test]
fn it_has_every_record_as_jsonl_in_any_format() {
    let server = Server::at("/0", ok("x"));
    for format in [
        &[][..],
        &["-q"],
        &["--json"],
        &["--format", "csv"],
        &["--format", "tsv"],
        &["-w", "%{url}"],
    ] {
        let folder = Folder::new();
        Fetch::new()
            .args(format)
            .arg("--journal")
            .arg(folder.beside(JOURNAL))
            .stdin(server.list(2))
            .run()
            .exits(1);
        let found: Vec<_> = by_index(folder.journal())
            .iter()
            .map(Value::verdict)
            .collect();
        assert_eq!(found, ["ok", "http_error 404"], "{format:?}");
    }
}

#[test]
fn it_equals_standard_output_and_is_only_appended_to() {
    let server = Server::build()
        .route("/1", answer(500, "no"))
        .route("/2", begin(&[], b"whole", 2).close())
        .otherwise(ok("x"))
        .start();
    for run in BOTH {
        let folder = Folder::new();
        let list = server.list(4) + "http://[bad\n";
        let out = run(&folder).stdin(&list).run().exits(1);
        let first = folder.journal();
        assert_eq!(by_index(first.clone()), out.in_order());
        run(&folder).stdin(&list).run().exits(1);
        let (then, failed) = (folder.journal(), 3);
        assert_eq!(then[..first.len()], first);
        assert_eq!(
            then.len(),
            first.len() + failed,
            "what was skipped is not noted"
        );
    }
}

#[test]
fn urls_that_were_ok_are_skipped_and_failed_ones_are_fetched() {
    for run in BOTH {
        let server = Server::build()
            .route("/0", ok("zero"))
            .route_in_turn("/1", [answer(500, "no"), ok("one")])
            .route_in_turn("/2", [begin(&[], b"two", 1).close(), ok("two")])
            .start();
        let folder = Folder::new();
        let list = server.list(3);
        run(&folder).stdin(&list).run().exits(1);
        let out = run(&folder).stdin(&list).run().exits(0);
        assert_eq!(out.verdicts(), ["skipped", "ok", "ok"]);
        assert_eq!(asked_since(&server, 3), ["/1", "/2"]);
        folder.assert_all_ok(&list);
        let before = folder.journal_bytes();
        for _ in 0..2 {
            let out = run(&folder).stdin(&list).run().exits(0);
            assert_eq!(out.verdicts(), ["skipped"; 3]);
        }
        assert_eq!(server.requests().len(), 5);
        assert!(folder.journal_bytes() == before, "the journal has grown");
    }
}

#[test]
fn skipped_urls_are_not_sent_and_are_counted() {
    let server = Server::always(ok("x"));
    for run in BOTH {
        let folder = Folder::new();
        let list = server.list(2);
        run(&folder).stdin(&list).run().exits(0);
        let out = run(&folder)
            .args(["--summary-file", "sum.json"])
            .stdin(&list)
            .run()
            .exits(0);
        for record in out.records() {
            assert_eq!(
                (&record["status"], &record["attempts"], &record["error"]),
                (&Value::Null, &json!([]), &Value::Null)
            );
        }
        let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
        assert_eq!(
            (&summary["inputs"], &summary["ok"], &summary["skipped"]),
            (&json!(2), &json!(0), &json!(2))
        );
        let out = run(&folder)
            .args(["--format", "text"])
            .arg(server.url("/0"))
            .run()
            .exits(0);
        let shown = format!(
            "-  -  -  {}  [SKIPPED] already done (journal)\n",
            server.url("/0")
        );
        assert!(out.stdout().starts_with(&shown), "{}", out.stdout());
    }
}

#[test]
fn only_the_new_urls_of_an_edited_list_are_fetched() {
    for run in BOTH {
        let server = Server::always(ok("x"));
        let folder = Folder::new();
        run(&folder).stdin(server.list(3)).run().exits(0);
        let edited = ["/2", "/new", "/0", "/2?query"].map(|path| server.url(path) + "\n");
        let out = run(&folder).stdin(edited.concat()).run().exits(0);
        assert_eq!(out.verdicts(), ["skipped", "ok", "skipped", "ok"]);
        assert_eq!(asked_since(&server, 3), ["/2?query", "/new"]);
    }
}

#[test]
fn a_url_that_is_listed_twice_is_skipped_twice() {
    for run in BOTH {
        let server = Server::always(ok("x"));
        let folder = Folder::new();
        let list = server.url("/a\n").repeat(2);
        run(&folder).stdin(&list).run().exits(0);
        let before = server.requests().len();
        let out = run(&folder).stdin(&list).run().exits(0);
        assert_eq!(out.verdicts(), ["skipped"; 2]);
        assert_eq!(server.requests().len(), before);
    }
}

#[test]
fn a_run_and_one_that_is_resumed_leave_the_same_files_of_equal_lines() {
    let server = Server::always(ok("x"));
    let line = server.url("/a\n");
    let list = line.repeat(3) + &server.url("/b\n") + &line;
    let (whole, resumed) = (Folder::new(), Folder::new());
    let out = whole.keeping().stdin(&list).run().exits(0);
    assert_eq!(
        out.in_order()
            .iter()
            .map(RecordExt::verdict)
            .collect::<Vec<_>>(),
        ["ok", "skipped", "skipped", "ok", "skipped"]
    );
    resumed.keeping().stdin(&line).run().exits(0);
    resumed.keeping().stdin(&list).run().exits(0);
    assert_eq!(whole.tree(), ["a", "b"]);
    assert_eq!(resumed.tree(), whole.tree());
    assert_eq!(server.requests().len(), 4);
    let text = Fetch::new().args(["--ordered", "--journal", "j"]);
    let out = text.stdin(&list).run().exits(0);
    let second = out.lines()[1].to_owned();
    assert!(
        second.ends_with("/a  [SKIPPED] same as an earlier line"),
        "{second}"
    );
    // Without a journal, equal lines are what the list says.
    let folder = Folder::new();
    folder.fetch().stdin(line.repeat(2)).run().exits(0);
    assert_eq!(folder.tree().len(), 2);
}

#[test]
fn lines_that_differ_in_anything_are_all_fetched() {
    let server = Server::always(ok("x"));
    let url = server.url("/a");
    let sum = "0".repeat(64);
    let list = format!(
        r#"{{"url":"{url}"}}
{{"url":"{url}","name":"b"}}
{{"url":"{url}","sha256":"{sum}","name":"c"}}
{{"url":"{url}","headers":{{"x":"1"}},"name":"d"}}
{{"url":"{url}","headers":{{"x":"2"}},"name":"d"}}
{{"url":"{url}","headers":{{"x":"2"}},"name":"d"}}
"#
    );
    let folder = Folder::new();
    let out = folder.keeping().stdin(list).run().exits(1);
    let verdicts: Vec<_> = out.in_order().iter().map(RecordExt::verdict).collect();
    let bad = "error checksum/body";
    assert_eq!(verdicts, ["ok", "ok", bad, "ok", "ok", "skipped"]);
    assert_eq!(server.requests().len(), 5);
    assert_eq!(folder.tree().len(), 4);
}

#[test]
fn the_first_of_equal_lines_is_tried_again_when_it_failed() {
    let server = Server::build()
        .route_in_turn("/a", [answer(500, ""), ok("x")])
        .start();
    let folder = Folder::new();
    let list = server.url("/a\n").repeat(2);
    let verdicts = |code| {
        let out = folder.keeping().stdin(&list).run().exits(code);
        out.in_order()
            .iter()
            .map(RecordExt::verdict)
            .collect::<Vec<_>>()
    };
    assert_eq!(verdicts(1), ["http_error 500", "skipped"]);
    assert_eq!(verdicts(0), ["ok", "skipped"]);
    assert_eq!(verdicts(0), ["skipped", "skipped"]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn requests_that_differ_in_method_content_or_id_are_different() {
    // An empty body, which also suits HEAD, so that all requests can use one connection.
    let server = Server::always(reply(200, &[], ""));
    let url = server.url("/a");
    let lines = [
        json!({"url": url}),
        json!({"url": url, "id": "1"}),
        json!({"url": url, "id": "2"}),
        json!({"url": url, "method": "HEAD"}),
        json!({"url": url, "method": "DELETE"}),
        json!({"url": url, "method": "POST"}),
        json!({"url": url, "method": "POST", "id": "1"}),
        json!({"url": url, "method": "POST", "body": "1"}),
        json!({"url": url, "method": "POST", "body": "2"}),
        json!({"url": url, "method": "PUT", "body": "1"}),
        json!({"url": url, "method": "PUT", "body": "1", "id": "1"}),
    ];
    let list: String = lines.iter().map(|line| format!("{line}\n")).collect();
    for (known, line) in lines.iter().enumerate() {
        let folder = Folder::new();
        folder.noting().stdin(line.to_string()).run().exits(0);
        let out = folder.noting().stdin(&list).run().exits(0);
        for (index, verdict) in out.verdicts().iter().enumerate() {
            let expected = if index == known { "skipped" } else { "ok" };
            assert_eq!(verdict, expected, "{} after {line}", lines[index]);
        }
        let out = folder.noting().stdin(&list).run().exits(0);
        assert_eq!(out.verdicts(), vec!["skipped"; lines.len()]);
    }
}

#[test]
fn requests_that_differ_in_their_headers_or_meta_are_the_same() {
    let server = Server::at("/a", ok("x"));
    let url = server.url("/a");
    let folder = Folder::new();
    folder.noting().arg(&url).run().exits(0);
    for line in [
        json!({"url": url, "headers": {"Accept": "a/b"}}),
        json!({"url": url, "meta": {"a": 1}}),
        json!({"url": url, "name": "b"}),
        json!({"url": url, "method": "GET"}),
    ] {
        let out = folder.noting().stdin(line.to_string()).run().exits(0);
        assert_eq!(out.verdicts(), ["skipped"], "{line}");
    }
    server.request();
}

#[test]
fn content_from_an_option_equals_content_from_a_line() {
    let server = Server::at("/a", ok("x"));
    let url = server.url("/a");
    let folder = Folder::new();
    for (args, expected) in [
        (&["-d", "1"][..], "ok"),
        (&["-d", "2"], "ok"),
        (&[], "ok"),
        (&["-d", "1", "-X", "PUT"], "ok"),
        (&["-d", "1", "-X", "POST"], "skipped"),
        (&["-d", "2"], "skipped"),
        (&["-X", "GET"], "skipped"),
    ] {
        let out = folder.noting().args(args).arg(&url).run().exits(0);
        assert_eq!(out.verdicts(), [expected], "{args:?}");
    }
    let line = json!({"url": url, "method": "POST", "body": "1"});
    let out = folder.noting().stdin(line.to_string()).run().exits(0);
    assert_eq!(out.verdicts(), ["skipped"]);
}

/// The line that a run writes to its journal for this URL.
fn line_for(url: &str, run: fn(&Folder) -> Fetch) -> Vec<u8> {
    let folder = Folder::new();
    run(&folder).arg(url).run();
    folder.journal_bytes()
}

#[test]
fn the_last_record_of_a_url_counts() {
    let server = Server::build()
        .route_in_turn("/a", [ok("x"), answer(500, "no"), ok("x")])
        .start();
    let url = server.url("/a");
    let [good, bad] = [(); 2].map(|()| line_for(&url, Folder::noting));
    for (lines, expected) in [
        ([&good, &bad], "ok"),
        ([&bad, &good], "skipped"),
        ([&good, &good], "skipped"),
        ([&bad, &bad], "ok"),
    ] {
        let folder = Folder::new();
        folder.set_journal(lines.map(Vec::as_slice).concat());
        let out = folder.noting().arg(&url).run().exits(0);
        assert_eq!(out.verdicts(), [expected]);
        folder.assert_all_ok(&url);
    }
}

#[test]
fn a_complete_file_beats_a_later_failure() {
    let server = Server::build()
        .route_in_turn("/a", [ok("x"), answer(500, "no")])
        .start();
    let (url, folder) = (server.url("/a"), Folder::new());
    folder.keeping().arg(&url).run().exits(0);
    let bad = line_for(&url, Folder::keeping);
    folder.set_journal([folder.journal_bytes(), bad].concat());
    let out = folder.keeping().arg(&url).run().exits(0);
    assert_eq!(out.verdicts(), ["skipped"]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn it_is_created_even_for_an_empty_list() {
    let folder = Folder::new();
    folder.noting().stdin("").run().exits(0);
    assert_eq!(folder.journal_bytes(), b"");
    let server = Server::always(Script::new().close());
    folder.noting().arg(server.url("/a")).run().exits(1);
    assert_eq!(folder.journal().len(), 1, "one that is empty is added to");
}
