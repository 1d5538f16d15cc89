//! `--journal`: runs that do not get to their end, and what is never written.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    CANARY, Fetch, Folder, Gate, JOURNAL, Running, Script, Server, begin,
    journal::{BOTH, records_so_far},
    ok,
    text::{assert_no_canary, bytes},
};

/// Enough bytes to reach the disk before the body is complete.
const HALF: usize = 1024 * 1024;

fn count(records: &[Value], outcome: &str) -> usize {
    let found = records.iter().filter(|record| record["outcome"] == outcome);
    found.count()
}

/// Reads records until one is cancelled, which shows that the signal was handled.
fn until_cancelled(run: &mut Running) {
    while run.record()["outcome"] != "cancelled" {}
}

#[test]
fn a_journal_that_cannot_grow_ends_the_run_and_can_be_resumed() {
    const URLS: usize = 500;
    for run in BOTH {
        let server = Server::always(ok("x"));
        let (folder, list) = (Folder::new(), server.list(URLS));
        let out = run(&folder)
            .after("ulimit -f 4")
            .arg("-j1")
            .stdin(&list)
            .run()
            .exits(3);
        assert!(out.stderr().contains(JOURNAL), "{}", out.stderr());
        let asked = server.requests().len();
        assert!(asked < URLS, "it went on without a journal");
        let noted = records_so_far(&folder.beside(JOURNAL));
        assert_ne!(noted, [""; 0]);
        for record in noted.iter().filter(|record| record["file"].is_string()) {
            folder.assert_true(record);
        }
        run(&folder).stdin(&list).run().exits(0);
        assert_eq!(server.requests().len() - asked, URLS - count(&noted, "ok"));
        folder.assert_all_ok(&list);
    }
}

#[test]
fn a_journal_that_cannot_take_a_single_record_ends_the_run() {
    let server = Server::always(ok("x"));
    for run in BOTH {
        let folder = Folder::new();
        let list = server.list(5);
        let out = run(&folder)
            .after("ulimit -f 0")
            .stdin(&list)
            .run()
            .exits(3);
        assert!(out.stderr().contains(JOURNAL), "{}", out.stderr());
        assert_eq!(count(&records_so_far(&folder.beside(JOURNAL)), "ok"), 0);
        run(&folder).stdin(&list).run().exits(0);
        folder.assert_all_ok(&list);
    }
}

#[test]
fn a_dry_run_creates_no_journal() {
    let args = ["--dry-run", "-o", "out", "--journal", JOURNAL, "list"];
    let out = Fetch::new()
        .file("list", "http://127.0.0.1:1/\n")
        .args(args)
        .run()
        .exits(0);
    assert_eq!(out.tree("."), ["list"]);
    let out = Fetch::new()
        .file("list", "http://127.0.0.1:1/\n")
        .file(JOURNAL, "notes\n{\"torn")
        .args(args)
        .run()
        .exits(0);
    assert_eq!(out.tree("."), ["list", JOURNAL]);
    assert_eq!(out.read(JOURNAL), "notes\n{\"torn");
}

#[test]
fn what_two_signals_cancel_is_recorded_and_fetched_by_the_next_run() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (body, gate) = (bytes(2 * HALF), Gate::new());
        let held = begin(&[], &body, HALF).wait(&gate).send(&body[HALF..]);
        let server = Server::build().route("/0", ok("x")).otherwise(held).start();
        let (folder, list) = (Folder::new(), server.list(6));
        let mut run = folder.keeping().arg("-j2").stdin(&list).spawn();
        server.wait_for_requests(3);
        folder.wait_for_temporary();
        run.signal(signal);
        until_cancelled(&mut run);
        run.signal(signal);
        let mut shown = run.wait().exits(code).records();
        let mut noted = folder.journal();
        assert_eq!(
            (count(&noted, "ok"), count(&noted, "cancelled")),
            (1, shown.len() - 1)
        );
        shown.sort_by_key(|record| record["index"].as_u64());
        noted.sort_by_key(|record| record["index"].as_u64());
        assert_eq!(noted, shown);
        assert_eq!(folder.tree(), ["0"]);
        gate.open();
        folder.keeping().stdin(&list).run().exits(0);
        assert_eq!(server.requests().len(), 3 + 5);
        assert_eq!(folder.tree(), ["0", "1", "2", "3", "4", "5"]);
        folder.assert_all_ok(&list);
    }
}

#[test]
fn what_finishes_after_one_signal_is_recorded_as_ok() {
    for run in BOTH {
        let gate = Gate::new();
        let server = Server::always(begin(&[], b"x", 0).wait(&gate).send("x"));
        let (folder, list) = (Folder::new(), server.list(20));
        let mut running = run(&folder).arg("-j4").stdin(&list).spawn();
        server.wait_for_requests(4);
        running.signal(Signal::INT);
        until_cancelled(&mut running);
        gate.open();
        running.wait().exits(130);
        assert_eq!(count(&folder.journal(), "ok"), 4);
        run(&folder).stdin(&list).run().exits(0);
        assert_eq!(server.requests().len(), 20);
        folder.assert_all_ok(&list);
    }
}

#[test]
fn a_journal_can_be_resumed_after_the_reader_left() {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let server = Server::always(held);
    let (folder, list) = (Folder::new(), server.list(9));
    let mut run = folder.keeping().arg("-j9").stdin(&list).spawn();
    server.wait_for_requests(9);
    run.close_stdout();
    gate.open();
    run.wait().exits(141);
    assert!(folder.temporaries().is_empty(), "{:?}", folder.tree());
    folder.keeping().stdin(&list).run().exits(0);
    assert_eq!(folder.tree().len(), 9);
    for name in folder.tree() {
        assert_eq!(folder.read(&name), b"hello");
    }
    folder.assert_all_ok(&list);
}

#[test]
fn no_secret_is_in_the_journal() {
    let server = Server::build()
        .route("/cut", begin(&[], b"whole", 1).close())
        .otherwise(ok("x"))
        .start();
    let secret = |path: &str| {
        let userinfo = format!("://user:{CANARY}@");
        server.url(path).replacen("://", &userinfo, 1)
    };
    let line = json!({
        "url": server.url("/json"),
        "headers": {"X-Secret": CANARY, "Authorization": format!("Bearer {CANARY}")},
    });
    let list = format!("{}\n{}\n{line}\n", secret("/userinfo"), secret("/cut"));
    for run in BOTH {
        let folder = Folder::new();
        let before = server.requests().len();
        for expected in [
            ["ok", "error body/body", "ok"],
            ["skipped", "error body/body", "skipped"],
        ] {
            let out = run(&folder)
                .args(["-H", &format!("X-Secret: {CANARY}")])
                .args(["-H", &format!("Cookie: a={CANARY}")])
                .stdin(&list)
                .run()
                .exits(1);
            assert_eq!(out.verdicts(), expected);
        }
        assert_eq!(server.requests().len() - before, 4);
        let journal = String::from_utf8(folder.journal_bytes()).unwrap();
        assert_no_canary("the journal", &journal);
        assert_no_canary("the names", &folder.tree().concat());
    }
}

#[test]
fn a_full_journal_records_no_file_that_is_removed_again() {
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
    // All end at the same time, so that their records are written together.
    gate.open();
    run.wait().exits(3);
    for record in folder.journal() {
        folder.assert_true(&record);
    }
    assert_eq!(folder.journal().len(), folder.tree().len());
}
