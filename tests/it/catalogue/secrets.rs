//! Servers that try to get secrets of other origins.

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
};

use super::{beside, beside_with};
use crate::support::{
    CANARY, Fetch, Folder, Request, Script, Server, ok, redirect, reply, text::canary_in, tls,
};

/// A run with every kind of secret. The harness searches its output for them.
fn secretive() -> Fetch {
    Fetch::jsonl().trusting().arg("-v").args([
        "-u",
        &format!("user:{CANARY}"),
        "-H",
        &format!("Cookie: a={CANARY}"),
        "-H",
        &format!("X-Token: {CANARY}"),
    ])
}

fn secrets(request: &Request) -> usize {
    let values = request.headers.iter().map(|(_, value)| value);
    values.filter(|value| canary_in(value)).count()
}

/// The number of secrets in each request.
fn carried(server: &Server) -> Vec<usize> {
    server.requests().iter().map(secrets).collect()
}

/// Asserts that a redirect from one server to another leaves all three secrets with the first.
#[track_caller]
fn keeps_from(first: &Server, second: &Server) {
    // The neighbour is the origin of its own URL, so it gets the secrets.
    beside(secretive(), &first.url("/a"), "ok");
    assert_eq!(carried(first), [3], "{:#?}", first.requests());
    assert_eq!(carried(second), [0], "{:#?}", second.requests());
}

#[test]
fn c020_a_redirect_to_another_port_takes_no_secret_along() {
    let second = Server::always(ok("x"));
    keeps_from(&Server::always(redirect(307, &second.url("/b"))), &second);
}

#[test]
fn c021_a_redirect_to_another_host_takes_no_secret_along() {
    let second = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let location = second.url_as("127.0.0.2", "/b");
    keeps_from(&Server::always(redirect(302, &location)), &second);
}

#[test]
fn c022_a_redirect_from_https_to_http_takes_no_secret_along() {
    let second = Server::always(ok("x"));
    let first = Server::build()
        .tls(tls::here())
        .otherwise(redirect(308, &second.url("/b")))
        .start();
    keeps_from(&first, &second);
}

#[test]
fn c023_a_location_without_a_scheme_is_another_origin_all_the_same() {
    let second = Server::always(ok("x"));
    let location = format!("//127.0.0.1:{}/b", second.port());
    keeps_from(&Server::always(redirect(303, &location)), &second);
}

#[test]
fn c024_a_location_with_backslashes_is_another_origin_all_the_same() {
    let second = Server::always(ok("x"));
    let location = format!("\\\\127.0.0.1:{}\\b", second.port());
    keeps_from(&Server::always(redirect(302, &location)), &second);
    assert_eq!(second.targets(), ["/b"]);
}

#[test]
fn c025_a_location_whose_userinfo_looks_like_the_origin_is_another_one() {
    let second = Server::always(ok("x"));
    let known_later = Arc::new(OnceLock::<String>::new());
    let first = Server::always(later(&known_later));
    let asked = format!("127.0.0.1:{}", first.port());
    let location = second.url("/b").replace("://", &format!("://{asked}@"));
    known_later.set(location).unwrap();
    keeps_from(&first, &second);
    assert_eq!(second.request().header("authorization"), None);
}

