//! Every phase has a limit, and every run an end.

use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Fetch, Output, PATIENCE, Script, Server, ok, port::Overrun, record::RecordExt as _,
};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";

/// The record of a request that runs into a limit, long before the limit of the test.
#[track_caller]
fn timed_out(args: &[&str], url: &str, phase: &str, option: &str) -> Value {
    let out = Fetch::jsonl().args(args).arg(url).run().exits(1);
    let record = out.record();
    assert_eq!(
        record.verdict(),
        format!("error timeout/{phase}"),
        "{record}"
    );
    assert!(record.message().contains(option), "{}", record.message());
    soon(&out);
    record
}

#[track_caller]
fn soon(out: &Output) {
    assert!(out.elapsed < PATIENCE / 3, "{:?}", out.elapsed);
}

#[test]
fn a_connection_that_does_not_come_about_ends_at_the_connect_timeout() {
    let overrun = Overrun::new();
    let url = format!("http://{}/", overrun.address());
    let record = timed_out(
        &["--connect-timeout", "300ms"],
        &url,
        "connect",
        "--connect-timeout",
    );
    assert!(record["status"].is_null() && record["remote_addr"].is_null());
    let message = record.message();
    assert!(message.contains("no connection within 300ms"), "{message}");
}

#[test]
fn a_connection_that_does_not_come_about_ends_at_the_timeout_too() {
    let overrun = Overrun::new();
    timed_out(
        &["-t", "300ms"],
        &format!("http://{}/", overrun.address()),
        "connect",
        "--timeout",
    );
}

#[test]
fn silence_in_the_handshake_ends_at_the_connect_timeout() {
    let server = Server::build().route("/a", Script::new().silence()).start();
    let url = server.url("/a").replace("http:", "https:");
    timed_out(
        &["--connect-timeout", "300ms"],
        &url,
        "connect",
        "--connect-timeout",
    );
}

#[test]
fn the_connect_timeout_limits_nothing_but_connecting() {
    let server = Server::at(
        "/a",
        Script::new()
            .pause(600)
            .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    );
    Fetch::new()
        .args(["--connect-timeout", "300ms", &server.url("/a")])
        .run()
        .exits(0);
}

#[test]
fn silence_before_the_headers_ends_at_the_read_timeout() {
    let server = Server::at("/a", Script::new().silence());
    let record = timed_out(
        &["--read-timeout", "300ms"],
        &server.url("/a"),
        "headers",
        "--read-timeout",
    );
    assert!(
        record.message().contains("no byte for 300ms"),
        "{}",
        record.message()
    );
    assert!(record["status"].is_null());
}

#[test]
fn silence_within_the_headers_ends_at_the_read_timeout() {
    let server = Server::at(
        "/a",
        Script::new().send("HTTP/1.1 200 OK\r\nContent-").silence(),
    );
    timed_out(
        &["--read-timeout", "300ms"],
        &server.url("/a"),
        "headers",
        "--read-timeout",
    );
}

#[test]
fn silence_within_the_body_ends_at_the_read_timeout() {
    let server = Server::at("/a", Script::new().send(HEAD).send("some").silence());
    let record = timed_out(
        &["--read-timeout", "300ms"],
        &server.url("/a"),
        "body",
        "--read-timeout",
    );
    assert_eq!(record["status"], 200, "the answer that came");
}

#[test]
fn silence_within_a_chunk_ends_at_the_read_timeout() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe";
    let server = Server::at("/a", Script::new().send(head).silence());
    timed_out(
        &["--read-timeout", "300ms"],
        &server.url("/a"),
        "body",
        "--read-timeout",
    );
}

#[test]
fn silence_in_a_compressed_body_ends_at_the_read_timeout() {
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n\x1f";
    let server = Server::at("/a", Script::new().send(head).silence());
    timed_out(
        &["--compressed", "--read-timeout", "300ms"],
        &server.url("/a"),
        "body",
        "--read-timeout",
    );
}

#[test]
fn the_read_timeout_is_about_silence_only() {
    let server = Server::at(
        "/a",
        Script::new()
            .send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
            .drip([b'x'; 20], 100),
    );
    let record = Fetch::jsonl()
        .args(["--read-timeout", "1500ms", &server.url("/a")])
        .run()
        .exits(0)
        .record();
    assert!(record["time_total"].as_f64().unwrap() > 1.5, "{record}");
}

