//! Proxies that refuse, fail, break the protocol or stay silent.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use serde_json::{Value, json};

use crate::support::{
    Fetch, Output, Script, Server, answer, ok,
    port::{Overrun, Refusing},
    proxy::{basic, proxy},
    record::RecordExt as _,
    redirect, reply, tls, with_time_enough,
};

const RETRIES: [&str; 4] = ["--retry", "2", "--retry-delay", "1ms"];

fn through(proxy: &str, url: &str) -> Output {
    Fetch::jsonl()
        .trusting()
        .args(["-x", proxy, url])
        .run()
        .exits(1)
}

/// Asserts that the record is an error that names the proxy, without a status or other parts of an answer.
#[track_caller]
fn is_of_the_proxy(record: &Value, server: &Server, kind: &str, named: &str) {
    assert_eq!(
        record.verdict(),
        format!("error {kind}/connect"),
        "{record}"
    );
    let address = format!("127.0.0.1:{}", server.port());
    let message = record.message();
    assert!(
        message.contains(&address) && message.contains(named),
        "no {address} or no {named:?} in {message}"
    );
    assert_eq!(
        (&record["status"], &record["content_type"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_refused_tunnel_is_an_error_that_names_the_proxy() {
    for status in [400, 401, 403, 404, 405, 407, 429, 500, 502, 503, 504, 511] {
        let server = Server::always(answer(status, "no"));
        let record = through(&server.url(""), "https://a.invalid/").record();
        let said = match status {
            407 => "the proxy requires a login (407): write --proxy http://NAME:PASSWORD@HOST:PORT"
                .to_owned(),
            _ => format!("the proxy refused to connect: {status}"),
        };
        is_of_the_proxy(&record, &server, "proxy", &said);
        // The stack tells of 407 alone.
        let asked = if status == 407 { 1 } else { 2 };
        assert_eq!(server.targets(), vec!["a.invalid:443"; asked]);
    }
}

#[test]
fn a_login_that_a_proxy_rejects_is_not_asked_for_again() {
    let server = Server::always(answer(407, "no"));
    let proxy = server.url("").replacen("://", "://user:wrong@", 1);
    let record = through(&proxy, "https://a.invalid/").record();
    let said = ": the proxy rejected the login (407): check its name and password";
    is_of_the_proxy(&record, &server, "proxy", said);
    assert_eq!(server.targets(), ["a.invalid:443"]);
}

#[test]
fn a_proxy_at_an_address_of_resolve_is_asked_for_its_status_there() {
    let server = Server::always(answer(403, "no"));
    let port = server.port();
    for resolve in [
        format!("proxy.invalid:{port}:127.0.0.1"),
        format!("*:{port}:127.0.0.1"),
    ] {
        let before = server.requests().len();
        let proxy = format!("http://PROXY.invalid:{port}");
        let args = ["--resolve", &resolve, "-x", &proxy, "https://a.invalid/"];
        let record = Fetch::jsonl().args(args).run().exits(1).record();
        let message = record.message();
        assert!(message.ends_with(": 403 Forbidden"), "{message}");
        assert_eq!(server.requests().len(), before + 2);
    }
}

#[test]
fn a_redirect_in_answer_to_connect_is_not_followed() {
    let elsewhere = Server::always(ok("x"));
    for status in [301, 302, 307, 308] {
        let server = Server::always(redirect(status, &elsewhere.url("/a")));
        let record = through(&server.url(""), "https://a.invalid/").record();
        is_of_the_proxy(&record, &server, "proxy", &status.to_string());
        assert_eq!(record["redirects"], 0);
    }
    elsewhere.assert_untouched();
}

#[test]
fn a_proxy_that_closes_the_connection_is_a_connect_error() {
    for script in [
        Script::new().close(),
        Script::new().reset(),
        Script::new().send("HTTP/1.1 200 Conn").close(),
        Script::new().send("HTTP/1.1 200 OK\r\nX: y\r\n").close(),
    ] {
        let server = Server::always(script);
        let record = through(&server.url(""), "https://a.invalid/").record();
        is_of_the_proxy(&record, &server, "connect", "");
    }
}

#[test]
fn a_proxy_that_resets_the_connection_is_to_blame() {
    let server = Server::always(Script::new().reset());
    let record = through(&server.url(""), "https://a.invalid/").record();
    let message = record.message();
    assert!(
        message.ends_with(": the proxy reset the connection"),
        "{message}"
    );
}

#[test]
fn a_proxy_that_does_not_speak_http_is_a_connect_error() {
    for text in [
        "hello\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 20\r\n\r\n",
        "200 OK\r\n\r\n",
        "\x05\x00",
        "\x1b[31m\u{202e}\r\n\r\n",
    ] {
        let server = Server::always(Script::new().send(text).close());
        let record = through(&server.url(""), "https://a.invalid/").record();
        is_of_the_proxy(&record, &server, "connect", "does not speak HTTP");
    }
}

#[test]
fn a_reason_phrase_with_escapes_is_shown_escaped_or_not_at_all() {
    let script = "HTTP/1.1 502 \u{1b}]52;c;eA==\u{7}\u{202e}\r\nContent-Length: 0\r\n\r\n";
    let server = Server::always(Script::new().send(script));
    for format in ["text", "jsonl", "csv"] {
        Fetch::new()
            .args(["-v", "--format", format, "-x", &server.url("")])
            .arg("https://a.invalid/")
            .run()
            .exits(1);
    }
}

#[test]
fn endless_headers_of_a_proxy_are_an_error() {
    for (piece, said) in [
        ("X: y\r\n".repeat(100), "more than 100 headers"),
        (
            "x".repeat(4096),
            "answered 200 OK with headers of more than 8 KiB",
        ),
    ] {
        let script = Script::new().send("HTTP/1.1 200 OK\r\n").repeat(piece, 0);
        let server = Server::always(script);
        let record = through(&server.url(""), "https://a.invalid/").record();
        is_of_the_proxy(&record, &server, "proxy", said);
    }
}

#[test]
fn a_tunnel_to_a_server_without_tls_is_a_tls_error() {
    for text in ["hello\r\n\r\n", "HTTP/1.1 400 Bad\r\n\r\n"] {
        let opened = format!("HTTP/1.1 200 OK\r\n\r\n{text}");
        let server = Server::always(Script::new().send(opened).close());
        let record = through(&server.url(""), "https://a.invalid/").record();
        assert_eq!(record.verdict(), "error tls/connect", "{record}");
    }
}

#[test]
fn a_silent_proxy_ends_at_the_timeouts() {
    let server = Server::always(Script::new().silence());
    for option in ["--connect-timeout", "-t"] {
        with_time_enough(|limit| {
            let record = Fetch::jsonl()
                .args([option, &limit.to_string(), "-x", &server.url("")])
                .arg("https://a.invalid/")
                .run()
                .exits(1)
                .record();
            assert_eq!(record["error"]["kind"], "timeout", "{record}");
            (record["error"]["phase"] == "connect").then_some(())
        });
    }
    let overrun = Overrun::new();
    let record = Fetch::jsonl()
        .args(["--connect-timeout", "300ms", "-x"])
        .arg(format!("http://{}", overrun.address()))
        .arg("http://a.invalid/")
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error timeout/connect");
}

#[test]
fn a_proxy_that_refuses_connections_is_named() {
    let refusing = Refusing::new();
    let address = refusing.address().to_string();
    for url in ["http://a.invalid/", "https://a.invalid/"] {
        for scheme in ["http", "https", "socks5h"] {
            let record = through(&format!("{scheme}://{address}"), url).record();
            assert_eq!(record.verdict(), "error connect/connect", "{scheme} {url}");
            let said = format!("proxy {address}: connection refused");
            assert_eq!(record.message(), said, "{scheme} {url}");
        }
    }
}

#[test]
fn a_proxy_without_trusted_tls_is_to_blame_whatever_the_scheme_of_the_url() {
    let untrusted = Server::build().tls(tls::here()).start();
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let over_tls = format!("https://{}", plain.local_addr().unwrap());
    thread::spawn(move || {
        for tcp in plain.incoming() {
            let mut tcp = tcp.unwrap();
            let _ = tcp.read(&mut [0; 4096]);
            let _ = tcp.write_all(b"HTTP/1.1 400 Bad\r\n\r\n");
        }
    });
    for (proxy, said) in [
        (
            untrusted.url(""),
            "the proxy's certificate is not trusted: its issuer is unknown; use --cacert",
        ),
        (
            over_tls,
            "the proxy does not speak TLS on this port: write --proxy http://",
        ),
    ] {
        for url in ["http://a.invalid/", "https://a.invalid/"] {
            let record = Fetch::jsonl()
                .args(["-k", "-x", &proxy, url])
                .run()
                .exits(1)
                .record();
            assert_eq!(record.verdict(), "error tls/connect");
            assert!(record.message().ends_with(said), "{}", record.message());
        }
    }
}

#[test]
fn what_a_proxy_answers_to_a_plain_request_is_the_answer() {
    for status in [407, 403, 502, 504] {
        let asks = reply(status, &[("Proxy-Authenticate", "Basic")], "who?");
        let server = Server::always(asks);
        let record = through(&server.url(""), "http://a.invalid/a").record();
        assert_eq!(record.verdict(), format!("http_error {status}"));
        assert_eq!(
            (&record["size"], &record["error"]),
            (&json!(4), &Value::Null)
        );
        assert_eq!(server.requests().len(), 1, "once is enough");
    }
}

#[test]
fn a_plain_request_without_an_answer_is_a_connect_error() {
    let server = Server::always(Script::new().close());
    let record = through(&server.url(""), "http://a.invalid/a").record();
    assert_eq!(record["error"]["kind"], "connect", "{record}");
    let server = Server::always(Script::new().send("hello\r\n\r\n").close());
    let record = through(&server.url(""), "http://a.invalid/a").record();
    assert_eq!(record["error"]["kind"], "protocol", "{record}");
}

#[test]
fn a_refused_tunnel_is_retried() {
    let origin = Server::build().tls(tls::here()).otherwise(ok("x")).start();
    let authority = format!("127.0.0.1:{}", origin.port());
    let server = Server::build()
        .route_in_turn(
            &authority,
            [
                answer(502, "no"),
                // Asked for its status.
                answer(502, "no"),
                Script::new().close(),
                proxy(),
            ],
        )
        .start();
    let record = Fetch::jsonl()
        .trusting()
        .args(RETRIES)
        .args(["-x", &server.url(""), &origin.url("/a")])
        .run()
        .exits(0)
        .record();
    let kinds: Vec<_> = record["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["error"]["kind"])
        .collect();
    assert_eq!(kinds, [&json!("proxy"), &json!("connect"), &Value::Null]);
    assert_eq!((server.requests().len(), origin.requests().len()), (4, 1));
}

/// When a tunnel is refused, nothing of the POST has been sent.
#[test]
fn a_post_is_retried_if_its_tunnel_was_refused() {
    let origin = Server::build().tls(tls::here()).otherwise(ok("x")).start();
    let authority = format!("127.0.0.1:{}", origin.port());
    let server = Server::build()
        .route_in_turn(&authority, [answer(503, "no"), answer(503, "no"), proxy()])
        .start();
    Fetch::new()
        .trusting()
        .args(RETRIES)
        .args(["-d", "hello", "-x", &server.url(""), &origin.url("/a")])
        .run()
        .exits(0);
    assert_eq!(origin.request().body_text(), "hello");
}

#[test]
fn a_proxy_is_asked_for_its_status_once_for_each_destination() {
    let server = Server::build()
        .route("a.invalid:443", answer(403, "no"))
        .route("b.invalid:443", answer(502, "no"))
        .start();
    let list = "https://a.invalid/\n".repeat(10) + &"https://b.invalid/\n".repeat(10);
    let records = Fetch::jsonl()
        .args(RETRIES)
        .args(["-j1", "-x", &server.url("")])
        .stdin(list)
        .run()
        .exits(1)
        .in_order();
    for (number, record) in records.iter().enumerate() {
        let (said, attempts) = if number < 10 { ("403", 1) } else { ("502", 3) };
        is_of_the_proxy(record, &server, "proxy", said);
        assert_eq!(record["attempts"].as_array().unwrap().len(), attempts);
    }
    let asked = |host: &str| {
        server
            .targets()
            .iter()
            .filter(|target| *target == host)
            .count()
    };
    assert_eq!((asked("a.invalid:443"), asked("b.invalid:443")), (11, 31));
}

#[test]
fn a_status_is_asked_for_with_the_credentials_and_over_the_tls_of_the_proxy() {
    let server = Server::build()
        .tls(tls::here())
        .otherwise(answer(403, "no"))
        .start();
    let url = server.url("").replacen("://", "://user:pass@", 1);
    let record = through(&url, "https://a.invalid/").record();
    is_of_the_proxy(&record, &server, "proxy", "403 Forbidden");
    for request in server.requests() {
        let said = request.header("proxy-authorization");
        assert_eq!(said, Some(basic("user", "pass").as_str()));
        assert_eq!(request.header("host"), Some("a.invalid:443"));
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_status_that_cannot_be_read_is_a_refusal_all_the_same() {
    for second in [
        Script::new().close(),
        Script::new().silence(),
        Script::new().reset(),
    ] {
        let server = Server::build()
            .route_in_turn("a.invalid:443", [answer(403, "no"), second])
            .start();
        let record = through(&server.url(""), "https://a.invalid/").record();
        is_of_the_proxy(&record, &server, "proxy", "its status cannot be read");
    }
}

#[test]
fn a_proxy_that_does_not_refuse_again_is_retried() {
    let origin = Server::build().tls(tls::here()).otherwise(ok("x")).start();
    let authority = format!("127.0.0.1:{}", origin.port());
    let server = Server::build()
        .route_in_turn(&authority, [answer(403, "no"), proxy()])
        .start();
    let record = Fetch::jsonl()
        .trusting()
        .args(RETRIES)
        .args(["-x", &server.url(""), &origin.url("/a")])
        .run()
        .exits(0)
        .record();
    assert_eq!(record["attempts"][0]["error"]["kind"], "proxy");
}
