//! Method, content and protocol: what the server sees of the options.

use crate::support::{Fetch, Request, Script, Server, http2, ok, record::RecordExt as _, tls};

/// The request that a server gets from a run with these arguments.
#[track_caller]
fn asked(args: &[&str]) -> Request {
    asked_by(Fetch::jsonl().args(args))
}

#[track_caller]
fn asked_by(fetch: Fetch) -> Request {
    let server = Server::always(ok("x"));
    let record = fetch.arg(server.url("/a?b=c%20d")).run().exits(0).record();
    let request = server.request();
    assert_eq!(record["method"], request.method);
    assert_eq!(request.target, "/a?b=c%20d");
    request
}

#[test]
fn the_default_is_get_without_content() {
    let request = asked(&[]);
    assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
    assert!(
        request.header("content-length").is_none() && request.header("transfer-encoding").is_none()
    );
}

#[test]
fn method_is_the_one_asked_for() {
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "PURGE", "get"] {
        assert_eq!(asked(&["-X", method]).method, method);
        assert_eq!(asked(&["--method", method]).method, method);
    }
}

#[test]
fn data_makes_a_post_of_a_form() {
    for option in ["-d", "--data"] {
        let request = asked(&[option, "a=1&b=ü"]);
        assert_eq!(
            (request.method.as_str(), request.body_text()),
            ("POST", "a=1&b=ü")
        );
        assert_eq!(
            request.header("content-type"),
            Some("application/x-www-form-urlencoded")
        );
        assert_eq!(request.header("content-length"), Some("8"));
    }
}

#[test]
fn data_goes_with_another_method_and_another_type() {
    let request = asked(&[
        "-X",
        "PUT",
        "-d",
        "{}",
        "-H",
        "Content-Type: application/json",
    ]);
    assert_eq!(
        (request.method.as_str(), request.body_text()),
        ("PUT", "{}")
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
}

#[test]
fn data_from_a_file_is_sent_as_it_is() {
    let bytes = b"line\r\n\n\x00\xff@end\n";
    let request = asked_by(
        Fetch::jsonl()
            .file("data.bin", bytes)
            .args(["-d", "@data.bin"]),
    );
    assert_eq!(request.body, bytes);
}

#[test]
fn data_is_read_from_standard_input() {
    let server = Server::always(ok("x"));
    for data in ["@-", "@/dev/stdin"] {
        Fetch::new()
            .args(["-d", data, &server.url("/a")])
            .stdin("hello")
            .run()
            .exits(0);
    }
    for request in server.requests() {
        assert_eq!(request.body_text(), "hello");
    }
}

#[test]
fn the_list_and_the_data_cannot_both_be_standard_input() {
    for (data, source) in [("@-", &["-"][..]), ("@-", &[]), ("@/dev/stdin", &["-"])] {
        let out = Fetch::new()
            .args(["-d", data])
            .args(source)
            .stdin("http://127.0.0.1/\n")
            .run()
            .exits(2);
        assert_eq!(
            out.stderr(),
            format!(
                "fetch: --data: {data}: the list is read from standard input already; put one of the two into a file\n"
            )
        );
    }
}

#[test]
fn large_data_arrives_whole() {
    let bytes = vec![b'a'; 3_000_000];
    assert_eq!(
        asked_by(Fetch::jsonl().file("data", &bytes).args(["-d", "@data"])).body,
        bytes
    );
}

#[test]
fn empty_data_is_data() {
    let request = asked(&["-d", ""]);
    assert_eq!(
        (request.method.as_str(), request.header("content-length")),
        ("POST", Some("0"))
    );
}

#[test]
fn data_goes_with_every_url() {
    let server = Server::always(ok("x"));
    Fetch::new()
        .args(["-d", "all"])
        .stdin(server.list(12))
        .run()
        .exits(0);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.body_text() == "all")
    );
}

#[test]
fn head_asks_for_the_head_alone() {
    for option in ["-I", "--head"] {
        let server = Server::at(
            "/a",
            Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        );
        let record = Fetch::jsonl()
            .args([option, &server.url("/a")])
            .run()
            .exits(0)
            .record();
        assert_eq!(server.request().method, "HEAD");
        assert_eq!(
            (&record["method"], &record["size"]),
            (&"HEAD".into(), &0.into())
        );
    }
}

