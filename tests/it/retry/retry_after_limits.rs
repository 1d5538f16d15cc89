//! Retry-After with a time that is too long, malformed, or to be ignored.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use rustix::process::Signal;

use super::retry_after::{ANY_LENGTH, LONG, between, http_date, told};
use crate::support::{Fetch, Server, ok, record::RecordExt as _};

/// The record of a URL whose Retry-After is longer than allowed. It has an error beside the status, which the checks of
/// the harness do not expect.
#[track_caller]
fn refused_rest(server: &Server, args: &[&str]) -> Value {
    let out = Fetch::jsonl()
        .args(["--retry", "3", "--retry-delay", "10ms"])
        .args(args)
        .arg(server.url("/a"))
        .run()
        .exits(1);
    assert_eq!(out.lines().len(), 1, "{}", out.stdout());
    let record: Value = serde_json::from_str(out.stdout()).unwrap();
    assert_eq!(record["outcome"], "http_error", "{record}");
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{record}");
    record
}

#[test]
fn a_longer_time_than_allowed_is_a_failure_that_names_the_option() {
    let far = http_date(SystemTime::now() + Duration::from_secs(3600));
    for (rest, args) in [
        ("61", &[][..]),
        ("120", &["--retry-max-delay", "119"]),
        ("2", &["--retry-max-delay", "1900ms"]),
        (&far, &["--retry-max-delay", "10m"]),
        (
            "99999999999999999999999999",
            &["--retry-max-delay", "1000h"],
        ),
        ("18446744073709551615", &[]),
    ] {
        let server = Server::always(told(503, rest));
        let record = refused_rest(&server, args);
        assert_eq!(record["status"], 503);
        let message = record["error"]["message"].as_str().unwrap_or_default();
        assert!(
            message.contains("Retry-After") && message.contains("--retry-max-delay"),
            "{record}"
        );
        server.request();
    }
}

#[test]
fn a_time_as_long_as_allowed_is_honoured() {
    let server = Server::build()
        .route_in_turn("/a", [told(503, "1"), ok("x")])
        .start();
    Fetch::jsonl()
        .args(["--retry", "1", "--retry-max-delay", "1", &server.url("/a")])
        .run()
        .exits(0);
    let requests = server.requests();
    assert!(between(&requests[0], &requests[1]) >= Duration::from_secs(1));
}

#[test]
fn a_longer_time_than_allowed_is_shown_in_text_too() {
    let server = Server::always(told(503, "120"));
    let out = Fetch::new()
        .args(["--retry", "3", &server.url("/a")])
        .run()
        .exits(1);
    assert!(out.stdout().starts_with("503  "), "{}", out.stdout());
    assert!(out.stdout().contains("[DOWN]"), "{}", out.stdout());
    assert!(out.stdout().contains("Retry-After"), "{}", out.stdout());
}

#[test]
fn any_time_is_honoured_without_a_limit() {
    for rest in [
        "100000000",
        "99999999999",
        "18446744073709551615",
        "99999999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let server = Server::always(told(503, rest));
        let run = Fetch::jsonl()
            .args(["-v", "--retry", "1", &server.url("/a")])
            .args(ANY_LENGTH)
            .spawn();
        run.stderr.wait_for("attempt 2 of ");
        run.signal(Signal::INT);
        let record = run.wait().exits(130).record();
        assert_eq!(record["outcome"], "cancelled", "{rest}");
        server.request();
    }
}

#[test]
fn a_time_beyond_the_limit_is_told_with_the_limit() {
    let server = Server::always(told(503, "100"));
    let record = Fetch::jsonl()
        .args(["--retry", "1", "--retry-max-delay", "5", &server.url("/a")])
        .run()
        .exits(1)
        .record();
    let said = "the server asks to wait 100 s (Retry-After), longer than --retry-max-delay (5s); not retried";
    assert_eq!(record["error"]["message"], said);
}

#[test]
fn without_retries_it_is_not_honoured() {
    let server = Server::build()
        .route("/0", told(429, LONG))
        .otherwise(ok("x"))
        .start();
    let out = Fetch::jsonl()
        .arg("-j1")
        .args(ANY_LENGTH)
        .stdin(server.list(20))
        .run()
        .exits(1);
    let records = out.in_order();
    assert_eq!(records[0].verdict(), "http_error 429");
    assert!(records[1..].iter().all(|record| record["outcome"] == "ok"));
}

#[test]
fn with_other_statuses_it_is_ignored() {
    for status in [500, 502, 504, 408] {
        let server = Server::build()
            .route_in_turn("/a", [told(status, LONG), ok("x")])
            .start();
        Fetch::jsonl()
            .args(["--retry", "1", "--retry-delay", "10ms", &server.url("/a")])
            .args(ANY_LENGTH)
            .run()
            .exits(0);
    }
}

#[test]
fn a_malformed_value_falls_back_to_the_back_off() {
    for rest in [
        "soon",
        "",
        "-1000",
        "+1000",
        "1000.5",
        "1000 s",
        "1000s",
        "0x1000",
        "Fri, 99 Foo 2099 99:99:99 GMT",
        "\u{661}\u{660}\u{660}\u{660}",
        "1000, 2000",
    ] {
        let server = Server::build()
            .route_in_turn("/a", [told(503, rest), ok("x")])
            .start();
        let out = Fetch::jsonl()
            .args(["--retry", "1", "--retry-delay", "10ms", &server.url("/a")])
            .args(ANY_LENGTH)
            .run()
            .exits(0);
        assert_eq!(out.record()["attempts"].as_array().unwrap().len(), 2);
    }
}
