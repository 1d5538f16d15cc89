//! `HAProxy` in front of nginx, of a missing backend, and of a server that does not answer.

use super::{
    connections::{fetch, in_vain, list},
    curl::{case, compare},
    daemon::{Daemon, program},
    nginx::{SITE, nginx},
};
use crate::support::{Fetch, Script, Server, record::RecordExt as _};

/// A proxy in front of these two, with `extra` in its configuration.
fn haproxy(origin: &Daemon, silent: &Server, extra: &str) -> Daemon {
    Daemon::start(2, |site| {
        site.certify();
        let (root, plain, tls) = (site.root(), site.port(), site.other_port());
        let (origin, silent) = (origin.site().port(), silent.port());
        let conf = format!(
            "global
                log {root}/log local0
            defaults
                mode http
                timeout connect 1s
                timeout client 10s
                timeout server 10s
                timeout tarpit 50ms
            frontend front
                bind 127.0.0.1:{plain}
                bind 127.0.0.1:{tls} ssl crt {root}/both.pem alpn h2,http/1.1
                {extra}
                http-request deny if {{ path /denied }}
                http-request deny deny_status 429 if {{ path /often }}
                http-request redirect location /hello.txt code 302 if {{ path /moved }}
                http-request return status 200 content-type text/plain string returned if {{ path /returned }}
                http-request reject if {{ path /rejected }}
                http-request tarpit if {{ path /tarpit }}
                use_backend nobody if {{ path /nobody }}
                use_backend dead if {{ path /dead }}
                use_backend silent if {{ path /silent }}
                default_backend nginx
            backend nobody
            backend dead
                server dead {root}/no-such-socket
            backend silent
                timeout server 100ms
                server silent 127.0.0.1:{silent}
            backend nginx
                server nginx 127.0.0.1:{origin}
"
        );
        let conf = site.write("haproxy.cfg", conf);
        let mut command = program("haproxy");
        command.arg("-db").arg("-f").arg(conf);
        command
    })
}

fn silent() -> Server {
    Server::build()
        .otherwise(Script::new().silence())
        .may_stay_unasked()
        .start()
}

#[test]
#[ignore = "needs haproxy and nginx; .ci/run installs and runs it"]
fn answers_equal_those_of_curl() {
    let (origin, silent) = (nginx(SITE), silent());
    let paths = [
        "/hello.txt",
        "/text.txt",
        "/large.bin",
        "/empty",
        "/missing",
        "/denied",
        "/often",
        "/moved",
        "/returned",
        "/tarpit",
        "/nobody",
        "/dead",
        "/silent",
        "/status/204",
        "/echo?a=b",
    ];
    for how in [
        "",
        "option http-server-close",
        "option httpclose",
        "option http-buffer-request",
    ] {
        let haproxy = haproxy(&origin, &silent, how);
        for url in [haproxy.http(""), haproxy.https("")] {
            let url = |path: &str| format!("{url}{path}");
            if how.is_empty() {
                compare(paths.iter().map(|path| case(url(path), &[])));
                compare(paths.iter().map(|path| case(url(path), &["-I"])));
            }
            compare([
                case(url("/large.bin"), &[]),
                case(url("/denied"), &[]),
                case(url("/echo"), &["-d", "x=y"]),
                case(url("/echo"), &["-X", "PATCH", "-d", "x=y"]),
                case(url("/text.txt"), &["--compressed"]),
                case(url("/text.txt"), &["--http1.1"]),
                case(url("/rejected"), &[]).fails(),
            ]);
        }
    }
}

#[test]
#[ignore = "needs haproxy and nginx; .ci/run installs and runs it"]
fn each_kind_of_failure_is_told_apart() {
    let (origin, silent) = (nginx(SITE), silent());
    let haproxy = haproxy(&origin, &silent, "");
    let verdict = |url: String| {
        Fetch::jsonl()
            .trusting()
            .arg(url)
            .run()
            .exits(1)
            .record()
            .verdict()
    };
    for url in [haproxy.http(""), haproxy.https("")] {
        assert_eq!(verdict(format!("{url}/denied")), "http_error 403");
        assert_eq!(verdict(format!("{url}/nobody")), "http_error 503");
        assert_eq!(verdict(format!("{url}/dead")), "http_error 503");
        assert_eq!(verdict(format!("{url}/silent")), "http_error 504");
        assert_eq!(verdict(format!("{url}/rejected")), "error connect/headers");
    }
}

#[test]
#[ignore = "needs haproxy and nginx; .ci/run installs and runs it"]
fn closing_connections_between_requests_loses_none() {
    let (origin, silent) = (nginx(SITE), silent());
    for closes in [
        "timeout http-request 20ms",
        "timeout http-keep-alive 20ms",
        "option httpclose",
    ] {
        let haproxy = haproxy(&origin, &silent, closes);
        for url in [haproxy.http("/hello.txt"), haproxy.https("/hello.txt")] {
            let records = fetch(list(&url, 50), &["-j1", "--rate", "50/s"])
                .run()
                .records();
            assert_eq!((records.len(), in_vain(&records)), (50, Vec::new()));
        }
    }
}

#[test]
#[ignore = "needs haproxy and nginx; .ci/run installs and runs it"]
fn a_missing_backend_is_retried() {
    let (origin, silent) = (nginx(SITE), silent());
    let haproxy = haproxy(&origin, &silent, "");
    let record = Fetch::jsonl()
        .args([
            "--retry",
            "2",
            "--retry-delay",
            "10ms",
            &haproxy.http("/nobody"),
        ])
        .run()
        .exits(1)
        .record();
    assert_eq!(record["attempts"].as_array().unwrap().len(), 3);
}
