//! Few descriptors, many hosts, many lines: what a run needs of the system.

use std::io::Write as _;

use serde_json::Value;

use crate::support::{Fetch, Gate, PATIENCE, Request, Running, Script, Server, Stream, ok};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A list with one URL for each of `count` hosts.
fn hosts(server: &Server, count: usize) -> String {
    (0..count)
        .map(|number| {
            server.url_as(
                &format!("127.0.{}.{}", number / 200, number % 200 + 1),
                "/a\n",
            )
        })
        .collect()
}

#[test]
fn hundreds_of_hosts_are_fetched_with_few_descriptors() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    for jobs in ["-j10", "-j50"] {
        let out = Fetch::jsonl()
            .after("ulimit -n 64")
            .args([jobs, "-"])
            .stdin(hosts(&server, 600))
            .run()
            .exits(0);
        let records = out.records();
        assert_eq!(records.len(), 600);
        assert!(records.iter().all(|record| record["outcome"] == "ok"));
    }
}

#[test]
fn the_connections_of_one_host_are_used_again_with_few_descriptors_too() {
    let server = Server::always(ok("x"));
    Fetch::new()
        .after("ulimit -n 64")
        .args(["-j10", "-q", "-"])
        .stdin(server.list(500))
        .run()
        .exits(0);
    assert!(
        server.connections() <= 20,
        "{} connections",
        server.connections()
    );
}

/// Uses up the only pool that fits with a hundred answers that close their connections, and returns how many
/// connections the server had after two thousand more requests to `hosts`.
fn connections_after_a_pool_is_used_up(hosts: &[&str]) -> usize {
    let server = Server::build()
        .on_all_addresses()
        .route("/closes", ok("x").close())
        .otherwise(ok("x"))
        .start();
    let closing = server.url_as(hosts[0], "/closes\n").repeat(100);
    let keeping = hosts.iter().map(|host| server.url_as(host, "/a\n"));
    let keeping = keeping.collect::<String>().repeat(2_000 / hosts.len());
    Fetch::new()
        .after("ulimit -n 400")
        .args(["-j80", "--max-per-host", "20", "-q", "-"])
        .stdin(closing + &keeping)
        .run()
        .exits(0);
    server.connections()
}

#[test]
fn one_host_keeps_its_connections_however_many_were_opened_before() {
    let connections = connections_after_a_pool_is_used_up(&["127.0.0.1"]);
    assert!(connections <= 200, "{connections} connections");
}

#[test]
fn the_only_pool_that_fits_is_replaced_when_it_is_used_up() {
    let connections = connections_after_a_pool_is_used_up(&["127.0.0.1", "127.0.0.2"]);
    assert!(connections <= 1_000, "{connections} connections");
}

#[test]
fn too_many_jobs_are_fitted_to_the_descriptors_with_one_warning() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(
            Script::new()
                .pause(20)
                .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        )
        .start();
    let out = Fetch::jsonl()
        .after("ulimit -n 64")
        .args(["-j500", "-"])
        .stdin(hosts(&server, 400))
        .run()
        .exits(0);
    assert!(out.records().iter().all(|record| record["outcome"] == "ok"));
    let warnings: Vec<_> = out
        .stderr()
        .lines()
        .filter(|line| line.contains("warning"))
        .collect();
    assert_eq!(warnings.len(), 1, "{}", out.stderr());
    assert!(
        warnings[0].contains("-j") || warnings[0].contains("--jobs"),
        "{warnings:?}"
    );
    assert!(server.peak() < 64, "{}", server.peak());
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::always(held);
    let run = Fetch::jsonl()
        .after("ulimit -S -n 32")
        .args(["-j60", "-"])
        .stdin(server.list(120))
        .spawn();
    let together = server.come_together(60, PATIENCE);
    gate.open();
    let out = run.wait().exits(0);
    assert!(together, "peak {}", server.peak());
    assert!(!out.stderr().contains("warning"), "{}", out.stderr());
}

#[test]
fn as_many_jobs_as_fit_need_no_warning() {
    let server = Server::always(ok("x"));
    let out = Fetch::new()
        .after("ulimit -n 64")
        .args(["-j5", "-"])
        .stdin(server.list(20))
        .run()
        .exits(0);
    assert!(!out.stderr().contains("warning"), "{}", out.stderr());
}

