//! `--existing`: what happens to files that already exist, decided before a request is sent.

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, symlink},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::support::{
    Fetch, Folder, Gate, Output, Server, answer, begin, ok, record::RecordExt, text::bytes,
};

const POLICIES: [&[&str]; 4] = [
    &[],
    &["--existing", "fail"],
    &["--existing", "skip"],
    &["--existing", "overwrite"],
];

/// A folder with a file `a` that is not ours.
fn with_theirs() -> Folder {
    let folder = Folder::new();
    folder.write("a", "theirs");
    folder
}

/// Fetches `a`, for which the server has other content.
#[track_caller]
fn asked(folder: &Folder, args: &[&str]) -> (Output, Server) {
    let server = Server::build()
        .otherwise(ok("ours"))
        .may_stay_unasked()
        .start();
    let out = folder.fetch().args(args).arg(server.url("/a")).run();
    (out, server)
}

#[test]
fn an_existing_file_is_an_error_and_nothing_is_sent() {
    for args in &POLICIES[..2] {
        let folder = with_theirs();
        let (out, server) = asked(&folder, args);
        let record = out.exits(1).record();
        assert_eq!(record.verdict(), "error io/save");
        let said = "out/a: already exists; use --existing skip or --existing overwrite";
        assert!(record.message().ends_with(said), "{record}");
        assert_eq!(
            (&record["file"], &record["attempts"]),
            (&Value::Null, &json!([]))
        );
        assert_eq!(server.targets(), [""; 0]);
        assert_eq!(folder.tree(), ["a"]);
        assert_eq!(folder.read("a"), b"theirs");
    }
}

#[test]
fn an_existing_file_is_skipped_and_nothing_is_sent() {
    for theirs in ["theirs", ""] {
        let folder = Folder::new();
        folder.write("a", theirs);
        let (out, server) = asked(&folder, &["--existing", "skip"]);
        let record = out.exits(0).record();
        assert_eq!(
            (record.verdict().as_str(), &record["file"]),
            ("skipped", &json!("a"))
        );
        assert_eq!(
            (&record["status"], &record["attempts"]),
            (&Value::Null, &json!([]))
        );
        assert_eq!(server.targets(), [""; 0]);
        assert_eq!(folder.read("a"), theirs.as_bytes());
    }
}

#[test]
fn a_line_of_text_says_what_was_skipped_and_why() {
    let folder = with_theirs();
    let server = Server::build().may_stay_unasked().start();
    let url = server.url("/a");
    let out = Fetch::new()
        .arg("-o")
        .arg(folder.beside("out"))
        .args(["--existing", "skip", &url])
        .run()
        .exits(0);
    let line = format!("-  -  -  {url}  [SKIPPED] file exists\n");
    assert_eq!(out.stdout(), line);
    assert!(!out.stderr().contains("failed"), "{}", out.stderr());
}

#[test]
fn skipped_files_are_counted() {
    let folder = with_theirs();
    let server = Server::build().route("/b", ok("x")).start();
    let list = [server.url("/a"), server.url("/b"), server.url("/c")].join("\n");
    let args = ["--existing", "skip", "--summary-file", "sum.json", "-"];
    let out = folder.fetch().args(args).stdin(list).run().exits(1);
    let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
    let counts = ["inputs", "ok", "skipped", "http_error", "error"].map(|key| &summary[key]);
    assert_eq!(counts, [3, 1, 1, 1, 0]);
}

#[test]
fn an_existing_file_is_overwritten_on_request() {
    let folder = with_theirs();
    let (out, server) = asked(&folder, &["--existing", "overwrite"]);
    let record = out.exits(0).record();
    assert_eq!((&record["file"], &record["size"]), (&json!("a"), &json!(4)));
    assert_eq!(folder.read("a"), b"ours");
    assert_eq!(folder.tree(), ["a"]);
    server.request();
}

#[test]
fn the_old_file_stays_until_the_new_one_is_complete() {
    let (body, gate) = (bytes(2_000_000), Gate::new());
    let held = begin(&[], &body, 1_000_000)
        .wait(&gate)
        .send(&body[1_000_000..]);
    let server = Server::at("/a", held);
    let folder = with_theirs();
    fs::hard_link(folder.path("a"), folder.beside("kept")).unwrap();
    let run = folder
        .fetch()
        .args(["--existing", "overwrite", &server.url("/a")])
        .spawn();
    folder.wait_for_temporary();
    assert_eq!(folder.read("a"), b"theirs");
    gate.open();
    run.wait().exits(0);
    folder.assert_content("a", &body);
    let kept = fs::read(folder.beside("kept")).unwrap();
    assert_eq!(kept, b"theirs", "another name of what was replaced");
}

