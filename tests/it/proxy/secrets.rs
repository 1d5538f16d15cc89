//! Credentials of a proxy go to the proxy alone, and secrets of an origin do not go to the proxy.

use serde_json::json;

use crate::{
    cli::options::refused,
    support::{
        CANARY, Fetch, Folder, Request, Server, answer, ok,
        port::Refusing,
        proxy::{basic, proxy},
        record::RecordExt as _,
        redirect, reply,
        text::canary_in,
        tls,
    },
};

/// The URL of the proxy, with the secret as its password.
fn with_secret(server: &Server) -> String {
    server
        .url("")
        .replacen("://", &format!("://user:{CANARY}@"), 1)
}

fn origin() -> Server {
    Server::build()
        .tls(tls::server(&["a.invalid", "b.invalid"], &["http/1.1"]))
        .otherwise(ok("x"))
        .start()
}

fn has_secret(request: &Request) -> bool {
    let in_headers = request.headers.iter().any(|(_, value)| canary_in(value));
    in_headers || canary_in(&request.target) || canary_in(request.body_text())
}

fn credentials(server: &Server) -> Vec<Option<String>> {
    server
        .requests()
        .iter()
        .map(|request| request.header("proxy-authorization").map(str::to_owned))
        .collect()
}

#[test]
fn a_proxy_gets_the_credentials_of_its_url() {
    let server = Server::always(proxy());
    let origin = origin();
    let urls = ["http://a.invalid/", &origin.url_as("a.invalid", "/")];
    Fetch::jsonl()
        .trusting()
        .args(["-v", "-x", &with_secret(&server)])
        .args(urls)
        .run()
        .exits(0);
    assert_eq!(
        credentials(&server),
        [(); 2].map(|()| Some(basic("user", CANARY)))
    );
    assert!(!has_secret(&origin.request()));
    assert_eq!(origin.request().header("proxy-authorization"), None);
}

#[test]
fn credentials_in_the_proxy_url_are_percent_decoded() {
    let server = Server::always(proxy());
    let port = server.port();
    for (userinfo, name, password) in [
        ("us%40er:p%3Aa%2Fss%25", "us@er", "p:a/ss%"),
        ("user", "user", ""),
        ("user:", "user", ""),
        (":pass", "", "pass"),
        ("user:a:b", "user", "a:b"),
        ("%C3%A9:%C3%BC", "é", "ü"),
    ] {
        Fetch::new()
            .args(["-x", &format!("http://{userinfo}@127.0.0.1:{port}")])
            .arg("http://a.invalid/")
            .run()
            .exits(0);
        let last = credentials(&server).pop().unwrap();
        assert_eq!(last, Some(basic(name, password)), "{userinfo}");
    }
}

#[test]
fn a_proxy_without_userinfo_gets_no_credentials() {
    let server = Server::always(proxy());
    Fetch::new()
        .args(["-u", "me:mine", "-x", &server.url("")])
        .arg("http://a.invalid/")
        .run()
        .exits(0);
    assert_eq!(credentials(&server), [None]);
    let sent = server.request();
    assert_eq!(
        sent.header("authorization"),
        Some(basic("me", "mine").as_str())
    );
}

#[test]
fn a_proxy_url_in_the_environment_may_hold_credentials() {
    let server = Server::always(proxy());
    let origin = origin();
    Fetch::jsonl()
        .trusting()
        .env("all_proxy", with_secret(&server))
        .args(["-v", "http://a.invalid/"])
        .arg(origin.url_as("a.invalid", "/"))
        .run()
        .exits(0);
    assert_eq!(
        credentials(&server),
        [(); 2].map(|()| Some(basic("user", CANARY)))
    );
}

#[test]
fn a_tunnel_is_asked_for_without_any_secret_of_the_origin() {
    let server = Server::always(proxy());
    let origin = origin();
    let url = origin.url_as("a.invalid", "/path");
    let user = format!("user:{CANARY}");
    let line = json!({"url": url, "headers": {"Cookie": CANARY, "X-A": CANARY}}).to_string();
    let fetches = [
        Fetch::jsonl().args(["-u", &user, &url]),
        Fetch::jsonl().arg(url.replacen("://", &format!("://{user}@"), 1)),
        Fetch::jsonl().args(["-H", &format!("Authorization: Bearer {CANARY}"), &url]),
        Fetch::jsonl().args(["-H", &format!("Cookie: {CANARY}"), &url]),
        Fetch::jsonl().args(["-H", &format!("X-A: {CANARY}"), &url]),
        Fetch::jsonl().args(["-d", CANARY, &url]),
        Fetch::jsonl().stdin(line),
    ];
    for fetch in fetches {
        fetch
            .trusting()
            .args(["-v", "-x", &server.url("")])
            .run()
            .exits(0);
    }
    for request in server.requests() {
        assert_eq!(request.target, format!("a.invalid:{}", origin.port()));
        assert!(!has_secret(&request), "{request:#?}");
        assert!(request.body.is_empty(), "{request:#?}");
    }
    assert!(origin.requests().iter().all(has_secret));
}