#[test]
fn a_fragment_is_not_sent_and_the_rest_is_sent_as_it_stands() {
    let server = Server::always(ok("x"));
    let url = server.url("/%7Ea/ü?q=1&r=[x]|y#frag");
    Fetch::new().arg(url).run().exits(0);
    let target = server.request().target;
    assert!(
        target.starts_with("/%7Ea/%C3%BC?q=1&r=") && !target.contains('#'),
        "{target}"
    );
}

#[test]
fn the_record_says_who_answered_and_how() {
    let server = Server::at("/a", ok("12345"));
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(0).record();
    assert_eq!(
        record["remote_addr"],
        format!("127.0.0.1:{}", server.port())
    );
    assert_eq!(record["http_version"], "HTTP/1.1");
    assert_eq!(record["content_type"], "text/plain");
    assert_eq!(record["size"], 5);
    assert_eq!(record["final_url"], server.url("/a"));
    assert_eq!(
        (&record["redirects"], &record["status"]),
        (&0.into(), &200.into())
    );
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(record["attempts"][0]["status"], 200);
    assert!(record["attempts"][0]["error"].is_null());
    assert!(record["file"].is_null() && record["sha256"].is_null());
}

#[test]
fn an_ipv6_address_can_be_asked() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let server = Server::build().on_ipv6().otherwise(ok("x")).start();
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(0).record();
    assert_eq!(record["remote_addr"], format!("[::1]:{}", server.port()));
    assert_eq!(
        server.request().header("host"),
        Some(format!("[::1]:{}", server.port()).as_str())
    );
}

#[test]
fn a_name_is_looked_up() {
    let server = Server::always(ok("x"));
    let record = Fetch::jsonl()
        .arg(server.url_as("localhost", "/a"))
        .run()
        .exits(0)
        .record();
    assert_eq!(
        record["remote_addr"],
        format!("127.0.0.1:{}", server.port())
    );
    assert_eq!(
        server.request().header("host"),
        Some(format!("localhost:{}", server.port()).as_str())
    );
}

#[test]
fn https_is_spoken_to_a_server_that_is_trusted() {
    let server = Server::build()
        .tls(tls::here())
        .otherwise(ok("safe"))
        .start();
    let record = Fetch::jsonl()
        .trusting()
        .arg(server.url("/a"))
        .run()
        .exits(0)
        .record();
    assert_eq!(
        (&record["http_version"], &record["size"]),
        (&"HTTP/1.1".into(), &4.into())
    );
}

/// A TLS server that speaks HTTP/2 if the client offers it, and HTTP/1.1 otherwise.
fn either() -> Server {
    let config = tls::server(&["127.0.0.1"], &["h2", "http/1.1"]);
    Server::build()
        .tls(config)
        .route("*", http2::answer(b"two"))
        .otherwise(ok("one"))
        .start()
}

#[test]
fn http_2_is_spoken_where_the_server_offers_it() {
    for args in [&[][..], &["--http2"]] {
        let server = either();
        let record = Fetch::jsonl()
            .trusting()
            .args(args)
            .arg(server.url("/a"))
            .run()
            .exits(0)
            .record();
        assert!(http2::is_preface(&server.request()));
        assert_eq!(
            (&record["http_version"], &record["size"]),
            (&"HTTP/2".into(), &3.into()),
            "{args:?}"
        );
    }
}

#[test]
fn a_host_header_of_its_own_is_sent_over_http_1_1() {
    let server = either();
    let (plain, line) = (
        server.url("/a"),
        format!(
            r#"{{"url":"{}","headers":{{"Host":"inner.example"}}}}"#,
            server.url("/b")
        ),
    );
    for (args, list) in [(&["-H", "Host: inner.example"][..], &plain), (&[], &line)] {
        let out = Fetch::jsonl().trusting().args(args).stdin(list).run();
        let record = out.exits(0).record();
        assert_eq!(record["http_version"], "HTTP/1.1", "{args:?}");
    }
    for request in server.requests() {
        assert_eq!(request.header("host"), Some("inner.example"));
    }
    let out = Fetch::jsonl()
        .trusting()
        .arg("--http2-prior-knowledge")
        .stdin(format!("{line}\n{plain}"))
        .run();
    let records = out.exits(1).in_order();
    assert_eq!(records[0].verdict(), "error invalid_input/input");
    let said = "a custom Host header cannot be sent over HTTP/2; leave out --http2-prior-knowledge";
    assert_eq!(records[0].message(), said);
    assert_eq!(records[1].verdict(), "ok");
}