#[test]
fn a_byte_at_a_time_in_the_body_ends_at_the_timeout() {
    let server = Server::at("/a", Script::new().send(HEAD).drip([b'x'; 1000], 50));
    for option in ["-t", "--timeout"] {
        let record = timed_out(&[option, "500ms"], &server.url("/a"), "body", "--timeout");
        assert!(
            record.message().contains("not done within 500ms"),
            "{}",
            record.message()
        );
    }
}

#[test]
fn a_byte_at_a_time_in_the_headers_ends_at_the_timeout() {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1000));
    let server = Server::at("/a", Script::new().drip(endless, 50));
    timed_out(&["-t", "500ms"], &server.url("/a"), "headers", "--timeout");
}

/// The record of a server that sends one interim answer after the other.
fn interim_answers(pause: u64) -> Output {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let server = Server::at("/a", Script::new().repeat(hints, pause));
    let out = Fetch::jsonl()
        .args(["-t", "700ms", &server.url("/a")])
        .run()
        .exits(1);
    let verdict = out.record().verdict();
    assert!(
        ["error timeout/headers", "error protocol/headers"].contains(&verdict.as_str()),
        "{verdict}"
    );
    out
}

#[test]
fn endless_interim_answers_end_at_the_timeout() {
    soon(&interim_answers(20));
    soon(&interim_answers(1));
}

#[test]
fn a_flood_of_interim_answers_ends() {
    // A build without optimisation takes long enough for what has come by then.
    interim_answers(0);
}

#[test]
fn an_endless_body_ends_at_the_timeout() {
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    let server = Server::at("/a", Script::new().send(head).repeat("x".repeat(65536), 0));
    timed_out(&["-t", "500ms"], &server.url("/a"), "body", "--timeout");
}

#[test]
fn a_server_that_does_not_read_ends_at_the_timeout() {
    let server = Server::build()
        .blind_to_bodies()
        .route(
            "/a",
            Script::new().run(|_, _| std::thread::park_timeout(PATIENCE / 2)),
        )
        .start();
    for (option, name) in [("-t", "--timeout"), ("--read-timeout", "--read-timeout")] {
        let out = Fetch::jsonl()
            .file("data", vec![b'x'; 30_000_000])
            .args(["-d", "@data", option, "500ms", &server.url("/a")])
            .run()
            .exits(1);
        assert_eq!(out.record().verdict(), "error timeout/request");
        assert!(
            out.record().message().contains(name),
            "{}",
            out.record().message()
        );
        soon(&out);
    }
}

#[test]
fn the_timeout_is_for_all_redirects_together() {
    let server = Server::always(
        Script::new()
            .pause(200)
            .send("HTTP/1.1 302 X\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n"),
    );
    timed_out(&["-t", "700ms"], &server.url("/a"), "headers", "--timeout");
}

#[test]
fn a_time_out_is_of_its_own_request_alone() {
    let server = Server::build()
        .route("/0", Script::new().silence())
        .otherwise(ok("x"))
        .start();
    let out = Fetch::jsonl()
        .args(["-t", "500ms", "-j2"])
        .stdin(server.list(20))
        .run()
        .exits(1);
    let records = out.in_order();
    assert_eq!(records[0].verdict(), "error timeout/headers");
    assert!(records[1..].iter().all(|record| record["outcome"] == "ok"));
}

#[test]
fn zero_is_no_limit() {
    let server = Server::at(
        "/a",
        Script::new()
            .pause(300)
            .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
            .pause(300)
            .send("x"),
    );
    for args in [
        ["-t", "0"],
        ["--read-timeout", "0"],
        ["--connect-timeout", "0s"],
    ] {
        Fetch::new().args(args).arg(server.url("/a")).run().exits(0);
    }
}

#[test]
fn durations_have_units() {
    let server = Server::at("/a", Script::new().silence());
    for limit in ["300ms", "0.3", "0.3s", ".3"] {
        let out = Fetch::jsonl()
            .args(["-t", limit, &server.url("/a")])
            .run()
            .exits(1);
        assert_eq!(out.record().verdict(), "error timeout/headers", "{limit}");
        assert!(out.elapsed >= Duration::from_millis(300));
        soon(&out);
    }
    let server = Server::at("/a", ok("x"));
    for limit in ["5", "2m", "1h", "1.5"] {
        Fetch::new()
            .args([
                "-t",
                limit,
                "--connect-timeout",
                limit,
                "--slow",
                limit,
                &server.url("/a"),
            ])
            .run()
            .exits(0);
    }
}

