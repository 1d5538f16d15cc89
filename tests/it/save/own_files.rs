//! Files that the run itself reads or writes in the output folder: no body replaces them.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::support::{
    Fetch, Folder, JOURNAL, Server, ok,
    record::{self, RecordExt as _},
    text::sha256,
    tls,
};

const POLICIES: [&str; 3] = ["fail", "skip", "overwrite"];

/// Asserts that all of these records are refused because the file belongs to the run itself.
#[track_caller]
fn refused(lines: &str, count: usize) {
    let records: Vec<_> = lines.lines().map(record::parse).collect();
    assert_eq!(records.len(), count, "{lines}");
    for record in records {
        assert_eq!(record.verdict(), "error io/save", "{record}");
        assert!(record.message().contains("the run itself"), "{record}");
    }
}

fn unasked() -> Server {
    Server::build().may_stay_unasked().start()
}

#[test]
fn files_named_by_options_are_not_overwritten() {
    let tls::Identity { certificate, key } = tls::Identity::new();
    let files = [
        ("header", "X-A: b\n"),
        ("data", "a=b"),
        ("cacert", &tls::authority()),
        ("cert", &certificate),
        ("key", &key),
        ("summary", "of the run before"),
    ];
    for policy in POLICIES {
        let server = unasked();
        let folder = Folder::new();
        for (name, text) in files {
            folder.write(name, text);
        }
        let at = |name: &str| format!("@{}", folder.path(name).display());
        let out = folder
            .fetch()
            .args(["--existing", policy])
            .args(["-H", &at("header"), "-d", &at("data")])
            .arg("--cacert")
            .arg(folder.path("cacert"))
            .arg("--cert")
            .arg(folder.path("cert"))
            .arg("--key")
            .arg(folder.path("key"))
            .arg("--summary-file")
            .arg(folder.path("summary"))
            .args(files.map(|(name, _)| server.url(&format!("/{name}"))))
            .run()
            .exits(1);
        refused(out.stdout(), files.len());
        server.assert_untouched();
        for (name, text) in &files[..5] {
            assert_eq!(folder.read(name), text.as_bytes(), "{name}");
        }
        let summary: Value = serde_json::from_slice(&folder.read("summary")).unwrap();
        assert_eq!(summary["error"], files.len());
    }
}

#[test]
fn files_opened_by_the_shell_are_not_overwritten() {
    for policy in POLICIES {
        let server = unasked();
        let folder = Folder::new();
        let list = ["in", "out", "err"].map(|name| server.url(&format!("/{name}\n")));
        folder.write("in", list.concat());
        let list = folder.path("in");
        let out = folder
            .fetch()
            .after("exec <\"$LIST\"")
            .env("LIST", list)
            .args(["--existing", policy, "-v", "-"])
            .stdout_to(folder.path("out"))
            .stderr_to(folder.path("err"))
            .run()
            .exits(1);
        assert_eq!((out.stdout(), out.stderr()), ("", ""));
        refused(&String::from_utf8(folder.read("out")).unwrap(), 3);
        server.assert_untouched();
        let said = String::from_utf8(folder.read("err")).unwrap();
        assert!(said.contains("FAILED 0/3"), "{said}");
        assert_eq!(folder.tree(), ["err", "in", "out"]);
    }
}

#[test]
fn files_written_at_the_end_of_the_run_are_reserved() {
    for policy in POLICIES {
        let server = unasked();
        let folder = Folder::new();
        // The paths differ from that of the folder, and some names only in case.
        symlink("out", folder.beside("link")).unwrap();
        let names = ["summary", "RESULTS"];
        folder
            .fetch()
            .args(["--existing", policy, "--summary-file"])
            .arg(folder.beside("link/summary"))
            .arg("--results")
            .arg(folder.beside("out/../out/results"))
            .args(names.map(|name| server.url(&format!("/{name}"))))
            .run()
            .exits(1);
        refused(&String::from_utf8(folder.read("results")).unwrap(), 2);
        server.assert_untouched();
        let summary: Value = serde_json::from_slice(&folder.read("summary")).unwrap();
        assert_eq!(summary["error"], 2);
        assert_eq!(folder.tree(), [".results.run.json", "results", "summary"]);
    }
}

#[test]
fn a_body_saved_by_an_earlier_run_does_not_change_that() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let url = server.url("/summary");
    let run = || {
        folder
            .keeping()
            .arg("--summary-file")
            .arg(folder.path("summary"))
            .arg(&url)
            .run()
            .exits(1)
    };
    folder.keeping().arg(&url).run().exits(0);
    fs::remove_file(folder.path("summary")).unwrap();
    // In the second run the summary of the first one exists.
    for _ in 0..2 {
        refused(run().stdout(), 1);
        let summary: Value = serde_json::from_slice(&folder.read("summary")).unwrap();
        assert_eq!(summary["error"], 1);
    }
    server.request();
}

#[test]
fn partial_files_do_not_take_their_place_either() {
    let server = unasked();
    let folder = Folder::new();
    let out = folder
        .fetch()
        .args(["-c", "--summary-file"])
        .arg(folder.path("a.part"))
        .arg(server.url("/a"))
        .run()
        .exits(1);
    refused(out.stdout(), 1);
    server.assert_untouched();
    assert_eq!(folder.tree(), ["a.part"]);

    let server = unasked();
    let folder = Folder::new();
    folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .stdout_to(folder.path("a.part"))
        .run()
        .exits(1);
    refused(&String::from_utf8(folder.read("a.part")).unwrap(), 1);
    server.assert_untouched();
}

#[test]
fn files_of_the_same_names_elsewhere_do_not_matter() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let out = folder
        .fetch()
        .args(["-H", "@header", "--summary-file", "summary"])
        .arg("--results")
        .arg(folder.beside("results"))
        .args(["header", "summary", "results"].map(|name| server.url(&format!("/{name}"))))
        .file("header", "X-A: b\n")
        .run()
        .exits(0);
    assert_eq!(out.stdout(), "");
    assert_eq!(folder.tree(), ["header", "results", "summary"]);
    for name in folder.tree() {
        assert_eq!(folder.read(&name), b"x");
    }
    let results = fs::read_to_string(folder.beside("results")).unwrap();
    for line in results.lines() {
        assert_eq!(record::parse(line)["sha256"], json!(sha256("x")));
    }
}

#[test]
fn the_journal_the_list_and_the_output_are_not_overwritten() {
    let server = Server::build().may_stay_unasked().start();
    let folder = Folder::new();
    let list = [JOURNAL, "list", "lines"].map(|name| server.url(&format!("/{name}\n")));
    folder.write("list", list.concat());
    let out = Fetch::jsonl()
        .args(["--existing", "overwrite", "-o"])
        .arg(folder.beside("out"))
        .arg("--journal")
        .arg(folder.path(JOURNAL))
        .arg(folder.path("list"))
        .stdout_to(folder.path("lines"))
        .run()
        .exits(1);
    assert_eq!(out.stdout(), "");
    let lines = String::from_utf8(folder.read("lines")).unwrap();
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 3);
    assert!(
        records
            .iter()
            .all(|record| record.verdict() == "error io/save"),
        "{lines}"
    );
    assert_eq!(folder.read("list"), list.concat().as_bytes());
    assert_eq!(folder.read(JOURNAL), folder.read("lines"));
}
