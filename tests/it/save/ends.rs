//! `-o` when a fetch fails or stops: a file is complete or absent, and no temporary file is left.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Folder, Gate, Running, Script, Server, answer, begin, ok,
    record::RecordExt as _,
    redirect, reply,
    text::{bytes, sha256},
    with_time_enough,
};

/// Enough bytes to reach the disk before the body is complete.
const HALF: usize = 1024 * 1024;

/// An answer that pauses in the middle of its body until the gate opens.
fn held(body: &[u8], gate: &Gate) -> Script {
    begin(&[], body, HALF).wait(gate).send(&body[HALF..])
}

/// Reads records until one is cancelled, which shows that the signal was handled.
fn until_cancelled(run: &mut Running) {
    while run.record()["outcome"] != "cancelled" {}
}

#[test]
fn a_failed_body_leaves_no_file() {
    let body = bytes(2 * HALF);
    let chunk = [format!("{HALF:x}\r\n").as_bytes(), &body[..HALF], b"\r\n"].concat();
    let chunked = || {
        Script::new()
            .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .send(&chunk)
    };
    let coded = reply(200, &[("Content-Encoding", "gzip")], "\x1f\u{8b}, not so");
    for (script, args, end) in [
        (answer(404, "no"), &[][..], "http_error"),
        (answer(500, &body), &[], "http_error"),
        (ok("x"), &["--accept", "201"], "http_error"),
        (begin(&[], &body, HALF).close(), &[], "body"),
        (begin(&[], &body, 0).close(), &[], "body"),
        (begin(&[], &body, HALF).reset(), &[], "body"),
        (chunked().close(), &[], "body"),
        (chunked().send("what\r\n").close(), &[], "protocol"),
        (
            begin(&[], &body, HALF).silence(),
            &["-t", "500ms"],
            "timeout",
        ),
        (
            begin(&[], &body, HALF).silence(),
            &["--read-timeout", "500ms"],
            "timeout",
        ),
        (ok(&body), &["--max-filesize", "1M"], "too_large"),
        (
            chunked().send(&chunk).silence(),
            &["--max-filesize", "1500K"],
            "too_large",
        ),
        (coded, &["--compressed"], "body"),
        (redirect(302, "ftp://127.0.0.1/"), &[], "redirect"),
        (Script::new().close(), &[], "connect"),
    ] {
        let server = Server::at("/a", script);
        let folder = Folder::new();
        let out = folder
            .fetch()
            .args(args)
            .arg(server.url("/a"))
            .run()
            .exits(1);
        let record = out.record();
        let found = match record.text("outcome") {
            "error" => record["error"].text("kind"),
            outcome => outcome,
        };
        assert_eq!(found, end, "{args:?}: {record}");
        assert_eq!(record["file"], Value::Null, "{record}");
        folder.assert_empty();
    }
}

#[test]
fn a_body_with_another_sum_is_not_saved() {
    let body = bytes(2 * HALF);
    let server = Server::at("/a", ok(&body));
    let folder = Folder::new();
    let line = json!({"url": server.url("/a"), "sha256": sha256("another")});
    let record = folder
        .fetch()
        .stdin(line.to_string())
        .run()
        .exits(1)
        .record();
    assert_eq!(record["error"]["kind"], "checksum");
    assert_eq!(record["file"], Value::Null);
    folder.assert_empty();
}

#[test]
fn a_file_has_no_name_before_it_is_whole() {
    let (body, gate) = (bytes(2 * HALF), Gate::new());
    let server = Server::at("/a", held(&body, &gate));
    let folder = Folder::new();
    let run = folder.fetch().arg(server.url("/a")).spawn();
    folder.wait_for_temporary();
    assert_eq!(folder.tree(), folder.temporaries());
    assert_eq!(folder.tree().len(), 1);
    gate.open();
    run.wait().exits(0);
    assert_eq!(folder.tree(), ["a"]);
    folder.assert_content("a", &body);
}

#[test]
fn the_first_signal_lets_a_file_be_completed() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (body, gate) = (bytes(2 * HALF), Gate::new());
        let server = Server::always(held(&body, &gate));
        let folder = Folder::new();
        let mut run = folder.fetch().arg("-j2").stdin(server.list(6)).spawn();
        server.wait_for_requests(2);
        folder.wait_for_temporary();
        run.signal(signal);
        until_cancelled(&mut run);
        gate.open();
        let out = run.wait().exits(code);
        assert_eq!(folder.tree(), ["0", "1"]);
        folder.assert_content("0", &body);
        folder.assert_content("1", &body);
        for record in out.records() {
            let is_saved = record["file"].is_string();
            assert_eq!(is_saved, record["outcome"] == "ok", "{record}");
        }
    }
}

