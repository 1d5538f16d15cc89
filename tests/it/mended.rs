//! What was broken on the wire once and is mended: connections, pools, limits, bodies.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use serde_json::json;

use crate::support::{Fetch, Gate, PATIENCE, Script, Server, ok, record::RecordExt as _, redirect};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Every request that was read but not answered, by its target.
type Swallowed = Arc<Mutex<Vec<String>>>;

/// Answers one request of a connection, and reads the next without answering it.
fn once_a_connection(swallowed: &Swallowed) -> Script {
    let swallowed = Arc::clone(swallowed);
    Script::new().send(OK).run(move |_, stream| {
        if let Some(head) = stream.read_until(b"\r\n\r\n") {
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap();
            swallowed.lock().unwrap().push(target.to_owned());
        }
    })
}

#[test]
fn connections_that_end_at_the_second_request_fail_no_get() {
    let swallowed = Swallowed::default();
    for jobs in ["1", "2", "10"] {
        for (ending, script) in [
            ("closed", once_a_connection(&swallowed).close()),
            ("reset", once_a_connection(&swallowed).reset()),
            ("closed at once", Script::new().send(OK).close()),
        ] {
            let server = Server::always(script);
            let out = Fetch::jsonl()
                .args(["-j", jobs, "-"])
                .stdin(server.list(300))
                .run();
            let records = out.records();
            assert_eq!(records.len(), 300);
            for record in records {
                assert_eq!(record["outcome"], "ok", "-j {jobs}, {ending}: {record}");
                assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{record}");
            }
        }
    }
    assert!(
        !swallowed.lock().unwrap().is_empty(),
        "no connection was used again: nothing was tested"
    );
}

#[test]
fn connections_that_end_at_the_second_request_get_no_post_twice() {
    for jobs in ["1", "2", "10"] {
        for resets in [false, true] {
            let swallowed = Swallowed::default();
            let script = once_a_connection(&swallowed);
            let server = Server::always(if resets {
                script.reset()
            } else {
                script.close()
            });
            let out = Fetch::jsonl()
                .args(["-j", jobs, "--retry", "2", "--retry-delay", "1ms"])
                .args(["-d", "pay", "-"])
                .stdin(server.list(100))
                .run();
            let mut arrived = HashMap::<_, usize>::new();
            for target in swallowed.lock().unwrap().drain(..).chain(server.targets()) {
                *arrived.entry(target).or_default() += 1;
            }
            let twice: Vec<_> = arrived.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "-j {jobs}: {twice:?}");
            let records = out.records();
            assert_eq!(records.len(), 100);
            let answered = server.requests().len();
            let well = records.iter().filter(|record| record["outcome"] == "ok");
            assert_eq!(well.count(), answered, "-j {jobs}");
            for record in records.iter().filter(|record| record["outcome"] != "ok") {
                assert_eq!(record.verdict(), "error connect/headers", "{record}");
            }
        }
    }
}

#[test]
fn slow_answers_do_not_use_up_the_connections_of_the_others() {
    let server = Server::build()
        .on_all_addresses()
        .route("/slow", Script::new().pause(3000).send(OK))
        .otherwise(ok("x"))
        .start();
    let list: String = (0..1500)
        .map(|number| {
            let host = format!("127.0.{}.{}", number / 200, number % 200 + 1);
            let is_slow = number % 150 == 0;
            server.url_as(&host, if is_slow { "/slow\n" } else { "/a\n" })
        })
        .collect();
    let out = Fetch::jsonl()
        .after("ulimit -n 512")
        .args(["-j", "50", "-"])
        .stdin(list)
        .run()
        .exits(0);
    let records = out.records();
    assert_eq!(records.len(), 1500);
    assert!(records.iter().all(|record| record["outcome"] == "ok"));
    assert!(out.elapsed < PATIENCE / 3, "{:?}", out.elapsed);
    assert!(
        server.peak_connections() < 512,
        "{}",
        server.peak_connections()
    );
}

#[test]
fn too_few_descriptors_for_anything_are_3_and_one_line() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::jsonl()
        .after("ulimit -n 12")
        .arg(server.url("/a"))
        .run()
        .exits(3);
    assert_eq!(out.stdout(), "");
    assert_eq!(out.stderr().lines().count(), 1, "{}", out.stderr());
    assert!(out.stderr().contains("12 open files"), "{}", out.stderr());
    assert_eq!(server.connections(), 0);
}

#[test]
fn data_given_several_times_is_one_form() {
    let server = Server::at("/a", ok("x"));
    Fetch::new()
        .args(["-d", "a=b", "-d", "c=d", &server.url("/a")])
        .run()
        .exits(0);
    let request = server.request();
    assert_eq!(
        (request.method.as_str(), request.body_text()),
        ("POST", "a=b&c=d")
    );
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
}

#[test]
fn a_location_that_is_too_long_is_a_dead_redirect() {
    let server = Server::build()
        .route("/a", redirect(302, &format!("/{}", "b".repeat(200_000))))
        .otherwise(ok("x"))
        .start();
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
    assert_eq!(record["error"]["kind"], "redirect", "{record}");
    assert_eq!(record["status"], 302);
    assert!(record.message().len() < 1000, "{}", record.message());
    assert_eq!(server.targets(), ["/a"]);
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

#[test]
fn bodies_behind_a_slow_first_url_are_held_back_within_bounds() {
    const COUNT: usize = 1000;
    let gate = Gate::new();
    let server = Server::build()
        .route("/0", Script::new().wait(&gate).send(OK))
        .otherwise(ok(vec![b'x'; 128 << 10]))
        .start();
    let mut run = Fetch::jsonl()
        .args(["-j", "4", "--ordered", "--body"])
        .stdin_open()
        .spawn();
    run.write(server.list(COUNT));
    // Until nothing more is asked for: the bound, or all of it.
    let mut asked = 0;
    loop {
        std::thread::sleep(std::time::Duration::from_millis(300));
        match server.requests().len() {
            now if now == asked => break,
            now => asked = now,
        }
    }
    assert!(
        (5..COUNT / 2).contains(&asked),
        "some go on while one is slow, not all: {asked}"
    );
    gate.open();
    // What was held back, and some of what comes after it.
    for index in 0..asked + 10 {
        let line = run.line();
        let start = format!("{{\"index\":{index},");
        assert!(line.starts_with(&start), "{}", &line[..100]);
    }
    let peak = run.peak_memory();
    assert!(peak < 100 * 1024, "{peak} KiB");
    run.close_stdout();
    run.wait().exits(141);
}

#[test]
fn numbers_of_meta_are_echoed_as_they_are() {
    let server = Server::always(ok("x"));
    let (url, meta) = (
        server.url("/a"),
        r#"{"b":1e999,"a":12345678901234567890123}"#,
    );
    let line = format!(r#"{{"url":{},"meta":{meta}}}"#, json!(url));
    let out = Fetch::new()
        .args(["-w", r"%{url} %{meta}\n", "-"])
        .stdin(&line)
        .run()
        .exits(0);
    assert_eq!(out.stdout(), format!("{url} {meta}\n"));
    let out = Fetch::jsonl().stdin(&line).run().exits(0);
    assert!(
        out.stdout().contains(&format!("\"meta\":{meta},")),
        "{}",
        out.stdout()
    );
}
