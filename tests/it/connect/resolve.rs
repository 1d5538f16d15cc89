//! `--resolve`: addresses for names.

use crate::{
    cli::options::refused,
    support::{
        Fetch, Server, ok,
        proxy::proxy,
        record::RecordExt as _,
        redirect,
        socks::{Manner, Socks},
        tls,
    },
};

/// A run with `--resolve`.
pub(crate) fn leading(entry: &str) -> Fetch {
    Fetch::jsonl().args(["--resolve", entry])
}

#[test]
fn a_name_connects_to_the_given_address_and_stays_in_the_host_header() {
    let server = Server::always(ok("x"));
    let port = server.port();
    let record = leading(&format!("name.test:{port}:127.0.0.1"))
        .arg(server.url_as("name.test", "/a"))
        .run()
        .exits(0)
        .record();
    assert_eq!(record["remote_addr"], format!("127.0.0.1:{port}"));
    assert_eq!(record["final_url"], server.url_as("name.test", "/a"));
    let host = format!("name.test:{port}");
    assert_eq!(server.request().header("host"), Some(host.as_str()));
}

#[test]
fn an_ipv6_address_may_be_in_brackets() {
    let server = Server::build().on_ipv6().otherwise(ok("x")).start();
    let port = server.port();
    for address in ["::1", "[::1]", "0:0:0:0:0:0:0:1"] {
        let record = leading(&format!("name.test:{port}:{address}"))
            .arg(server.url_as("name.test", "/a"))
            .run()
            .exits(0)
            .record();
        assert_eq!(record["remote_addr"], format!("[::1]:{port}"));
    }
}

#[test]
fn names_are_compared_without_case() {
    let server = Server::always(ok("x"));
    let port = server.port();
    for (told, asked) in [("NAME.Test", "name.test"), ("name.test", "NAME.TEST")] {
        leading(&format!("{told}:{port}:127.0.0.1"))
            .arg(server.url_as(asked, "/a"))
            .run()
            .exits(0);
    }
}

#[test]
fn an_entry_beats_the_name_service() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let port = server.port();
    let record = leading(&format!("localhost:{port}:127.0.0.9"))
        .arg(server.url_as("localhost", "/a"))
        .run()
        .exits(0)
        .record();
    assert_eq!(record["remote_addr"], format!("127.0.0.9:{port}"));
}

