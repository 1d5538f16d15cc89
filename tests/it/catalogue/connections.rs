//! Connections that break, stall, go stale, or carry unrequested answers.

use std::{
    io::Write as _,
    net::{Shutdown, TcpListener},
    thread,
};

use serde_json::Value;

use super::{LIMIT, beside, beside_with_a_limit, cases, raw, unharmed};
use crate::support::{
    Fetch, Gate, Limit, Script, Server, ok,
    port::{Overrun, Refusing},
    record::RecordExt as _,
    tls,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
/// An answer that belongs to no request.
const POISON: &str = "HTTP/1.1 222 Poison\r\nContent-Length: 6\r\n\r\npoison";

cases! {
    c035_a_connection_closed_without_a_byte_is_a_failed_connection:
        raw("") => "error connect/headers", "closed before a response";
    c036_a_connection_reset_without_a_byte_is_a_failed_connection:
        Script::new().reset() => "error connect/headers", "connection reset";
    c037_a_connection_closed_within_the_head_is_a_failed_connection:
        raw("HTTP/1.1 200 OK\r\nContent-Le") => "error connect/headers", "closed before a response";
    c038_silence_before_the_head_ends_at_the_read_timeout ["--read-timeout", LIMIT]:
        Script::new().silence() => "error timeout/headers", "--read-timeout";
    c039_silence_within_the_head_ends_at_the_read_timeout ["--read-timeout", LIMIT]:
        Script::new().send("HTTP/1.1 200 OK\r\nContent-").silence() => "error timeout/headers", "--read-timeout";
    c040_silence_within_the_body_ends_at_the_read_timeout ["--read-timeout", LIMIT]:
        Script::new().send(HEAD).send("some").silence() => "error timeout/body", "--read-timeout";
    c041_a_head_that_drips_ends_at_the_timeout ["-t", LIMIT]:
        Script::new().drip(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1000)), 20)
            => "error timeout/headers", "--timeout";
    c042_a_body_that_drips_ends_at_the_timeout ["-t", LIMIT]:
        Script::new().send(HEAD).drip([b'x'; 1000], 20) => "error timeout/body", "--timeout";
    c043_interim_answers_without_end_end_at_the_timeout ["-t", LIMIT]:
        Script::new().repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 20)
            => "error timeout/headers", "--timeout";
    c044_interim_answers_of_every_kind_before_the_answer_do_no_harm:
        raw(format!("HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 102 X\r\n\r\nHTTP/1.1 103 X\r\nX: y\r\n\r\nHTTP/1.1 199 X\r\n\r\n{OK}"))
            => "ok";
    c045_protocols_that_are_switched_unasked_are_an_error:
        raw("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n") => "http_error 101";
    c046_a_body_that_is_reset_is_a_failed_body:
        // The reset must not overtake what was sent before it.
        Script::new().send(HEAD).send("some").pause(200).reset() => "error body/body", "connection reset";
}

cases! {
    c047_a_flood_of_interim_answers_ends_at_the_timeout ["-t", LIMIT]:
        Script::new().repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(50), 1)
            => "error timeout/headers", "--timeout";
}

#[test]
fn c048_a_connection_to_one_host_serves_no_other_on_the_same_port() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(Script::new().run(unharmed))
        .start();
    let urls = ["127.0.0.1", "127.0.0.2", "127.0.0.1"].map(|host| server.url_as(host, "/a"));
    Fetch::jsonl().arg("-j1").args(urls).run().exits(0);
    let connections: Vec<_> = server.requests().iter().map(|it| it.connection).collect();
    assert_eq!(connections, [0, 1, 0]);
}

#[test]
fn c049_a_port_where_no_one_listens_is_said_in_words() {
    let refusing = Refusing::new();
    let url = format!("http://{}/", refusing.address());
    let record = beside(Fetch::jsonl(), &url, "error connect/connect");
    assert!(
        record.message().contains("connection refused"),
        "{}",
        record.message()
    );
}

#[test]
fn c050_a_server_that_accepts_no_one_ends_at_the_connect_timeout() {
    let overrun = Overrun::new();
    let url = format!("http://{}/", overrun.address());
    let fetch = |limit: Limit| Fetch::jsonl().args(["--connect-timeout", &limit.to_string()]);
    let record = beside_with_a_limit(fetch, &url, "error timeout/connect");
    assert!(
        record.message().contains("--connect-timeout"),
        "{}",
        record.message()
    );
}

