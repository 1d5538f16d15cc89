//! Once redirects have left the origin of the URL, no secret is sent any more, not even on return to it.

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
};

use serde_json::json;

use crate::support::{CANARY, Fetch, Request, Script, Server, ok, redirect, text::canary_in, tls};

/// A run for each kind of secret and for each way to pass it.
fn secrets(url: &str) -> Vec<Fetch> {
    let user = format!("user:{CANARY}");
    let with_userinfo = url.replacen("://", &format!("://{user}@"), 1);
    let line = json!({"url": url, "headers": {
        "X-Secret": CANARY, "Authorization": format!("Bearer {CANARY}"), "Cookie": format!("a={CANARY}"),
    }});
    let headers = [
        "X-Secret: ",
        "Authorization: Bearer ",
        "Cookie: a=",
        "Accept-Language: ",
    ];
    let mut fetches = vec![
        Fetch::jsonl().args(["-u", &user, url]),
        Fetch::jsonl().arg(with_userinfo),
        Fetch::jsonl().stdin(line.to_string()),
        Fetch::jsonl().args(["-d", "x", "-u", &user, url]),
    ];
    fetches.extend(
        headers.map(|header| Fetch::jsonl().args(["-H", &format!("{header}{CANARY}"), url])),
    );
    fetches
        .into_iter()
        .map(|fetch| fetch.arg("-v").trusting())
        .collect()
}

fn has_secret(request: &Request) -> bool {
    request.headers.iter().any(|(_, value)| canary_in(value))
}

#[track_caller]
fn carried(server: &Server) -> Vec<bool> {
    server.requests().iter().map(has_secret).collect()
}

#[test]
fn secrets_are_sent_within_the_origin() {
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .route("/b", redirect(307, "c"))
        .otherwise(ok(""))
        .start();
    for fetch in secrets(&server.url("/a")) {
        fetch.run().exits(0);
        assert!(
            carried(&server).iter().all(|secret| *secret),
            "{:#?}",
            server.requests()
        );
    }
}

#[test]
fn secrets_are_not_sent_to_another_host() {
    let server = Server::build().on_all_addresses().otherwise(ok("")).start();
    let first = Server::at("/a", redirect(302, &server.url_as("127.0.0.2", "/b")));
    for (round, fetch) in secrets(&first.url("/a")).into_iter().enumerate() {
        fetch.run().exits(0);
        assert!(carried(&first)[round], "asked with it");
        assert!(!carried(&server)[round], "{:#?}", server.requests()[round]);
    }
}

#[test]
fn another_name_of_the_same_machine_is_another_origin() {
    let server = Server::build()
        .on_all_addresses()
        .route("/a", ok(""))
        .otherwise(ok(""))
        .start();
    let port = server.port();
    let first = Server::build()
        .route("/a", redirect(302, &format!("http://localhost:{port}/b")))
        .start();
    for fetch in secrets(&first.url("/a")) {
        fetch.run().exits(0);
    }
    assert!(carried(&server).iter().all(|secret| !secret));
}

#[test]
fn another_port_is_another_origin() {
    let second = Server::always(ok(""));
    let first = Server::at("/a", redirect(307, &second.url("/b")));
    for fetch in secrets(&first.url("/a")) {
        fetch.run().exits(0);
    }
    assert!(
        carried(&second).iter().all(|secret| !secret),
        "{:#?}",
        second.requests()
    );
}

#[test]
fn another_scheme_is_another_origin() {
    let plain = Server::always(ok(""));
    let safe = Server::build()
        .tls(tls::here())
        .route("/a", redirect(308, &plain.url("/b")))
        .start();
    for fetch in secrets(&safe.url("/a")) {
        fetch.run().exits(0);
    }
    assert!(carried(&safe).iter().all(|secret| *secret));
    assert!(
        carried(&plain).iter().all(|secret| !secret),
        "{:#?}",
        plain.requests()
    );
}

