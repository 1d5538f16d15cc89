//! `-o`: what is saved, under which name, and what the record says about it.

use std::{io::Write as _, os::unix::fs::PermissionsExt as _};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::support::{
    Fetch, Folder, Script, Server, answer, begin, ok,
    record::RecordExt as _,
    redirect, reply,
    text::{bytes, sha256},
};

/// The record of `/dir/a.bin`, fetched into the folder.
#[track_caller]
fn saved(folder: &Folder, script: Script, args: &[&str]) -> Value {
    let server = Server::at("/dir/a.bin", script);
    folder
        .fetch()
        .args(args)
        .arg(server.url("/dir/a.bin"))
        .run()
        .exits(0)
        .record()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// An answer with the body in chunks of a thousand bytes.
fn chunked(body: &[u8]) -> Script {
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(1000) {
        answer.extend(format!("{:x}\r\n", chunk.len()).bytes());
        answer.extend(chunk);
        answer.extend(b"\r\n");
    }
    answer.extend(b"0\r\n\r\n");
    Script::new().send(answer)
}

#[test]
fn a_file_is_what_was_sent_and_the_record_describes_it() {
    let large = bytes(5 * 1024 * 1024);
    let until_closed = [b"HTTP/1.0 200 OK\r\n\r\n", &large[..]].concat();
    for (script, body) in [
        (ok(""), &b""[..]),
        (ok(b"hello\0\r\n\xff"), b"hello\0\r\n\xff"),
        (ok(&large), &large),
        (chunked(&large), &large),
        (chunked(b""), b""),
        (Script::new().send(until_closed).close(), &large),
    ] {
        let folder = Folder::new();
        let record = saved(&folder, script, &[]);
        assert_eq!(folder.tree(), ["a.bin"]);
        assert!(folder.read("a.bin") == body, "{} bytes", body.len());
        assert_eq!(
            (&record["file"], &record["size"], &record["sha256"]),
            (&json!("a.bin"), &json!(body.len()), &json!(sha256(body)))
        );
    }
}

#[test]
fn a_compressed_body_is_saved_undecoded_without_the_option() {
    let body = "hello, hello, hello ".repeat(50_000);
    let packed = gzip(body.as_bytes());
    for (args, expected) in [(&["--compressed"][..], body.as_bytes()), (&[], &packed)] {
        let folder = Folder::new();
        let script = reply(200, &[("Content-Encoding", "gzip")], &packed);
        let record = saved(&folder, script, args);
        assert!(folder.read("a.bin") == expected, "{args:?}");
        assert_eq!(
            (&record["size"], record.text("sha256")),
            (&json!(expected.len()), sha256(expected).as_str())
        );
    }
}

#[test]
fn parallel_downloads_get_a_file_each() {
    let echo = Script::new().run(|request, stream| {
        let body = request.target.repeat(5000);
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    });
    let server = Server::always(echo);
    let folder = Folder::new();
    folder
        .fetch()
        .args(["-j20", "-"])
        .stdin(server.list(200))
        .run()
        .exits(0);
    assert_eq!(folder.tree().len(), 200);
    for number in 0..200 {
        let expected = format!("/{number}").repeat(5000);
        folder.assert_content(&number.to_string(), expected.as_bytes());
    }
}

#[test]
fn the_mode_of_a_file_follows_the_umask() {
    for (command, of_files, of_folders) in [
        ("umask 000", 0o666, 0o777),
        ("umask 022", 0o644, 0o755),
        ("umask 077", 0o600, 0o700),
    ] {
        let server = Server::always(ok("x"));
        let out = Fetch::jsonl()
            .after(command)
            .args(["-o", "out", &server.url("/a")])
            .run()
            .exits(0);
        let mode_of = |name| out.path(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode_of("out/a"), of_files, "{command}");
        assert_eq!(mode_of("out"), of_folders, "{command}");
    }
}

#[test]
fn a_file_is_named_after_the_url_of_the_list() {
    let server = Server::build()
        .route("/dir/asked.txt", redirect(302, "/other/elsewhere.bin"))
        .route("/other/elsewhere.bin", ok("there"))
        .start();
    let folder = Folder::new();
    let record = folder
        .fetch()
        .arg(server.url("/dir/asked.txt"))
        .run()
        .exits(0)
        .record();
    assert_eq!(folder.tree(), ["asked.txt"]);
    assert_eq!(folder.read("asked.txt"), b"there");
    assert_eq!(record["file"], "asked.txt");
}

#[test]
fn content_disposition_is_ignored() {
    let folder = Folder::new();
    let header = (
        "Content-Disposition",
        "attachment; filename=\"../evil.sh\"; filename*=UTF-8''..%2fevil.sh",
    );
    saved(&folder, reply(200, &[header], "x"), &[]);
    assert_eq!(folder.tree(), ["a.bin"]);
}

#[test]
fn the_answer_to_a_post_is_saved() {
    let folder = Folder::new();
    let record = saved(&folder, ok("answer"), &["-d", "question"]);
    assert_eq!(record["method"], "POST");
    assert_eq!(folder.read("a.bin"), b"answer");
}

#[test]
fn head_saves_no_file() {
    let server = Server::at(
        "/a",
        Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
    );
    let folder = Folder::new();
    let line = json!({"url": server.url("/a"), "method": "HEAD"});
    let record = folder
        .fetch()
        .stdin(line.to_string())
        .run()
        .exits(0)
        .record();
    folder.assert_empty();
    assert_eq!(
        (record.verdict().as_str(), &record["file"]),
        ("ok", &Value::Null)
    );
}

#[test]
fn an_answer_without_content_is_an_empty_file() {
    let folder = Folder::new();
    let script = Script::new().send("HTTP/1.1 204 No Content\r\n\r\n");
    let record = saved(&folder, script, &[]);
    assert_eq!(folder.read("a.bin"), b"");
    assert_eq!(
        (&record["file"], &record["size"]),
        (&json!("a.bin"), &json!(0))
    );
}

#[test]
fn only_accepted_answers_are_saved() {
    let server = Server::build()
        .route("/missing", answer(404, "gone"))
        .route("/found", ok("here"))
        .start();
    let list = [server.url("/missing"), server.url("/found")].join("\n");
    for (args, saved) in [
        (&["--accept", "404"][..], &["missing"][..]),
        (&["--accept", "200,404"], &["found", "missing"]),
        (&[], &["found"]),
    ] {
        let folder = Folder::new();
        let records = folder.fetch().args(args).stdin(&list).run().in_order();
        assert_eq!(folder.tree(), saved, "{args:?}");
        for record in records {
            let is_saved = record["file"].is_string();
            assert_eq!(is_saved, record["outcome"] == "ok", "{record}");
        }
    }
}

#[test]
fn a_matching_checksum_changes_nothing() {
    let server = Server::at("/a", ok("hello"));
    let folder = Folder::new();
    let line = json!({"url": server.url("/a"), "sha256": sha256("hello")});
    let record = folder
        .fetch()
        .stdin(line.to_string())
        .run()
        .exits(0)
        .record();
    assert_eq!(folder.read("a"), b"hello");
    assert_eq!(record.text("sha256"), sha256("hello"));
}

#[test]
fn a_retry_saves_the_last_answer() {
    let long = bytes(300_000);
    for first in [
        answer(503, "busy"),
        begin(&[], &long, 200_000).close(),
        Script::new().close(),
    ] {
        let server = Server::build()
            .route_in_turn("/a", [first, ok("short")])
            .start();
        let folder = Folder::new();
        let record = folder
            .fetch()
            .args(["--retry", "1", "--retry-delay", "10ms", &server.url("/a")])
            .run()
            .exits(0)
            .record();
        assert_eq!(folder.tree(), ["a"]);
        assert_eq!(folder.read("a"), b"short");
        assert_eq!(record["attempts"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&record["size"], record.text("sha256")),
            (&json!(5), sha256("short").as_str())
        );
        let second = &server.requests()[1];
        assert_eq!(second.header("range"), None, "that is what -c is for");
    }
}

#[test]
fn a_file_is_the_same_with_fsync() {
    let folder = Folder::new();
    let body = bytes(300_000);
    saved(&folder, ok(&body), &["--fsync"]);
    assert_eq!(folder.tree(), ["a.bin"]);
    folder.assert_content("a.bin", &body);
}

#[test]
fn every_format_can_name_the_file() {
    let server = Server::at("/a.txt", ok("x"));
    let sum = sha256("x");
    for (args, expected) in [
        (&["-w", "%{file} %{sha256}\\n"][..], format!("a.txt {sum}")),
        (&["-w", "%{filename_effective}\\n"], "a.txt".to_owned()),
        (&["--format", "csv"], ",a.txt,".to_owned()),
        (&["--format", "tsv"], "\ta.txt\t".to_owned()),
    ] {
        let out = Fetch::new()
            .args(["-o", "out"])
            .args(args)
            .arg(server.url("/a.txt"))
            .run()
            .exits(0);
        assert!(
            out.stdout().contains(&expected),
            "{args:?}: {}",
            out.stdout()
        );
        assert_eq!(out.tree("out"), ["a.txt"]);
    }
}

#[test]
fn without_a_folder_no_file_is_named() {
    let server = Server::at("/a", ok("x"));
    let line = json!({"url": server.url("/a"), "name": "b"});
    let out = Fetch::jsonl().stdin(line.to_string()).run().exits(0);
    assert_eq!(out.record()["file"], Value::Null);
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn an_unrequested_206_is_not_saved() {
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
