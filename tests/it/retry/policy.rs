//! Which attempts are made again, and how often.

use serde_json::{Value, json};

use crate::support::{
    Fetch, Output, PATIENCE, Script, Server, answer, ok,
    port::{Overrun, Refusing},
    record::RecordExt as _,
    redirect, reply, tls,
};

pub(super) const SOON: [&str; 2] = ["--retry-delay", "10ms"];
const IDEMPOTENT: [&str; 5] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];
pub(super) const CUT_OFF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome";

/// Each attempt in short: status or kind of error.
#[track_caller]
pub(super) fn story(record: &Value) -> Vec<String> {
    let attempts = record["attempts"].as_array().unwrap();
    attempts
        .iter()
        .map(|attempt| {
            if attempt["error"].is_null() {
                attempt["status"].to_string()
            } else {
                kind(&attempt["error"]).to_owned()
            }
        })
        .collect()
}

/// The contract does not say whether it is the kind alone or the whole error.
#[track_caller]
fn kind(error: &Value) -> &str {
    error
        .as_str()
        .or_else(|| error["kind"].as_str())
        .unwrap_or_else(|| panic!("no kind in {error}"))
}

pub(super) fn delays(record: &Value) -> Vec<f64> {
    let attempts = record["attempts"].as_array().unwrap();
    attempts
        .iter()
        .map(|attempt| attempt["delay"].as_f64().unwrap())
        .collect()
}

/// How often the server was asked for the path.
fn asked(server: &Server, path: &str) -> usize {
    server
        .targets()
        .iter()
        .filter(|target| *target == path)
        .count()
}

fn soon(out: &Output) {
    assert!(out.elapsed < PATIENCE / 3, "{:?}", out.elapsed);
}

/// The record of one URL that is fetched with `--retry 3` and these options.
#[track_caller]
pub(super) fn with_retries(args: &[&str], url: &str) -> Value {
    let out = Fetch::jsonl()
        .args(["--retry", "3"])
        .args(SOON)
        .args(args)
        .arg(url)
        .run();
    soon(&out);
    out.record()
}

fn input(url: &str, method: &str, body: Option<&str>) -> String {
    let mut line = json!({"url": url, "method": method});
    if let Some(body) = body {
        line["body"] = body.into();
    }
    format!("{line}\n")
}

