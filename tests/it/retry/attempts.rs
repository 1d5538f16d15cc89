//! How attempts appear in the record and in the other formats.

use super::policy::{CUT_OFF, SOON, delays, story, with_retries};
use crate::support::{
    CANARY, Fetch, Gate, Script, Server, answer, ok, record::RecordExt as _, reply,
};

#[test]
fn the_record_is_of_the_last_attempt_and_lists_all() {
    let server = Server::build()
        .route_in_turn(
            "/a",
            [
                answer(503, "overloaded"),
                Script::new().send(CUT_OFF).close(),
                reply(404, &[("Content-Type", "text/x-last")], "four"),
            ],
        )
        .start();
    let out = Fetch::jsonl()
        .args(["--retry", "5", "--body"])
        .args(SOON)
        .arg(server.url("/a"))
        .run()
        .exits(1);
    let record = out.record();
    assert_eq!(record.verdict(), "http_error 404");
    assert_eq!(
        (&record["status"], &record["size"]),
        (&404.into(), &4.into())
    );
    assert_eq!(record["content_type"], "text/x-last");
    assert_eq!(record["body"], "four");
    assert!(record["error"].is_null());
    assert_eq!(story(&record), ["503", "body", "404"]);
    let attempts = record["attempts"].as_array().unwrap();
    let statuses: Vec<_> = attempts.iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(statuses, [503, 200, 404]);
    assert!(attempts[0]["error"].is_null() && attempts[2]["error"].is_null());
    assert_eq!(attempts[2]["time_total"], record["time_total"]);
    assert_eq!(delays(&record)[0].to_bits(), 0.0_f64.to_bits());
    let spent: f64 = attempts
        .iter()
        .map(|attempt| attempt["time_total"].as_f64().unwrap() + attempt["delay"].as_f64().unwrap())
        .sum();
    let elapsed = record["time_elapsed"].as_f64().unwrap();
    // Each of the six is rounded.
    assert!(elapsed >= spent - 0.006, "{spent} of {record}");
}

#[test]
fn the_record_has_the_error_of_the_last_attempt() {
    let server = Server::build()
        .route_in_turn("/a", [answer(503, "overloaded"), Script::new().close()])
        .start();
    let record = with_retries(&[], &server.url("/a"));
    assert_eq!(record.verdict(), "error connect/headers");
    assert_eq!(story(&record), ["503", "connect", "connect", "connect"]);
    assert_ne!(record["size"], 10, "of the last attempt, which had none");
}

#[test]
fn text_shows_the_number_of_retries() {
    let server = Server::build()
        .route_in_turn("/a", [answer(503, "no"), answer(500, "no"), ok("x")])
        .route_in_turn("/b", [answer(503, "no")])
        .route("/c", ok("x"))
        .start();
    let out = Fetch::new()
        .args(["--retry", "2", "-j1"])
        .args(SOON)
        .args([server.url("/a"), server.url("/b"), server.url("/c")])
        .run()
        .exits(1);
    let line = |path: &str| {
        let url = server.url(path);
        let mut lines = out.lines().into_iter().filter(|line| line.contains(&url));
        let line = lines.next().unwrap().to_owned();
        assert!(lines.next().is_none(), "{}", out.stdout());
        line
    };
    assert!(line("/a").starts_with("200  ") && line("/a").contains("[RETRIED 2]"));
    assert!(line("/b").starts_with("503  ") && line("/b").contains("[RETRIED 2]"));
    assert!(line("/b").contains("[DOWN]"), "{}", line("/b"));
    assert!(!line("/c").contains("RETRIED"), "{}", line("/c"));
}

#[test]
fn other_formats_count_the_attempts() {
    let flaky = || {
        Server::build()
            .route_in_turn("/a", [answer(503, "no"), answer(500, "no"), ok("x")])
            .start()
    };
    let server = flaky();
    let out = Fetch::new()
        .args(["--retry", "2", "-w", "%{num_retries} %{http_code}"])
        .args(SOON)
        .arg(server.url("/a"))
        .run()
        .exits(0);
    assert_eq!(out.stdout(), "2 200\n");
    let server = flaky();
    let out = Fetch::new()
        .args(["--retry", "2", "--format", "csv"])
        .args(SOON)
        .arg(server.url("/a"))
        .run()
        .exits(0);
    assert_eq!(
        out.lines()[1].split(',').nth(6),
        Some("3"),
        "{}",
        out.stdout()
    );
}

#[test]
fn verbose_reports_retries_while_they_happen() {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::build()
        .route_in_turn("/a", [answer(503, "no"), held])
        .start();
    let url = server.url("/a").replace("//", &format!("//user:{CANARY}@"));
    let run = Fetch::jsonl()
        .args(["--retry", "1", "-v", &url])
        .args(SOON)
        .spawn();
    run.stderr.wait_for("503");
    run.stderr.wait_for("attempt 2");
    gate.open();
    run.wait().exits(0);
}

#[test]
fn without_verbose_retries_are_not_reported() {
    let server = Server::build()
        .route_in_turn("/a", [answer(503, "no"), ok("")])
        .start();
    let out = Fetch::new()
        .args(["--retry", "1", &server.url("/a")])
        .args(SOON)
        .run()
        .exits(0);
    assert!(!out.stderr().contains("503"), "{}", out.stderr());
    assert!(out.stderr().starts_with("OK 1/1 in "), "{}", out.stderr());
}
