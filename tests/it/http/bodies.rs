//! Bodies: their length, whether they are complete, their checksum, and where they are shown.

use serde_json::{Value, json};

use crate::support::{
    Fetch, Script, Server, ok,
    record::{ON_DEMAND, RecordExt as _},
    reply,
};

const SUM_OF_HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const SUM_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[track_caller]
fn fetched(script: Script, args: &[&str]) -> Value {
    let server = Server::at("/a", script);
    Fetch::jsonl()
        .args(args)
        .arg(server.url("/a"))
        .run()
        .record()
}

fn raw(answer: impl AsRef<[u8]>) -> Script {
    Script::new().send(answer).close()
}

#[test]
fn size_is_the_bytes_of_the_body_however_it_is_framed() {
    for (answer, size) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 5),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: t\r\n\r\n",
            5,
        ),
        ("HTTP/1.0 200 OK\r\n\r\nhello", 5),
        ("HTTP/1.1 200 OK\r\n\r\n", 0),
        ("HTTP/1.1 204 No\r\n\r\n", 0),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more than was said",
            5,
        ),
        (
            "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            1,
        ),
    ] {
        let record = fetched(raw(answer), &[]);
        assert_eq!(
            (record.verdict().as_str(), &record["size"]),
            ("ok", &size.into()),
            "{answer}"
        );
    }
    assert_eq!(
        fetched(raw("HTTP/1.0 200 OK\r\n\r\n"), &[])["http_version"],
        "HTTP/1.0"
    );
}

#[test]
fn a_large_body_is_counted() {
    assert_eq!(fetched(ok(vec![b'x'; 20_000_000]), &[])["size"], 20_000_000);
}

#[test]
fn a_truncated_body_is_a_body_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let record = fetched(raw(answer), &[]);
        assert_eq!(
            (record.verdict().as_str(), &record["status"]),
            ("error body/body", &200.into()),
            "{answer}"
        );
    }
}

#[test]
fn a_reset_within_the_body_is_a_body_error() {
    let record = fetched(
        Script::new()
            .send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            .pause(50)
            .reset(),
        &[],
    );
    assert_eq!(record.verdict(), "error body/body");
    assert!(
        record.message().contains("connection reset"),
        "{}",
        record.message()
    );
}

#[test]
fn malformed_chunks_are_an_error() {
    for chunks in [
        "xyz\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloNO\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "\r\n",
    ] {
        let record = fetched(
            raw(format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
            )),
            &[],
        );
        let verdict = record.verdict();
        assert!(
            ["error protocol/body", "error body/body"].contains(&verdict.as_str()),
            "{chunks:?}: {verdict}"
        );
    }
}

#[test]
fn a_body_over_the_limit_is_too_large() {
    for script in [
        ok("x".repeat(1001)),
        raw(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
            "x".repeat(1001)
        )),
        raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1001))),
        Script::new()
            .send("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
            .silence(),
        Script::new()
            .send("HTTP/1.1 200 OK\r\n\r\n")
            .repeat("x".repeat(500), 1),
    ] {
        let record = fetched(script, &["--max-filesize", "1000"]);
        assert_eq!(
            (record.verdict().as_str(), &record["status"]),
            ("error too_large/body", &200.into())
        );
        assert!(
            record.message().contains("--max-filesize"),
            "{}",
            record.message()
        );
    }
}

#[test]
fn a_body_of_the_limit_is_not_too_large() {
    for limit in ["1000", "1k", "1KB", "1KiB", "1M", "0.5M", "1GiB"] {
        assert_eq!(
            fetched(ok("x".repeat(1000)), &["--max-filesize", limit]).verdict(),
            "ok",
            "{limit}"
        );
    }
}

#[test]
fn max_filesize_0_is_no_limit_as_with_curl() {
    let record = fetched(ok("x".repeat(1000)), &["--max-filesize", "0"]);
    assert_eq!(record.verdict(), "ok");
}

#[test]
fn the_limit_does_not_apply_to_the_length_in_an_answer_to_head() {
    let head = Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    assert_eq!(
        fetched(head, &["-I", "--max-filesize", "10"]).verdict(),
        "ok"
    );
}

#[test]
fn sha256_is_the_checksum_of_the_body() {
    assert!(fetched(ok("hello"), &[])["sha256"].is_null());
    assert_eq!(fetched(ok("hello"), &["--sha256"])["sha256"], SUM_OF_HELLO);
    assert_eq!(fetched(ok(""), &["--sha256"])["sha256"], SUM_OF_NOTHING);
}

