//! `--block-private`: no connection to an address that is not public, in any spelling.

use serde_json::Value;

use crate::support::{Fetch, Server, ok, port::Refusing, record::RecordExt as _};

#[track_caller]
fn all_blocked(urls: &[String]) {
    let out = Fetch::jsonl()
        .arg("--block-private")
        .stdin(urls.join("\n"))
        .run()
        .exits(1);
    let verdicts: Vec<_> = out
        .in_order()
        .iter()
        .zip(urls)
        .map(|(record, url)| format!("{url} {}", record.verdict()))
        .collect();
    let expected: Vec<_> = urls
        .iter()
        .map(|url| format!("{url} error blocked/connect"))
        .collect();
    assert_eq!(verdicts, expected);
}

fn at_port(hosts: &[&str], server: &Server) -> Vec<String> {
    hosts.iter().map(|host| server.url_as(host, "/a")).collect()
}

#[test]
fn a_blocked_address_is_named_once() {
    for (url, said) in [
        (
            "http://127.0.0.1:9/",
            "127.0.0.1: not a public address (--block-private)",
        ),
        (
            "http://[::1]:9/",
            "[::1]: not a public address (--block-private)",
        ),
        (
            "http://2130706433:9/",
            "127.0.0.1: not a public address (--block-private)",
        ),
    ] {
        let run = Fetch::jsonl().args(["--block-private", url]).run();
        assert_eq!(run.exits(1).record()["error"]["message"], said);
    }
}

#[test]
fn this_machine_is_blocked_in_every_spelling() {
    let server = Server::build().on_all_addresses().otherwise(ok("")).start();
    all_blocked(&at_port(
        &[
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "127.255.255.254",
            "0x7f.1",
            "0x7f.0x0.0x0.0x1",
            "0x7f000001",
            "0X7F000001",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "0177.0x0.1",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "0.1.2.3",
            "0x0",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "localhost",
            "LOCALHOST",
            "loc%61lhost",
        ],
        &server,
    ));
    server.assert_untouched();
}

#[test]
fn this_machine_is_blocked_in_every_spelling_of_ipv6() {
    let server = Server::build().on_ipv6().otherwise(ok("")).start();
    let mapped = Server::build().on_all_addresses().otherwise(ok("")).start();
    let hosts = [
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::0001]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:7F00:0001]",
        "[::ffff:0.0.0.0]",
        "[::127.0.0.1]",
        "[::7f00:1]",
    ];
    all_blocked(&at_port(&hosts, &server));
    all_blocked(&at_port(&hosts, &mapped));
    server.assert_untouched();
    mapped.assert_untouched();
}

#[test]
fn networks_that_are_not_public_are_blocked() {
    let addresses = [
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.255.255",
        "169.254.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "0xa9fea9fe",
        "[fe80::1]",
        "[febf::1]",
        "[fc00::1]",
        "[fd00::1]",
        "[fd00:ec2::254]",
        "[fec0::1]",
        "[ff02::1]",
        "[ff0e::1]",
    ];
    all_blocked(&addresses.map(|host| format!("http://{host}:9/")));
}

#[test]
fn an_ipv4_address_within_an_ipv6_address_is_blocked() {
    let addresses = [
        // IPv4-mapped.
        "[::ffff:10.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:c0a8:1]",
        // IPv4-compatible.
        "[::10.0.0.1]",
        "[::169.254.169.254]",
        // NAT64: the well-known prefix and the one for local use.
        "[64:ff9b::7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        // 6to4.
        "[2002:7f00:1::]",
        "[2002:7f00:1::1]",
        "[2002:a00:1::1]",
        "[2002:c0a8:1::1]",
        "[2002:a9fe:a9fe::1]",
    ];
    all_blocked(&addresses.map(|host| format!("http://{host}:9/")));
}

#[test]
fn https_is_blocked_too() {
    let server = Server::build().otherwise(ok("")).start();
    let url = format!("https://127.0.0.1:{}/", server.port());
    all_blocked(&[url, format!("https://[::1]:{}/", server.port())]);
    server.assert_untouched();
}

/// Some systems cannot look up a name with a trailing dot, which is fine as long as no request is sent.
#[test]
fn a_trailing_dot_does_not_get_around_it() {
    let server = Server::always(ok(""));
    let record = Fetch::jsonl()
        .arg("--block-private")
        .arg(server.url_as("localhost.", "/a"))
        .run()
        .exits(1)
        .record();
    let verdict = record.verdict();
    assert!(
        ["error blocked/connect", "error dns/resolve"].contains(&verdict.as_str()),
        "{record}"
    );
    server.assert_untouched();
}

#[test]
fn the_message_names_the_blocked_address() {
    let port = Refusing::new().address().port();
    for (host, shown) in [("localhost", "127.0.0.1"), ("2130706433", "127.0.0.1")] {
        let record = Fetch::jsonl()
            .args(["--block-private", "-4"])
            .arg(format!("http://{host}:{port}/"))
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error blocked/connect");
        assert!(record.message().contains(shown), "{}", record.message());
        assert_eq!(
            (&record["status"], &record["remote_addr"]),
            (&Value::Null, &Value::Null)
        );
    }
}
