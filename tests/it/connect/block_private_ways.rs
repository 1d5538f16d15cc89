//! `--block-private`: what leads to a host, and what it is used with.

use serde_json::{Value, json};

use crate::{
    cli::options::refused,
    support::{Fetch, Folder, Server, ok, record::RecordExt as _, redirect, unix::Door},
};

/// Nobody's, but of the kind that is allowed.
const PUBLIC: &str = "2a10:ffff:ffff::1";

#[test]
fn it_is_not_tried_again() {
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
fn resolve_does_not_lead_past_it() {
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
fn the_family_that_is_left_is_what_counts() {
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
fn nothing_is_saved_of_what_is_blocked() {
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

/// The only way to a public address of our own is a network of our own, which sockets in the file system lead out of.
#[test]
#[ignore = "needs root, unshare, ip and socat"]
fn a_redirect_does_not_lead_past_it() {
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
    // The retries wait for the one who listens; what is blocked gets none.
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
fn with_a_proxy_it_refuses_to_run() {
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
fn with_a_unix_socket_it_refuses_to_run() {
    let fetch = Fetch::new().args(["--block-private", "--unix-socket", "x", "http://a.test/"]);
    refused(fetch, "--block-private");
}

#[test]
fn a_proxy_that_is_not_used_does_no_harm() {
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
