//! Time limits: every phase of an exchange has one.

use serde_json::Value;

use crate::support::{
    Fetch, Gate, Limit, Script, Server, ok, port::Overrun, record::RecordExt as _, with_time_enough,
};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";

/// The record of a request that runs into the limit that `option` sets, in this phase, with a message that names the
/// limit. On a busy machine the limit may pass in an earlier phase, and then the request gets a longer one.
#[track_caller]
fn timed_out(option: &str, url: &str, phase: &str, name: &str) -> (Limit, Value) {
    timed_out_with(&[], option, url, phase, name)
}

#[track_caller]
fn timed_out_with(
    args: &[&str],
    option: &str,
    url: &str,
    phase: &str,
    name: &str,
) -> (Limit, Value) {
    with_time_enough(|limit| {
        let out = Fetch::jsonl()
            .args(args)
            .args([option, &limit.to_string(), url])
            .run()
            .exits(1);
        let record = out.record();
        assert_eq!(record["error"]["kind"], "timeout", "{record}");
        if record["error"]["phase"] != phase {
            return None;
        }
        let message = record.message();
        assert!(message.contains(name), "{message}");
        assert!(message.contains(&limit.to_string()), "{message}");
        Some((limit, record))
    })
}

#[test]
fn an_unanswered_connect_ends_at_the_connect_timeout() {
    let overrun = Overrun::new();
    let url = format!("http://{}/", overrun.address());
    let (limit, record) = timed_out("--connect-timeout", &url, "connect", "--connect-timeout");
    assert!(record["status"].is_null() && record["remote_addr"].is_null());
    let message = record.message();
    let expected = format!("no connection within {limit}");
    assert!(message.contains(&expected), "{message}");
}

#[test]
fn an_unanswered_connect_ends_at_the_timeout_too() {
    let overrun = Overrun::new();
    let url = format!("http://{}/", overrun.address());
    timed_out("-t", &url, "connect", "--timeout");
}

#[test]
fn silence_in_the_handshake_ends_at_the_connect_timeout() {
    let server = Server::build().route("/a", Script::new().silence()).start();
    let url = server.url("/a").replace("http:", "https:");
    timed_out("--connect-timeout", &url, "connect", "--connect-timeout");
}

#[test]
fn the_connect_timeout_limits_nothing_but_connecting() {
    with_time_enough(|limit| {
        let late = Script::new()
            .pause(limit.milliseconds(150))
            .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let server = Server::build().otherwise(late).may_stay_unasked().start();
        let record = Fetch::jsonl()
            .args(["--connect-timeout", &limit.to_string(), &server.url("/a")])
            .run()
            .record();
        if record["error"]["phase"] == "connect" {
            return None;
        }
        assert_eq!(record.verdict(), "ok");
        Some(())
    });
}

#[test]
fn silence_before_the_headers_ends_at_the_read_timeout() {
    let server = Server::at("/a", Script::new().silence());
    let url = server.url("/a");
    let (limit, record) = timed_out("--read-timeout", &url, "headers", "--read-timeout");
    let message = record.message();
    let expected = format!("nothing received for {limit}");
    assert!(message.contains(&expected), "{message}");
    assert!(record["status"].is_null());
}

#[test]
fn silence_within_the_headers_ends_at_the_read_timeout() {
    let server = Server::at(
        "/a",
        Script::new().send("HTTP/1.1 200 OK\r\nContent-").silence(),
    );
    let url = server.url("/a");
    timed_out("--read-timeout", &url, "headers", "--read-timeout");
}

#[test]
fn silence_within_the_body_ends_at_the_read_timeout() {
    let server = Server::at("/a", Script::new().send(HEAD).send("some").silence());
    let url = server.url("/a");
    let (_, record) = timed_out("--read-timeout", &url, "body", "--read-timeout");
    assert_eq!(record["status"], 200, "the answer that came");
}

#[test]
fn silence_within_a_chunk_ends_at_the_read_timeout() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe";
    let server = Server::at("/a", Script::new().send(head).silence());
    let url = server.url("/a");
    timed_out("--read-timeout", &url, "body", "--read-timeout");
}