#[test]
fn an_entry_does_not_apply_to_another_port() {
    let server = Server::always(ok("x"));
    let other = Server::always(ok("y"));
    let port = other.port();
    leading(&format!("localhost:{port}:127.0.0.9"))
        .args(["-4", &server.url_as("localhost", "/a")])
        .run()
        .exits(0);
    let record = leading(&format!("nothing.invalid:{port}:127.0.0.1"))
        .arg(server.url_as("nothing.invalid", "/a"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error dns/resolve");
    other.assert_untouched();
}

#[test]
fn a_url_without_a_port_uses_the_entry_for_the_default_port() {
    for (url, port) in [("http://name.test/", 80), ("https://name.test/", 443)] {
        // No test listens at this port. That the address is blocked shows that the entry was used.
        let record = leading(&format!("name.test:{port}:127.0.0.1"))
            .args(["--block-private", url])
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error blocked/connect");
    }
}

#[test]
fn of_several_addresses_one_that_answers_is_enough() {
    let server = Server::always(ok("x"));
    let port = server.port();
    for addresses in [
        "127.0.0.1,127.0.0.2",
        "127.0.0.2,127.0.0.1",
        "[::1],127.0.0.1",
        "127.0.0.2,127.0.0.3,[::1],127.0.0.4,127.0.0.1",
    ] {
        let record = leading(&format!("name.test:{port}:{addresses}"))
            .arg(server.url_as("name.test", "/a"))
            .run()
            .exits(0)
            .record();
        assert_eq!(record["remote_addr"], format!("127.0.0.1:{port}"));
    }
}

#[test]
fn if_no_address_answers_it_is_a_connect_error() {
    let server = Server::always(ok("x"));
    let port = server.port();
    let record = leading(&format!("name.test:{port}:127.0.0.2,127.0.0.3"))
        .arg(server.url_as("name.test", "/a"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error connect/connect");
    server.assert_untouched();
}

#[test]
fn it_may_be_given_several_times() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let port = server.port();
    let mut fetch = Fetch::jsonl();
    let mut list = String::new();
    for number in 1..=200 {
        fetch = fetch
            .arg("--resolve")
            .arg(format!("n{number}.test:{port}:127.0.0.{number}"));
        list += &server.url_as(&format!("n{number}.test"), "/a\n");
    }
    let out = fetch.stdin(list).run().exits(0);
    for (number, record) in out.in_order().iter().enumerate() {
        let expected = format!("127.0.0.{}:{port}", number + 1);
        assert_eq!(record["remote_addr"], expected);
    }
}

#[test]
fn it_applies_to_the_target_of_a_redirect() {
    let last = Server::always(ok("x"));
    let port = last.port();
    let first = Server::at("/a", redirect(302, &last.url_as("name.test", "/b")));
    leading(&format!("name.test:{port}:127.0.0.1"))
        .arg(first.url("/a"))
        .run()
        .exits(0);
    assert_eq!(last.targets(), ["/b"]);
}

#[test]
fn the_certificate_is_checked_against_the_name() {
    let server = Server::build()
        .tls(tls::server(&["name.test"], &["http/1.1"]))
        .otherwise(ok("x"))
        .start();
    let port = server.port();
    let fetch = |name: &str| {
        leading(&format!("{name}:{port}:127.0.0.1"))
            .trusting()
            .arg(server.url_as(name, "/a"))
            .run()
            .record()
            .verdict()
    };
    assert_eq!(fetch("name.test"), "ok");
    assert_eq!(fetch("other.test"), "error tls/connect");
}

#[test]
fn a_malformed_entry_is_a_usage_error() {
    for entry in [
        "",
        ":",
        "::",
        "a",
        "a:1",
        "a:1:",
        ":1:127.0.0.1",
        "a::127.0.0.1",
        "a:x:127.0.0.1",
        "a:-1:127.0.0.1",
        "a:65536:127.0.0.1",
        "a:1:b",
        "a:1:127.0.0",
        "a:1:256.0.0.1",
        "a:1:127.0.0.1:80",
        "a:1:,127.0.0.1",
        "a:1:127.0.0.1,b",
        "a:1:127.0.0.1;127.0.0.2",
        "a:1:[::1",
        "a:1:::1]",
        "a:1:[127.0.0.1]",
        "a:1:[]",
        "a:1:::g",
        "127.0.0.1",
        "http://a:1:127.0.0.1",
        "a b:1:127.0.0.1",
    ] {
        let fetch = Fetch::new()
            .arg(format!("--resolve={entry}"))
            .arg("http://127.0.0.1/");
        refused(fetch, "--resolve");
    }
}

/// The name does not exist, so a request that arrives was not looked up.
#[test]
fn a_star_stands_for_any_name() {
    let server = Server::always(ok("x"));
    let port = server.port();
    let names = ["a.test", "b.invalid", "c"];
    let urls = names.map(|name| server.url_as(name, "/a"));
    let out = leading(&format!("*:{port}:127.0.0.1"))
        .args(urls)
        .run()
        .exits(0);
    for record in out.records() {
        assert_eq!(record["remote_addr"], format!("127.0.0.1:{port}"));
    }
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_star_applies_to_its_port_only() {
    let server = Server::always(ok("x"));
    let other = Server::always(ok("y"));
    let record = leading(&format!("*:{}:127.0.0.1", other.port()))
        .arg(server.url_as("nothing.invalid", "/a"))
        .run()
        .exits(1)
        .record();
    // The name is looked up, whether or not a name server answers in time.
    assert_eq!(record["error"]["phase"], "resolve", "{record}");
    for server in [server, other] {
        server.assert_untouched();
    }
}

#[test]
fn an_entry_for_the_name_beats_the_star_in_any_order() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let port = server.port();
    let star = format!("*:{port}:127.0.0.2");
    let name = format!("Name.test:{port}:127.0.0.3");
    for entries in [[&star, &name], [&name, &star]] {
        let out = leading(entries[0])
            .args(["--resolve", entries[1]])
            .args(["name.test", "other.test"].map(|name| server.url_as(name, "/a")))
            .run()
            .exits(0);
        let led: Vec<_> = out
            .in_order()
            .iter()
            .map(|record| record["remote_addr"].clone())
            .collect();
        assert_eq!(led, [3, 2].map(|last| format!("127.0.0.{last}:{port}")));
    }
}

#[test]
fn a_star_does_not_apply_to_ip_addresses() {
    let server = Server::always(ok("x"));
    let port = server.port();
    leading(&format!("*:{port}:127.0.0.9"))
        .arg(server.url("/a"))
        .run()
        .exits(0);
    let socks = Socks::new(Manner::Open);
    leading(&format!("*:{port}:127.0.0.9"))
        .args(["-x", &socks.url("socks5")])
        .arg(server.url("/b"))
        .run()
        .exits(0);
    assert_eq!(socks.asked()[0].host, "127.0.0.1");
    assert_eq!(server.targets(), ["/a", "/b"]);
}

#[test]
fn a_star_applies_to_the_name_of_a_proxy() {
    let server = Server::always(proxy());
    leading(&format!("*:{}:127.0.0.1", server.port()))
        .args(["-x", &server.url_as("proxy.test", ""), "http://a.invalid/"])
        .run()
        .exits(0);
    // An entry for the port of the origin does not apply to the port of the proxy.
    leading("*:80:127.0.0.9")
        .args(["-4", "-x", &server.url_as("localhost", "")])
        .arg("http://a.invalid/")
        .run()
        .exits(0);
    assert_eq!(server.targets(), ["http://a.invalid/"; 2]);
}

#[test]
fn a_star_does_not_get_around_block_private() {
    let server = Server::always(ok("x"));
    let record = leading(&format!("*:{}:127.0.0.1", server.port()))
        .args(["--block-private", &server.url_as("a.test", "/a")])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error blocked/connect");
    server.assert_untouched();
}

/// In curl, such an entry expires. Here every entry lasts for the whole run.
#[test]
fn a_leading_plus_changes_nothing() {
    let server = Server::always(ok("x"));
    let port = server.port();
    for host in ["+name.test", "+*"] {
        leading(&format!("{host}:{port}:127.0.0.1"))
            .arg(server.url_as("name.test", "/a"))
            .run()
            .exits(0);
    }
    assert_eq!(server.requests().len(), 2);
    for bad in ["+", "+a", "+:80:127.0.0.1", "+a:x:127.0.0.1"] {
        refused(leading(bad).arg("http://127.0.0.1/"), "--resolve");
    }
}