/// Two servers that send each other on: A `/a` → B `/b` → A `/c` → A `/d` → the end.
#[test]
fn secrets_are_not_sent_again_on_return() {
    let known_later = Arc::new(OnceLock::<String>::new());
    let back = Arc::clone(&known_later);
    let b = Server::at(
        "/b",
        Script::new().run(move |_, stream| {
            let location = back.get().unwrap();
            let _ = write!(
                stream,
                "HTTP/1.1 307 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            );
        }),
    );
    let a = Server::build()
        .route("/a", redirect(307, &b.url("/b")))
        .route("/c", redirect(302, "/d"))
        .otherwise(ok(""))
        .start();
    known_later.set(a.url("/c")).unwrap();
    for fetch in secrets(&a.url("/a")) {
        fetch.run().exits(0);
    }
    let rounds = b.requests().len();
    assert_eq!(a.targets(), ["/a", "/c", "/d"].repeat(rounds));
    assert_eq!(carried(&a), [true, false, false].repeat(rounds));
    assert!(carried(&b).iter().all(|secret| !secret));
}

#[test]
fn headers_that_are_no_secret_are_sent_to_every_origin() {
    let second = Server::always(ok(""));
    let first = Server::at("/a", redirect(302, &second.url("/b")));
    Fetch::new()
        .args(["-A", "me", "--compressed", &first.url("/a")])
        .run()
        .exits(0);
    let request = second.request();
    assert_eq!(
        (request.header("user-agent"), request.header("accept")),
        (Some("me"), Some("*/*"))
    );
    assert!(request.header("accept-encoding").is_some());
    assert_eq!(
        request.header("host"),
        Some(format!("127.0.0.1:{}", second.port()).as_str())
    );
}

#[test]
fn a_host_header_stays_with_its_origin() {
    let second = Server::always(ok(""));
    let first = Server::at("/a", redirect(302, &second.url("/b")));
    Fetch::new()
        .args(["-H", "Host: inner.example", &first.url("/a")])
        .run()
        .exits(0);
    assert_eq!(first.request().header("host"), Some("inner.example"));
    assert_eq!(
        second.request().header("host"),
        Some(format!("127.0.0.1:{}", second.port()).as_str())
    );
}

#[test]
fn no_referer_is_sent() {
    let second = Server::always(ok(""));
    let first = Server::build()
        .route("/a", redirect(302, "/b"))
        .route("/b", redirect(302, &second.url("/c")))
        .start();
    Fetch::new().arg(first.url("/a?session=1")).run().exits(0);
    assert!(
        first
            .requests()
            .iter()
            .chain(&second.requests())
            .all(|request| request.header("referer").is_none())
    );
}

#[test]
fn userinfo_in_a_location_is_not_printed() {
    let second = Server::always(ok(""));
    let location = second
        .url("/b")
        .replace("http://", &format!("http://user:{CANARY}@"));
    let first = Server::at("/a", redirect(302, &location));
    for format in ["text", "jsonl", "csv", "tsv"] {
        let out = Fetch::new()
            .args(["-v", "--format", format, &first.url("/a")])
            .run()
            .exits(0);
        assert!(!out.stdout().contains("user:"), "{}", out.stdout());
    }
}

#[test]
fn userinfo_in_a_location_that_is_not_followed_is_not_printed() {
    for location in [
        format!("ftp://user:{CANARY}@127.0.0.1/"),
        format!("http://user:{CANARY}@[bad/"),
        format!("//user:{CANARY}@[/"),
    ] {
        let first = Server::at("/a", redirect(302, &location));
        Fetch::jsonl().args(["-v", &first.url("/a")]).run().exits(1);
        let loops = Server::always(redirect(302, &location));
        Fetch::jsonl()
            .args(["-v", "--max-redirs", "0", &loops.url("/a")])
            .run()
            .exits(1);
    }
}