#[test]
fn silence_in_a_compressed_body_ends_at_the_read_timeout() {
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n\x1f";
    let server = Server::at("/a", Script::new().send(head).silence());
    let url = server.url("/a");
    timed_out_with(
        &["--compressed"],
        "--read-timeout",
        &url,
        "body",
        "--read-timeout",
    );
}

#[test]
fn the_read_timeout_limits_silence_only() {
    // Twenty bytes, each long before the limit, all together long after it.
    with_time_enough(|limit| {
        let drips = Script::new()
            .send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
            .drip([b'x'; 20], limit.milliseconds(10));
        let server = Server::build().otherwise(drips).may_stay_unasked().start();
        let record = Fetch::jsonl()
            .args(["--read-timeout", &limit.to_string(), &server.url("/a")])
            .run()
            .record();
        if record["error"]["kind"] == "timeout" {
            return None;
        }
        assert_eq!(record.verdict(), "ok");
        let total = record["time_total"].as_f64().unwrap();
        assert!(total > limit.seconds(), "{record}");
        Some(())
    });
}

#[test]
fn a_byte_at_a_time_in_the_body_ends_at_the_timeout() {
    let server = Server::at("/a", Script::new().send(HEAD).drip([b'x'; 1000], 50));
    for option in ["-t", "--timeout"] {
        let (limit, record) = timed_out(option, &server.url("/a"), "body", "--timeout");
        let message = record.message();
        let expected = format!("not finished within {limit}");
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn a_byte_at_a_time_in_the_headers_ends_at_the_timeout() {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1000));
    let server = Server::at("/a", Script::new().drip(endless, 50));
    timed_out("-t", &server.url("/a"), "headers", "--timeout");
}

/// A request to a server that sends one interim answer after the other ends, at the timeout or before it.
#[track_caller]
fn assert_interim_answers_end(pause: u64) {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let server = Server::at("/a", Script::new().repeat(hints, pause));
    with_time_enough(|limit| {
        let out = Fetch::jsonl()
            .args(["-t", &limit.to_string(), &server.url("/a")])
            .run()
            .exits(1);
        match out.record().verdict().as_str() {
            "error timeout/headers" | "error protocol/headers" => Some(()),
            "error timeout/connect" | "error timeout/request" => None,
            verdict => panic!("{verdict}"),
        }
    });
}

#[test]
fn endless_interim_answers_end_at_the_timeout() {
    assert_interim_answers_end(20);
    assert_interim_answers_end(1);
}

#[test]
fn a_flood_of_interim_answers_ends() {
    assert_interim_answers_end(0);
}

#[test]
fn an_endless_body_ends_at_the_timeout() {
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    let server = Server::at("/a", Script::new().send(head).repeat("x".repeat(65536), 0));
    timed_out("-t", &server.url("/a"), "body", "--timeout");
}

#[test]
fn a_server_that_does_not_read_ends_at_the_timeout() {
    let server = Server::build()
        .blind_to_bodies()
        .route("/a", Script::new().wait(&Gate::new()))
        .start();
    for (option, name) in [("-t", "--timeout"), ("--read-timeout", "--read-timeout")] {
        with_time_enough(|limit| {
            let record = Fetch::jsonl()
                .file("data", vec![b'x'; 30_000_000])
                .args(["-d", "@data", option, &limit.to_string()])
                .arg(server.url("/a"))
                .run()
                .exits(1)
                .record();
            if record["error"]["phase"] == "connect" {
                return None;
            }
            assert_eq!(record.verdict(), "error timeout/request");
            assert!(record.message().contains(name), "{}", record.message());
            Some(())
        });
    }
}

#[test]
fn the_timeout_is_for_all_redirects_together() {
    let server = Server::always(
        Script::new()
            .pause(200)
            .send("HTTP/1.1 302 X\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n"),
    );
    let many = ["--max-redirs", "1000"];
    timed_out_with(&many, "-t", &server.url("/a"), "headers", "--timeout");
}

