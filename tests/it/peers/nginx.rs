//! nginx: HTTP/1.1, TLS, HTTP/2.

use std::fmt::Write as _;

use super::{
    curl::{Case, case, compare},
    daemon::{Daemon, Site, program},
};
use crate::support::{CANARY, Fetch};

/// The configuration of a server in addition to files.
#[derive(Clone, Copy, Default)]
pub(super) struct Config {
    /// Directives in the `http` block.
    pub(super) http: &'static str,
    /// Directives in the `server` block.
    pub(super) server: &'static str,
}

/// Creates files of several sizes, which are served at `/`.
fn furnish(site: &Site) {
    let text: String = (0..20_000).fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "line {line} of a long text");
        text
    });
    site.write("htdocs/text.txt", &text);
    site.write("htdocs/hello.txt", "hello\n");
    site.write("htdocs/empty", "");
    site.write("htdocs/a b/ü.txt", "named\n");
    site.write("htdocs/dir/index.html", "<p>index\n");
    let mut random = fastrand::Rng::with_seed(7);
    let mut bytes = vec![0; 600_001];
    random.fill(&mut bytes);
    site.write("htdocs/large.bin", bytes);
    site.write("passwords", "user:{PLAIN}right\n");
    site.write("htdocs/dav/there", "zero");
}

/// nginx with one worker, whose log has the connection and the secrets of each request.
pub(super) fn nginx(config: Config) -> Daemon {
    Daemon::start(2, |site| {
        furnish(site);
        site.certify();
        let root = site.root();
        let (http, server) = (config.http, config.server);
        let listen = |port: u16, how: &str| {
            format!("listen 127.0.0.1:{port} {how}; listen 127.0.0.2:{port} {how};")
        };
        let conf = format!(
            "user root; pid {root}/pid; error_log {root}/error.log; worker_processes 1; daemon off;
            worker_rlimit_nofile 4096;
            events {{ worker_connections 2048; }}
            http {{
                log_format told '$connection $connection_requests $server_protocol $status $request_uri '
                    'host=$http_host secrets=$http_authorization$http_cookie$http_x_secret$http_proxy_authorization';
                access_log {root}/access.log told;
                client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
                uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
                types {{ text/plain txt; text/html html; }}
                {http}
                server {{
                    {plain} {tls}
                    ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem;
                    root {root}/htdocs;
                    {server}
                }}
            }}",
            plain = listen(site.port(), ""),
            tls = listen(site.other_port(), "ssl http2"),
        );
        let conf = site.write("nginx.conf", conf);
        let mut command = program("nginx");
        command
            .arg("-e")
            .arg(site.path("error.log"))
            .arg("-c")
            .arg(conf);
        command
    })
}

