//! httpbin behind gunicorn: the parts of requests, and many kinds of answers.

use super::{
    curl::{Case, case, compare},
    daemon::{Daemon, program},
};
use crate::support::{CANARY, Fetch, record::RecordExt as _};

const GUNICORN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/httpbin/bin/gunicorn");

fn httpbin() -> Daemon {
    Daemon::start(1, |site| {
        let mut command = program(GUNICORN);
        command
            .args([
                "--worker-class",
                "gthread",
                "--threads",
                "20",
                "--graceful-timeout",
                "1",
                "--no-control-socket",
            ])
            .args([
                "--bind",
                &format!("127.0.0.1:{}", site.port()),
                "httpbin:app",
            ])
            .current_dir(site.path(""));
        command
    })
}

/// A case whose answer echoes the request, so that both are compared.
fn same(url: String, args: &[&str]) -> Case {
    case(url, &[&["-A", "one", "-H", "Accept: */*"], args].concat())
}

#[test]
#[ignore = "needs httpbin; .ci/run installs and runs it"]
fn requests_equal_those_of_curl() {
    let httpbin = httpbin();
    let url = |path: &str| httpbin.http(path);
    let long = "0123456789".repeat(10_000);
    for (path, method) in [
        ("/post", "POST"),
        ("/put", "PUT"),
        ("/patch", "PATCH"),
        ("/delete", "DELETE"),
    ] {
        let json = [
            "-X",
            method,
            "-H",
            "Content-Type: application/json",
            "-d",
            r#"{"a": [1, "ü"]}"#,
        ];
        compare([
            same(url(path), &["-X", method, "-d", "a=b&c=d"]),
            same(url(path), &["-X", method, "-d", "a=b", "-d", "c=%20d+e"]),
            same(url(path), &["-X", method, "-d", &long]),
            same(url(path), &json),
            same(url(path), &[]),
        ]);
    }
    let get = [
        "/get",
        "/get?a=1&a=2&b=%C3%BC+%26",
        "/headers",
        "/user-agent",
        "/ip",
        "/anything/a%2Fb/..%2F;x?y#z",
        "/cookies/set?a=b",
        "/cookies",
    ];
    compare(get.map(|path| same(url(path), &[])));
    compare([
        same(
            url("/headers"),
            &["-H", "X-Own: a", "-H", "X-Empty;", "-H", "Cookie: a=b; c=d"],
        ),
        same(url("/get"), &["-u", "user:pass word:ü"]),
        same(httpbin.http("/get").replace("://", "://user:p%40ss@"), &[]),
        same(url("/anything"), &["-X", "DELETE"]),
        case(url("/anything"), &["-I"]),
    ]);
}

#[test]
#[ignore = "needs httpbin; .ci/run installs and runs it"]
fn answers_equal_those_of_curl() {
    let httpbin = httpbin();
    let get = [
        "/html",
        "/json",
        "/xml",
        "/robots.txt",
        "/deny",
        "/encoding/utf8",
        "/image/png",
        "/image/webp",
        "/stream-bytes/50000?seed=3&chunk_size=1000",
        "/bytes/20000?seed=1",
        "/range/1024",
        "/drip?numbytes=20&duration=0.2&delay=0",
        "/links/10/2",
        "/base64/aGVsbG8=",
        "/cache",
        "/etag/x",
        "/response-headers?x=y&x=z",
        "/delay/0",
        "/forms/post",
        "/redirect/5",
        "/relative-redirect/3",
        "/absolute-redirect/3",
        "/redirect/10",
        "/redirect-to?url=/status/418",
        "/redirect-to?url=/html&status_code=307",
        "/basic-auth/user/right",
        "/hidden-basic-auth/user/right",
        "/bearer",
        "/digest-auth/auth/user/right",
        "/absent",
    ];
    compare(get.map(|path| same(httpbin.http(path), &[])));
    compare([case(httpbin.http("/redirect/11"), &[]).fails()]);
    // curl follows a 305 to the proxy that it names.
    let record = Fetch::jsonl()
        .arg(httpbin.http("/status/305"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "http_error 305");
    for status in [
        200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 304, 400, 401, 402, 403, 404, 405, 406,
        407, 408, 409, 418, 429, 451, 500, 501, 502, 503, 504, 599,
    ] {
        let url = httpbin.http(&format!("/status/{status}"));
        compare([same(url.clone(), &[]), same(url, &["-d", "x"])]);
    }
}

#[test]
#[ignore = "needs httpbin; .ci/run installs and runs it"]
fn every_coding_is_decoded() {
    let httpbin = httpbin();
    for path in ["/gzip", "/deflate", "/brotli"] {
        let out = Fetch::jsonl()
            .without_canary("the body says what was sent")
            .args(["--compressed", "--body", &httpbin.http(path)])
            .run()
            .exits(0);
        let record = out.record();
        let flag = match path {
            "/gzip" => "gzipped",
            "/deflate" => "deflated",
            _ => "brotli",
        };
        let body: serde_json::Value = serde_json::from_str(record.text("body")).unwrap();
        assert_eq!(body[flag], true, "{body}");
        compare([case(
            httpbin.http(path),
            &[
                "--compressed",
                "-A",
                "one",
                "-H",
                "Accept: */*",
                "-H",
                "Accept-Encoding: gzip, deflate, br",
            ],
        )]);
        compare([case(
            httpbin.http(path),
            &["-A", "one", "-H", "Accept: */*"],
        )]);
    }
}

#[test]
#[ignore = "needs httpbin; .ci/run installs and runs it"]
fn passwords_are_accepted() {
    let httpbin = httpbin();
    for path in ["/basic-auth/user/right", "/hidden-basic-auth/user/right"] {
        let url = httpbin.http(path);
        compare([
            case(&*url, &["-u", "user:right"]),
            case(&*url, &["-u", "user:wrong"]),
            case(&*url, &["-u", ":"]),
            case(url.replace("://", "://user:right@"), &[]),
        ]);
    }
    compare([case(
        httpbin.http("/bearer"),
        &["-H", "Authorization: Bearer token"],
    )]);
}

#[test]
#[ignore = "needs httpbin; .ci/run installs and runs it"]
fn secrets_do_not_follow_a_redirect() {
    let (httpbin, other) = (httpbin(), httpbin());
    let cross = httpbin.http(&format!("/redirect-to?url={}", other.http("/headers")));
    let within = httpbin.http("/redirect-to?url=/headers");
    let ask = |url: String| {
        let secret = format!("X-Secret: {CANARY}");
        // The body echoes the secret, which must not be in the output, so only its size is checked.
        let out = Fetch::jsonl()
            .args(["-u", &format!("user:{CANARY}"), "-H", &secret, &url])
            .run()
            .exits(0);
        out.record()["size"].as_u64().unwrap()
    };
    let bare = Fetch::jsonl()
        .without_canary("it is what the others are compared with")
        .arg(other.http("/headers"))
        .run()
        .exits(0)
        .record();
    assert_eq!(ask(cross), bare["size"].as_u64().unwrap());
    assert!(ask(within) > bare["size"].as_u64().unwrap());
}
