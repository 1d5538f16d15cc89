//! `-x`: requests and tunnels through HTTP proxies.

use serde_json::Value;

use crate::{
    cli::options::refused,
    support::{
        Fetch, Gate, PATIENCE, Script, Server, ok,
        proxy::{PROXIED, proxy, to},
        record::RecordExt as _,
        redirect, tls,
    },
};

/// A run that uses the server as an HTTP proxy.
fn through(server: &Server) -> Fetch {
    Fetch::jsonl().trusting().args(["-x", &server.url("")])
}

/// A TLS server with names that only the proxy can resolve.
fn origin(names: &[&str]) -> Server {
    Server::build()
        .tls(tls::server(names, &["http/1.1"]))
        .otherwise(ok("origin"))
        .start()
}

#[test]
fn a_proxy_is_asked_for_the_whole_url() {
    let server = Server::always(proxy());
    let record = through(&server)
        .arg("http://a.invalid/b/c?d=e#f")
        .run()
        .exits(0)
        .record();
    assert_eq!(record["size"], PROXIED.len());
    let request = server.request();
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("GET", "http://a.invalid/b/c?d=e")
    );
    assert_eq!(request.header("host"), Some("a.invalid"));
}

#[test]
fn the_port_stays_in_the_url() {
    let server = Server::always(proxy());
    through(&server)
        .args(["-j1", "http://a.invalid:81", "http://[::1]:82/"])
        .run()
        .exits(0);
    assert_eq!(
        server.targets(),
        ["http://a.invalid:81/", "http://[::1]:82/"]
    );
    assert_eq!(server.requests()[0].header("host"), Some("a.invalid:81"));
}

#[test]
fn an_ip_address_goes_through_the_proxy_too() {
    let server = Server::always(proxy());
    let other = Server::always(ok(""));
    through(&server).arg(other.url("/a")).run().exits(0);
    assert_eq!(server.targets(), [other.url("/a")]);
    other.assert_untouched();
}

#[test]
fn methods_headers_and_bodies_pass_through() {
    let server = Server::always(proxy());
    through(&server)
        .args(["-X", "PUT", "-d", "hello", "-H", "X-A: b"])
        .arg("http://a.invalid/")
        .run()
        .exits(0);
    let request = server.request();
    assert_eq!(
        (request.method.as_str(), request.body_text()),
        ("PUT", "hello")
    );
    assert_eq!(request.header("x-a"), Some("b"));
}

#[test]
fn the_long_option_and_a_proxy_url_without_a_scheme_work() {
    let server = Server::always(proxy());
    let bare = format!("127.0.0.1:{}", server.port());
    for args in [
        ["--proxy", &bare],
        ["-x", &bare],
        ["-x", &format!("HTTP://{bare}/")],
    ] {
        Fetch::new()
            .args(args)
            .arg("http://a.invalid/")
            .run()
            .exits(0);
    }
    assert_eq!(server.targets(), ["http://a.invalid/"; 3]);
}

#[test]
fn a_proxy_may_have_a_name() {
    let server = Server::always(proxy());
    let port = server.port();
    Fetch::new()
        .args(["-4", "-x", &server.url_as("localhost", "")])
        .arg("http://a.invalid/")
        .run()
        .exits(0);
    Fetch::new()
        .args(["-x", &server.url_as("proxy.test", "")])
        .args(["--resolve", &format!("proxy.test:{port}:127.0.0.1")])
        .arg("http://a.invalid/")
        .run()
        .exits(0);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_proxy_that_has_no_address_is_named() {
    let record = Fetch::jsonl()
        .args(["-x", "http://proxy.invalid:81", "http://a.test/"])
        .run()
        .exits(1)
        .record();
    assert_ne!(record["outcome"], "ok");
    assert!(
        record.message().contains("proxy.invalid"),
        "{}",
        record.message()
    );
}

#[test]
fn connections_to_a_proxy_are_kept() {
    let server = Server::always(proxy());
    let list: String = (0..20)
        .map(|number| format!("http://a.invalid/{number}\n"))
        .collect();
    through(&server).arg("-j1").stdin(list).run().exits(0);
    assert_eq!((server.requests().len(), server.connections()), (20, 1));
}

#[test]
fn https_goes_through_a_tunnel() {
    let origin = origin(&["a.invalid"]);
    let server = Server::always(proxy());
    let record = through(&server)
        .arg(origin.url_as("a.invalid", "/secret?path"))
        .run()
        .exits(0)
        .record();
    assert_eq!(record["size"], "origin".len());
    let authority = format!("a.invalid:{}", origin.port());
    let request = server.request();
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("CONNECT", authority.as_str())
    );
    assert_eq!(request.header("host"), Some(authority.as_str()));
    assert_eq!(request.header("content-length").unwrap_or("0"), "0");
    let request = origin.request();
    assert_eq!(request.target, "/secret?path");
    assert_eq!(request.header("host"), Some(authority.as_str()));
}

