//! Bodies that are too long, too short, or not what was asked for, and that become no files.

use serde_json::json;

use super::{LIMIT, answered, beside, cases, raw};
use crate::support::{Folder, Script, Server, begin, ok, record::RecordExt as _, redirect, reply};

/// An endless answer without a length.
fn endless(piece: &[u8]) -> Script {
    Script::new()
        .send("HTTP/1.1 200 OK\r\n\r\n")
        .repeat(piece, 0)
}

cases! {
    c137_a_body_without_end_is_too_large ["--max-filesize", "100k"]:
        endless(&[b'x'; 4096]) => "error too_large/body", "--max-filesize";
    c138_a_body_without_end_ends_at_the_timeout ["-t", LIMIT]:
        endless(&[b'x'; 4096]) => "error timeout/body", "--timeout";
    c139_a_length_over_the_limit_is_too_large_before_it_comes ["--max-filesize", "100k"]:
        Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 102401\r\n\r\n").silence()
            => "error too_large/body", "--max-filesize";
    c140_chunks_over_the_limit_are_too_large ["--max-filesize", "100k", "-t", "0"]:
        Script::new().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").repeat("3\r\nxxx\r\n".repeat(500), 0)
            => "error too_large/body", "--max-filesize";
    c141_a_body_to_be_shown_has_a_limit_without_an_option ["--body", "-t", "0"]:
        endless(&[b'x'; 4096]) => "error too_large/body", "--max-filesize raises it";
}

/// Asserts that the URL leaves no file, and that its neighbours have theirs.
#[track_caller]
fn leaves_no_file(script: Script, args: &[&str], verdict: &str) {
    let folder = Folder::new();
    let server = Server::always(script);
    let fetch = folder.fetch().args(args);
    let record = beside(fetch, &server.url("/a"), verdict);
    assert!(record["file"].is_null(), "{record}");
    assert_eq!(folder.tree(), ["0", "1"]);
}

#[test]
fn c142_a_body_cut_off_becomes_no_file() {
    leaves_no_file(begin(&[], b"hello", 3).close(), &[], "error body/body");
}

#[test]
fn c143_a_body_reset_becomes_no_file() {
    let script = begin(&[], b"hello", 3).pause(200).reset();
    leaves_no_file(script, &[], "error body/body");
}

#[test]
fn c144_a_body_without_end_becomes_no_file() {
    let args = ["--max-filesize", "100k"];
    leaves_no_file(endless(&[b'x'; 4096]), &args, "error too_large/body");
}

#[test]
fn c145_a_page_of_an_error_becomes_no_file() {
    leaves_no_file(reply(503, &[], "sorry"), &[], "http_error 503");
}

#[test]
fn c146_a_part_that_no_one_asked_for_becomes_no_file() {
    let part = reply(206, &[("Content-Range", "bytes 0-4/1000")], "hello");
    leaves_no_file(part, &[], "error protocol/headers");
}

#[test]
fn c147_a_body_of_another_sum_becomes_no_file() {
    let folder = Folder::new();
    let server = Server::always(ok("hello"));
    let sum = "0".repeat(64);
    let line = json!({"url": server.url("/a"), "sha256": sum}).to_string();
    let list = format!("{line}\n{}\n", server.url("/b"));
    let records = folder.fetch().stdin(list).run().exits(1).in_order();
    assert_eq!(records[0].verdict(), "error checksum/body");
    assert_eq!(records[1].verdict(), "ok");
    assert_eq!(folder.tree(), ["b"]);
}

#[test]
fn c148_a_server_does_not_choose_the_name_of_a_file() {
    let folder = Folder::new();
    let disposition = "attachment; filename=\"../../.bashrc\"";
    let server = Server::build()
        .route("/a", redirect(302, "/.ssh%2fauthorized_keys"))
        .otherwise(reply(200, &[("Content-Disposition", disposition)], "hello"))
        .start();
    let record = beside(folder.fetch(), &server.url("/a"), "ok");
    assert_eq!(record["file"], "a");
    assert_eq!(folder.tree(), ["0", "1", "a"]);
}

#[test]
fn c149_a_path_that_climbs_stays_in_the_folder() {
    for path in [
        "/..%2f..%2fescaped",
        "/%2e%2e%2fescaped",
        "/..%5cescaped",
        "/%2fescaped",
        "/a/%2e%2e",
        "/%00escaped",
    ] {
        let folder = Folder::new();
        let server = Server::always(ok("hello"));
        let record = beside(folder.fetch(), &server.url(path), "ok");
        assert_eq!(folder.read(record.text("file")), b"hello");
        assert_eq!(folder.tree().len(), 3, "{:?}", folder.tree());
        assert!(!folder.beside("escaped").exists(), "{path}");
    }
}

#[test]
fn c150_no_body_replaces_what_is_there() {
    let folder = Folder::new();
    folder.write("a", "mine");
    let server = Server::build()
        .otherwise(ok("theirs"))
        .may_stay_unasked()
        .start();
    beside(folder.fetch(), &server.url("/a"), "error io/save");
    assert_eq!(folder.read("a"), b"mine");
}

#[test]
fn c151_a_body_of_bytes_and_escapes_is_shown_as_base64() {
    let body = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), b"\xff\0\x1b]0;x\x07"].concat();
    let record = answered(raw(body), &["--body"], "ok");
    assert_eq!(record["body_base64"], "/wAbXTA7eAc=");
}
