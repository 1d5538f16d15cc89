//! Proxies, and hosts that are reached without one.

use super::{beside_with, raw};
use crate::support::{
    Fetch, Server, ok,
    record::RecordExt as _,
    socks::{Manner, Socks},
};

const RETRIES: [&str; 4] = ["--retry", "2", "--retry-delay", "1ms"];

/// Asserts that a proxy with this answer to CONNECT is an error of the proxy with this message, after so many attempts.
/// The neighbours are reached without it.
#[track_caller]
fn refuses(answer: &str, said: &str, attempts: usize) {
    let neighbour = Server::always(ok("unharmed"));
    let proxy = Server::always(raw(answer));
    let fetch = Fetch::jsonl()
        .args(RETRIES)
        .args(["--noproxy", "127.0.0.1", "-x", &proxy.url("")]);
    let record = beside_with(
        &neighbour,
        fetch,
        "https://a.invalid/",
        "error proxy/connect",
    );
    let message = record.message();
    assert!(message.contains(said), "{message}");
    assert_eq!(record["attempts"].as_array().unwrap().len(), attempts);
}

#[test]
fn c250_a_dot_at_the_end_of_a_name_changes_nothing_for_no_proxy() {
    let server = Server::always(ok("unharmed"));
    let proxy = Server::build().start();
    for (list, host) in [
        ("a.test", "a.test."),
        ("a.test.", "a.test"),
        ("a.test", "b.a.test."),
    ] {
        let except = format!("127.0.0.1,{list}");
        let bare = host.trim_end_matches('.');
        let fetch = || {
            let resolve = format!("{bare}:{}:127.0.0.1", server.port());
            Fetch::jsonl().args(["--resolve", &resolve, "-x", &proxy.url("")])
        };
        let url = server.url_as(host, "/a");
        for fetch in [
            fetch().args(["--noproxy", &except]),
            fetch().env("no_proxy", &except),
        ] {
            beside_with(&server, fetch, &url, "ok");
        }
    }
    proxy.assert_untouched();
}

#[test]
fn c251_a_proxy_that_forbids_is_asked_no_more() {
    refuses("HTTP/1.1 403 \x1b[31mNo\r\n\r\n", ": 403 Forbidden", 1);
    refuses(
        "HTTP/1.0 407 Who\r\n\r\n",
        "the proxy requires a login (407)",
        1,
    );
    refuses(
        "HTTP/1.1 499\r\n\r\n",
        "the proxy refused to connect: 499",
        1,
    );
}

#[test]
fn c252_a_proxy_that_does_not_reach_the_server_is_retried() {
    refuses("HTTP/1.1 502 Bad Gateway\r\n\r\n", ": 502 Bad Gateway", 3);
}

#[test]
fn c253_a_tunnel_that_is_opened_in_another_way_is_told() {
    for status in [201, 204, 299] {
        let answer = format!("HTTP/1.1 {status} Yes\r\n\r\n");
        let said = format!("the proxy answered {status}");
        refuses(&answer, &said, 1);
    }
}

#[test]
fn c254_a_head_of_a_proxy_of_10_kb_is_told_with_the_status() {
    let field = format!("X-A: {}\r\n\r\n", "a".repeat(10_000));
    let opened = format!("HTTP/1.1 200 OK\r\n{field}");
    refuses(&opened, "headers of more than 8 KiB", 1);
    let forbidden = format!("HTTP/1.1 403 No\r\n{field}");
    refuses(&forbidden, ": 403 Forbidden", 1);
}

#[test]
fn c255_a_refusal_of_socks_is_told_with_its_reason() {
    for (code, said, attempts) in [(2, "connection not allowed", 1), (4, "host unreachable", 3)] {
        let neighbour = Server::always(ok("unharmed"));
        let socks = Socks::new(Manner::Refuses(code));
        let fetch = Fetch::jsonl().args(RETRIES).args([
            "--noproxy",
            "127.0.0.1",
            "-x",
            &socks.url("socks5h"),
        ]);
        let record = beside_with(
            &neighbour,
            fetch,
            "http://a.invalid/",
            "error proxy/connect",
        );
        assert!(record.message().ends_with(said), "{}", record.message());
        assert_eq!(record["attempts"].as_array().unwrap().len(), attempts);
    }
}
