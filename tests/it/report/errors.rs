//! The kinds of errors: their phases and their messages.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use crate::support::{
    Fetch, Script, Server, answer, http2, ok, port::Refusing, record::RecordExt as _, tls,
};
use serde_json::Value;

#[track_caller]
fn fetched(script: Script) -> Value {
    let server = Server::at("/a", script);
    Fetch::jsonl().arg(server.url("/a")).run().record()
}

#[test]
fn a_refused_connection_is_described_in_words() {
    let refusing = Refusing::new();
    let record = Fetch::jsonl()
        .arg(format!("http://{}/", refusing.address()))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error connect/connect");
    assert_eq!(
        record.message(),
        format!("{}: connection refused", refusing.address())
    );
    assert!(
        record["status"].is_null() && record["size"].is_null() && record["http_version"].is_null()
    );
    assert_eq!(record["attempts"][0]["error"], record["error"]);
}

#[test]
fn a_failed_attempt_is_told_with_its_time() {
    let refusing = Refusing::new();
    let out = Fetch::new()
        .args(["-qv", &format!("http://{}/", refusing.address())])
        .run()
        .exits(1);
    let start = format!(
        "fetch: args:1: http://{0}/: connect: {0}: connection refused (",
        refusing.address()
    );
    let time = out.stderr().strip_prefix(&start).unwrap();
    let time = time.strip_suffix("s)\n").unwrap();
    assert!(time.parse::<f64>().is_ok(), "{time}");
}

#[test]
fn an_unknown_name_is_described_in_words() {
    let record = Fetch::jsonl()
        .arg("http://nothing.invalid/")
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error dns/resolve");
    assert!(
        record.message().contains("nothing.invalid"),
        "{}",
        record.message()
    );
}

#[test]
fn an_unreachable_address_is_a_connect_error() {
    let record = Fetch::jsonl()
        .arg("http://255.255.255.255/")
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error connect/connect", "{record}");
}

#[test]
fn a_connection_closed_without_an_answer_is_a_connect_error() {
    let record = fetched(Script::new().close());
    assert_eq!(record.verdict(), "error connect/headers");
    assert!(
        record
            .message()
            .contains("connection closed before a response"),
        "{}",
        record.message()
    );
}

#[test]
fn a_connection_reset_without_an_answer_is_a_connect_error() {
    let record = fetched(Script::new().reset());
    assert_eq!(record.verdict(), "error connect/headers");
    assert!(
        record.message().contains("connection reset"),
        "{}",
        record.message()
    );
}

#[test]
fn a_connection_closed_within_the_headers_is_a_connect_error() {
    let record = fetched(Script::new().send("HTTP/1.1 200 OK\r\nContent-Le").close());
    let verdict = record.verdict();
    assert!(
        ["error connect/headers", "error protocol/headers"].contains(&verdict.as_str()),
        "{verdict}"
    );
}

#[test]
fn an_answer_that_is_not_http_is_a_protocol_error() {
    for answer in [
        "hello\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \x1b[31m\r\n\r\n",
        "\x16\x03\x01\x02\x00",
    ] {
        let record = fetched(Script::new().send(answer).close());
        assert_eq!(
            record.verdict(),
            "error protocol/headers",
            "{answer:?}: {}",
            record["error"]
        );
    }
}

#[test]
fn five_thousand_header_fields_and_256_kib_are_accepted() {
    let many: String = (0..5_000 - 1).fold(String::new(), |mut head, number| {
        let _ = write!(head, "x-{number}: {number}\r\n");
        head
    });
    let large = format!("x: {}\r\n", "x".repeat(250 * 1024));
    for fields in [many, large] {
        let record = fetched(Script::new().send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n"
        )));
        assert_eq!(record.verdict(), "ok", "{}", record["error"]);
    }
}

#[test]
fn more_header_fields_are_a_protocol_error() {
    let many: String = (0..5_001).map(|_| "x: y\r\n").collect();
    let large = format!("x: {}\r\n", "x".repeat(300 * 1024));
    for fields in [many, large] {
        let record = fetched(Script::new().send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n"
        )));
        assert_eq!(record.verdict(), "error protocol/headers");
    }
    let record = fetched(
        Script::new()
            .send("HTTP/1.1 200 OK\r\n")
            .repeat("x: y\r\n".repeat(100), 0),
    );
    assert_eq!(record.verdict(), "error protocol/headers", "endless");
}

#[test]
fn a_server_without_tls_is_a_tls_error() {
    for script in [
        "HTTP/1.1 400 Bad\r\n\r\n",
        "",
        "\x15\x03\x01\x00\x02\x02\x28",
    ] {
        let plain = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", plain.local_addr().unwrap());
        let answering = thread::spawn(move || {
            let (mut tcp, _) = plain.accept().unwrap();
            let _ = tcp.read(&mut [0; 4096]);
            let _ = tcp.write_all(script.as_bytes());
        });
        let record = Fetch::jsonl().trusting().arg(url).run().exits(1).record();
        answering.join().unwrap();
        assert_eq!(
            record.verdict(),
            "error tls/connect",
            "{script:?}: {}",
            record["error"]
        );
    }
}

#[test]
fn a_certificate_of_an_unknown_authority_is_a_tls_error() {
    let server = Server::build().tls(tls::here()).start();
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
    assert_eq!(record.verdict(), "error tls/connect");
    assert!(
        record.message().to_lowercase().contains("certificate"),
        "{}",
        record.message()
    );
}

