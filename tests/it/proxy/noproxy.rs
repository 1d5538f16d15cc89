//! `--noproxy` and `no_proxy`: hosts that are reached without a proxy.

use serde_json::Value;

use crate::support::{Fetch, Server, ok, record::RecordExt as _, redirect, tls};

/// A proxy, and a server that can be reached without it.
struct Way {
    proxy: Server,
    direct: Server,
}

impl Way {
    fn new() -> Self {
        Self {
            proxy: Server::build()
                .may_stay_unasked()
                .otherwise(ok("proxied"))
                .start(),
            direct: Server::build()
                .may_stay_unasked()
                .on_all_addresses()
                .otherwise(ok("direct"))
                .start(),
        }
    }

    /// Whether the proxy was asked for this host.
    #[track_caller]
    fn goes_through(&self, fetch: Fetch, host: &str) -> bool {
        let (port, before) = (self.direct.port(), self.proxy.requests().len());
        let fetch = if host.starts_with(|first: char| first == '[' || first.is_ascii_digit()) {
            fetch
        } else {
            fetch
                .arg("--resolve")
                .arg(format!("{host}:{port}:127.0.0.1"))
        };
        let record = fetch.arg(self.direct.url_as(host, "/")).run().record();
        let proxied = self.proxy.requests().len() > before;
        // A request without an answer was not proxied, because the proxy answers everything.
        let expected = if proxied { "proxied" } else { "direct" };
        assert!(
            record["outcome"] == "error" && !proxied || record["size"] == expected.len(),
            "{record}"
        );
        proxied
    }

    fn with_option(&self) -> Fetch {
        Fetch::jsonl().args(["-x", &self.proxy.url("")])
    }
}

#[test]
fn the_list_has_many_forms() {
    let way = Way::new();
    for (list, host, proxied) in [
        ("*", "a.test", false),
        ("*", "127.0.0.1", false),
        ("a.test", "a.test", false),
        ("A.Test", "a.test", false),
        ("a.test", "A.TEST", false),
        ("a.test", "b.a.test", false),
        ("a.test", "c.b.a.test", false),
        (".a.test", "b.a.test", false),
        (".a.test", "a.test", false),
        ("test", "a.test", false),
        ("a.test", "ba.test", true),
        ("a.test", "a.test.b", true),
        (".a.test", "ba.test", true),
        ("b.a.test", "a.test", true),
        ("a.test,b.test", "b.test", false),
        ("a.test, b.test", "b.test", false),
        (" a.test ,b.test", "a.test", false),
        ("a.test b.test", "b.test", false),
        ("a.test,,b.test", "c.test", true),
        (",", "a.test", true),
        ("", "a.test", true),
        ("127.0.0.1", "127.0.0.1", false),
        ("127.0.0.1", "127.0.0.2", true),
        ("0.0.1", "127.0.0.1", true),
        ("127.0.0.0/8", "127.0.0.1", false),
        ("127.0.0.0/8", "127.255.0.1", false),
        ("127.0.0.1/32", "127.0.0.1", false),
        ("127.0.0.1/32", "127.0.0.2", true),
        ("127.0.0.0/31", "127.0.0.1", false),
        ("127.0.0.0/31", "127.0.0.2", true),
        ("10.0.0.0/8", "127.0.0.1", true),
        ("10.0.0.0/8,127.0.0.1", "127.0.0.1", false),
        ("::1", "[::1]", false),
        ("[::1]", "[::1]", false),
        ("::2", "[::1]", true),
        ("::/64", "[::1]", false),
        ("fd00::/8", "[::1]", true),
        ("::1/128", "[::1]", false),
        // A dot at the end changes no name.
        ("a.test", "a.test.", false),
        ("a.test.", "a.test", false),
        ("a.test.", "a.test.", false),
        ("a.test.", "b.a.test", false),
        (".a.test", "b.a.test.", false),
        (".a.test.", "a.test", false),
        ("b.test. , A.Test.", "a.test", false),
        ("a.test", "ba.test.", true),
        ("a.test.", "a.test.b", true),
        ("127.0.0.1.", "127.0.0.1", false),
        (".", "a.test.", true),
        // Names are compared as names, whatever addresses they have.
        ("127.0.0.0/8", "a.test", true),
        ("127.0.0.1", "a.test", true),
    ] {
        let fetch = way.with_option().args(["--noproxy", list]);
        let found = way.goes_through(fetch, host);
        assert_eq!(found, proxied, "{host} with {list:?}");
    }
}

#[test]
fn the_list_of_the_environment_is_read_in_either_case() {
    let way = Way::new();
    let url = way.proxy.url("");
    for name in ["no_proxy", "NO_PROXY"] {
        for (list, host, proxied) in [
            ("a.test", "a.test", false),
            ("a.test", "a.test.", false),
            ("a.test.", "a.test", false),
            ("a.test", "b.test", true),
            ("*", "b.test", false),
            ("127.0.0.0/8", "127.0.0.1", false),
        ] {
            let fetches = [
                way.with_option().env(name, list),
                Fetch::jsonl().env("http_proxy", &url).env(name, list),
                Fetch::jsonl().env("all_proxy", &url).env(name, list),
            ];
            for fetch in fetches {
                let found = way.goes_through(fetch, host);
                assert_eq!(found, proxied, "{host} with {name}={list}");
            }
        }
    }
}

#[test]
fn the_option_replaces_the_variable() {
    let way = Way::new();
    for (list, host, proxied) in [
        ("a.test", "a.test", false),
        ("a.test", "b.test", true),
        ("", "b.test", true),
    ] {
        let fetch = Fetch::jsonl()
            .env("http_proxy", way.proxy.url(""))
            .env("no_proxy", "b.test")
            .args(["--noproxy", list]);
        assert_eq!(way.goes_through(fetch, host), proxied, "{host}: {list:?}");
    }
}

#[test]
fn every_redirect_is_checked_against_the_list() {
    let direct = Server::always(ok("x"));
    let back = "http://b.invalid/b";
    let proxy = Server::build()
        .route("http://a.invalid/a", redirect(302, &direct.url("/c")))
        .route(back, ok("y"))
        .start();
    let leads_back = Server::at("/d", redirect(302, back));
    let out = Fetch::jsonl()
        .args(["-x", &proxy.url(""), "--noproxy", "127.0.0.0/8", "-j1"])
        .args(["http://a.invalid/a", &leads_back.url("/d")])
        .run()
        .exits(0);
    assert!(out.records().iter().all(|record| record["redirects"] == 1));
    assert_eq!(proxy.targets(), ["http://a.invalid/a", back]);
    assert_eq!(direct.targets(), ["/c"]);
}

#[test]
fn https_to_a_listed_host_uses_no_tunnel() {
    let origin = Server::build().tls(tls::here()).otherwise(ok("x")).start();
    let proxy = Server::build().start();
    let record = Fetch::jsonl()
        .trusting()
        .env("https_proxy", proxy.url(""))
        .env("no_proxy", "localhost")
        .args(["-4", &origin.url_as("localhost", "/a")])
        .run()
        .exits(0)
        .record();
    assert_eq!(record.verdict(), "ok");
    assert_ne!(record["remote_addr"], Value::Null);
    proxy.assert_untouched();
}
