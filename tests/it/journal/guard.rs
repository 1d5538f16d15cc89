//! `--journal`: a file that is not a journal is refused before anything is sent, and is not changed.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::{Fetch, Folder, Gate, JOURNAL, Server, begin, journal::BOTH, ok};

/// A server that must not be asked.
fn unasked() -> Server {
    Server::build().may_stay_unasked().start()
}

/// A journal of `count` URLs that are ok, and their server.
fn noted(count: usize) -> (Folder, Server) {
    let (folder, server) = (Folder::new(), Server::always(ok("x")));
    folder.noting().stdin(server.list(count)).run().exits(0);
    (folder, server)
}

#[test]
fn a_second_run_at_the_same_time_is_refused_and_sends_nothing() {
    for run in BOTH {
        let (folder, gate) = (Folder::new(), Gate::new());
        let server = Server::always(begin(&[], b"x", 0).wait(&gate).send("x"));
        symlink(folder.beside(JOURNAL), folder.beside("link")).unwrap();
        let first = run(&folder).stdin(server.list(1)).spawn();
        server.wait_for_requests(1);
        let other = unasked();
        for name in [JOURNAL, "link"] {
            let second = Fetch::new().arg("--journal").arg(folder.beside(name));
            let out = second.stdin(other.list(1)).run().exits(2);
            assert_eq!(out.stdout(), "");
            assert!(out.stderr().contains(name), "{}", out.stderr());
        }
        assert_eq!(other.targets(), [""; 0]);
        gate.open();
        first.wait().exits(0);
        assert_eq!(folder.journal().len(), 1);
        let out = run(&folder).stdin(server.list(1)).run().exits(0);
        assert_eq!(out.record()["outcome"], "skipped", "now it is free");
    }
}

#[test]
fn a_killed_run_leaves_no_lock() {
    let (folder, server) = (Folder::new(), Server::always(ok("x")));
    let mut run = folder.noting().stdin_open().spawn();
    run.write(server.url("/0\n"));
    run.record();
    // Dropping it kills the process.
    drop(run);
    folder.noting().stdin(server.list(2)).run().exits(0);
}

#[test]
fn a_file_that_is_not_a_journal_is_refused_and_left_alone() {
    let (journal, server) = noted(1);
    let record = String::from_utf8(journal.journal_bytes()).unwrap();
    let list = server.url("/1");
    for content in [
        "notes\n",
        "notes",
        "http://127.0.0.1/\n",
        "{}\n",
        "[]\n",
        "null\n",
        "\n",
        "\0\0\0\0",
        "{\"url\": \"http://127.0.0.1/\", \"method\": \"GET\"}\n",
        "{\"url\": \"http://127.0.0.1/\"}",
        "index,url,outcome,status\n0,http://127.0.0.1/,ok,200\n",
        &format!("notes\n{record}"),
        &format!("[\n{record}]\n"),
        &format!("\u{feff}notes\n{record}"),
        &"notes".repeat(100_000),
    ] {
        let folder = Folder::new();
        folder.set_journal(content);
        for run in BOTH {
            let out = run(&folder).arg(&list).run().exits(2);
            assert_eq!(out.stdout(), "");
            assert!(out.stderr().contains(JOURNAL), "{}", out.stderr());
        }
        assert!(
            folder.journal_bytes() == content.as_bytes(),
            "{content:.40?} has changed"
        );
    }
    server.request();
}