#[test]
fn a_tunnel_names_the_default_port_of_https() {
    let origin = origin(&["a.invalid"]);
    let server = Server::always(to(origin.port()));
    through(&server).arg("https://a.invalid/").run().exits(0);
    assert_eq!(server.targets(), ["a.invalid:443"]);
    assert_eq!(origin.request().header("host"), Some("a.invalid"));
}

#[test]
fn the_certificate_in_a_tunnel_is_checked_against_the_origin() {
    let origin = origin(&["a.invalid"]);
    let server = Server::always(proxy());
    let record = through(&server)
        .arg(origin.url_as("b.invalid", "/"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error tls/connect");
    assert_eq!(origin.requests().len(), 0);
    let unknown = Fetch::jsonl()
        .args(["-x", &server.url(""), &origin.url_as("a.invalid", "/")])
        .run()
        .exits(1);
    assert_eq!(unknown.record().verdict(), "error tls/connect");
}

#[test]
fn a_tunnel_is_kept_for_its_origin_only() {
    let origin = origin(&["a.invalid", "b.invalid"]);
    let server = Server::always(proxy());
    let list: String = (0..10)
        .map(|number| origin.url_as("a.invalid", &format!("/{number}\n")))
        .chain((0..10).map(|number| origin.url_as("b.invalid", &format!("/{number}\n"))))
        .collect();
    through(&server).arg("-j1").stdin(list).run().exits(0);
    let port = origin.port();
    assert_eq!(
        server.targets(),
        [format!("a.invalid:{port}"), format!("b.invalid:{port}")]
    );
    assert_eq!((origin.requests().len(), origin.connections()), (20, 2));
}

#[test]
fn many_tunnels_can_be_open_at_a_time() {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let origin = Server::build().tls(tls::here()).otherwise(held).start();
    let server = Server::always(proxy());
    let run = through(&server).arg("-j8").stdin(origin.list(8)).spawn();
    assert!(origin.come_together(8, PATIENCE), "peak {}", origin.peak());
    gate.open();
    run.wait().exits(0);
}

#[test]
fn redirects_go_through_the_proxy_on_every_hop() {
    let origin = origin(&["b.invalid"]);
    let target = origin.url_as("b.invalid", "/b");
    let server = Server::build()
        .route("http://a.invalid/a", redirect(302, &target))
        .otherwise(proxy())
        .start();
    let record = through(&server)
        .arg("http://a.invalid/a")
        .run()
        .exits(0)
        .record();
    assert_eq!(record.text("final_url"), target);
    let authority = format!("b.invalid:{}", origin.port());
    assert_eq!(server.targets(), ["http://a.invalid/a", &authority]);
    assert_eq!(origin.targets(), ["/b"]);
}

#[test]
fn an_https_proxy_is_asked_over_tls() {
    let origin = origin(&["a.invalid"]);
    let server = Server::build().tls(tls::here()).otherwise(proxy()).start();
    let urls = ["http://a.invalid/a", &origin.url_as("a.invalid", "/b")];
    let out = through(&server).args(urls).arg("-j1").run().exits(0);
    assert_eq!(out.records().len(), 2);
    let authority = format!("a.invalid:{}", origin.port());
    assert_eq!(server.targets(), ["http://a.invalid/a", &authority]);
    assert_eq!(origin.targets(), ["/b"]);
}

#[test]
fn a_proxy_with_an_untrusted_certificate_is_not_asked() {
    let server = Server::build().tls(tls::here()).start();
    for url in ["http://a.invalid/", "https://a.invalid/"] {
        let record = Fetch::jsonl()
            .args(["-x", &server.url(""), url])
            .run()
            .exits(1)
            .record();
        assert_eq!(record["error"]["phase"], "connect", "{record}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn names_behind_a_proxy_are_not_looked_up() {
    let server = Server::always(proxy());
    let out = through(&server)
        .args(["http://nothing.invalid/", "http://[fd00::1]/"])
        .run()
        .exits(0);
    let verdicts: Vec<_> = out.records().iter().map(Value::verdict).collect();
    assert_eq!(verdicts, ["ok", "ok"]);
}

#[test]
fn an_empty_proxy_means_no_proxy() {
    let server = Server::always(ok("x"));
    Fetch::new()
        .args(["-x", "", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(server.targets(), ["/a"]);
}

#[test]
fn a_malformed_proxy_url_is_a_usage_error() {
    for proxy in [
        "ftp://127.0.0.1:1",
        "socks6://127.0.0.1:1",
        "file:///tmp/x",
        "http://",
        "http://:80",
        "http://127.0.0.1:x",
        "http://127.0.0.1:65536",
        "http://[::1",
        "://",
        "a b",
    ] {
        let fetch = Fetch::new().args(["-x", proxy, "http://127.0.0.1/"]);
        refused(fetch, "--proxy");
    }
}
