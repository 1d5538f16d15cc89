//! Header fields: the default ones, and those of `-H`, `-A` and `-u`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{CANARY, Fetch, Request, Server, ok};

#[track_caller]
fn asked_by(fetch: Fetch) -> Request {
    let server = Server::always(ok("x"));
    fetch.arg(server.url("/a")).run().exits(0);
    server.request()
}

#[track_caller]
fn asked(args: &[&str]) -> Request {
    asked_by(Fetch::jsonl().args(args))
}

fn basic(userinfo: &str) -> String {
    format!("Basic {}", STANDARD.encode(userinfo))
}

#[test]
fn the_default_headers_are_few_and_name_the_user_agent() {
    let server = Server::always(ok("x"));
    Fetch::new().arg(server.url("/a")).run().exits(0);
    let request = server.request();
    let mut names: Vec<_> = request
        .headers
        .iter()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.sort();
    assert_eq!(names, ["accept", "host", "user-agent"]);
    assert_eq!(request.header("accept"), Some("*/*"));
    assert_eq!(
        request.header("user-agent"),
        Some(concat!("fetch/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(
        request.header("host"),
        Some(format!("127.0.0.1:{}", server.port()).as_str())
    );
}

#[test]
fn a_header_is_added() {
    let request = asked(&[
        "-H",
        "X-One: 1",
        "--header",
        "X-Two:two words ",
        "-H",
        "X-Colon: a:b",
    ]);
    assert_eq!(
        (request.header("x-one"), request.header("x-two")),
        (Some("1"), Some("two words"))
    );
    assert_eq!(request.header("x-colon"), Some("a:b"));
}

#[test]
fn a_header_given_twice_is_sent_twice() {
    assert_eq!(
        asked(&["-H", "X-A: 1", "-H", "X-A: 2"]).header_values("x-a"),
        ["1", "2"]
    );
}

#[test]
fn a_header_replaces_a_default_one() {
    let request = asked(&[
        "-H",
        "accept: text/html",
        "-H",
        "User-Agent: me",
        "-H",
        "Host: elsewhere",
    ]);
    assert_eq!(
        (request.header("accept"), request.header("user-agent")),
        (Some("text/html"), Some("me"))
    );
    assert_eq!(request.header("host"), Some("elsewhere"));
}

#[test]
fn a_semicolon_sends_an_empty_header_and_a_colon_removes_one() {
    let request = asked(&["-H", "X-Empty;", "-H", "User-Agent:"]);
    assert_eq!(request.header("x-empty"), Some(""));
    assert!(request.header("user-agent").is_none());
}

#[test]
fn accept_cannot_be_removed_and_says_so() {
    let out = Fetch::jsonl()
        .args(["-H", "Accept:", "http://127.0.0.1/"])
        .run()
        .exits(2);
    assert!(out.stderr().contains("Accept cannot be removed"));
}

#[test]
fn headers_come_from_a_file() {
    let file = format!("# comment\nX-One: 1\n\n  \nX-Token: {CANARY}\r\nUser-Agent:\nX-Empty;\n");
    let request =
        asked_by(
            Fetch::jsonl()
                .file("headers.txt", file)
                .args(["-H", "@headers.txt", "-v"]),
        );
    assert_eq!(
        (request.header("x-one"), request.header("x-token")),
        (Some("1"), Some(CANARY))
    );
    assert_eq!(
        (request.header("user-agent"), request.header("x-empty")),
        (None, Some(""))
    );
}

#[test]
fn a_header_that_cannot_be_sent_is_a_usage_error_that_does_not_show_it() {
    let secret = format!("X-Token {CANARY}");
    for header in [
        &secret,
        &format!("X\n-Token: {CANARY}"),
        &format!("X-Token: a\n{CANARY}"),
        "Content-Length: 3",
        "transfer-encoding: chunked",
        "Connection: close",
        ": x",
        "",
        "@missing.txt",
        "X Y: z",
    ] {
        let server = Server::build().may_stay_unasked().start();
        let out = Fetch::new()
            .args(["-H", header, &server.url("/a")])
            .run()
            .exits(2);
        assert_ne!(out.stderr(), "");
        assert_eq!(out.stdout(), "");
        assert_eq!(server.targets(), [""; 0]);
    }
}

#[test]
fn a_bad_line_in_a_file_of_headers_is_a_usage_error_that_does_not_show_it() {
    let out = Fetch::new()
        .file("h", format!("A: b\n{CANARY}\n"))
        .args(["-H", "@h", "http://127.0.0.1/"])
        .run()
        .exits(2);
    assert!(out.stderr().contains('h'), "{}", out.stderr());
}

#[test]
fn user_agent_is_the_one_asked_for() {
    assert_eq!(
        asked(&["-A", "me/1.0"]).header("user-agent"),
        Some("me/1.0")
    );
    assert_eq!(
        asked(&["--user-agent", "me"]).header("user-agent"),
        Some("me")
    );
}

#[test]
fn user_is_sent_as_basic() {
    let expected = basic(&format!("user:{CANARY}"));
    for option in ["-u", "--user"] {
        let request = asked(&["-v", option, &format!("user:{CANARY}")]);
        assert_eq!(request.header("authorization"), Some(expected.as_str()));
    }
    assert_eq!(
        asked(&["-u", "na:pa:ss"]).header("authorization"),
        Some(basic("na:pa:ss").as_str())
    );
}

#[test]
fn userinfo_of_the_url_is_sent_decoded_and_beats_the_option() {
    let server = Server::always(ok("x"));
    let url = server
        .url("/a")
        .replace("http://", &format!("http://us%40er:%3A{CANARY}@"));
    Fetch::jsonl()
        .args(["-u", "other:one", "-v", &url])
        .run()
        .exits(0);
    let expected = basic(&format!("us@er::{CANARY}"));
    assert_eq!(
        server.request().header("authorization"),
        Some(expected.as_str())
    );
}

#[test]
fn a_header_of_authorization_beats_user_and_userinfo() {
    let server = Server::always(ok("x"));
    let url = server.url("/a").replace("http://", "http://user:info@");
    let bearer = format!("Authorization: Bearer {CANARY}");
    Fetch::jsonl()
        .args(["-u", "other:one", "-H", &bearer, &url])
        .run()
        .exits(0);
    assert_eq!(
        server.request().header("authorization"),
        Some(format!("Bearer {CANARY}").as_str())
    );
}

#[test]
fn a_user_without_a_password_is_a_usage_error_that_does_not_show_it() {
    let out = Fetch::new()
        .args(["-u", CANARY, "http://127.0.0.1/"])
        .run()
        .exits(2);
    assert!(out.stderr().contains("--user"), "{}", out.stderr());
}

#[test]
fn compressed_asks_for_the_codings_it_knows() {
    let request = asked(&["--compressed"]);
    let mut codings: Vec<_> = request
        .header("accept-encoding")
        .unwrap()
        .split(',')
        .map(str::trim)
        .collect();
    codings.sort_unstable();
    assert_eq!(codings, ["br", "deflate", "gzip", "zstd"]);
}

#[test]
fn no_option_of_a_secret_shows_it_in_any_format() {
    let server = Server::always(ok("x"));
    let url = server
        .url("/a")
        .replace("http://", &format!("http://user:{CANARY}@"));
    let refused = format!("http://user:{CANARY}@127.0.0.1:1/");
    for format in ["text", "jsonl", "csv", "tsv"] {
        let cookie = format!("Cookie: {CANARY}");
        let args = [
            "--format",
            format,
            "-v",
            "-H",
            &cookie,
            "--summary-file",
            "sum.json",
            "--results",
            "out",
            &url,
            &refused,
        ];
        Fetch::new().args(args).run();
    }
    Fetch::new()
        .args([
            "-w",
            "%{json} %{url} %{url_effective} %{errormsg}",
            &url,
            &refused,
        ])
        .run();
}