#[test]
fn a_binary_file_is_refused_and_left_alone() {
    let content = b"\xff\xfe\x00\x01\n{}\n";
    let (folder, server) = (Folder::new(), unasked());
    folder.set_journal(content);
    folder.noting().arg(server.url("/a")).run().exits(2);
    assert_eq!(folder.journal_bytes(), content);
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn an_empty_file_is_a_journal() {
    let (folder, server) = (Folder::new(), Server::always(ok("x")));
    folder.set_journal("");
    folder.noting().arg(server.url("/a")).run().exits(0);
    folder.assert_all_ok(&server.url("/a"));
}

#[test]
fn a_line_that_is_not_a_record_is_ignored_with_one_warning() {
    let (folder, server) = noted(3);
    let bytes = folder.journal_bytes();
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    lines.insert(1, b"\xff\n");
    lines.insert(2, b"{\"index\":0}\n");
    lines.insert(4, b"notes\n\n");
    let broken = lines.concat();
    folder.set_journal(&broken);
    let out = folder.noting().stdin(server.list(4)).run().exits(0);
    assert_eq!(out.verdicts(), ["skipped", "skipped", "skipped", "ok"]);
    let warnings = out.stderr().lines().filter(|line| line.contains("warning"));
    assert_eq!(warnings.count(), 1, "{}", out.stderr());
    assert!(folder.journal_bytes().starts_with(&broken), "only added to");
}

#[test]
fn a_last_record_without_a_line_end_counts() {
    let (folder, server) = noted(2);
    let bytes = folder.journal_bytes();
    folder.set_journal(bytes.trim_ascii_end());
    let out = folder.noting().stdin(server.list(3)).run().exits(0);
    assert_eq!(out.verdicts(), ["skipped", "skipped", "ok"]);
    assert!(folder.journal_bytes().starts_with(&bytes));
    assert_eq!(folder.journal().len(), 3);
}

#[test]
fn the_list_cannot_be_the_journal() {
    for content in ["", "http://127.0.0.1:1/\n"] {
        let folder = Folder::new();
        let list = folder.beside("list");
        fs::write(&list, content).unwrap();
        fs::hard_link(&list, folder.beside("hard")).unwrap();
        symlink(&list, folder.beside("soft")).unwrap();
        for name in ["list", "out/../list", "hard", "soft"] {
            let out = Fetch::new()
                .arg("--journal")
                .arg(folder.beside(name))
                .arg(&list)
                .run()
                .exits(2);
            assert!(out.stderr().contains("journal"), "{}", out.stderr());
            assert_eq!(fs::read_to_string(&list).unwrap(), content);
        }
    }
}

#[test]
fn other_outputs_of_the_run_cannot_be_the_journal() {
    let server = unasked();
    for other in ["--results", "--summary-file"] {
        for name in ["both", "./both", "sub/../both"] {
            let folder = Folder::new();
            fs::create_dir(folder.beside("sub")).unwrap();
            Fetch::new()
                .arg(other)
                .arg(folder.beside("both"))
                .arg("--journal")
                .arg(folder.beside(name))
                .arg(server.url("/a"))
                .run()
                .exits(2);
            assert!(!folder.beside("both").exists(), "{other} {name}");
        }
        let (folder, _server) = noted(1);
        let before = folder.journal_bytes();
        folder
            .noting()
            .arg(other)
            .arg(folder.beside(JOURNAL))
            .arg(server.url("/a"))
            .run()
            .exits(2);
        assert_eq!(folder.journal_bytes(), before);
    }
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn a_journal_that_cannot_be_opened_is_reported_before_the_first_request() {
    let server = unasked();
    let folder = Folder::new();
    let fifo = folder.beside("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for name in ["out", "missing/run.jsonl", "out/", "fifo", "fifo/run.jsonl"] {
        let out = Fetch::new()
            .arg("--journal")
            .arg(folder.beside(name))
            .arg(server.url("/a"))
            .run()
            .exits(2);
        assert!(out.stderr().contains(name), "{}", out.stderr());
    }
    for name in ["", "/proc/run.jsonl"] {
        Fetch::new()
            .arg(format!("--journal={name}"))
            .arg(server.url("/a"))
            .run()
            .exits(2);
    }
    assert_eq!(server.targets(), [""; 0]);
    assert!(!folder.beside("missing").exists());
}

#[test]
fn standard_output_cannot_be_the_journal() {
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
    assert_eq!(folder.journal_bytes(), b"");
}