#[test]
fn http_1_1_is_spoken_where_it_is_asked_for() {
    let server = either();
    let record = Fetch::jsonl()
        .trusting()
        .args(["--http1.1", &server.url("/a")])
        .run()
        .exits(0)
        .record();
    assert_eq!(
        (&record["http_version"], &record["status"]),
        (&"HTTP/1.1".into(), &200.into())
    );
    assert_eq!(server.request().method, "GET");
}

#[test]
fn the_last_of_the_protocols_counts_as_with_curl() {
    let server = either();
    for (args, version) in [
        (["--http2", "--http1.1"], "HTTP/1.1"),
        (["--http1.1", "--http2"], "HTTP/2"),
    ] {
        let record = Fetch::jsonl()
            .trusting()
            .args(args)
            .arg(server.url("/a"))
            .run()
            .exits(0)
            .record();
        assert_eq!(record["http_version"], version);
    }
}

#[test]
fn http_2_is_spoken_at_once_with_prior_knowledge() {
    let server = Server::at("*", http2::answer(b"two"));
    let record = Fetch::jsonl()
        .args(["--http2-prior-knowledge", &server.url("/a")])
        .run()
        .exits(0)
        .record();
    assert!(http2::is_preface(&server.request()));
    assert_eq!(
        (&record["http_version"], &record["size"]),
        (&"HTTP/2".into(), &3.into())
    );
}

#[test]
fn prior_knowledge_that_is_wrong_says_so() {
    let open = Script::new().send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    for (script, kind, said) in [
        (
            open.silence(),
            "protocol",
            ": the server does not speak HTTP/2: leave out --http2-prior-knowledge",
        ),
        (
            Script::new().close(),
            "connect",
            ": connection closed before a response; the server may not speak HTTP/2 (--http2-prior-knowledge)",
        ),
    ] {
        let server = Server::at("*", script);
        let record = Fetch::jsonl()
            .args(["--http2-prior-knowledge", &server.url("/a")])
            .run()
            .exits(1)
            .record();
        assert_eq!(record["error"]["kind"], kind, "{record}");
        assert!(record.message().ends_with(said), "{record}");
    }
}

#[test]
fn a_pooled_connection_that_the_server_closed_is_no_failure() {
    let leaves = Script::new().run(|_, _| ()).close();
    let server = Server::build()
        .route("/0", ok("x"))
        .route_in_turn("/1", [leaves, ok("y")])
        .start();
    let out = Fetch::jsonl()
        .arg("-j1")
        .stdin(server.list(2))
        .run()
        .exits(0);
    let connections: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(
        (server.targets(), connections),
        (vec!["/0".into(), "/1".into(), "/1".into()], vec![0, 0, 1])
    );
    assert_eq!(
        out.in_order()[1]["attempts"].as_array().unwrap().len(),
        1,
        "it does not count as a retry"
    );
}

#[test]
fn a_fresh_connection_that_the_server_closed_is_a_failure() {
    let server = Server::at("/0", Script::new().close());
    let out = Fetch::jsonl().arg(server.url("/0")).run().exits(1);
    assert_eq!(out.record().verdict(), "error connect/headers");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_post_or_trace_on_a_pooled_connection_that_the_server_closed_is_not_sent_again() {
    for method in [["-d", "pay"], ["-X", "TRACE"]] {
        let server = Server::build()
            .route("/0", ok("x"))
            .route("/1", Script::new().close())
            .start();
        let out = Fetch::jsonl()
            .arg("-j1")
            .args(method)
            .stdin(server.list(2))
            .run()
            .exits(1);
        assert_eq!(out.in_order()[1].verdict(), "error connect/headers");
        assert_eq!(server.targets(), ["/0", "/1"], "{method:?}");
    }
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