/// A redirect whose location is known only after all servers have started.
fn later(location: &Arc<OnceLock<String>>) -> Script {
    let location = Arc::clone(location);
    Script::new().run(move |_, stream| {
        let location = location.get().unwrap();
        let _ = write!(
            stream,
            "HTTP/1.1 307 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        );
    })
}

#[test]
fn c026_on_return_to_the_first_origin_the_secrets_stay_behind() {
    let back = Arc::new(OnceLock::new());
    let second = Server::always(later(&back));
    let first = Server::build()
        .route("/a", redirect(307, &second.url("/b")))
        .route("/c", redirect(302, "/d"))
        .otherwise(ok("x"))
        .start();
    back.set(first.url("/c")).unwrap();
    beside(secretive(), &first.url("/a"), "ok");
    assert_eq!(first.targets(), ["/a", "/c", "/d"]);
    assert_eq!(carried(&first), [3, 0, 0]);
    assert_eq!(carried(&second), [0]);
}

#[test]
fn c027_a_server_does_not_choose_who_we_log_in_as() {
    let second = Server::always(ok("x"));
    let location = second.url("/b").replace("://", "://them:theirs@");
    let first = Server::always(redirect(302, &location));
    beside(Fetch::jsonl(), &first.url("/a"), "ok");
    assert_eq!(second.request().header("authorization"), None);
}

#[test]
fn c028_userinfo_in_a_location_is_shown_in_no_format() {
    let second = Server::always(ok("x"));
    let followed = second
        .url("/b")
        .replace("://", &format!("://user:{CANARY}@"));
    for (location, code) in [
        (followed, 0),
        (format!("ftp://user:{CANARY}@127.0.0.1/"), 1),
        (format!("http://user:{CANARY}@[bad/"), 1),
    ] {
        let first = Server::always(redirect(302, &location));
        for format in ["text", "jsonl", "csv", "tsv"] {
            let fetch = Fetch::new().args(["-v", "--format", format]);
            fetch.arg(first.url("/a")).run().exits(code);
        }
    }
}

#[test]
fn c029_a_cookie_that_was_set_is_sent_to_no_other_input() {
    let server = Server::build()
        .route(
            "/a",
            reply(
                302,
                &[("Location", "/b"), ("Set-Cookie", "a=b; Path=/")],
                "",
            ),
        )
        .otherwise(ok("x"))
        .start();
    let list = format!("{}\n{}\n", server.url("/a"), server.url("/c"));
    Fetch::jsonl().arg("-j1").stdin(list).run().exits(0);
    let requests = server.requests();
    let cookies: Vec<_> = requests
        .iter()
        .map(|request| (request.target.as_str(), request.header("cookie")))
        .collect();
    assert_eq!(cookies, [("/a", None), ("/b", Some("a=b")), ("/c", None)]);
}

#[test]
fn c408_a_page_that_sets_a_cookie_and_expects_it_is_reached() {
    let seen = Script::new().run(|request, stream| {
        let answer = if request.header("cookie") == Some("own=1; seen=1") {
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        } else {
            "HTTP/1.1 302 X\r\nLocation: /a\r\nSet-Cookie: seen=1\r\nContent-Length: 0\r\n\r\n"
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let server = Server::always(seen);
    let fetch = Fetch::jsonl().args(["-H", "Cookie: own=1", "--retry", "1"]);
    let record = beside(fetch, &server.url("/a"), "ok");
    assert_eq!(record["redirects"], 1);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn c409_a_cookie_goes_to_no_other_host_of_the_chain() {
    let second = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let there = second.url_as("127.0.0.2", "/b");
    let first = Server::always(reply(
        302,
        &[("Location", there.as_str()), ("Set-Cookie", "a=b; Path=/")],
        "",
    ));
    beside(Fetch::jsonl(), &first.url("/a"), "ok");
    assert_eq!(second.request().header("cookie"), None);
}

#[test]
fn c030_no_one_is_told_where_we_come_from() {
    let second = Server::always(ok("x"));
    let first = Server::always(redirect(302, &second.url("/b")));
    beside(Fetch::jsonl(), &first.url("/a?session=1"), "ok");
    assert_eq!(second.request().header("referer"), None);
}

#[test]
fn c031_a_challenge_is_answered_with_nothing_that_was_not_sent_before() {
    for (status, header) in [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")] {
        let server = Server::always(reply(status, &[(header, "Basic realm=\"x\"")], ""));
        let verdict = format!("http_error {status}");
        beside(Fetch::jsonl(), &server.url("/a"), &verdict);
        assert_eq!(server.request().header("authorization"), None);
        assert_eq!(server.request().header("proxy-authorization"), None);
    }
}

#[test]
fn c032_a_host_header_stays_with_its_origin() {
    let second = Server::always(ok("x"));
    let first = Server::always(redirect(302, &second.url("/b")));
    let fetch = Fetch::jsonl().args(["-H", "Host: inner.example"]);
    beside(fetch, &first.url("/a"), "ok");
    assert_eq!(first.request().header("host"), Some("inner.example"));
    let own = format!("127.0.0.1:{}", second.port());
    assert_eq!(second.request().header("host"), Some(own.as_str()));
}

#[test]
fn c033_the_secrets_of_one_url_are_not_those_of_its_neighbour() {
    let server = Server::always(ok("x"));
    let url = server
        .url("/a")
        .replace("://", &format!("://user:{CANARY}@"));
    let neighbour = Server::always(ok("unharmed"));
    beside_with(&neighbour, Fetch::jsonl().arg("-v"), &url, "ok");
    assert_eq!(carried(&server), [1]);
    assert_eq!(carried(&neighbour), [0, 0]);
}

#[test]
fn c034_userinfo_is_in_no_name_of_a_file() {
    let server = Server::always(ok("x"));
    let url = server.url("").replace("://", &format!("://user:{CANARY}@"));
    for name in ["{basename}", "{host}", "{path}", "{hash}"] {
        let folder = Folder::new();
        let fetch = folder.fetch().args(["-v", "--name", name]);
        fetch.arg(format!("{url}/")).run().exits(0);
        let tree = folder.tree();
        assert_eq!(tree.len(), 1, "{tree:?}");
        assert!(
            !canary_in(&tree[0]) && !tree[0].contains("user"),
            "{tree:?}"
        );
    }
}
