//! `-4` and `-6`: addresses of one family only.

use serde_json::{Value, json};

use crate::{
    connect::resolve::leading,
    support::{Fetch, Server, ok, record::RecordExt as _, redirect},
};

#[test]
fn only_addresses_of_the_family_are_connected_to() {
    let four = Server::always(ok("x"));
    let (port, six) = (four.port(), Server::build().on_ipv6().start());
    let entries = |port: u16| format!("name.test:{port}:127.0.0.1,[::1]");
    let asked = |fetch: Fetch, option: &str, server: &Server| {
        fetch
            .args([option, &server.url_as("name.test", "/a")])
            .run()
            .record()
    };
    let record = asked(leading(&entries(port)), "-4", &four);
    assert_eq!(record["remote_addr"], format!("127.0.0.1:{port}"));
    let record = asked(leading(&entries(six.port())), "-6", &six);
    assert_eq!(record["remote_addr"], format!("[::1]:{}", six.port()));
    // There is no fallback to the other family.
    let record = asked(leading(&entries(six.port())), "-4", &six);
    assert_eq!(record.verdict(), "error connect/connect");
    let record = asked(leading(&entries(port)), "-6", &four);
    assert_eq!(record.verdict(), "error connect/connect");
}

#[test]
fn a_url_with_an_address_of_the_other_family_fails() {
    let four = Server::build().start();
    let six = Server::build().on_ipv6().start();
    for (option, server) in [("-6", &four), ("-4", &six)] {
        let told = if option == "-6" { "127.0.0.1" } else { "::1" };
        let named = leading(&format!("name.test:{}:{told}", server.port()));
        let fetches = [
            Fetch::jsonl().arg(server.url("/a")),
            named.arg(server.url_as("name.test", "/a")),
        ];
        for fetch in fetches {
            let record = fetch.arg(option).run().exits(1).record();
            assert_eq!(record.verdict(), "error dns/resolve", "{option}: {record}");
            assert_eq!(record["remote_addr"], Value::Null);
        }
    }
    four.assert_untouched();
    six.assert_untouched();
}

#[test]
fn a_redirect_to_the_other_family_fails() {
    let six = Server::build().on_ipv6().start();
    let four = Server::at("/a", redirect(302, &six.url("/b")));
    let record = Fetch::jsonl()
        .args(["-4", &four.url("/a")])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error dns/resolve");
    assert_eq!(record["redirects"], 1);
    six.assert_untouched();
}

#[test]
fn localhost_is_reached_by_the_chosen_family() {
    let four = Server::always(ok("x"));
    let url = four.url_as("localhost", "/a");
    let record = Fetch::jsonl().args(["-4", &url]).run().exits(0).record();
    assert_eq!(record["remote_addr"], format!("127.0.0.1:{}", four.port()));
    // Not every machine has the other family.
    Fetch::jsonl().args(["-6", &url]).run().exits(1);
    assert_eq!(four.requests().len(), 1);
}

#[test]
fn the_last_of_both_options_counts() {
    let four = Server::always(ok("x"));
    for (options, code) in [
        (["-6", "-4"], 0),
        (["-4", "-6"], 1),
        (["-4", "-4"], 0),
        (["--ipv6", "--ipv4"], 0),
    ] {
        Fetch::new()
            .args(options)
            .arg(four.url("/a"))
            .run()
            .exits(code);
    }
    assert_eq!(four.requests().len(), 3);
}

#[test]
fn an_ipv4_mapped_address_counts_as_ipv6() {
    let four = Server::always(ok("x"));
    let url = four.url_as("[::ffff:127.0.0.1]", "/a");
    let record = Fetch::jsonl().args(["-4", &url]).run().exits(1).record();
    assert_eq!(record.verdict(), "error dns/resolve");
    let record = Fetch::jsonl().args(["-6", &url]).run().exits(0).record();
    assert_eq!(record["size"], json!(1));
}