#[test]
fn times_are_measured_on_the_wire() {
    let server = Server::at(
        "/a",
        Script::new()
            .pause(300)
            .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
            .pause(400)
            .send("x"),
    );
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(0).record();
    let time = |key: &str| record[key].as_f64().unwrap();
    assert!((0.3..5.0).contains(&time("time_ttfb")), "{record}");
    assert!(time("time_total") - time("time_ttfb") > 0.35, "{record}");
    assert!(
        (time("time_elapsed") - time("time_total")).abs() < 0.05,
        "{record}"
    );
    assert_eq!(record["attempts"][0]["time_total"], record["time_total"]);
    assert_eq!(record["attempts"][0]["delay"].as_f64(), Some(0.0));
}

#[test]
fn time_is_of_the_whole_chain_of_redirects() {
    let slow = Script::new()
        .pause(300)
        .send("HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
    let server = Server::build().route("/a", slow).otherwise(ok("x")).start();
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(0).record();
    assert!(record["time_total"].as_f64().unwrap() >= 0.3, "{record}");
    assert!(record["time_ttfb"].as_f64().unwrap() >= 0.3, "{record}");
}

#[test]
fn slow_is_what_took_longer_than_the_option_says() {
    let server = Server::build()
        .route(
            "/slow",
            Script::new()
                .pause(400)
                .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        )
        .route("/fast", ok(""))
        .start();
    let out = Fetch::jsonl()
        .args([
            "--slow",
            "300ms",
            &server.url("/slow"),
            &server.url("/fast"),
        ])
        .run()
        .exits(0);
    let records = out.in_order();
    assert_eq!(
        (&records[0]["slow"], &records[1]["slow"]),
        (&true.into(), &false.into())
    );
    let record = Fetch::jsonl()
        .arg(server.url("/slow"))
        .run()
        .exits(0)
        .record();
    assert_eq!(record["slow"], false, "2 s by default");
    let record = Fetch::jsonl()
        .args(["--slow", "0", &server.url("/slow")])
        .run()
        .exits(0)
        .record();
    assert_eq!(record["slow"], false, "0 is no limit");
}

#[test]
fn a_tiny_timeout_is_a_timeout() {
    let server = Server::build()
        .otherwise(Script::new().silence())
        .may_stay_unasked()
        .start();
    for timeout in ["0.0000000001", "0.0000000001ms"] {
        let out = Fetch::jsonl()
            .args(["-t", timeout, &server.url("/a")])
            .run()
            .exits(1);
        assert_eq!(out.record()["error"]["kind"], "timeout");
        assert!(out.elapsed < PATIENCE / 3, "{:?}", out.elapsed);
    }
}

#[test]
fn silence_after_the_head_ends_at_the_read_timeout_and_not_twice_as_late() {
    for head in ["Content-Length: 9", "Transfer-Encoding: chunked", "X: y"] {
        let server = Server::always(
            Script::new()
                .send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n"))
                .silence(),
        );
        for args in [&[][..], &["-t", "0"], &["-d", "x"]] {
            let record = Fetch::jsonl()
                .args(["--read-timeout", "400ms"])
                .args(args)
                .arg(server.url("/a"))
                .run()
                .exits(1)
                .record();
            assert_eq!(record.verdict(), "error timeout/body", "{head} {args:?}");
            let total = record["time_total"].as_f64().unwrap();
            assert!((0.4..0.7).contains(&total), "{total} {head} {args:?}");
        }
    }
}

#[test]
fn content_that_is_sent_at_once_does_not_double_the_read_timeout() {
    let server = Server::always(Script::new().silence());
    let record = Fetch::jsonl()
        .args(["--read-timeout", "400ms", "-d", "x", &server.url("/a")])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error timeout/headers");
    let total = record["time_total"].as_f64().unwrap();
    assert!((0.4..0.7).contains(&total), "{total}");
}
