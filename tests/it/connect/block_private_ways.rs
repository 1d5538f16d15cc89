//! `--block-private` with other options, with redirects and with retries.

use serde_json::{Value, json};

use crate::{
    cli::options::refused,
    support::{Fetch, Folder, Server, ok, record::RecordExt as _, redirect, unix::Door},
};

/// A public address that belongs to nobody.
const PUBLIC: &str = "2a10:ffff:ffff::1";

#[test]
fn a_blocked_request_is_not_retried() {
    let server = Server::always(ok(""));
    let record = Fetch::jsonl()
        .args(["--block-private", "--retry", "3", "--retry-delay", "1ms"])
        .arg(server.url("/a"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error blocked/connect");
    assert!(record["attempts"].as_array().unwrap().len() <= 1);
    server.assert_untouched();
}

#[test]
fn resolve_does_not_get_around_it() {
    let server = Server::always(ok(""));
    let port = server.port();
    for address in ["127.0.0.1", "[::1]", "::ffff:127.0.0.1", "10.0.0.1,fe80::1"] {
        let record = Fetch::jsonl()
            .args(["--block-private", "--resolve"])
            .arg(format!("name.test:{port}:{address}"))
            .arg(server.url_as("name.test", "/a"))
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error blocked/connect", "{address}");
    }
    server.assert_untouched();
}

#[test]
fn of_a_name_with_both_only_the_public_addresses_are_used() {
    let server = Server::always(ok(""));
    let port = server.port();
    let both = [
        format!("127.0.0.1,{PUBLIC}"),
        format!("[{PUBLIC}],127.0.0.1"),
    ];
    for addresses in both {
        let record = Fetch::jsonl()
            .args(["--block-private", "--connect-timeout", "500ms"])
            .arg("--resolve")
            .arg(format!("name.test:{port}:{addresses}"))
            .arg(server.url_as("name.test", "/a"))
            .run()
            .exits(1)
            .record();
        let verdict = record.verdict();
        assert!(
            ["error connect/connect", "error timeout/connect"].contains(&verdict.as_str()),
            "{record}"
        );
    }
    server.assert_untouched();
}

#[test]
fn only_addresses_of_the_chosen_family_are_checked() {
    let server = Server::always(ok(""));
    let port = server.port();
    let record = Fetch::jsonl()
        .args(["--block-private", "-4", "--resolve"])
        .arg(format!("name.test:{port}:127.0.0.1,{PUBLIC}"))
        .arg(server.url_as("name.test", "/a"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error blocked/connect");
    server.assert_untouched();
}

#[test]
fn a_blocked_request_saves_no_file() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    folder
        .fetch()
        .args(["--block-private", &server.url("/a")])
        .run()
        .exits(1);
    folder.assert_empty();
    server.assert_untouched();
}

/// A public address of this machine exists only in a network namespace, so the run reaches the test through Unix
/// sockets.
#[test]
#[ignore = "needs root, unshare, ip and socat"]
fn a_redirect_does_not_get_around_it() {
    let private = Server::always(ok("private"));
    let public = Server::build()
        .route("/in", redirect(302, "http://127.0.0.1:81/"))
        .route("/name", redirect(307, "http://localhost:81/"))
        .route("/six", redirect(301, "http://[::ffff:7f00:1]:81/"))
        .otherwise(ok("public"))
        .start();
    let (inside, outside) = (Door::to(&private), Door::to(&public));
    let script = format!(
        "ip link set lo up && ip addr add 11.0.0.1/32 dev lo || exit 99
         listen() {{ timeout 20 socat TCP-LISTEN:$1,fork UNIX-CONNECT:$2 >/dev/null 2>&1 & }}
         listen 80,bind=11.0.0.1 {} ; listen 81 {} ; exec \"$@\"",
        outside.path().display(),
        inside.path().display()
    );
    // Retries bridge the time until the server listens. A blocked request is not retried.
    let out = Fetch::jsonl()
        .args(["--block-private", "--retry", "20", "--retry-delay", "100ms"])
        .stdin(
            "/public /in /name /six"
                .replace('/', "http://11.0.0.1/")
                .replace(' ', "\n"),
        )
        .under(["unshare", "-n", "sh", "-c", &script, "sh"])
        .run()
        .exits(1);
    let verdicts: Vec<_> = out.in_order().iter().map(Value::verdict).collect();
    assert_eq!(verdicts[0], "ok");
    assert_eq!(verdicts[1..], ["error blocked/connect"; 3]);
    assert!(
        out.in_order()[1..]
            .iter()
            .all(|record| record["redirects"] == json!(1)),
        "{}",
        out.stdout()
    );
    private.assert_untouched();
}

#[test]
fn it_cannot_be_used_with_a_proxy() {
    let server = Server::always(ok(""));
    let proxy = server.url("");
    for scheme in ["http", "https", "socks4", "socks5", "socks5h"] {
        let proxy = format!("{scheme}://127.0.0.1:{}", server.port());
        let fetch = Fetch::new().args(["--block-private", "-x", &proxy, "http://a.test/"]);
        refused(fetch, "--block-private");
    }
    for name in [
        "http_proxy",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        let fetch = Fetch::new().env(name, &proxy).args([
            "--block-private",
            "http://a.test/",
            "https://a.test/",
        ]);
        refused(fetch, "--block-private");
    }
    server.assert_untouched();
}

#[test]
fn it_cannot_be_used_with_a_unix_socket() {
    let fetch = Fetch::new().args(["--block-private", "--unix-socket", "x", "http://a.test/"]);
    refused(fetch, "--block-private");
}

#[test]
fn it_can_be_used_where_no_proxy_applies() {
    let server = Server::always(ok(""));
    let fetches = [
        Fetch::jsonl().env("HTTP_PROXY", server.url("")),
        Fetch::jsonl()
            .env("http_proxy", server.url(""))
            .args(["-x", ""]),
    ];
    for fetch in fetches {
        let record = fetch
            .args(["--block-private", &server.url("/a")])
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error blocked/connect");
    }
    server.assert_untouched();
}
