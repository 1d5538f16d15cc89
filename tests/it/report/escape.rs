//! Text from a server or from the list never reaches a terminal unescaped.
//!
//! The harness checks each run of [`Fetch`] for characters that a terminal obeys. The tests here provide such
//! characters, and check that they can still be read.

use crate::support::{Fetch, Server, ok, record::RecordExt as _, redirect, reply};

/// ESC, DEL, C1, bidirectional override, zero width, line separator.
const NASTY: &str = "\u{1b}[31m\u{7f}\u{9b}2J\u{202e}\u{200b}\u{2028}\u{feff}";
const NASTY_FROM_SERVER: &str = "\u{9b}2J\u{202e}\u{200b}\u{2028}";
const FORMATS: [&[&str]; 5] = [
    &["--format", "text"],
    &["--format", "jsonl"],
    &["--format", "csv"],
    &["--format", "tsv"],
    &["-w", "%{url} %{final_url} %{json}"],
];

#[test]
fn a_url_of_the_list_is_escaped() {
    let server = Server::always(ok("x"));
    let list = format!(
        "{0}\n{1}\n",
        server.url(&format!("/a{NASTY}b")),
        format_args!("http://[{NASTY}")
    );
    for args in FORMATS {
        let out = Fetch::new()
            .args(args)
            .args(["-v", "-"])
            .stdin(&list)
            .run()
            .exits(1);
        let esc = if args.contains(&"jsonl") {
            "\\u001b[31m"
        } else {
            "\\x1b[31m"
        };
        assert!(out.stdout().contains(esc), "{args:?}: {}", out.stdout());
        assert!(out.stdout().contains("202e"), "{}", out.stdout());
    }
}

#[test]
fn jsonl_escapes_can_be_decoded() {
    let server = Server::always(ok("x"));
    let url = server.url(&format!("/a{NASTY}b\u{e0041}"));
    let record = Fetch::jsonl().stdin(&url).run().exits(0).record();
    assert_eq!(record["url"], url);
}

#[test]
fn text_and_tables_use_these_escapes() {
    let server = Server::always(ok("x"));
    let url = server.url("/a\u{1b}\u{7f}\u{9b}\u{202e}ü");
    let text = Fetch::new().stdin(&url).run().exits(0);
    assert!(
        text.stdout().ends_with("/a\\x1b\\x7f\\x9b\\u{202e}ü\n"),
        "{}",
        text.stdout()
    );
    let json = Fetch::jsonl().stdin(&url).run().exits(0);
    assert!(
        json.stdout().contains("/a\\u001b\\u007f\\u009b\\u202eü\""),
        "{}",
        json.stdout()
    );
}

#[test]
fn a_header_of_a_server_is_escaped() {
    let script = reply(
        200,
        &[
            ("Content-Type", &format!("text/{NASTY_FROM_SERVER}")),
            ("X-A", NASTY_FROM_SERVER),
        ],
        NASTY,
    );
    let server = Server::at("/a", script);
    let url = server.url("/a");
    let record = Fetch::jsonl()
        .args(["-v", "--headers", "--body", &url])
        .run()
        .exits(0)
        .record();
    assert_eq!(
        (record.text("body"), record.text("content_type")),
        (NASTY, &*format!("text/{NASTY_FROM_SERVER}"))
    );
    assert_eq!(record["headers"]["x-a"][0], NASTY_FROM_SERVER);
    let out = Fetch::new()
        .args(["-w", "%{content_type} %{headers} %{body} %{json}", &url])
        .run()
        .exits(0);
    assert!(
        out.stdout().contains("\\x9b2J\\u{202e}"),
        "{}",
        out.stdout()
    );
}

#[test]
fn a_line_end_in_a_body_is_no_line_end_of_the_output() {
    let server = Server::at("/a", reply(200, &[], "one\ntwo\r\n\tthree"));
    let out = Fetch::new()
        .args(["-w", "%{status} %{body}", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(out.lines().len(), 1, "{}", out.stdout());
    let out = Fetch::jsonl()
        .args(["--body", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(out.record().text("body"), "one\ntwo\r\n\tthree");
}

#[test]
fn a_location_is_escaped() {
    for location in [
        format!("/b{NASTY_FROM_SERVER}"),
        format!("ftp://x/{NASTY_FROM_SERVER}"),
        format!("http://[{NASTY_FROM_SERVER}"),
    ] {
        let server = Server::build()
            .route("/a", redirect(302, &location))
            .otherwise(ok(""))
            .start();
        for args in FORMATS {
            let code = i32::from(!location.starts_with('/'));
            Fetch::new()
                .args(args)
                .args(["-v", &server.url("/a")])
                .run()
                .exits(code);
        }
    }
}

#[test]
fn meta_id_and_name_are_escaped() {
    let server = Server::always(ok("x"));
    let line = serde_json::json!({"url": server.url("/a"), "id": NASTY, "meta": {NASTY: [NASTY]}})
        .to_string();
    let record = Fetch::jsonl().stdin(&line).run().exits(0).record();
    assert_eq!(
        (record.text("id"), record["meta"][NASTY][0].as_str()),
        (NASTY, Some(NASTY))
    );
    Fetch::new()
        .args(["-w", "%{id} %{meta} %{json}", "-"])
        .stdin(line)
        .run()
        .exits(0);
}

#[test]
fn white_space_between_the_tokens_of_meta_reaches_no_output() {
    let server = Server::always(ok("x"));
    let line = format!("{{\"url\":\"{}\",\"meta\":[1,\r2,\t3]}}", server.url("/a"));
    let out = Fetch::jsonl().stdin(line).run().exits(0);
    assert_eq!(out.record()["meta"], serde_json::json!([1, 2, 3]));
}

#[test]
fn an_error_about_a_key_or_a_name_of_the_list_is_escaped() {
    let bad =
        serde_json::json!({"url": "http://127.0.0.1/", NASTY: 1, "method": NASTY}).to_string();
    let header =
        serde_json::json!({"url": "http://127.0.0.1/", "headers": {NASTY: "x"}}).to_string();
    let method = serde_json::json!({"url": "http://127.0.0.1/", "method": NASTY}).to_string();
    for args in FORMATS {
        Fetch::new()
            .args(args)
            .arg("-")
            .stdin(format!("{bad}\n{header}\n{method}\n"))
            .run()
            .exits(1);
    }
}

#[test]
fn a_name_of_a_file_is_escaped() {
    let server = Server::always(ok("x"));
    let name = "list\u{1b}[31m\u{202e}.txt";
    let out = Fetch::jsonl()
        .file(name, server.url("/a"))
        .arg(name)
        .run()
        .exits(0);
    assert_eq!(out.record()["source"], name);
    Fetch::new()
        .arg("missing\u{1b}[31m\u{202e}\u{9b}")
        .run()
        .exits(2);
}