#[test]
fn c051_a_server_that_takes_no_content_ends_at_the_read_timeout() {
    let server = Server::build()
        .blind_to_bodies()
        .otherwise(Script::new().wait(&Gate::new()))
        .start();
    // More than the system buffers for a server that does not read.
    let fetch = |limit: Limit| {
        let fetch = Fetch::jsonl().file("data", vec![b'x'; 20_000_000]);
        fetch.args(["-d", "@data", "--read-timeout", &limit.to_string()])
    };
    beside_with_a_limit(fetch, &server.url("/a"), "error timeout/request");
}

#[test]
fn c052_an_answer_before_all_content_was_taken_is_the_answer() {
    let head = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let server = Server::build()
        .blind_to_bodies()
        .otherwise(Script::new().send(head).silence())
        .start();
    let fetch = Fetch::jsonl().file("data", vec![b'x'; 5_000_000]);
    let fetch = fetch.args(["-d", "@data"]);
    beside(fetch, &server.url("/a"), "http_error 413");
}

/// Answers the first request of a connection and reads the second one without answering it.
fn stale() -> Script {
    Script::new().send(OK).run(|_, stream| {
        stream.read_until(b"\r\n\r\n");
    })
}

#[test]
fn c053_a_kept_connection_that_ends_as_a_get_leaves_is_made_good() {
    for script in [stale().close(), stale().reset()] {
        let server = Server::always(script);
        let fetch = Fetch::jsonl().args(["-j1", "-"]);
        let out = fetch.stdin(server.list(20)).run().exits(0);
        for record in out.records() {
            assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{record}");
        }
    }
}

#[test]
fn c054_a_kept_connection_that_ends_as_a_post_leaves_gets_no_second_post() {
    for script in [stale().close(), stale().reset()] {
        let server = Server::always(script);
        let fetch = Fetch::jsonl().args(["-j1", "--retry", "2", "--retry-delay", "1ms"]);
        let out = fetch.args(["-d", "pay", "-"]).stdin(server.list(20)).run();
        let records = out.exits(1).records();
        let well = records.iter().filter(|record| record["outcome"] == "ok");
        assert_eq!(well.count(), server.requests().len());
        let lost = records.iter().filter(|record| record["outcome"] != "ok");
        let verdicts: Vec<_> = lost.map(Value::verdict).collect();
        assert!(!verdicts.is_empty(), "no connection was used again");
        assert!(
            verdicts.iter().all(|it| it == "error connect/headers"),
            "{verdicts:?}"
        );
    }
}

#[test]
fn c055_a_fresh_connection_that_ends_is_not_tried_a_second_time() {
    let server = Server::always(Script::new().close());
    beside(Fetch::jsonl(), &server.url("/a"), "error connect/headers");
    assert_eq!(server.requests().len(), 1);
}

/// Asks twenty times for one answer that has more to it, and each time for another afterwards, over the same
/// connection if it was kept: that must be an answer to the second request.
#[track_caller]
fn none_is_poisoned(fetch: Fetch, first: impl AsRef<[u8]>) {
    let answer = [first.as_ref(), POISON.as_bytes()].concat();
    let server = Server::build()
        .route("/0", Script::new().send(answer))
        .otherwise(Script::new().run(unharmed))
        .start();
    let fetch = fetch.args(["-j1", "--accept", "200..=399", "-"]);
    let out = fetch.stdin(server.list(2).repeat(20)).run().exits(0);
    for pair in out.in_order().chunks(2) {
        assert_eq!(pair[1]["status"], 200, "{}", pair[1]);
        assert_ne!(pair[0]["status"], 222, "{}", pair[0]);
    }
    let second = server.targets().iter().filter(|it| *it == "/1").count();
    assert_eq!(second, 20, "each was asked for");
}

#[test]
fn c056_an_answer_that_no_one_asked_for_answers_no_other_request() {
    none_is_poisoned(Fetch::jsonl(), OK);
}

#[test]
fn c057_content_after_a_204_answers_no_other_request() {
    none_is_poisoned(Fetch::jsonl(), "HTTP/1.1 204 No\r\n\r\n");
    none_is_poisoned(
        Fetch::jsonl(),
        format!(
            "HTTP/1.1 204 No\r\nContent-Length: {}\r\n\r\n",
            POISON.len()
        ),
    );
}

#[test]
fn c058_content_after_a_304_answers_no_other_request() {
    none_is_poisoned(
        Fetch::jsonl(),
        format!("HTTP/1.1 304 X\r\nContent-Length: {}\r\n\r\n", POISON.len()),
    );
}

