//! Which attempts are made again, and how often.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Fetch, Script, Server, answer, ok,
    port::{Overrun, Refusing},
    record::RecordExt as _,
    redirect, reply, tls, with_time_enough,
};

pub(super) const SOON: [&str; 2] = ["--retry-delay", "10ms"];
const IDEMPOTENT: [&str; 5] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];
pub(super) const CUT_OFF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome";

/// The status or the kind of error of each attempt.
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

/// The record of one URL that is fetched with `--retry 3` and these options.
#[track_caller]
pub(super) fn with_retries(args: &[&str], url: &str) -> Value {
    let fetch = Fetch::jsonl().args(["--retry", "3"]).args(SOON);
    fetch.args(args).arg(url).run().record()
}

fn input(url: &str, method: &str, body: Option<&str>) -> String {
    let mut line = json!({"url": url, "method": method});
    if let Some(body) = body {
        line["body"] = body.into();
    }
    format!("{line}\n")
}

#[test]
fn nothing_is_retried_by_default() {
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
fn idempotent_methods_are_retried_and_others_are_not() {
    let methods = IDEMPOTENT.into_iter().chain(["POST", "PATCH", "PURGE"]);
    let silent = Script::new().silence();
    let kinds = [
        ("status", answer(503, ""), vec!["503"; 3], "30s"),
        ("closed", Script::new().close(), vec!["connect"; 3], "30s"),
        ("silent", silent, vec!["timeout"; 3], "300ms"),
    ];
    for (path, script, story_of_all, limit) in kinds {
        let server = Server::always(script);
        let list: String = methods
            .clone()
            .map(|method| input(&server.url(&format!("/{method}/{path}")), method, None))
            .collect();
        let out = Fetch::jsonl()
            .args([
                "--retry",
                "2",
                "--read-timeout",
                limit,
                "--host-timeouts",
                "0",
            ])
            .args(SOON)
            .stdin(list)
            .run()
            .exits(1);
        for record in out.records() {
            let method = record.text("method");
            let expected = if IDEMPOTENT.contains(&method) { 3 } else { 1 };
            assert_eq!(story(&record), story_of_all[..expected], "{method} {path}");
            let asked = asked(&server, &format!("/{method}/{path}"));
            // The server may read a request late, or never, that the run has given up.
            let is_right = asked == expected || path == "silent" && asked < expected;
            assert!(is_right, "{method} {path}: {asked}");
        }
    }
}

#[test]
fn a_truncated_body_is_retried_for_the_same_methods() {
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
fn every_method_is_retried_if_nothing_was_sent() {
    let refusing = Refusing::new();
    let overrun = Overrun::new();
    for (address, expected, limit) in [
        (refusing.address(), "connect", "30s"),
        (overrun.address(), "timeout", "200ms"),
    ] {
        let list: String = ["GET", "POST", "PATCH", "PURGE"]
            .iter()
            .map(|method| input(&format!("http://{address}/"), method, Some("x")))
            .collect();
        let out = Fetch::jsonl()
            .args(["--retry", "2", "--connect-timeout", limit])
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
fn a_post_is_not_retried_after_its_first_redirect() {
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
fn a_retry_sends_the_same_request() {
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
fn transient_statuses_are_retried_and_others_are_not() {
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
fn retry_on_chooses_the_statuses() {
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
fn errors_are_retried_whatever_retry_on_says() {
    let server = Server::build()
        .route_in_turn("/a", [Script::new().send(CUT_OFF).close(), ok("")])
        .start();
    let record = with_retries(&["--retry-on", "404"], &server.url("/a"));
    assert_eq!(story(&record), ["body", "200"]);
}

#[test]
fn an_accepted_status_is_not_retried() {
    let server = Server::always(answer(503, "fine"));
    let record = with_retries(&["--accept", "503"], &server.url("/a"));
    assert_eq!(record["outcome"], "ok");
    assert_eq!(story(&record), ["503"]);
    server.request();
}

#[test]
fn a_2xx_that_is_not_accepted_is_retried_only_if_listed() {
    let server = Server::always(ok("x"));
    let record = with_retries(&["--accept", "204"], &server.url("/a"));
    assert_eq!(story(&record), ["200"]);
    let args = ["--accept", "204", "--retry-on", "200"];
    let record = with_retries(&args, &server.url("/a"));
    assert_eq!(story(&record), ["200"; 4]);
}

#[test]
fn a_refused_connection_is_retried() {
    let refusing = Refusing::new();
    let record = with_retries(&[], &format!("http://{}/", refusing.address()));
    assert_eq!(record.verdict(), "error connect/connect");
    assert_eq!(story(&record), ["connect"; 4]);
}

#[test]
fn a_connection_closed_without_an_answer_is_retried() {
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
    let (limit, record) = with_time_enough(|limit| {
        let silent = Script::new().silence();
        let server = Server::build()
            .route_in_turn("/a", [silent.clone(), silent, ok("")])
            .may_stay_unasked()
            .start();
        let record = with_retries(&["-t", &limit.to_string()], &server.url("/a"));
        let story = story(&record);
        assert_eq!(story[..2], ["timeout"; 2]);
        let total = record["time_total"].as_f64().unwrap();
        let is_of_the_last = story[2..] == ["200"] && total < limit.seconds();
        is_of_the_last.then_some((limit.seconds(), record))
    });
    for attempt in &record["attempts"].as_array().unwrap()[..2] {
        let time = attempt["time_total"].as_f64().unwrap();
        assert!(time >= limit, "{attempt}");
    }
    let elapsed = record["time_elapsed"].as_f64().unwrap();
    assert!(elapsed >= 2.0 * limit, "of all: {record}");
}

#[test]
fn a_read_timeout_within_the_body_is_retried() {
    let record = with_time_enough(|limit| {
        let server = Server::build()
            .route_in_turn("/a", [Script::new().send(CUT_OFF).silence(), ok("yes")])
            .may_stay_unasked()
            .start();
        let record = with_retries(&["--read-timeout", &limit.to_string()], &server.url("/a"));
        // Otherwise even the head came too late.
        let is_in_the_body = record["attempts"][0]["status"] == 200;
        (is_in_the_body && story(&record).len() == 2).then_some(record)
    });
    assert_eq!(story(&record), ["timeout", "200"]);
    assert_eq!(record["size"], 3);
}

#[test]
fn an_unknown_name_is_looked_up_once_more() {
    let record = with_retries(&[], "http://nothing.invalid/");
    assert_eq!(record.verdict(), "error dns/resolve");
    assert_eq!(story(&record), ["dns"; 2]);
}

/// Asserts that a line fails with an error of this kind in its only attempt.
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
}

#[test]
fn permanent_errors_are_not_retried() {
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
fn a_bad_line_makes_no_attempt() {
    let out = Fetch::jsonl()
        .args(["--retry", "3"])
        .stdin("http://[\n")
        .run()
        .exits(1);
    assert_eq!(out.record()["attempts"], json!([]));
}

#[test]
fn a_retry_starts_the_redirects_anew() {
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
fn fail_fast_does_not_stop_at_a_failure_that_is_retried() {
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
fn many_retries_overflow_no_counter() {
    let server = Server::always(answer(503, "no"));
    let out = Fetch::jsonl()
        .args(["--retry", "70", "--retry-delay", "1ms"])
        .args(["--retry-max-delay", "2ms", &server.url("/a")])
        .run()
        .exits(1);
    assert_eq!(out.record()["attempts"].as_array().unwrap().len(), 71);
}

#[test]
fn huge_delays_and_numbers_are_accepted() {
    let server = Server::always(answer(503, "no"));
    for args in [
        &["--retry-delay", "1000000h", "--retry-max-delay", "0"][..],
        &["--retry-delay", "1000000h", "--retry-max-delay", "2000000h"],
        &["--retry-delay", "10000000000000h", "--retry-max-delay", "0"],
    ] {
        let run = Fetch::jsonl()
            .args(["-v", "--retry", "4294967295"])
            .args(args)
            .arg(server.url("/a"))
            .spawn();
        run.stderr.wait_for("attempt 2 of ");
        run.signal(Signal::INT);
        let out = run.wait().exits(130);
        assert_eq!(out.record()["outcome"], "cancelled", "{args:?}");
        assert_eq!(story(&out.record()), ["503"], "{args:?}");
    }
}
