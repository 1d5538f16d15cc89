//! `-w`: output by a template.

use serde_json::Value;

use crate::support::{
    Fetch, Folder, Server, answer, ok, port::Refusing, record, redirect, reply, text::normalised,
};

/// The output of a template for an answer of five bytes after a redirect.
#[track_caller]
fn written(template: &str) -> String {
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .otherwise(ok("12345"))
        .start();
    let out = Fetch::new()
        .args(["-w", template, &server.url("/a")])
        .run()
        .exits(0);
    normalised(out.stdout(), &[server.port()])
}

#[test]
fn keys_are_replaced_by_their_values() {
    assert_eq!(written("%{status} %{outcome} %{size}"), "200 ok 5\n");
    assert_eq!(
        written("%{url}>%{final_url}"),
        "http://127.0.0.1:PORT/a>http://127.0.0.1:PORT/b\n"
    );
    assert_eq!(
        written("%{index},%{source},%{method},%{redirects},%{slow}"),
        "0,args,GET,1,false\n"
    );
    assert_eq!(written("%{time_total}"), "T\n");
    assert_eq!(
        written("[%{error}%{id}%{meta}%{file}]"),
        "[]\n",
        "null is nothing"
    );
}

#[test]
fn the_names_of_curl_mean_the_same() {
    assert_eq!(
        written("%{http_code} %{response_code} %{size_download} %{num_redirects}"),
        "200 200 5 1\n"
    );
    assert_eq!(
        written("%{url_effective} %{num_retries} %{remote_ip} %{urlnum}"),
        "http://127.0.0.1:PORT/b 0 127.0.0.1 0\n"
    );
    assert_eq!(
        written("%{time_starttransfer}[%{errormsg}%{filename_effective}]"),
        "T[]\n"
    );
}

#[test]
fn the_help_lists_every_key_in_the_order_of_the_record() {
    let out = Fetch::new().arg("--help").run().exits(0);
    // However the lines are broken.
    let help: Vec<_> = out.stdout().split_whitespace().collect();
    let help = help.join(" ");
    let (_, keys) = help.split_once("Keys of the record: ").unwrap();
    let (keys, _) = keys.split_once('.').unwrap();
    let all = record::KEYS.into_iter().chain(record::ON_DEMAND);
    assert_eq!(
        keys.split(", ").collect::<Vec<_>>(),
        all.collect::<Vec<_>>()
    );
}

#[test]
fn every_key_of_the_record_can_be_used() {
    for key in record::KEYS.into_iter().chain(record::ON_DEMAND) {
        let line = written(&format!("<%{{{key}}}>"));
        assert!(
            line.starts_with('<') && line.ends_with(">\n"),
            "{key}: {line}"
        );
    }
}

