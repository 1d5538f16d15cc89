//! nginx: how many connections are used, and what becomes of requests when it closes them.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value;

use super::{
    connections::{fetch, in_vain, list},
    daemon::Daemon,
    nginx::{Config, nginx},
};
use crate::support::{Folder, record::RecordExt as _};

fn server(server: &'static str) -> Daemon {
    nginx(Config { http: "", server })
}

/// The connections that requests came on.
fn connections(log: &[String]) -> BTreeSet<&str> {
    log.iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect()
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn http_2_takes_one_connection() {
    let nginx = server("");
    let out = fetch(list(&nginx.https("/hello.txt"), 200), &["-j50"])
        .run()
        .exits(0);
    assert!(
        out.records()
            .iter()
            .all(|record| record["http_version"] == "HTTP/2")
    );
    let log = nginx.log("access.log", 200);
    assert_eq!((log.len(), connections(&log).len()), (200, 1));
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn http_1_takes_as_many_as_there_are_jobs() {
    let nginx = server("");
    for (url, jobs) in [
        (nginx.http("/hello.txt"), 7),
        (nginx.https("/hello.txt"), 5),
    ] {
        let before = nginx.log("access.log", 0).len();
        let args = ["--http1.1", "-j", &jobs.to_string()];
        let out = fetch(list(&url, 300), &args).run().exits(0);
        assert!(
            out.records()
                .iter()
                .all(|record| record["http_version"] == "HTTP/1.1")
        );
        let log = nginx.log("access.log", before + 300);
        let used = connections(&log[before..]).len();
        assert!((1..=jobs).contains(&used), "{used} connections");
    }
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn closing_after_ten_requests_loses_none() {
    let nginx = server("keepalive_requests 10;");
    for url in [nginx.http("/hello.txt"), nginx.https("/hello.txt")] {
        let before = nginx.log("access.log", 0).len();
        let records = fetch(list(&url, 1000), &["-j20"]).run().records();
        assert_eq!((records.len(), in_vain(&records)), (1000, Vec::new()));
        let log = nginx.log("access.log", before + 1000);
        assert!(connections(&log[before..]).len() >= 100);
    }
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn a_small_limit_of_streams_is_kept() {
    let nginx = server("http2_max_concurrent_streams 4;");
    let records = fetch(list(&nginx.https("/hello.txt"), 200), &["-j50"])
        .run()
        .exits(0)
        .records();
    assert_eq!(in_vain(&records), Vec::<String>::new());
    nginx.log("access.log", 200);
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn a_rate_limited_client_retries_until_all_is_fetched() {
    let nginx = nginx(Config {
        http: "limit_req_zone $binary_remote_addr zone=slow:1m rate=10r/s;",
        server: "location = /hello.txt { limit_req zone=slow burst=4 nodelay; }
",
    });
    let urls = list(&nginx.http("/hello.txt"), 40);
    let records = fetch(urls.clone(), &[]).run().exits(1).records();
    assert!(
        records
            .iter()
            .any(|record| record.verdict() == "http_error 503")
    );
    let args = [
        "--retry",
        "1000",
        "--retry-delay",
        "50ms",
        "--retry-max-delay",
        "200ms",
    ];
    let records = fetch(urls, &args).run().exits(0).records();
    assert!(
        records
            .iter()
            .any(|record| record["attempts"].as_array().unwrap().len() > 1)
    );
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn retry_after_is_honoured() {
    let nginx = nginx(Config {
        http: "limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/s;",
        server: "location = /hello.txt {
            limit_req zone=slow burst=4 nodelay; limit_req_status 429; add_header Retry-After 1 always; }",
    });
    let urls = list(&nginx.http("/hello.txt"), 6);
    let records = fetch(urls, &["-j1", "--retry", "5", "--retry-delay", "1ms"])
        .run()
        .exits(0)
        .records();
    let delays = records
        .iter()
        .flat_map(|record| record["attempts"].as_array().unwrap());
    let delays: Vec<_> = delays
        .filter_map(|attempt| attempt["delay"].as_f64())
        .filter(|delay| *delay > 0.0)
        .collect();
    assert!(
        !delays.is_empty() && delays.iter().all(|delay| *delay >= 1.0),
        "{delays:?}"
    );
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn closing_as_the_next_request_is_sent_loses_none() {
    let nginx = server("keepalive_timeout 20ms;");
    for url in [nginx.http("/hello.txt"), nginx.https("/hello.txt")] {
        let before = nginx.log("access.log", 0).len();
        let records = fetch(list(&url, 60), &["-j1", "--rate", "50/s"])
            .run()
            .records();
        assert_eq!((records.len(), in_vain(&records)), (60, Vec::new()));
        let log = nginx.log("access.log", before + 60);
        assert!(connections(&log[before..]).len() > 1, "it never closed one");
    }
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn a_truncated_download_is_resumed() {
    let nginx = server("limit_rate 1m;");
    for url in [nginx.http("/large.bin"), nginx.https("/large.bin")] {
        let folder = Folder::new();
        let record = folder
            .fetch()
            .trusting()
            .args([
                "-c",
                "-t",
                "300ms",
                "--retry",
                "1000",
                "--retry-delay",
                "1ms",
                &url,
            ])
            .run()
            .exits(0)
            .record();
        assert!(record["attempts"].as_array().unwrap().len() > 1, "{record}");
        let large = std::fs::read(nginx.site().path("htdocs/large.bin")).unwrap();
        folder.assert_content("large.bin", large);
        let log = nginx.log("access.log", 1);
        assert_eq!(record["status"], 206, "{log:#?}");
    }
}

/// Reloads the server after every 4,000 answers. The old workers leave when their requests are done.
fn reloaded(nginx: &Daemon, url: &str, args: &[&str]) -> Vec<Value> {
    let mut run = fetch(list(url, 20_000), &["-j50"]).args(args).spawn();
    for _ in 0..4 {
        for _ in 0..4000 {
            run.line();
        }
        nginx.signal(Signal::HUP);
    }
    run.wait().records()
}

/// The paths that a log has more than once.
fn doubled(log: &[String]) -> Vec<&str> {
    let mut paths: Vec<_> = log
        .iter()
        .filter_map(|line| line.split(' ').nth(4))
        .collect();
    paths.sort_unstable();
    let twice = paths.windows(2).filter(|pair| pair[0] == pair[1]);
    twice.map(|pair| pair[0]).collect()
}

const POSTED: &str = "keepalive_requests 1000000; location = /post { return 200 posted; }";

/// A client cannot know whether a server that closes a connection has processed what was sent on it.
#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn a_reload_sends_no_post_twice() {
    let nginx = server(POSTED);
    let records = reloaded(&nginx, &nginx.http("/post"), &["-d", "x=y"]);
    assert_eq!(records.len(), 20_000);
    let ok = records
        .iter()
        .filter(|record| record["outcome"] == "ok")
        .count();
    assert!(ok >= 19_000, "{ok}");
    for record in records.iter().filter(|record| record["outcome"] != "ok") {
        assert_eq!(record.verdict(), "error connect/headers", "{record}");
    }
    assert_eq!(doubled(&nginx.log("access.log", ok)), Vec::<&str>::new());
}

/// In HTTP/2, the server says which streams it has not processed.
#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn a_reload_loses_no_post_over_http_2() {
    let nginx = server(POSTED);
    let records = reloaded(&nginx, &nginx.https("/post"), &["-d", "x=y"]);
    assert_eq!((records.len(), in_vain(&records)), (20_000, Vec::new()));
    assert_eq!(
        doubled(&nginx.log("access.log", 20_000)),
        Vec::<&str>::new()
    );
}

#[test]
#[ignore = "needs nginx; .ci/run installs and runs it"]
fn a_reload_loses_nothing() {
    let nginx = server("keepalive_requests 1000000;");
    for url in [nginx.http("/hello.txt"), nginx.https("/hello.txt")] {
        let before = nginx.log("access.log", 0).len();
        let records = reloaded(&nginx, &url, &[]);
        assert_eq!((records.len(), in_vain(&records)), (20_000, Vec::new()));
        let log = nginx.log("access.log", before + 20_000);
        assert!(
            connections(&log[before..]).len() >= 5,
            "no reload came in between"
        );
    }
}
