//! Retry-After that is longer than allowed, not a time, or does not count.

use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::retry_after::{between, http_date, told};
use crate::support::{Fetch, PATIENCE, Server, ok, record::RecordExt as _};

/// The one record, which does not pass for one with [`Fetch`]'s own checks: an answer that is not accepted, with
/// an error beside it.
#[track_caller]
fn refused_rest(server: &Server, args: &[&str]) -> Value {
    let began = Instant::now();
    let out = Fetch::jsonl()
        .args(["--retry", "3", "--retry-delay", "10ms"])
        .args(args)
        .arg(server.url("/a"))
        .run()
        .exits(1);
    assert!(began.elapsed() < Duration::from_secs(3), "at once");
    assert_eq!(out.lines().len(), 1, "{}", out.stdout());
    let record: Value = serde_json::from_str(out.stdout()).unwrap();
    assert_eq!(record["outcome"], "http_error", "{record}");
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{record}");
    record
}

#[test]
fn a_rest_longer_than_allowed_is_a_failure_that_says_so() {
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
fn a_rest_as_long_as_allowed_is_honoured() {
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
fn a_rest_longer_than_allowed_is_said_in_text_too() {
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
fn no_rest_is_too_long_where_there_is_no_limit() {
    for rest in [
        "100000000",
        "99999999999",
        "18446744073709551615",
        "99999999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let server = Server::always(told(503, rest));
        let out = Fetch::jsonl()
            .args(["--retry", "1", "--retry-max-delay", "0"])
            .args(["--deadline", "300ms", &server.url("/a")])
            .run()
            .exits(1);
        assert_eq!(out.record()["outcome"], "cancelled", "{rest}");
        server.request();
    }
}

#[test]
fn without_retries_it_is_not_honoured() {
    let server = Server::build()
        .route("/0", told(429, "30"))
        .otherwise(ok("x"))
        .start();
    let out = Fetch::jsonl()
        .arg("-j1")
        .stdin(server.list(20))
        .run()
        .exits(1);
    assert!(out.elapsed < PATIENCE / 3, "{:?}", out.elapsed);
    let records = out.in_order();
    assert_eq!(records[0].verdict(), "http_error 429");
    assert!(records[1..].iter().all(|record| record["outcome"] == "ok"));
}

#[test]
fn with_other_statuses_it_means_nothing() {
    for status in [500, 502, 504, 408] {
        let server = Server::build()
            .route_in_turn("/a", [told(status, "30"), ok("x")])
            .start();
        let out = Fetch::jsonl()
            .args(["--retry", "1", "--retry-delay", "10ms", &server.url("/a")])
            .run()
            .exits(0);
        assert!(out.elapsed < PATIENCE / 3, "{status}: {:?}", out.elapsed);
    }
}

#[test]
fn nonsense_falls_back_to_the_back_off() {
    for rest in [
        "soon",
        "",
        "-5",
        "+5",
        "1.5",
        "30 s",
        "30s",
        "0x10",
        "Fri, 99 Foo 2099 99:99:99 GMT",
        "\u{663}\u{660}",
        "30, 40",
    ] {
        let server = Server::build()
            .route_in_turn("/a", [told(503, rest), ok("x")])
            .start();
        let out = Fetch::jsonl()
            .args(["--retry", "1", "--retry-delay", "10ms", &server.url("/a")])
            .run()
            .exits(0);
        assert!(out.elapsed < PATIENCE / 3, "{rest:?}: {:?}", out.elapsed);
        assert_eq!(out.record()["attempts"].as_array().unwrap().len(), 2);
    }
}
