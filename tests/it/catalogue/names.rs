//! Host names and addresses that are misleading or malformed.

use std::net::UdpSocket;

use super::{beside, beside_with_a_limit};
use crate::support::{Fetch, Limit, Server, ok, record::RecordExt as _};

/// Asserts the verdict and the message about a URL without a server.
#[track_caller]
fn named(url: &str, verdict: &str, said: &str) {
    let record = beside(Fetch::jsonl(), url, verdict);
    assert!(
        record.message().contains(said),
        "{url}: {}",
        record.message()
    );
}

#[test]
fn c220_a_name_that_does_not_exist_is_said_by_name() {
    named(
        "http://nothing.invalid/",
        "error dns/resolve",
        "nothing.invalid",
    );
}

#[test]
fn c221_a_name_that_looks_like_another_is_shown_as_what_it_is() {
    // A Cyrillic а, then letters of an undeciphered script.
    named(
        "http://ex\u{430}mple.invalid/",
        "error dns/resolve",
        "xn--exmple-4nf.invalid",
    );
    named(
        "http://\u{ff45}x\u{ff41}mple.invalid/",
        "error dns/resolve",
        "example.invalid",
    );
}

#[test]
fn c222_a_dot_or_a_slash_in_disguise_makes_no_other_host() {
    let server = Server::always(ok("x"));
    // Full-width dots are dots, so this is an address.
    let url = server.url_as("127\u{3002}0\u{ff0e}0\u{ff61}1", "/a");
    let record = beside(Fetch::jsonl(), &url, "ok");
    assert_eq!(
        record["remote_addr"],
        format!("127.0.0.1:{}", server.port())
    );
    // IDNA would map these to a slash, a question mark and a colon.
    for host in [
        "a\u{2100}.invalid",
        "a\u{ff0f}b.invalid",
        "a\u{ff1f}b.invalid",
        "a\u{ff1a}80",
    ] {
        named(&format!("http://{host}/"), "error invalid_url/input", "");
    }
}

#[test]
fn c223_a_broken_address_of_ipv6_is_no_url() {
    for host in [
        "[::1",
        "[::g]",
        "[1::2::3]",
        "[::1]x",
        "[fe80::1%25lo]",
        "[fe80::1%lo]",
        "[]",
        "::1",
    ] {
        named(&format!("http://{host}/"), "error invalid_url/input", "");
    }
}

#[test]
fn c224_an_address_in_disguise_is_shown_as_what_it_is() {
    let server = Server::always(ok("x"));
    for host in [
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "0x7F000001",
        "%31%32%37.0.0.1",
    ] {
        let record = beside(Fetch::jsonl(), &server.url_as(host, "/a"), "ok");
        assert_eq!(
            record["remote_addr"],
            format!("127.0.0.1:{}", server.port())
        );
        assert_eq!(record["final_url"], server.url("/a"), "{host}");
    }
    let own = format!("127.0.0.1:{}", server.port());
    for request in server.requests() {
        assert_eq!(request.header("host"), Some(own.as_str()));
    }
}

#[test]
fn c225_an_address_with_too_many_or_too_large_parts_is_no_url() {
    for host in [
        "256.0.0.1",
        "1.2.3.4.5",
        "4294967296",
        "0x1ffffffff",
        "1.2.3.09",
        "1.2.3.08x.9",
    ] {
        named(
            &format!("http://{host}/"),
            "error invalid_url/input",
            "IPv4",
        );
    }
}

#[test]
fn c226_characters_that_no_host_has_are_no_url() {
    for host in [
        "a b", "a%00b", "a%0d%0ab", "a%2fb", "a<b", "a^b", "a|b", "", "%zz", "\u{ad}",
    ] {
        named(&format!("http://{host}/"), "error invalid_url/input", "");
    }
}

#[test]
#[ignore = "needs the right to mount, and port 53"]
fn c227_a_name_server_that_says_nothing_keeps_no_run_from_its_end() {
    let address = format!("127.53.{}.1", std::process::id() % 250);
    let socket = UdpSocket::bind((address.as_str(), 53)).unwrap();
    for (option, name) in [
        ("-t", "--timeout"),
        ("--connect-timeout", "--connect-timeout"),
    ] {
        let fetch = |limit: Limit| {
            let fetch = Fetch::jsonl().with_name_server(&address, "timeout:30 attempts:3", &[]);
            fetch.args([option, &limit.to_string()])
        };
        let url = "http://hangs.example/";
        let record = beside_with_a_limit(fetch, url, "error timeout/resolve");
        assert!(record.message().contains(name), "{}", record.message());
    }
    let mut question = [0; 512];
    assert!(socket.recv(&mut question).unwrap() > 12, "it was asked");
}

#[test]
fn c228_a_name_beyond_all_bounds_is_no_name() {
    for host in [
        format!("{}.invalid", "a".repeat(64)),
        format!("{}invalid", "a.".repeat(200)),
        "a..invalid".to_owned(),
    ] {
        let out = Fetch::jsonl().arg(format!("http://{host}/")).run().exits(1);
        let verdict = out.record().verdict();
        assert_eq!(verdict, "error dns/resolve", "{host}");
    }
}