#[test]
fn nothing_is_tried_again_unless_asked_for() {
    let server = Server::always(answer(503, "no"));
    let record = Fetch::jsonl().arg(server.url("/")).run().exits(1).record();
    assert_eq!(story(&record), ["503"]);
    let record = Fetch::jsonl()
        .args(["--retry", "0", &server.url("/")])
        .run()
        .exits(1)
        .record();
    assert_eq!(story(&record), ["503"]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_number_is_of_extra_attempts_and_has_an_alias() {
    for option in ["--retry", "--max-retries"] {
        let server = Server::always(answer(503, "no"));
        let out = Fetch::jsonl()
            .args([option, "2"])
            .args(SOON)
            .arg(server.url("/a"))
            .run()
            .exits(1);
        assert_eq!(out.record().verdict(), "http_error 503");
        assert_eq!(story(&out.record()), ["503", "503", "503"]);
        assert_eq!(server.requests().len(), 3);
    }
}

#[test]
fn a_success_ends_the_attempts() {
    let server = Server::build()
        .route_in_turn("/a", [answer(503, "no"), ok("yes")])
        .start();
    let record = with_retries(&[], &server.url("/a"));
    assert_eq!(record["outcome"], "ok");
    assert_eq!(story(&record), ["503", "200"]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn methods_that_may_be_repeated_are_and_others_are_not() {
    let methods = IDEMPOTENT.into_iter().chain(["POST", "PATCH", "PURGE"]);
    let silent = Script::new().silence();
    let kinds = [
        ("status", answer(503, ""), vec!["503"; 3]),
        ("closed", Script::new().close(), vec!["connect"; 3]),
        ("silent", silent, vec!["timeout"; 3]),
    ];
    for (path, script, story_of_all) in kinds {
        let server = Server::always(script);
        let list: String = methods
            .clone()
            .map(|method| input(&server.url(&format!("/{method}/{path}")), method, None))
            .collect();
        let out = Fetch::jsonl()
            .args(["--retry", "2", "--read-timeout", "300ms"])
            .args(SOON)
            .stdin(list)
            .run()
            .exits(1);
        for record in out.records() {
            let method = record.text("method");
            let expected = if IDEMPOTENT.contains(&method) { 3 } else { 1 };
            assert_eq!(story(&record), story_of_all[..expected], "{method} {path}");
            let asked = asked(&server, &format!("/{method}/{path}"));
            assert_eq!(asked, expected, "{method} {path}");
        }
    }
}

#[test]
fn a_body_that_is_cut_off_is_tried_again_for_the_same_methods() {
    let server = Server::always(Script::new().send(CUT_OFF).close());
    let list: String = ["GET", "PUT", "DELETE", "OPTIONS", "POST", "PATCH"]
        .iter()
        .map(|method| input(&server.url(&format!("/{method}")), method, Some("x")))
        .collect();
    let out = Fetch::jsonl()
        .args(["--retry", "1"])
        .args(SOON)
        .stdin(list)
        .run()
        .exits(1);
    for record in out.records() {
        let method = record.text("method");
        let expected = if IDEMPOTENT.contains(&method) { 2 } else { 1 };
        assert_eq!(record.verdict(), "error body/body");
        assert_eq!(story(&record), vec!["body"; expected], "{method}");
        assert_eq!(asked(&server, &format!("/{method}")), expected, "{method}");
    }
}

#[test]
fn every_method_is_tried_again_where_nothing_was_sent() {
    let refusing = Refusing::new();
    let overrun = Overrun::new();
    for (address, expected) in [
        (refusing.address(), "connect"),
        (overrun.address(), "timeout"),
    ] {
        let list: String = ["GET", "POST", "PATCH", "PURGE"]
            .iter()
            .map(|method| input(&format!("http://{address}/"), method, Some("x")))
            .collect();
        let out = Fetch::jsonl()
            .args(["--retry", "2", "--connect-timeout", "200ms"])
            .args(SOON)
            .stdin(list)
            .run()
            .exits(1);
        for record in out.records() {
            assert_eq!(story(&record), vec![expected; 3], "{record}");
            assert!(record["status"].is_null());
        }
    }
}

#[test]
fn a_post_whose_chain_was_begun_is_sent_once() {
    let refusing = Refusing::new();
    for status in [303, 307] {
        let location = format!("http://{}/", refusing.address());
        let server = Server::at("/a", redirect(status, &location));
        let record = with_retries(&["-d", "x"], &server.url("/a"));
        assert_eq!(record["error"]["kind"], "connect");
        assert_eq!(story(&record), ["connect"], "{status}");
        assert_eq!(server.request().method, "POST");
    }
}

#[test]
fn a_post_is_sent_once_though_the_server_closes_in_the_middle_of_it() {
    let server = Server::build()
        .blind_to_bodies()
        .route("/a", Script::new().reset())
        .start();
    let record = Fetch::jsonl()
        .file("data", vec![b'x'; 5_000_000])
        .args(["--retry", "3", "-d", "@data"])
        .args(SOON)
        .arg(server.url("/a"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{record}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_is_sent_again_is_the_same_request() {
    let server = Server::build()
        .route_in_turn("/a?b", [answer(500, "no"), answer(502, "no"), ok("")])
        .start();
    let args = ["-X", "PUT", "-d", "content", "-H", "X-Y: z"];
    let record = with_retries(&args, &server.url("/a?b"));
    assert_eq!(story(&record), ["500", "502", "200"]);
    for request in server.requests() {
        assert_eq!(
            (&*request.method, &*request.target, request.body_text()),
            ("PUT", "/a?b", "content")
        );
        assert_eq!(request.header("x-y"), Some("z"));
    }
}

#[test]
fn statuses_that_may_pass_are_tried_again_and_others_are_not() {
    let again = [408, 429, 500, 502, 503, 504];
    let not = [400, 401, 403, 404, 409, 410, 425, 501, 505, 507, 599];
    let mut builder = Server::build();
    for status in again.iter().chain(&not) {
        builder = builder.route_in_turn(&format!("/{status}"), [answer(*status, "no"), ok("")]);
    }
    let server = builder.start();
    let list: String = again
        .iter()
        .chain(&not)
        .map(|status| server.url(&format!("/{status}\n")))
        .collect();
    let out = Fetch::jsonl()
        .args(["--retry", "3"])
        .args(SOON)
        .stdin(list)
        .run()
        .exits(1);
    for (record, status) in out.in_order().iter().zip(again.iter().chain(&not)) {
        let mut expected = vec![status.to_string()];
        expected.extend(again.contains(status).then(|| "200".to_owned()));
        assert_eq!(story(record), expected);
    }
}

#[test]
fn the_statuses_can_be_chosen() {
    let server = Server::build()
        .route_in_turn("/404", [answer(404, "no"), ok("")])
        .route_in_turn("/418", [answer(418, "no"), answer(419, "no"), ok("")])
        .route_in_turn("/503", [answer(503, "no"), ok("")])
        .start();
    let list: String = ["/404\n", "/418\n", "/503\n"]
        .iter()
        .map(|path| server.url(path))
        .collect();
    let out = Fetch::jsonl()
        .args(["--retry", "3", "--retry-on", "404,418..=420"])
        .args(SOON)
        .stdin(list)
        .run()
        .exits(1);
    let stories: Vec<_> = out.in_order().iter().map(story).collect();
    assert_eq!(
        stories,
        [vec!["404", "200"], vec!["418", "419", "200"], vec!["503"]]
    );
}

#[test]
fn errors_are_tried_again_whatever_statuses_are_chosen() {
    let server = Server::build()
        .route_in_turn("/a", [Script::new().send(CUT_OFF).close(), ok("")])
        .start();
    let record = with_retries(&["--retry-on", "404"], &server.url("/a"));
    assert_eq!(story(&record), ["body", "200"]);
}

#[test]
fn what_is_accepted_is_not_tried_again() {
    let server = Server::always(answer(503, "fine"));
    let record = with_retries(&["--accept", "503"], &server.url("/a"));
    assert_eq!(record["outcome"], "ok");
    assert_eq!(story(&record), ["503"]);
    server.request();
}

#[test]
fn a_success_that_is_not_accepted_is_tried_again_only_where_it_is_listed() {
    let server = Server::always(ok("x"));
    let record = with_retries(&["--accept", "204"], &server.url("/a"));
    assert_eq!(story(&record), ["200"]);
    let args = ["--accept", "204", "--retry-on", "200"];
    let record = with_retries(&args, &server.url("/a"));
    assert_eq!(story(&record), ["200"; 4]);
}

#[test]
fn a_refused_connection_is_tried_again() {
    let refusing = Refusing::new();
    let record = with_retries(&[], &format!("http://{}/", refusing.address()));
    assert_eq!(record.verdict(), "error connect/connect");
    assert_eq!(story(&record), ["connect"; 4]);
}

#[test]
fn a_server_that_closes_without_an_answer_is_tried_again() {
    for script in [Script::new().close(), Script::new().reset()] {
        let server = Server::build()
            .route_in_turn("/a", [script, answer(500, "no"), ok("")])
            .start();
        let record = with_retries(&[], &server.url("/a"));
        assert_eq!(story(&record), ["connect", "500", "200"]);
    }
}

#[test]
fn each_attempt_has_the_whole_timeout() {
    let server = Server::build()
        .route_in_turn(
            "/a",
            [Script::new().silence(), Script::new().silence(), ok("")],
        )
        .start();
    let record = with_retries(&["-t", "400ms"], &server.url("/a"));
    assert_eq!(story(&record), ["timeout", "timeout", "200"]);
    for attempt in &record["attempts"].as_array().unwrap()[..2] {
        let time = attempt["time_total"].as_f64().unwrap();
        assert!((0.4..2.0).contains(&time), "{attempt}");
    }
    let time = |key: &str| record[key].as_f64().unwrap();
    assert!(time("time_total") < 0.4, "of the last attempt: {record}");
    assert!(time("time_elapsed") >= 0.8, "of all: {record}");
}

#[test]
fn a_time_out_of_silence_in_the_body_is_tried_again() {
    let server = Server::build()
        .route_in_turn("/a", [Script::new().send(CUT_OFF).silence(), ok("yes")])
        .start();
    let record = with_retries(&["--read-timeout", "300ms"], &server.url("/a"));
    assert_eq!(story(&record), ["timeout", "200"]);
    assert_eq!(
        record["attempts"][0]["status"], 200,
        "of the head that came"
    );
    assert_eq!(record["size"], 3);
}

#[test]
fn a_name_that_is_not_found_is_looked_up_once_more() {
    let record = with_retries(&[], "http://nothing.invalid/");
    assert_eq!(record.verdict(), "error dns/resolve");
    assert_eq!(story(&record), ["dns"; 2]);
}

/// Makes sure that this is not tried again.
#[track_caller]
fn once(args: &[&str], line: &str, kind: &str) {
    let out = Fetch::jsonl()
        .args(["--retry", "3"])
        .args(SOON)
        .args(args)
        .stdin(line)
        .run()
        .exits(1);
    assert_eq!(out.record()["error"]["kind"], kind, "{}", out.stdout());
    assert_eq!(story(&out.record()), [kind]);
    soon(&out);
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    let server = Server::build().tls(tls::here()).otherwise(ok("")).start();
    once(&[], &server.url("/"), "tls");

    let server = Server::build()
        .route("/nowhere", reply(302, &[], ""))
        .route("/round", redirect(302, "/round"))
        .route("/ftp", redirect(302, "ftp://127.0.0.1/"))
        .route("/bad", Script::new().send("What?\r\n\r\n").close())
        .route("/large", ok("x".repeat(100)))
        .route(
            "/endless",
            Script::new()
                .send("HTTP/1.1 200 OK\r\n\r\n")
                .repeat("xx", 0),
        )
        .start();
    once(&[], &server.url("/nowhere"), "redirect");
    once(&[], &server.url("/ftp"), "redirect");
    once(&["--max-redirs", "3"], &server.url("/round"), "redirect");
    assert_eq!(asked(&server, "/round"), 4);
    once(&[], &server.url("/bad"), "protocol");
    once(
        &["--max-filesize", "10"],
        &server.url("/large"),
        "too_large",
    );
    once(
        &["--max-filesize", "10"],
        &server.url("/endless"),
        "too_large",
    );
    let line = json!({"url": server.url("/large"), "sha256": "0".repeat(64)});
    once(&[], &line.to_string(), "checksum");
    for path in ["/nowhere", "/ftp", "/bad", "/endless"] {
        assert_eq!(asked(&server, path), 1, "{path}");
    }
    assert_eq!(asked(&server, "/large"), 2);
}

#[test]
fn a_bad_line_is_not_tried_at_all() {
    let out = Fetch::jsonl()
        .args(["--retry", "3"])
        .stdin("http://[\n")
        .run()
        .exits(1);
    assert_eq!(out.record()["attempts"], json!([]));
}

#[test]
fn a_chain_of_redirects_is_started_anew() {
    let other = Server::build()
        .route_in_turn("/c", [answer(503, "no"), ok("x")])
        .start();
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .route("/b", redirect(307, &other.url("/c")))
        .start();
    let record = with_retries(
        &["-u", "user:secret", "--max-redirs", "2"],
        &server.url("/a"),
    );
    assert_eq!(record["outcome"], "ok");
    assert_eq!(story(&record), ["503", "200"]);
    assert_eq!(record["redirects"], 2, "of the last attempt");
    assert_eq!(record["final_url"], other.url("/c"));
    assert_eq!(server.targets(), ["/a", "/b", "/a", "/b"]);
    assert_eq!(other.targets(), ["/c", "/c"]);
    for request in server.requests() {
        assert!(request.header("authorization").is_some(), "{request:?}");
    }
    for request in other.requests() {
        assert!(request.header("authorization").is_none(), "{request:?}");
    }
}

#[test]
fn a_failure_that_is_tried_again_is_not_one_yet() {
    let server = Server::build()
        .route_in_turn("/0", [answer(503, "no"), ok("")])
        .otherwise(ok(""))
        .start();
    let out = Fetch::jsonl()
        .args(["--retry", "1", "--fail-fast"])
        .args(SOON)
        .stdin(server.list(20))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 20);
}

#[test]
fn values_that_make_no_sense_are_usage_errors() {
    for (option, value) in [
        ("--retry", "x"),
        ("--retry", "-1"),
        ("--retry", ""),
        ("--retry", "99999999999999"),
        ("--retry-delay", "x"),
        ("--retry-delay", "-1"),
        ("--retry-max-delay", "x"),
        ("--retry-on", "x"),
        ("--retry-on", ""),
        ("--retry-on", "99"),
        ("--retry-on", "1000"),
        ("--max-per-host", "0"),
        ("--max-per-host", "x"),
        ("--rate", "10"),
        ("--rate", "0/s"),
        ("--rate", "-1/s"),
        ("--rate", "10/d"),
        ("--rate", "/s"),
        ("--rate", "10/"),
        ("--rate", "inf/s"),
        ("--rate", "NaN/s"),
        ("--rate-per-host", "10"),
        ("--rate-per-host", "0/m"),
    ] {
        let out = Fetch::new()
            .arg(format!("{option}={value}"))
            .arg("http://127.0.0.1/")
            .run()
            .exits(2);
        let first = out.stderr().lines().next().unwrap_or_default();
        assert!(first.contains(option), "{option}={value}: {first}");
    }
}

#[test]
fn the_numbers_of_attempts_and_doublings_are_not_bounded_by_their_types() {
    let server = Server::always(answer(503, "no"));
    let out = Fetch::jsonl()
        .args(["--retry", "70", "--retry-delay", "1ms"])
        .args(["--retry-max-delay", "2ms", &server.url("/a")])
        .run()
        .exits(1);
    assert_eq!(out.record()["attempts"].as_array().unwrap().len(), 71);
}

#[test]
fn no_delay_is_too_long_and_no_number_too_large() {
    let server = Server::always(answer(503, "no"));
    for args in [
        &["--retry-delay", "1000000h", "--retry-max-delay", "0"][..],
        &["--retry-delay", "1000000h", "--retry-max-delay", "2000000h"],
        &["--retry-delay", "10000000000000h", "--retry-max-delay", "0"],
    ] {
        let out = Fetch::jsonl()
            .args(["--retry", "4294967295", "--deadline", "300ms"])
            .args(args)
            .arg(server.url("/a"))
            .run()
            .exits(1);
        assert_eq!(out.record()["outcome"], "cancelled", "{args:?}");
        assert_eq!(story(&out.record()), ["503"], "{args:?}");
    }
}
