//! What once went wrong with files and journals.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    Fetch, Folder, Gate, JOURNAL, Script, Server, begin, ok,
    record::RecordExt as _,
    reply,
    resume::{LENGTH, SENT, honest, wanted},
    text::bytes,
};

/// What a run leaves that died between a file and its record.
fn leave_unrecorded(folder: &Folder, name: &str, content: &str) {
    folder.write(name, content);
    let temporary = folder.path(".fetch-0123456789abcdef.tmp");
    fs::hard_link(folder.path(name), temporary).unwrap();
}

#[test]
fn a_name_in_a_journal_leads_nowhere_else() {
    let server = Server::always(ok("new"));
    let url = server.url("/a");
    for name in ["../victim", "/victim", "..", "", ".", "a/b"] {
        let folder = Folder::new();
        folder.keeping().arg(&url).run().exits(0);
        fs::write(folder.beside("victim"), "old").unwrap();
        let mut record = folder.journal().remove(0);
        record["file"] = name.into();
        folder.set_journal(record.to_string() + "\n");
        let args = ["--existing", "overwrite", &url];
        let record = folder.keeping().args(args).run().exits(0).record();
        assert_eq!(record.text("file"), "a", "{name}");
        assert_eq!(fs::read(folder.beside("victim")).unwrap(), b"old");
    }
}

#[test]
fn what_was_cut_by_a_crash_is_no_file_to_be_content_with() {
    let server = Server::always(ok("all of it"));
    let folder = Folder::new();
    let args = ["--existing", "skip", &server.url("/a")];
    folder.keeping().args(args).run().exits(0);
    folder.write("a", "all");
    let record = folder.keeping().args(args).run().exits(0).record();
    assert_eq!(record.verdict(), "ok");
    assert_eq!(folder.read("a"), b"all of it");
}

#[test]
fn a_file_without_a_record_is_fetched_again_whatever_the_options() {
    let server = Server::always(ok("new"));
    for args in [
        &[][..],
        &["--existing", "skip"],
        &["--existing", "overwrite"],
    ] {
        for run in [Folder::fetch, Folder::keeping] {
            let folder = Folder::new();
            leave_unrecorded(&folder, "a", "old");
            let record = run(&folder)
                .args(args)
                .arg(server.url("/a"))
                .run()
                .exits(0)
                .record();
            assert_eq!(record.verdict(), "ok", "{args:?}");
            assert_eq!(folder.read("a"), b"new");
            assert_eq!(folder.tree(), ["a"]);
        }
    }
}

#[test]
fn a_file_without_a_record_waits_for_its_own_list() {
    let server = Server::always(ok("new"));
    let folder = Folder::new();
    leave_unrecorded(&folder, "a", "old");
    folder.keeping().arg(server.url("/b")).run().exits(0);
    assert_eq!(folder.read("a"), b"old");
    folder.keeping().arg(server.url("/a")).run().exits(0);
    assert_eq!(folder.read("a"), b"new");
    assert_eq!(folder.tree(), ["a", "b"]);
}

#[test]
fn a_reader_that_does_not_read_leaves_no_file_without_a_record() {
    const URLS: usize = 3_000;
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let mut run = folder
        .fetch()
        .args(["-j50", "-"])
        .stdin(server.list(URLS))
        .spawn();
    // More than a pipe and the queue behind it hold of these.
    folder.wait_until(|| server.requests().len() > 1_500);
    run.signal(Signal::INT);
    run.signal(Signal::INT);
    while !run.has_ended() {
        run.signal(Signal::INT);
    }
    let lines = run.wait().stdout().lines().count();
    let files = folder.tree();
    assert!(files.iter().all(|name| !name.starts_with('.')), "{files:?}");
    assert!(files.len() <= lines, "{} of {lines}", files.len());
}