#[test]
fn the_second_signal_leaves_no_partial_file() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let body = bytes(2 * HALF);
        let server = Server::build()
            .route("/0", ok("x"))
            .otherwise(begin(&[], &body, HALF).silence())
            .start();
        let folder = Folder::new();
        // Without limits the second signal alone ends it.
        let mut run = folder
            .fetch()
            .args(["-j2", "-t", "0", "--read-timeout", "0"])
            .stdin(server.list(6))
            .spawn();
        server.wait_for_requests(3);
        folder.wait_for_temporary();
        run.signal(signal);
        until_cancelled(&mut run);
        run.signal(signal);
        run.wait().exits(code);
        assert_eq!(folder.tree(), ["0"], "what was whole stays");
    }
}

#[test]
fn a_run_that_stops_at_a_failure_leaves_no_partial_file() {
    let body = bytes(2 * HALF);
    let gate = Gate::new();
    let server = Server::build()
        .route("/0", begin(&[], &body, HALF).silence())
        .route("/1", Script::new().wait(&gate).close())
        .start();
    let folder = Folder::new();
    let run = folder
        .fetch()
        .args(["--fail-fast", "-j2"])
        .stdin(server.list(2))
        .spawn();
    folder.wait_for_temporary();
    gate.open();
    let records = run.wait().exits(1).in_order();
    assert_eq!(records[0]["outcome"], "cancelled");
    assert_eq!(records[0]["file"], Value::Null);
    folder.assert_empty();
}

#[test]
fn a_run_that_stops_at_its_deadline_leaves_no_partial_file() {
    let body = bytes(2 * HALF);
    let server = Server::always(begin(&[], &body, HALF).silence());
    with_time_enough(|deadline| {
        let folder = Folder::new();
        let mut run = folder
            .fetch()
            .args(["--deadline", &deadline.to_string()])
            .arg(server.url("/0"))
            .spawn();
        folder.wait_until(|| !folder.temporaries().is_empty() || run.has_ended());
        let had_begun = !folder.temporaries().is_empty();
        let out = run.wait().exits(1);
        folder.assert_empty();
        if !had_begun {
            return None;
        }
        assert_eq!(out.record()["outcome"], "cancelled");
        assert_eq!(out.record()["file"], Value::Null);
        Some(())
    });
}

#[test]
fn a_reader_that_leaves_leaves_no_temporary_file() {
    let body = bytes(2 * HALF);
    let server = Server::always(begin(&[], &body, HALF).silence());
    let folder = Folder::new();
    let mut run = folder.fetch().arg("-j3").stdin(server.list(3)).spawn();
    folder.wait_for_temporary();
    run.close_stdout();
    let out = run.wait().exits(141);
    assert_eq!(out.stderr(), "");
    folder.assert_empty();
}

#[test]
fn a_file_whose_record_was_not_printed_is_fetched_again() {
    let gate = Gate::new();
    let server = Server::always(
        Script::new()
            .wait(&gate)
            .send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    );
    let folder = Folder::new();
    let mut run = folder.fetch().arg("-j9").stdin(server.list(9)).spawn();
    server.wait_for_requests(9);
    run.close_stdout();
    gate.open();
    run.wait().exits(141);
    assert!(folder.temporaries().is_empty(), "{:?}", folder.tree());
    folder.fetch().stdin(server.list(9)).run().exits(0);
    assert_eq!(folder.tree().len(), 9);
}

#[test]
fn files_whose_records_were_not_written_are_removed() {
    const SIZE: usize = 4000;
    let server = Server::always(ok("x".repeat(SIZE)));
    let folder = Folder::new();
    let args = ["--body", "-j60", "-"];
    let mut run = folder.fetch().args(args).stdin(server.list(60)).spawn();
    server.wait_for_requests(60);
    run.close_stdout();
    run.wait().exits(141);
    assert!(folder.temporaries().is_empty(), "{:?}", folder.tree());
    let records = folder
        .fetch()
        .arg("-")
        .stdin(server.list(60))
        .run()
        .records();
    let in_the_way = records.iter().filter(|record| record["outcome"] != "ok");
    // Nobody read, so at most as many records were written as fit into the pipe.
    assert!(
        in_the_way.count() <= 64 * 1024 / SIZE,
        "{:?}",
        folder.tree()
    );
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
    // More records than a pipe and the queue of the printer hold.
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
