//! Lines that are JSON objects.

use serde_json::{Value, json};

use crate::support::{CANARY, Fetch, Server, ok, record::RecordExt as _};

#[track_caller]
fn fetched(line: &str) -> Value {
    Fetch::jsonl().stdin(line).run().exits(0).record()
}

/// Asserts that a line is invalid. `URL` in it stands for the URL of a server that must not be asked.
#[track_caller]
fn refused(line: &str) {
    let server = Server::build().may_stay_unasked().start();
    let line = line.replace("URL", &server.url("/a"));
    let out = Fetch::jsonl().stdin(format!("\n{line}\n")).run().exits(1);
    let record = out.record();
    assert_eq!(record.verdict(), "error invalid_input/input", "{line}");
    assert_eq!(record["line"], 2);
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn an_object_sets_the_request() {
    let server = Server::at("/a", ok("x"));
    let line = json!({
        "url": server.url("/a"), "method": "PUT", "headers": {"X-One": "1", "content-type": "text/x"},
        "body": "ünï\n", "id": "no. 7", "meta": {"k": [1, null, "ä"]}, "name": "a.txt",
    });
    let record = fetched(&line.to_string());
    let request = server.request();
    assert_eq!(
        (request.method.as_str(), request.body_text()),
        ("PUT", "ünï\n")
    );
    assert_eq!(
        (request.header("x-one"), request.header("content-type")),
        (Some("1"), Some("text/x"))
    );
    assert_eq!(
        (&record["id"], &record["method"]),
        (&json!("no. 7"), &json!("PUT"))
    );
    assert_eq!(record["meta"], line["meta"]);
    assert_eq!(record["url"], line["url"]);
}

#[test]
fn the_url_alone_is_enough() {
    let server = Server::at("/a", ok("x"));
    let record = fetched(&format!("  {{\"url\":\"{}\"}}  ", server.url("/a")));
    assert_eq!(server.request().method, "GET");
    assert!(record["id"].is_null() && record["meta"].is_null());
}

#[test]
fn meta_is_echoed_as_it_is() {
    let server = Server::at("/a", ok("x"));
    for meta in [
        "1",
        "\"t\"",
        "[]",
        "false",
        "{\"a\":{\"a\":0.1}}",
        "123456789012345678901234567890",
        "1.10",
        "1e3",
    ] {
        let line = format!("{{\"url\":\"{}\",\"meta\":{meta}}}", server.url("/a"));
        let out = Fetch::jsonl().stdin(line).run().exits(0);
        assert!(
            out.stdout().contains(&format!("\"meta\":{meta}")),
            "{meta}: {}",
            out.stdout()
        );
    }
}

#[test]
fn the_url_of_an_object_may_lack_a_scheme() {
    let server = Server::at("/a", ok("x"));
    let line = format!("{{\"url\":\"127.0.0.1:{}/a\"}}", server.port());
    Fetch::jsonl()
        .args(["--default-scheme", "http"])
        .stdin(line)
        .run()
        .exits(0);
    assert_eq!(server.targets(), ["/a"]);
}

#[test]
fn an_object_adds_to_the_options() {
    let server = Server::at("/a", ok("x"));
    let line =
        json!({"url": server.url("/a"), "method": "PATCH", "headers": {"X-Line": "1"}}).to_string();
    Fetch::new()
        .args(["-X", "DELETE", "-H", "X-Option: 2"])
        .stdin(line)
        .run()
        .exits(0);
    let request = server.request();
    assert_eq!(
        (request.header("x-line"), request.header("x-option")),
        (Some("1"), Some("2"))
    );
    assert_eq!(request.method, "PATCH", "the line knows better");
}

#[test]
fn headers_of_an_object_are_printed_nowhere() {
    let server = Server::at("/a", ok("x"));
    let line =
        json!({"url": server.url("/a"), "headers": {"X-Token": CANARY, "Authorization": CANARY}})
            .to_string();
    Fetch::jsonl()
        .args(["-v", "--headers"])
        .stdin(line)
        .run()
        .exits(0);
    assert_eq!(server.request().header("x-token"), Some(CANARY));
    assert_eq!(server.request().header("authorization"), Some(CANARY));
}

#[test]
fn a_bad_object_with_a_secret_does_not_print_it() {
    for line in [
        json!({"url": "http://127.0.0.1/", "headers": {"Authorization": format!("{CANARY}\n{CANARY}")}})
            .to_string(),
        json!({"url": "http://127.0.0.1/", "hedaers": {"Authorization": CANARY}}).to_string(),
        json!({"url": "http://127.0.0.1/", "headers": [CANARY]}).to_string(),
        json!({"url": "http://127.0.0.1/", "headers": CANARY}).to_string(),
        json!({"headers": {"Authorization": CANARY}}).to_string(),
        format!(
            "{{\"headers\": {{\"Authorization\": \"{CANARY}\"}}, \"url\": \"http://127.0.0.1/\""
        ),
        format!("{{\"url\": \"http://user:{CANARY}@127.0.0.1/\", \"x\": 1}}"),
        format!("{{\"url\": \"http://user:{CANARY}@[/\"}}"),
    ] {
        for format in ["text", "jsonl", "csv", "tsv"] {
            let out = Fetch::new()
                .args(["-v", "--format", format])
                .stdin(&line)
                .run()
                .exits(1);
            assert!(
                out.stdout().contains("invalid_"),
                "{line}: {}",
                out.stdout()
            );
        }
    }
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    refused(r#"{"url": "URL", "methd": "GET"}"#);
    let out = Fetch::jsonl()
        .stdin(r#"{"url": "http://127.0.0.1/", "methd": "GET"}"#)
        .run();
    assert!(out.record().message().contains("methd"), "{}", out.stdout());
}

#[test]
fn a_key_twice_is_an_error() {
    refused(r#"{"url": "URL", "url": "URL"}"#);
    refused(r#"{"url": "URL", "id": "a", "id": "a"}"#);
}

#[test]
fn an_object_without_a_url_is_an_error_that_says_so() {
    refused("{}");
    refused(r#"{"id": "a"}"#);
    let out = Fetch::jsonl().stdin(r#"{"id": "a"}"#).run();
    assert!(out.record().message().contains("url"), "{}", out.stdout());
}

#[test]
fn values_of_the_wrong_type_are_an_error() {
    for line in [
        r"{",
        r#"{"url": "URL""#,
        r#"{"url": "URL"} x"#,
        r#"{"url": 1}"#,
        r#"{"url": null}"#,
        r#"{"url": "URL", "id": 1}"#,
        r#"{"url": "URL", "method": "GE T"}"#,
        r#"{"url": "URL", "method": 1}"#,
        r#"{"url": "URL", "headers": {"A B": "c"}}"#,
        r#"{"url": "URL", "headers": {"A": "b\nc"}}"#,
        r#"{"url": "URL", "headers": {"A": 1}}"#,
        r#"{"url": "URL", "headers": []}"#,
        r#"{"url": "URL", "body": {}}"#,
        r#"{"url": "URL", "sha256": "abc"}"#,
        r#"{"url": "URL", "sha256": 1}"#,
        r#"{"url": "URL", "name": 1}"#,
        r#"{"url": "URL", "headers": {"Content-Length": "3"}}"#,
        r#"{"url": "URL", "headers": {"Transfer-Encoding": "x"}}"#,
    ] {
        refused(line);
    }
}

#[test]
fn a_url_in_an_object_can_be_invalid_too() {
    for url in ["ftp://127.0.0.1/", "http://[", ""] {
        let record = Fetch::jsonl()
            .stdin(json!({"url": url, "id": "x"}).to_string())
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error invalid_url/input", "{url}");
    }
}

#[test]
fn deep_nesting_is_refused_or_echoed_and_never_a_crash() {
    let server = Server::always(ok("x"));
    let line = format!(
        "{{\"url\":\"{}\",\"meta\":{}{}}}",
        server.url("/a"),
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let out = Fetch::jsonl()
        .stdin(format!("{line}\n{}\n", server.url("/b")))
        .run();
    assert_eq!(out.lines().len(), 2);
}

#[test]
fn numbers_in_meta_are_echoed_unchanged() {
    let server = Server::always(ok("x"));
    let (url, meta) = (
        server.url("/a"),
        r#"{"b":1e999,"a":12345678901234567890123}"#,
    );
    let line = format!(r#"{{"url":{},"meta":{meta}}}"#, json!(url));
    let out = Fetch::new()
        .args(["-w", r"%{url} %{meta}\n", "-"])
        .stdin(&line)
        .run()
        .exits(0);
    assert_eq!(out.stdout(), format!("{url} {meta}\n"));
    let out = Fetch::jsonl().stdin(&line).run().exits(0);
    assert!(
        out.stdout().contains(&format!("\"meta\":{meta},")),
        "{}",
        out.stdout()
    );
}

#[test]
fn meta_that_is_nested_too_deeply_to_be_read_back_is_refused() {
    let server = Server::always(ok("x"));
    let (open, close) = ("[".repeat(20_000), "]".repeat(20_000));
    let line = format!(r#"{{"url":"http://h/","meta":{open}{close}}}"#);
    let out = Fetch::jsonl()
        .stdin(format!("{line}\n{}\n", server.url("/b")))
        .run()
        .exits(1);
    // JSON parsers have limits on nesting of their own, and must be able to read the record of this line.
    assert_eq!(
        out.in_order()[0].verdict(),
        "error invalid_input/input",
        "{}",
        out.stdout()
    );
    assert_eq!(out.in_order()[1]["outcome"], "ok");
}