#[test]
fn c059_content_after_an_answer_to_head_answers_no_other_request() {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        POISON.len()
    );
    none_is_poisoned(Fetch::jsonl().arg("-I"), head);
}

#[test]
fn c060_a_server_that_speaks_first_does_not_speak_http() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a\n", listener.local_addr().unwrap());
    // It may arrive before the request or after it.
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tcp = tcp.unwrap();
            let _ = tcp.write_all(b"220 mail.example ESMTP\r\n");
            let _ = std::io::copy(&mut tcp, &mut std::io::sink());
        }
    });
    let out = Fetch::jsonl().arg("-j1").stdin(url.repeat(200)).run();
    for record in out.exits(1).records() {
        let verdict = record.verdict();
        let expected = ["error protocol/headers", "error connect/headers"];
        assert!(expected.contains(&verdict.as_str()), "{record}");
    }
}

#[test]
fn c405_an_answer_before_the_request_is_the_answer_or_a_lost_connection() {
    const BUSY: &[u8] = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = format!("http://{}/a\n", listener.local_addr().unwrap());
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tcp = tcp.unwrap();
            let _ = tcp.write_all(BUSY);
            let _ = tcp.shutdown(Shutdown::Write);
            let _ = std::io::copy(&mut tcp, &mut std::io::sink());
        }
    });
    let healthy = Server::always(ok("x"));
    let list = format!("{busy}{}\n", healthy.url("/")).repeat(60);
    let args = [
        "-j1",
        "--retry",
        "1",
        "--retry-delay",
        "1ms",
        "--retry-on",
        "500",
    ];
    let out = Fetch::jsonl().args(args).stdin(list).run().exits(1);
    for pair in out.in_order().chunks(2) {
        let (record, neighbour) = (&pair[0], &pair[1]);
        // Whether the request is faster is a race.
        if record.verdict() == "error connect/headers" {
            assert!(record.message().contains("before the request"), "{record}");
            assert_eq!(record["attempts"].as_array().unwrap().len(), 2, "{record}");
        } else {
            assert_eq!(record.verdict(), "http_error 503", "{record}");
        }
        assert_eq!(neighbour.verdict(), "ok", "{neighbour}");
    }
}

#[test]
fn c406_a_408_on_a_kept_connection_is_no_answer() {
    const LATE: &str = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";
    // What the next request on the connection meets, as if it had crossed it on the way.
    let server = Server::always(
        Script::new()
            .send(OK)
            .run(|_, stream| {
                if stream.read_until(b"\r\n\r\n").is_some() {
                    let _ = stream.write_all(LATE.as_bytes());
                    let _ = stream.flush();
                }
            })
            .close(),
    );
    let fetch = Fetch::jsonl().args(["-j1", "-"]);
    let out = fetch.stdin(server.list(20)).run().exits(0);
    for record in out.records() {
        assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{record}");
    }
    let out = Fetch::jsonl()
        .args(["-j1", "-d", "pay", "-"])
        .stdin(server.list(20))
        .run();
    let late = out
        .records()
        .iter()
        .filter(|it| it["status"] == 408)
        .count();
    assert!(late > 0, "a POST is not sent again");
}

#[test]
fn c407_a_408_on_a_fresh_connection_is_an_answer() {
    let server = Server::always(raw(
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n",
    ));
    beside(Fetch::jsonl(), &server.url("/a"), "http_error 408");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn c419_a_408_on_a_kept_connection_is_no_answer_to_any_of_many_jobs() {
    const LATE: &str = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";
    for over_tls in [false, true] {
        // The next request may be one that has just opened a connection, and then got this one.
        let script = Script::new()
            .send(OK)
            .run(|_, stream| {
                if stream.read_until(b"\r\n\r\n").is_some() {
                    let _ = stream.write_all(LATE.as_bytes());
                    let _ = stream.flush();
                }
            })
            .close();
        let build = Server::build().otherwise(script);
        let server = if over_tls {
            build
                .tls(tls::server(&["127.0.0.1"], &["http/1.1"]))
                .start()
        } else {
            build.start()
        };
        for jobs in ["2", "20"] {
            let fetch = Fetch::jsonl().trusting().args(["-j", jobs, "-"]);
            let out = fetch.stdin(server.list(400)).run().exits(0);
            for record in out.records() {
                assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{record}");
            }
        }
    }
}