#[test]
fn a_failed_body_overwrites_nothing() {
    let body = bytes(2_000_000);
    for script in [
        answer(404, "no"),
        begin(&[], &body, 1_000_000).close(),
        begin(&[], &body, 0).reset(),
    ] {
        let server = Server::at("/a", script);
        let folder = with_theirs();
        let args = ["--existing", "overwrite", &server.url("/a")];
        let record = folder.fetch().args(args).run().exits(1).record();
        assert_eq!(record["file"], Value::Null);
        assert_eq!(folder.read("a"), b"theirs");
        assert_eq!(folder.tree(), ["a"]);
    }
}

#[test]
fn inputs_of_one_run_never_overwrite_each_other() {
    let server = Server::build()
        .route_in_turn("/a", [ok("one"), ok("two")])
        .start();
    let folder = with_theirs();
    let list = [server.url("/a"), server.url("/a")].join("\n");
    let args = ["-j1", "--existing", "overwrite", "-"];
    let records = folder
        .fetch()
        .args(args)
        .stdin(list)
        .run()
        .exits(0)
        .in_order();
    assert_eq!(folder.tree().len(), 2);
    for (record, body) in records.iter().zip(["one", "two"]) {
        assert_eq!(folder.read(record.text("file")), body.as_bytes());
    }
}

#[test]
fn a_second_run_of_a_list_does_as_the_policy_says() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let run = |args: &[&str]| {
        folder
            .fetch()
            .args(args)
            .arg("-")
            .stdin(server.list(5))
            .run()
    };
    run(&[]).exits(0);
    let asked = server.requests().len();
    run(&[]).exits(1);
    run(&["--existing", "skip"]).exits(0);
    assert_eq!(server.requests().len(), asked);
    run(&["--existing", "overwrite"]).exits(0);
    assert_eq!(server.requests().len(), 2 * asked);
    assert_eq!(folder.tree(), ["0", "1", "2", "3", "4"]);
}

#[test]
fn a_symbolic_link_is_never_followed_or_replaced() {
    for target in ["../target", "../missing", "regular", "a"] {
        for args in POLICIES {
            let folder = Folder::new();
            fs::write(folder.beside("target"), "theirs").unwrap();
            folder.write("regular", "theirs");
            symlink(target, folder.path("a")).unwrap();
            let (out, server) = asked(&folder, args);
            assert_eq!(out.exits(1).record().verdict(), "error io/save", "{args:?}");
            assert!(server.requests().is_empty(), "{args:?}");
            assert_eq!(
                fs::read_link(folder.path("a")).unwrap().to_str(),
                Some(target)
            );
            assert_eq!(fs::read(folder.beside("target")).unwrap(), b"theirs");
            assert_eq!(folder.read("regular"), b"theirs");
            assert!(!folder.beside("missing").exists());
            assert_eq!(folder.tree(), ["a", "regular"]);
        }
    }
}

#[test]
fn a_folder_is_never_written_into_or_replaced() {
    for args in POLICIES {
        let folder = Folder::new();
        fs::create_dir(folder.path("a")).unwrap();
        let (out, server) = asked(&folder, args);
        assert_eq!(out.exits(1).record().verdict(), "error io/save", "{args:?}");
        assert!(server.requests().is_empty(), "{args:?}");
        assert_eq!(folder.path("a").read_dir().unwrap().count(), 0);
        assert_eq!(folder.tree(), ["a"]);
    }
}

#[test]
fn a_fifo_is_never_opened_or_replaced() {
    for args in POLICIES {
        let folder = Folder::new();
        let fifo = folder.path("a");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        // Opening the FIFO for writing would wait for a reader for ever.
        let (out, server) = asked(&folder, args);
        assert_eq!(out.exits(1).record().verdict(), "error io/save", "{args:?}");
        assert!(server.requests().is_empty(), "{args:?}");
        assert!(fifo.symlink_metadata().unwrap().file_type().is_fifo());
        assert_eq!(folder.tree(), ["a"]);
    }
}

#[test]
fn an_existing_file_affects_only_its_own_url() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    folder.write("1", "theirs");
    symlink("nowhere", folder.path("3")).unwrap();
    let out = folder
        .fetch()
        .args(["-j1", "-"])
        .stdin(server.list(5))
        .run()
        .exits(1);
    let verdicts: Vec<_> = out.in_order().iter().map(RecordExt::verdict).collect();
    assert_eq!(
        verdicts,
        ["ok", "error io/save", "ok", "error io/save", "ok"]
    );
    assert_eq!(folder.tree(), ["0", "1", "2", "3", "4"]);
}
