//! Proxies from the environment: which variable applies to what, and what takes precedence.

use crate::support::{Fetch, Server, ok, proxy::proxy, tls};

/// The variables that are read, and the schemes that they apply to.
const FOR_HTTP: [&str; 3] = ["http_proxy", "all_proxy", "ALL_PROXY"];
const FOR_HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

fn origin() -> Server {
    Server::build()
        .tls(tls::here())
        .otherwise(ok("origin"))
        .start()
}

#[test]
fn http_proxy_applies_to_http() {
    let server = Server::always(proxy());
    for name in FOR_HTTP {
        Fetch::new()
            .env(name, server.url(""))
            .arg("http://a.invalid/")
            .run()
            .exits(0);
    }
    assert_eq!(server.targets(), ["http://a.invalid/"; 3]);
}

#[test]
fn https_proxy_applies_to_https() {
    let (server, origin) = (Server::always(proxy()), origin());
    for name in FOR_HTTPS {
        Fetch::new()
            .trusting()
            .env(name, server.url(""))
            .arg(origin.url("/a"))
            .run()
            .exits(0);
    }
    let authority = format!("127.0.0.1:{}", origin.port());
    assert_eq!(server.targets(), [(); 4].map(|()| authority.clone()));
}

/// In CGI, a request header `Proxy` becomes the variable `HTTP_PROXY`.
#[test]
fn http_proxy_in_capitals_is_ignored() {
    let (proxy, direct) = (Server::build().start(), Server::always(ok("x")));
    Fetch::new()
        .env("HTTP_PROXY", proxy.url(""))
        .arg(direct.url("/a"))
        .run()
        .exits(0);
    assert_eq!(direct.targets(), ["/a"]);
    proxy.assert_untouched();
}

#[test]
fn a_variable_does_not_apply_to_the_other_scheme() {
    let unasked = Server::build().start();
    let (plain, safe) = (Server::always(ok("x")), origin());
    Fetch::new()
        .env("https_proxy", unasked.url(""))
        .env("HTTPS_PROXY", unasked.url(""))
        .arg(plain.url("/a"))
        .run()
        .exits(0);
    Fetch::new()
        .trusting()
        .env("http_proxy", unasked.url(""))
        .arg(safe.url("/a"))
        .run()
        .exits(0);
    unasked.assert_untouched();
}

#[test]
fn the_variable_of_the_scheme_beats_all_proxy() {
    let (server, origin) = (Server::always(proxy()), origin());
    let unasked = Server::build().start();
    Fetch::new()
        .trusting()
        .env("http_proxy", server.url(""))
        .env("https_proxy", server.url(""))
        .env("all_proxy", unasked.url(""))
        .env("ALL_PROXY", unasked.url(""))
        .args(["http://a.invalid/", &origin.url("/a")])
        .run()
        .exits(0);
    assert_eq!(server.requests().len(), 2);
    unasked.assert_untouched();
}

#[test]
fn lower_case_variables_beat_upper_case_ones() {
    let (server, origin) = (Server::always(proxy()), origin());
    let unasked = Server::build().start();
    for (small, capitals) in [("https_proxy", "HTTPS_PROXY"), ("all_proxy", "ALL_PROXY")] {
        Fetch::new()
            .trusting()
            .env(small, server.url(""))
            .env(capitals, unasked.url(""))
            .arg(origin.url("/a"))
            .run()
            .exits(0);
    }
    assert_eq!(server.requests().len(), 2);
    unasked.assert_untouched();
}

#[test]
fn the_proxy_url_in_a_variable_needs_no_scheme() {
    let server = Server::always(proxy());
    Fetch::new()
        .env("http_proxy", format!("127.0.0.1:{}", server.port()))
        .arg("http://a.invalid/")
        .run()
        .exits(0);
    assert_eq!(server.targets(), ["http://a.invalid/"]);
}

#[test]
fn an_empty_variable_means_no_proxy() {
    let server = Server::always(ok("x"));
    for name in FOR_HTTP {
        Fetch::new()
            .env(name, "")
            .arg(server.url("/a"))
            .run()
            .exits(0);
    }
    assert_eq!(server.targets(), ["/a"; 3]);
}

#[test]
fn the_option_beats_the_environment() {
    let server = Server::always(proxy());
    let unasked = Server::build().start();
    for name in FOR_HTTP {
        Fetch::new()
            .env(name, unasked.url(""))
            .args(["-x", &server.url(""), "http://a.invalid/"])
            .run()
            .exits(0);
    }
    assert_eq!(server.requests().len(), 3);
    unasked.assert_untouched();
}

#[test]
fn an_empty_option_means_no_proxy_whatever_the_environment_says() {
    let (plain, safe, unasked) = (Server::always(ok("x")), origin(), Server::build().start());
    for args in [["-x", ""], ["--proxy", ""]] {
        FOR_HTTP
            .iter()
            .chain(&FOR_HTTPS)
            .fold(Fetch::new().trusting(), |fetch, name| {
                fetch.env(name, unasked.url(""))
            })
            .args(args)
            .args([plain.url("/a"), safe.url("/a")])
            .run()
            .exits(0);
    }
    assert_eq!((plain.requests().len(), safe.requests().len()), (2, 2));
    unasked.assert_untouched();
}