#[test]
fn a_timeout_affects_its_own_request_only() {
    let server = Server::build()
        .route("/0", Script::new().silence())
        .otherwise(ok("x"))
        .start();
    with_time_enough(|limit| {
        let records = Fetch::jsonl()
            .args(["-t", &limit.to_string(), "-j2"])
            .stdin(server.list(20))
            .run()
            .exits(1)
            .in_order();
        assert_eq!(records[0]["error"]["kind"], "timeout", "{}", records[0]);
        let others_are_ok = records[1..].iter().all(|record| record["outcome"] == "ok");
        (others_are_ok && records[0]["error"]["phase"] == "headers").then_some(())
    });
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
        let record = out.record();
        assert_eq!(record["error"]["kind"], "timeout", "{limit}");
        let message = record.message();
        assert!(message.contains("not finished within 300ms"), "{message}");
        assert!(record["time_total"].as_f64().unwrap() >= 0.3, "{record}");
    }
    let server = Server::at("/a", ok("x"));
    for limit in ["50", "2m", "1h", "50.5"] {
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
fn times_of_the_record_cover_the_exchange() {
    let record = with_time_enough(|limit| {
        let script = Script::new()
            .pause(limit.milliseconds(50))
            .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
            .pause(limit.milliseconds(100))
            .send("x");
        let server = Server::at("/a", script);
        let args = ["-t", "0", "--read-timeout", "0", &server.url("/a")];
        let record = Fetch::jsonl().args(args).run().exits(0).record();
        let time = |key: &str| record[key].as_f64().unwrap();
        assert!(time("time_ttfb") >= 0.5 * limit.seconds(), "{record}");
        assert!(time("time_total") >= 1.5 * limit.seconds(), "{record}");
        assert!(time("time_elapsed") >= time("time_total"), "{record}");
        // The run may have been late to see the head, and late to see the end.
        let body = time("time_total") - time("time_ttfb");
        let around = time("time_elapsed") - time("time_total");
        (body > 0.5 * limit.seconds() && around < 0.5 * limit.seconds()).then_some(record)
    });
    assert_eq!(record["attempts"][0]["time_total"], record["time_total"]);
    assert_eq!(record["attempts"][0]["delay"].as_f64(), Some(0.0));
}

#[test]
fn times_of_the_record_cover_the_redirects() {
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
    let is_over = |record: &Value, limit: f64| record["time_total"].as_f64().unwrap() > limit;
    assert_eq!(records[0]["slow"], true);
    assert_eq!(records[1]["slow"], is_over(&records[1], 0.3));
    let record = Fetch::jsonl()
        .arg(server.url("/slow"))
        .run()
        .exits(0)
        .record();
    assert_eq!(record["slow"], is_over(&record, 2.0), "2 s by default");
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
        let message = out.record().message().to_owned();
        assert!(message.contains("not finished within 1ns"), "{message}");
    }
}

/// The request ends in this phase when the read timeout has passed, and before it has passed twice.
#[track_caller]
fn silent_once(args: &[&str], url: &str, phase: &str) {
    with_time_enough(|limit| {
        let record = Fetch::jsonl()
            .args(["--read-timeout", &limit.to_string()])
            .args(args)
            .arg(url)
            .run()
            .exits(1)
            .record();
        assert_eq!(record["error"]["kind"], "timeout", "{args:?}: {record}");
        let total = record["time_total"].as_f64().unwrap();
        assert!(total >= limit.seconds(), "{args:?}: {record}");
        let is_here = record["error"]["phase"] == phase;
        (is_here && total < 1.75 * limit.seconds()).then_some(())
    });
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
            silent_once(args, &server.url("/a"), "body");
        }
    }
}

#[test]
fn content_that_is_sent_at_once_does_not_double_the_read_timeout() {
    let server = Server::always(Script::new().silence());
    silent_once(&["-d", "x"], &server.url("/a"), "headers");
}