pub(super) const SITE: Config = Config {
    http: "gzip on; gzip_min_length 100; gzip_types text/plain; absolute_redirect off;",
    server: r#"
        location /echo { return 200 "$request_method $request_uri $http_host $http_authorization $content_type $content_length $http_range $http_accept_encoding"; }
        location /private/ { auth_basic realm; auth_basic_user_file ../passwords; return 200 welcome; }
        location = /relative { return 302 a/../hello.txt; }
        location = /rooted { return 301 /hello.txt?x=1; }
        location = /query { if ($args) { return 200 queried; } return 302 ?again; }
        location = /schemeless { return 302 //$http_host/hello.txt; }
        location = /other { return 302 $scheme://127.0.0.2:$server_port/hello.txt; }
        location = /there { return 302 $scheme://127.0.0.2:$server_port/back; }
        location = /back { return 302 $scheme://127.0.0.1:$server_port/hello.txt; }
        location = /kept { return 307 /echo; }
        location = /kept-for-good { return 308 /echo; }
        location = /see-other { return 303 /echo; }
        location = /moved { return 301 /echo; }
        location = /found { return 302 /echo; }
        location = /loop { return 302 /loop; }
        location ~ ^/down/1$ { return 302 /hello.txt; }
        location ~ ^/down/2$ { return 302 1; }
        location ~ ^/down/3$ { return 302 2; }
        location ~ ^/down/(\d)(\d)$ { return 302 $2; }
        location ~ ^/status/(?<code>204|304|400|404|410|418|429|500|503)$ { if ($code = 204) { return 204; } if ($code = 304) { return 304; }
            if ($code = 400) { return 400; } if ($code = 404) { return 404; } if ($code = 410) { return 410; } if ($code = 418) { return 418; }
            if ($code = 429) { return 429; } if ($code = 500) { return 500; } return 503; }
        location = /hang-up { return 444; }
        location /dav/ { dav_methods PUT DELETE; }
    "#,
};

/// Requests that any server of files can answer, for either scheme.
fn cases(url: impl Fn(&str) -> String) -> Vec<Case> {
    let get = [
        "/hello.txt",
        "/empty",
        "/text.txt",
        "/large.bin",
        "/a%20b/%C3%BC.txt",
        "/dir/",
        "/dir",
        "/missing",
        "/",
        "/echo?a=1&b=%20&c=%2F",
        "/echo/%7Euser/%41",
        "/echo/./x/../y",
        "//hello.txt",
        "/echo#fragment",
        "/relative",
        "/rooted",
        "/query",
        "/schemeless",
        "/other",
        "/there",
        "/down/13",
        "/private/",
        "/status/204",
        "/status/304",
        "/status/400",
        "/status/404",
        "/status/410",
        "/status/418",
        "/status/429",
        "/status/500",
        "/status/503",
    ];
    let mut cases: Vec<_> = get.iter().map(|path| case(url(path), &[])).collect();
    cases.extend(get.iter().map(|path| case(url(path), &["-I"])));
    let compressed = ["/hello.txt", "/text.txt", "/large.bin", "/missing"];
    cases.extend(compressed.map(|path| case(url(path), &["--compressed"])));
    let moved = ["/moved", "/found", "/see-other", "/kept", "/kept-for-good"];
    for path in moved {
        cases.push(case(url(path), &["-d", "some=thing"]));
        cases.push(case(
            url(path),
            &["-d", "a", "-d", "b", "-H", "Content-Type: text/x-own"],
        ));
    }
    cases.extend([
        case(url("/echo"), &["-u", "user:right"]),
        case(url("/echo"), &["-X", "PATCH", "-d", "x"]),
        case(url("/echo"), &["-X", "DELETE"]),
        case(url("/echo"), &["-d", ""]),
        case(url("/private/"), &["-u", "user:right"]),
        case(url("/private/"), &["-u", "user:wrong"]),
        case(url("/private/"), &["-u", "nobody:"]),
        case(url("/hello.txt"), &["-d", "x"]),
        case(url("/text.txt"), &["-H", "Range: bytes=10-19"]),
        case(url("/text.txt"), &["-H", "Range: bytes=99999999-"]),
        case(
            url("/text.txt"),
            &["-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"],
        ),
        case(url("/down/3"), &["--max-redirs", "3"]),
        case(url("/down/3"), &["--max-redirs", "2"]).fails(),
        case(url("/loop"), &[]).fails(),
        case(url("/loop"), &[])
            .fetch(&["--max-redirs", "0"])
            .curl(&["--no-location"]),
        case(url("/hang-up"), &[]).fails(),
        case(url("/dav/there"), &["-X", "PUT", "-d", "one"]),
        case(url("/dav/missing"), &["-X", "DELETE"]),
    ]);
    cases
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn answers_over_http_equal_those_of_curl() {
    let nginx = nginx(SITE);
    compare(cases(|path| nginx.http(path)));
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn answers_over_https_equal_those_of_curl() {
    let nginx = nginx(SITE);
    compare(cases(|path| nginx.https(path)));
    compare([case(nginx.https("/text.txt"), &["--http1.1"])]);
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn secrets_do_not_follow_a_redirect() {
    let nginx = nginx(SITE);
    for url in [nginx.http("/there"), nginx.https("/there")] {
        Fetch::jsonl()
            .trusting()
            .args([
                "-u",
                &format!("user:{CANARY}"),
                "-H",
                &format!("Cookie: a={CANARY}"),
            ])
            .args(["-H", &format!("X-Secret: {CANARY}"), &url])
            .run()
            .exits(0);
    }
    let log = nginx.log("access.log", 6);
    for (at, line) in log.iter().enumerate() {
        assert_eq!(line.contains(CANARY), at % 3 == 0, "{log:#?}");
        assert_eq!(line.ends_with("secrets=----"), at % 3 != 0, "{log:#?}");
    }
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn put_and_delete_work() {
    let nginx = nginx(SITE);
    let url = nginx.https("/dav/new");
    let ask = |args: &[&str]| {
        let out = Fetch::jsonl()
            .trusting()
            .args(["-j1", "--body"])
            .args(args)
            .arg(&url)
            .run();
        let record = out.record();
        (record["status"].as_u64().unwrap(), record["body"].clone())
    };
    assert_eq!(ask(&["-X", "PUT", "-d", "content"]).0, 201);
    assert_eq!(ask(&[]), (200, "content".into()));
    assert_eq!(ask(&["-X", "DELETE"]).0, 204);
    assert_eq!(ask(&[]).0, 404);
}