#[test]
fn json_is_the_record() {
    let server = Server::at("/a", ok("x"));
    let out = Fetch::new()
        .args(["-w", "%{json}", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(out.record()["url"], server.url("/a"));
}

#[test]
fn lists_and_objects_are_json() {
    let refusing = Refusing::new();
    let out = Fetch::new()
        .args([
            "-w",
            "%{error}\\t%{attempts}",
            &format!("http://{}/", refusing.address()),
        ])
        .run()
        .exits(1);
    let (error, attempts) = out.stdout().trim_end().split_once('\t').unwrap();
    let error: Value = serde_json::from_str(error).unwrap();
    let attempts: Value = serde_json::from_str(attempts).unwrap();
    assert_eq!(
        (&error["kind"], attempts.as_array().unwrap().len()),
        (&"connect".into(), 1)
    );
}

#[test]
fn without_an_answer_the_code_is_000_and_the_message_is_set() {
    let refusing = Refusing::new();
    let url = format!("http://{}/", refusing.address());
    let out = Fetch::new()
        .args(["-w", "%{http_code}[%{status}] %{errormsg}", &url])
        .run()
        .exits(1);
    assert_eq!(
        out.stdout(),
        format!("000[] {}: connection refused\n", refusing.address())
    );
}

#[test]
fn a_record_ends_with_one_line_end() {
    let server = Server::always(ok("x"));
    for template in ["%{status}", "%{status}\\n", "%{status}\n"] {
        let out = Fetch::new()
            .args(["-w", template, "-"])
            .stdin(server.list(3))
            .run()
            .exits(0);
        assert_eq!(out.stdout(), "200\n200\n200\n", "{template:?}");
    }
}

#[test]
fn escapes_and_percent_signs_are_understood() {
    assert_eq!(written("a\\tb\\nc %% 100%%"), "a\tb\nc % 100%\n");
    assert_eq!(written("ü%{status}ü"), "ü200ü\n");
}

#[test]
fn an_unknown_name_is_a_usage_error_that_names_it() {
    for (template, name) in [
        ("%{nope}", "nope"),
        ("%{status", "status"),
        ("%{}", "%{}"),
        ("%{ status }", "status"),
    ] {
        let out = Fetch::new()
            .args(["-w", template, "http://127.0.0.1/"])
            .run()
            .exits(2);
        assert!(out.stderr().contains(name), "{}", out.stderr());
    }
}

#[test]
fn a_template_and_a_format_exclude_each_other() {
    for format in [
        &["--format", "jsonl"][..],
        &["--json"],
        &["--format", "text"],
    ] {
        Fetch::new()
            .args(["-w", "%{url}"])
            .args(format)
            .arg("http://127.0.0.1/")
            .run()
            .exits(2);
    }
}

#[test]
fn a_template_that_names_body_headers_or_checksum_gets_them() {
    let server = Server::at("/a", reply(200, &[("X-A", "1")], "hello"));
    let out = Fetch::new()
        .args(["-w", "%{body}|%{headers}|%{sha256}", &server.url("/a")])
        .run()
        .exits(0);
    let parts: Vec<_> = out.stdout().trim_end().split('|').collect();
    assert_eq!(
        (parts[0], parts[1]),
        ("hello", r#"{"content-length":["5"],"x-a":["1"]}"#)
    );
    assert!(parts[2].starts_with("2cf24dba"), "{}", parts[2]);
    let server = Server::at("/a", reply(200, &[], b"\xff"));
    let out = Fetch::new()
        .args(["-w", "[%{body}]%{body_base64}", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(out.stdout(), "[]/w==\n");
}

#[test]
fn a_value_is_not_expanded_again() {
    let server = Server::always(answer(200, "%{url}\\n"));
    let out = Fetch::new()
        .args(["-w", "%{url} %{body}", &server.url("/%{status}")])
        .run()
        .exits(0);
    assert_eq!(
        out.stdout(),
        format!("{} %{{url}}\\n\n", server.url("/%{status}"))
    );
}

/// The bytes that a template leaves in a file, for one answer with this body.
#[track_caller]
fn bytes(template: &str, body: &[u8]) -> Vec<u8> {
    let server = Server::at("/a", reply(200, &[("X-A", "one"), ("x-a", "two")], body));
    let folder = Folder::new();
    let file = folder.path("out");
    let fetch = Fetch::new().stdout_to(&file);
    fetch
        .args(["-w", template, &server.url("/a")])
        .run()
        .exits(0);
    folder.read("out")
}

#[test]
fn beside_a_body_alone_failures_are_told_on_standard_error() {
    let server = Server::build()
        .route("/no", answer(404, "gone"))
        .otherwise(ok("x"))
        .start();
    let refusing = Refusing::new();
    let urls = [
        server.url("/a"),
        server.url("/no"),
        format!("http://{}/", refusing.address()),
    ];
    let run = || Fetch::new().args(["-q", "--ordered", "-w", "%{body}"]);
    let out = run().args(&urls).run().exits(1);
    assert_eq!(out.stdout(), "xgone");
    let (no, refused) = (&urls[1], &urls[2]);
    let expected = format!(
        "fetch: args:2: {no}: status 404\nfetch: args:3: {refused}: connect: {}: connection refused\n",
        refusing.address()
    );
    assert_eq!(out.stderr(), expected);
}

#[test]
fn a_body_alone_is_written_byte_for_byte() {
    for body in [&b"\0\xff\x1b[31m\n"[..], b"one\n\ttwo", b"three\n", b""] {
        assert_eq!(bytes("%{body}", body), body);
        assert_eq!(bytes("%{body}\\n", body), [body, b"\n"].concat());
    }
    assert_eq!(bytes("%{status} %{body}", b"a\nb"), b"200 a\\nb\n");
    assert_eq!(bytes("%{status} %{body}", b"\xff"), b"200 \n");
}

#[test]
fn a_body_on_a_terminal_is_text_or_a_word_about_it() {
    let server = Server::build()
        .route("/text", ok("one\n\ttwo\u{1b}[31m\u{202e}"))
        .route("/bytes", ok(b"\xff\x1b[31m"))
        .start();
    let shown = |path: &str| {
        let fetch = Fetch::new().stdout_terminal();
        let out = fetch
            .args(["-w", "%{body}", &server.url(path)])
            .run()
            .exits(0);
        out.screen().replace('\r', "")
    };
    assert_eq!(shown("/text"), "one\n\ttwo\\x1b[31m\\u{202e}\n");
    assert_eq!(
        shown("/bytes"),
        "[6 bytes that are not text: write > FILE, or -o DIR, to save them]\n"
    );
}

#[test]
fn a_header_is_found_by_its_name() {
    assert_eq!(bytes("[%header{x-a}] %header{X-A}", b""), b"[one] one\n");
    assert_eq!(bytes("[%header{missing}]", b""), b"[]\n");
    let out = Fetch::new()
        .args(["-w", "%header{a b}", "u"])
        .run()
        .exits(2);
    assert_eq!(
        out.stderr(),
        "fetch: --write-out: '%header{a b}' is not %header{NAME}\n"
    );
}

#[test]
fn a_template_is_read_from_a_file() {
    let server = Server::at("/a", ok("x"));
    let args = ["-w", "@t", &server.url("/a")];
    for (template, line) in [("%{status}\n", "200\n"), ("%{status} %{size}", "200 1\n")] {
        let out = Fetch::new().file("t", template).args(args).run().exits(0);
        assert_eq!(out.stdout(), line);
    }
    for (value, message) in [
        ("@", "--write-out: the file name after @ is missing"),
        ("@no", "--write-out: no: no such file or directory"),
        (
            "@-",
            "--write-out: @-: standard input is the list; put the template into a file",
        ),
    ] {
        let out = Fetch::new().args(["-w", value, "-"]).run().exits(2);
        assert_eq!(out.stderr(), format!("fetch: {message}\n"));
    }
}