#[test]
fn a_certificate_of_another_name_is_a_tls_error() {
    let server = Server::build()
        .tls(tls::server(&["example.com"], &[]))
        .start();
    let record = Fetch::jsonl()
        .trusting()
        .arg(server.url("/a"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error tls/connect");
}

#[test]
fn a_status_that_is_not_accepted_is_an_answer() {
    for status in [400, 404, 429, 500, 503, 599] {
        let record = fetched(answer(status, "no"));
        assert_eq!(record.verdict(), format!("http_error {status}"));
        assert_eq!(
            (&record["size"], &record["error"]),
            (&2.into(), &Value::Null)
        );
        assert_eq!(record["attempts"][0]["status"], status);
    }
}

#[test]
fn accept_says_which_statuses_are_ok() {
    let server = Server::always(answer(404, "no"));
    for (list, code) in [
        ("404", 0),
        ("200..=299,404", 0),
        ("400..=499", 0),
        ("200", 1),
        ("200..=299", 1),
        ("100..=403,405", 1),
    ] {
        let out = Fetch::jsonl()
            .args(["--accept", list, &server.url("/a")])
            .run()
            .exits(code);
        assert_eq!(
            out.record().verdict(),
            if code == 0 { "ok" } else { "http_error 404" },
            "{list}"
        );
    }
    let server = Server::always(ok(""));
    let record = Fetch::jsonl()
        .args(["--accept", "404", &server.url("/a")])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "http_error 200");
}

#[test]
fn every_status_between_200_and_299_is_ok_by_default() {
    for status in [200, 201, 202, 206, 226, 299] {
        assert_eq!(fetched(answer(status, "x")).verdict(), "ok", "{status}");
    }
}

#[test]
fn an_answer_that_switches_protocols_is_not_waited_for() {
    let record = fetched(
        Script::new()
            .send("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
            .close(),
    );
    assert_ne!(record["outcome"], "ok");
}

#[test]
fn a_failing_url_does_not_affect_the_others() {
    let refusing = Refusing::new();
    let server = Server::build()
        .route("/cut", Script::new().close())
        .route("/ok", ok("x"))
        .start();
    let list = format!(
        "{0}\nhttp://{1}/\n{2}\nhttp://nothing.invalid/\n{0}\nhttp://[\n{0}\n",
        server.url("/ok"),
        refusing.address(),
        server.url("/cut")
    );
    let out = Fetch::jsonl().stdin(list).run().exits(1);
    let verdicts: Vec<_> = out.in_order().iter().map(Value::verdict).collect();
    assert_eq!(
        verdicts,
        [
            "ok",
            "error connect/connect",
            "error connect/headers",
            "error dns/resolve",
            "ok",
            "error invalid_url/input",
            "ok"
        ]
    );
}

/// The message of a server that does this on each stream of HTTP/2.
#[track_caller]
fn over_http2(
    over_tls: bool,
    answer: impl Fn(&mut http2::Peer<'_>, u32) -> Option<()> + Send + Sync + 'static,
) -> String {
    let script = http2::peer(move |peer| {
        loop {
            let id = peer.request()?;
            answer(peer, id)?;
        }
    });
    let build = Server::build().otherwise(script);
    let (server, option) = if over_tls {
        let config = tls::server(&["127.0.0.1"], &["h2"]);
        (build.tls(config).start(), "--http2")
    } else {
        (build.start(), "--http2-prior-knowledge")
    };
    let fetch = Fetch::jsonl().trusting().args([option, &server.url("/a")]);
    let record = fetch.run().record();
    let message = record.message();
    let place = message.split_once(": ").map(|(_, rest)| rest.to_owned());
    place.unwrap_or_else(|| panic!("{message}"))
}

#[test]
fn errors_of_http_2_say_who_ended_what_and_why() {
    for (code, said) in [
        (0, "the server gave up the request"),
        (2, "the server gave up the request (INTERNAL_ERROR)"),
        (8, "the server gave up the request (CANCEL)"),
        (11, "the server gave up the request (ENHANCE_YOUR_CALM)"),
        (99, "the server gave up the request (error 99 of HTTP/2)"),
    ] {
        assert_eq!(
            over_http2(false, move |peer, id| peer.reset(id, code)),
            said
        );
    }
    for (code, said) in [
        (
            11,
            "the server closed the HTTP/2 connection (ENHANCE_YOUR_CALM)",
        ),
        (
            2,
            "the server closed the HTTP/2 connection (INTERNAL_ERROR)",
        ),
    ] {
        let end = move |peer: &mut http2::Peer<'_>, _| {
            peer.go_away_because(0, code)?;
            peer.hang_up();
            None
        };
        assert_eq!(over_http2(false, end), said);
    }
    // A field with a control character, `x-a: a\x01b`.
    let malformed =
        |peer: &mut http2::Peer<'_>, id| peer.send(1, 4, id, b"\x88\x00\x03x-a\x03a\x01b");
    assert_eq!(
        over_http2(false, malformed),
        "the response breaks a rule of HTTP/2 (PROTOCOL_ERROR)"
    );
}

#[test]
fn a_connection_that_ends_without_the_alert_of_tls_is_described_in_words() {
    let cut_off = |peer: &mut http2::Peer<'_>, id| {
        peer.begin_of(id, None, b"hello")?;
        peer.hang_up();
        None
    };
    assert_eq!(
        over_http2(true, cut_off),
        "connection closed without TLS's closing alert"
    );
}