#[track_caller]
fn expecting(sum: &str) -> Value {
    let server = Server::at("/a", ok("hello"));
    Fetch::jsonl()
        .stdin(json!({"url": server.url("/a"), "sha256": sum}).to_string())
        .run()
        .record()
}

#[test]
fn a_matching_checksum_is_ok_and_in_the_record() {
    for sum in [SUM_OF_HELLO.to_owned(), SUM_OF_HELLO.to_uppercase()] {
        let record = expecting(&sum);
        assert_eq!(
            (record.verdict(), record.text("sha256")),
            ("ok".into(), SUM_OF_HELLO)
        );
    }
}

#[test]
fn a_wrong_checksum_is_an_error_and_the_record_has_the_actual_one() {
    let record = expecting(SUM_OF_NOTHING);
    assert_eq!(record.verdict(), "error checksum/body");
    assert_eq!(
        (&record["status"], record.text("sha256")),
        (&200.into(), SUM_OF_HELLO)
    );
}

#[test]
fn a_status_that_is_not_accepted_comes_before_a_wrong_checksum() {
    let server = Server::build().start();
    let line = json!({"url": server.url("/a"), "sha256": SUM_OF_HELLO}).to_string();
    assert_eq!(
        Fetch::jsonl().stdin(line).run().exits(1).record().verdict(),
        "http_error 404"
    );
}

#[test]
fn without_their_options_bodies_and_headers_are_not_shown() {
    let record = fetched(ok("hello"), &[]);
    assert!(
        ON_DEMAND
            .iter()
            .all(|key| record.get(key).is_none_or(Value::is_null)),
        "{record}"
    );
}

#[test]
fn a_body_of_text_is_shown_as_text() {
    for body in ["hello", "", "a\nb\t\"c\"\\\u{1b}[31m\u{202e}ü\u{9b}\r\u{0}"] {
        let record = fetched(ok(body), &["--body"]);
        assert_eq!(
            (&record["body"], &record["body_base64"]),
            (&body.into(), &Value::Null)
        );
    }
}

#[test]
fn a_body_of_bytes_is_shown_in_base64() {
    let record = fetched(ok(b"\xff\x00\xfe"), &["--body"]);
    assert_eq!(
        (&record["body"], &record["body_base64"]),
        (&Value::Null, &"/wD+".into())
    );
}

#[test]
fn a_body_of_an_error_is_shown_too() {
    let record = fetched(reply(500, &[], "why"), &["--body"]);
    assert_eq!(
        (record.verdict().as_str(), &record["body"]),
        ("http_error 500", &"why".into())
    );
}

#[test]
fn bodies_in_records_have_a_default_limit() {
    let body = vec![b'x'; (16 << 20) + 1];
    assert_eq!(
        fetched(ok(&body), &["--body"]).verdict(),
        "error too_large/body"
    );
    assert_eq!(fetched(ok(&body[1..]), &["--body"]).verdict(), "ok");
    assert_eq!(
        fetched(ok(&body), &["--body", "--max-filesize", "20M"]).verdict(),
        "ok"
    );
}

#[test]
fn headers_are_shown_in_lower_case_with_all_their_values() {
    let script = reply(
        200,
        &[
            ("X-One", "1"),
            ("Set-Cookie", "a"),
            ("x-one", "2"),
            ("X-Empty", ""),
        ],
        "hello",
    );
    let record = fetched(script, &["--headers"]);
    assert_eq!(
        record["headers"],
        json!({"x-one": ["1", "2"], "set-cookie": ["a"], "x-empty": [""], "content-length": ["5"]})
    );
    assert!(record.get("body").is_none_or(Value::is_null));
}

#[test]
fn headers_of_the_last_answer_are_shown() {
    let server = Server::build()
        .route(
            "/a",
            reply(302, &[("Location", "/b"), ("X-First", "1")], ""),
        )
        .otherwise(reply(200, &[("X-Second", "2")], ""))
        .start();
    let record = Fetch::jsonl()
        .args(["--headers", &server.url("/a")])
        .run()
        .exits(0)
        .record();
    assert_eq!(
        record["headers"],
        json!({"x-second": ["2"], "content-length": ["0"]})
    );
}

#[test]
fn body_and_headers_need_a_format_that_can_show_them() {
    for option in ["--headers", "--body", "--sha256"] {
        for format in ["text", "csv", "tsv"] {
            let out = Fetch::new()
                .args([option, "--format", format, "http://127.0.0.1/"])
                .run()
                .exits(2);
            assert!(out.stderr().contains(option), "{}", out.stderr());
        }
    }
}
