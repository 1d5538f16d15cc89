//! `--resolve`: where a name leads.

use crate::{
    options::refused,
    support::{Fetch, Server, ok, record::RecordExt as _, redirect, tls},
};

/// With `--resolve`, and a time limit for what leads nowhere.
pub(crate) fn leading(entry: &str) -> Fetch {
    Fetch::jsonl()
        .args(["--connect-timeout", "5s", "--resolve"])
        .arg(entry)
}

#[test]
fn a_name_leads_where_it_is_told_and_stays_the_name_of_the_host() {
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
fn an_address_of_ipv6_may_be_in_brackets() {
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
fn names_are_the_same_in_any_case() {
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
fn a_name_that_is_known_leads_where_it_is_told_all_the_same() {
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
fn another_port_of_the_name_leads_where_it_would() {
    let server = Server::always(ok("x"));
    let other = Server::always(ok("y"));
    let port = other.port();
    leading(&format!("localhost:{port}:127.0.0.9"))
        .args(["-4", &server.url_as("localhost", "/a")])
        .run()
        .exits(0);
    let record = leading(&format!("nothing.invalid:{port}:127.0.0.1"))
        .args(["-t", "20s", &server.url_as("nothing.invalid", "/a")])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error dns/resolve");
    other.assert_untouched();
}

#[test]
fn the_port_of_the_scheme_counts_where_the_url_has_none() {
    for (url, port) in [("http://name.test/", 80), ("https://name.test/", 443)] {
        // No test listens there; that it was led to where it may not go shows that it was led.
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
fn where_none_answers_it_is_an_error_of_the_connection() {
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
fn it_may_be_given_for_many_names() {
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
fn it_holds_for_the_name_that_a_redirect_leads_to() {
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
fn a_certificate_is_that_of_the_name() {
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
fn nonsense_is_a_mistake() {
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