#[test]
fn a_206_in_pieces_that_no_one_asked_for_is_no_beginning() {
    let body = bytes(LENGTH);
    let head = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nTransfer-Encoding: chunked\r\n\
         Content-Range: bytes 1000-1999999/2000000\r\n\r\n";
    let chunk = format!("{SENT:x}\r\n");
    let odd = Script::new()
        .send(head)
        .send(chunk)
        .send(&body[1000..1000 + SENT])
        .close();
    let server = Server::build()
        .route_in_turn("/a", [odd, honest(body.clone(), ("ETag", "\"v1\""))])
        .start();
    let folder = Folder::new();
    let args = ["-c", &server.url("/a")];
    folder.fetch().args(args).run().exits(1);
    folder.assert_empty();
    folder.fetch().args(args).run().exits(0);
    assert_eq!(wanted(&server.requests()[1]), None);
    assert!(folder.read("a") == body);
}

#[test]
fn what_only_looks_like_what_is_known_of_a_part_is_left_alone() {
    let server = Server::always(honest(bytes(LENGTH), ("ETag", "\"v1\"")));
    let folder = Folder::new();
    folder.write(".a.part.json", "mine");
    let args = ["-c", &server.url("/a")];
    let record = folder.fetch().args(args).run().exits(1).record();
    assert_eq!(record.verdict(), "error io/save");
    assert_eq!(folder.read(".a.part.json"), b"mine");
    assert_eq!(folder.tree(), [".a.part.json"]);
}

#[test]
fn the_end_of_a_body_is_not_recorded_as_the_body() {
    for args in [&["--body", "--json"][..], &["-w", "%{body}"]] {
        let out = Fetch::new()
            .args(["-o", "out", "-c", "http://127.0.0.1:1/"])
            .args(args)
            .run()
            .exits(2);
        assert!(out.stderr().contains("--continue"), "{}", out.stderr());
    }
}

#[test]
fn no_body_takes_the_place_of_what_the_run_reads_and_writes() {
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

#[test]
fn a_journal_is_not_where_the_lines_go() {
    let folder = Folder::new();
    folder.set_journal("");
    let before = fs::metadata(folder.beside(JOURNAL)).unwrap().ino();
    let out = folder
        .noting()
        .arg("http://127.0.0.1:1/")
        .stdout_to(folder.beside(JOURNAL))
        .run()
        .exits(2);
    assert!(out.stderr().contains("--journal"), "{}", out.stderr());
    assert_eq!(fs::metadata(folder.beside(JOURNAL)).unwrap().ino(), before);
    assert!(folder.journal_bytes().is_empty());
}

#[test]
fn a_journal_that_is_full_says_nothing_of_files_that_are_taken_back() {
    const URLS: usize = 200;
    let gate = Gate::new();
    let script = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    let server = Server::always(script);
    let folder = Folder::new();
    let run = folder
        .keeping()
        .after("ulimit -f 8")
        .args(["-j50", "-"])
        .stdin(server.list(URLS))
        .spawn();
    server.wait_for_requests(50);
    // All at once, so that their records are written at once.
    gate.open();
    run.wait().exits(3);
    for record in folder.journal() {
        folder.assert_true(&record);
    }
    assert_eq!(folder.journal().len(), folder.tree().len());
}

#[test]
fn what_took_the_place_of_a_temporary_file_is_not_published() {
    let gate = Gate::new();
    let body = bytes(LENGTH);
    let script = begin(&[], &body, SENT).wait(&gate).send(&body[SENT..]);
    let server = Server::at("/a", script);
    let folder = Folder::new();
    let run = folder.fetch().arg(server.url("/a")).spawn();
    folder.wait_for_temporary();
    let temporary = folder.path(&folder.temporaries()[0]);
    fs::remove_file(&temporary).unwrap();
    symlink(folder.beside("elsewhere"), &temporary).unwrap();
    gate.open();
    let record = run.wait().exits(1).record();
    assert_eq!(record.verdict(), "error io/save");
    assert!(!folder.path("a").is_symlink() && !folder.path("a").exists());
}

#[test]
fn a_part_that_no_one_asked_for_is_no_file() {
    let part = reply(206, &[("Content-Range", "bytes 1-3/4")], "bcd");
    let server = Server::always(part);
    let folder = Folder::new();
    let url = server.url("/a");
    let record = folder.fetch().arg(&url).run().exits(1).record();
    assert_eq!(record.verdict(), "error protocol/headers");
    folder.assert_empty();
    let asked = ["-H", "Range: bytes=1-", &url];
    folder.fetch().args(asked).run().exits(0);
    assert_eq!(folder.read("a"), b"bcd");
}