#[test]
fn a_host_reached_directly_gets_no_credentials_of_the_proxy() {
    let direct = Server::always(ok("x"));
    let server = Server::build()
        .route("http://a.invalid/a", redirect(302, &direct.url("/b")))
        .otherwise(proxy())
        .start();
    Fetch::jsonl()
        .args(["-v", "-x", &with_secret(&server)])
        .args(["--noproxy", "127.0.0.1", "-j1"])
        .args([&direct.url("/first"), "http://a.invalid/a"])
        .run()
        .exits(0);
    assert_eq!(direct.targets(), ["/first", "/b"]);
    assert_eq!(credentials(&direct), [None, None]);
    assert_eq!(credentials(&server), [Some(basic("user", CANARY))]);
}

#[test]
fn a_redirect_drops_the_secret_of_the_origin_and_keeps_that_of_the_proxy() {
    let server = Server::build()
        .route("http://a.invalid/a", redirect(302, "http://b.invalid/b"))
        .otherwise(proxy())
        .start();
    Fetch::jsonl()
        .args(["-v", "-u", &format!("me:{CANARY}")])
        .args(["-x", &with_secret(&server), "http://a.invalid/a"])
        .run()
        .exits(0);
    assert_eq!(
        credentials(&server),
        [(); 2].map(|()| Some(basic("user", CANARY)))
    );
    let own: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").is_some())
        .collect();
    assert_eq!(own, [true, false]);
}

#[test]
fn a_proxy_that_answers_407_gets_no_secret_of_the_origin() {
    let asks = reply(407, &[("Proxy-Authenticate", "Basic realm=\"x\"")], "who?");
    let server = Server::always(asks);
    let record = Fetch::jsonl()
        .args(["-u", &format!("me:{CANARY}"), "-x", &server.url("")])
        .arg("https://a.invalid/")
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error proxy/connect");
    assert!(server.requests().iter().all(|request| !has_secret(request)));
}

#[test]
fn the_secret_is_in_no_output_and_no_file() {
    let refusing = Refusing::new();
    let dead = format!("http://user:{CANARY}@{}", refusing.address());
    let denies = Server::always(answer(403, "no"));
    let works = Server::always(proxy());
    let proxies = [
        dead,
        with_secret(&denies),
        with_secret(&works),
        format!("socks5://user:{CANARY}@{}", refusing.address()),
        // Each of these gets no answer, for a different reason.
        format!("socks5h://user:{CANARY}@127.0.0.1:{}", denies.port()),
        format!("https://user:{CANARY}@127.0.0.1:{}", denies.port()),
    ];
    for proxy in &proxies {
        for format in ["text", "jsonl", "csv"] {
            let folder = Folder::new();
            Fetch::new()
                .arg("-o")
                .arg(folder.beside("out"))
                .args(["-v", "--format", format, "--journal", "journal.jsonl"])
                .args(["--results", "results.jsonl", "-t", "1s", "-x", proxy])
                .args(["http://a.invalid/a", "https://a.invalid/b"])
                .run()
                .exits(1);
            for name in folder.tree() {
                assert!(!canary_in(&name), "{name}");
            }
        }
    }
}

#[test]
fn a_mistake_in_the_url_of_the_proxy_does_not_show_the_secret() {
    for proxy in [
        format!("ftp://user:{CANARY}@127.0.0.1:1"),
        format!("http://user:{CANARY}@127.0.0.1:x"),
        format!("http://user:{CANARY}@[::1"),
        format!("http://user:{CANARY}@"),
        format!("user:{CANARY}@127.0.0.1:99999"),
    ] {
        let fetch = Fetch::new().args(["-x", &proxy, "http://127.0.0.1/"]);
        refused(fetch, "--proxy");
    }
}

#[test]
fn proxy_authorization_cannot_be_set_as_a_header() {
    let server = Server::always(ok("x"));
    for name in [
        "Proxy-Authorization",
        "proxy-authorization",
        "PROXY-AUTHORIZATION",
    ] {
        let header = format!("{name}: Basic {CANARY}");
        let url = server.url("/a");
        refused(Fetch::new().args(["-H", &header, &url]), "--header");
        refused(
            Fetch::new()
                .file("headers", &header)
                .args(["-H", "@headers", &url]),
            "--header",
        );
        let line = json!({"url": url, "headers": {name: format!("Basic {CANARY}")}});
        let record = Fetch::jsonl()
            .stdin(line.to_string())
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error invalid_input/input");
    }
    server.assert_untouched();
}