#[test]
fn ten_thousand_lines_give_ten_thousand_records() {
    let server = Server::always(ok("x"));
    let out = Fetch::jsonl()
        .args(["-j50", "--summary-file", "sum.json", "-"])
        .stdin(server.list(10_000))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 10_000);
    let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
    assert_eq!(
        (&summary["ok"], &summary["bytes"]),
        (&10_000.into(), &10_000.into())
    );
    // A connection that another request left meanwhile is taken; the one that was begun stays. Sixteen are begun at a time.
    assert!(
        server.peak_connections() <= 50 + 16,
        "{}",
        server.peak_connections()
    );
}

/// The peak memory in KiB after `lines` more lines.
fn memory_after(run: &mut Running, line: &str, lines: usize) -> u64 {
    for _ in 0..lines / 500 {
        run.write(line.repeat(500));
        for _ in 0..500 {
            run.line();
        }
    }
    run.peak_memory()
}

#[test]
fn memory_does_not_grow_with_the_number_of_urls() {
    let server = Server::always(ok("x"));
    let good = server.url("/a\n");
    for (line, args) in [
        ("http://[bad\n", &[][..]),
        (&good, &[]),
        (&good, &["--ordered"]),
    ] {
        let mut run = Fetch::jsonl().args(args).stdin_open().spawn();
        let early = memory_after(&mut run, line, 3_000);
        let late = memory_after(&mut run, line, 20_000);
        // A tenth of what the records alone would take.
        assert!(
            late < early + 1024,
            "{early} KiB, then {late} KiB with {line}"
        );
        run.wait();
    }
}

#[test]
fn few_descriptors_are_enough_for_redirects_across_hosts() {
    let hop = |request: &Request, stream: &mut Stream| {
        let host = request.header("host").unwrap().replace("127.0.", "127.1.");
        let _ = write!(
            stream,
            "HTTP/1.1 302 X\r\nLocation: http://{host}/end\r\nContent-Length: 0\r\n\r\n"
        );
    };
    let server = Server::build()
        .on_all_addresses()
        .route("/a", Script::new().run(hop))
        .route("/end", ok("x"))
        .start();
    let out = Fetch::jsonl()
        .after("ulimit -n 64")
        .args(["-j20", "-"])
        .stdin(hosts(&server, 300))
        .run()
        .exits(0);
    assert!(out.records().iter().all(|record| record["redirects"] == 1));
}

#[test]
fn slow_answers_do_not_use_up_the_connections_of_the_others() {
    const SLOW: usize = 10;
    let gate = Gate::new();
    let server = Server::build()
        .on_all_addresses()
        .route("/slow", Script::new().wait(&gate).send(OK))
        .otherwise(ok("x"))
        .start();
    let list: String = (0..1500)
        .map(|number| {
            let host = format!("127.0.{}.{}", number / 200, number % 200 + 1);
            let is_slow = number % (1500 / SLOW) == 0;
            server.url_as(&host, if is_slow { "/slow\n" } else { "/a\n" })
        })
        .collect();
    let mut run = Fetch::jsonl()
        .after("ulimit -n 512")
        .args(["-j", "50", "-t", "0", "--read-timeout", "0", "-"])
        .stdin(list)
        .spawn();
    // All others, while the slow ones have not answered.
    for _ in SLOW..1500 {
        assert_eq!(run.record()["outcome"], "ok");
    }
    gate.open();
    let records = run.wait().exits(0).records();
    assert_eq!(records.len(), 1500);
    assert!(records.iter().all(|record| record["outcome"] == "ok"));
}

#[test]
fn too_few_descriptors_to_start_exit_with_3_and_one_line() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::jsonl()
        .after("ulimit -n 12")
        .arg(server.url("/a"))
        .run()
        .exits(3);
    assert_eq!(out.stdout(), "");
    assert_eq!(out.stderr().lines().count(), 1, "{}", out.stderr());
    assert!(
        out.stderr().contains("open files is 12"),
        "{}",
        out.stderr()
    );
    assert_eq!(server.connections(), 0);
}
