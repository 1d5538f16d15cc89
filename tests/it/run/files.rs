//! `--results` and `--summary-file`.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Fetch, Gate, Output, Script, Server, answer, ok, record};

fn summary(out: &Output) -> Value {
    serde_json::from_str(&out.read("sum.json")).unwrap()
}

#[test]
fn results_go_to_a_file_in_place_of_standard_output() {
    let server = Server::always(ok("x"));
    for (format, lines) in [("text", 3), ("jsonl", 3), ("csv", 4), ("tsv", 4)] {
        let out = Fetch::new()
            .args(["--format", format, "--results", "out", "-"])
            .stdin(server.list(3))
            .run()
            .exits(0);
        assert_eq!(out.stdout(), "");
        assert_eq!(out.read("out").lines().count(), lines);
        assert_eq!(out.names(), ["out"], "nothing else is left");
        assert!(out.stderr().starts_with("OK 3/3"), "{}", out.stderr());
    }
}

#[test]
fn failures_are_written_to_the_results_too() {
    let server = Server::build().start();
    let out = Fetch::jsonl()
        .args(["--results", "out", &server.url("/a")])
        .run()
        .exits(1);
    assert_eq!(record::parse(out.read("out").trim_end())["status"], 404);
}

#[test]
fn results_do_not_appear_before_they_are_whole() {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::always(held);
    let mut run = Fetch::jsonl()
        .args(["--results", "out"])
        .stdin_open()
        .spawn();
    run.write(server.url("/a\n"));
    server.wait_for_requests(1);
    assert!(!run.path("out").exists());
    run.signal(Signal::INT);
    gate.open();
    // Standard input stays open, so only the signal ends the run.
    let out = run.wait_with_stdin_open().exits(130);
    let [name] = &out.names()[..] else {
        panic!("{:?}", out.names())
    };
    assert!(
        name.starts_with("out.") && name.ends_with(".partial"),
        "{name}"
    );
    let said = format!(
        "fetch: --results: out: incomplete, the run stopped early; partial results are in {name}\n"
    );
    assert!(out.stderr().contains(&said), "{}", out.stderr());
    assert_eq!(record::parse(out.read(name).trim_end())["outcome"], "ok");
}

#[test]
fn results_of_a_run_that_stopped_early_stay_partial() {
    let server = Server::build().start();
    for args in [&["--fail-fast", "-j1"][..], &["--deadline", "300ms"]] {
        let silent = Server::build()
            .otherwise(Script::new().silence())
            .may_stay_unasked()
            .start();
        let list = server.url("/a\n") + &silent.list(3);
        let out = Fetch::jsonl()
            .args(args)
            .args(["--results", "out", "-"])
            .stdin(list)
            .run()
            .exits(1);
        assert!(
            out.names().iter().all(|name| name.ends_with(".partial")),
            "{:?}",
            out.names()
        );
        assert_eq!(out.names().len(), 1);
    }
}

#[test]
fn the_file_of_standard_output_is_written_not_replaced() {
    let server = Server::always(ok("x"));
    let folder = tempfile::tempdir().unwrap();
    let (out, link) = (folder.path().join("out"), folder.path().join("link"));
    std::os::unix::fs::symlink("/proc/self/fd/1", &link).unwrap();
    for (option, parts) in [("--summary-file", 2), ("--results", 1)] {
        let run = Fetch::new().arg(option).arg(&link).arg(server.url("/"));
        run.stdout_to(&out).run().exits(0);
        assert!(link.is_symlink(), "{option}");
        let text = std::fs::read_to_string(&out).unwrap();
        assert!(text.starts_with("200  "), "{text}");
        assert_eq!(text.contains("\"inputs\": 1"), parts == 2, "{text}");
        std::fs::remove_file(&out).unwrap();
    }
}

#[test]
fn a_symbolic_link_stays_and_its_target_is_replaced() {
    let server = Server::always(ok("x"));
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    std::os::unix::fs::symlink("file", &link).unwrap();
    let run = || {
        Fetch::new()
            .arg("--summary-file")
            .arg(&link)
            .arg(server.url("/"))
    };
    // A link to a missing folder is reported before the first request.
    run().run().exits(2);
    assert_eq!(server.targets(), [""; 0]);
    std::fs::write(&file, "old").unwrap();
    run().run().exits(0);
    assert!(link.is_symlink());
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with('{'), "{text}");
}

#[test]
fn existing_results_are_left_alone_and_nothing_is_sent() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::jsonl()
        .file("out", "old\n")
        .args(["--results", "out", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(out.read("out"), "old\n");
    assert!(out.stderr().contains("out"), "{}", out.stderr());
    assert_eq!(out.names(), ["out"]);
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn results_that_appear_during_the_run_are_not_overwritten() {
    let server = Server::always(ok("x"));
    let mut run = Fetch::jsonl()
        .args(["--results", "out"])
        .stdin_open()
        .spawn();
    run.write(server.url("/a\n"));
    server.wait_for_requests(1);
    std::fs::write(run.path("out"), "old\n").unwrap();
    let out = run.wait();
    assert_eq!(out.read("out"), "old\n");
    assert_ne!(out.code(), 0);
    assert_eq!(
        out.names().len(),
        2,
        "what was fetched is not thrown away: {:?}",
        out.names()
    );
}

#[test]
fn unwritable_results_are_reported_before_the_first_request() {
    let server = Server::build().may_stay_unasked().start();
    for path in ["missing/out", "/proc/out", ""] {
        let out = Fetch::jsonl()
            .arg(format!("--results={path}"))
            .arg(server.url("/a"))
            .run()
            .exits(2);
        assert!(out.stderr().contains(path), "{}", out.stderr());
    }
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn the_summary_file_is_json() {
    let server = Server::build()
        .route("/0", ok("12345"))
        .route("/1", answer(500, "no"))
        .route("/2", Script::new().close())
        .start();
    let out = Fetch::new()
        .args(["--summary-file", "sum.json", "-q", "-"])
        .stdin(server.list(5))
        .run()
        .exits(1);
    let summary = summary(&out);
    let mut keys: Vec<_> = summary
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "bytes",
            "cancelled",
            "complete",
            "elapsed",
            "error",
            "errors",
            "exit_code",
            "http_error",
            "inputs",
            "latency",
            "list",
            "ok",
            "requests_per_second",
            "results",
            "shard",
            "skipped",
            "statuses",
            "stopped",
            "version"
        ]
    );
    let counts: Vec<_> = [
        "inputs",
        "ok",
        "http_error",
        "error",
        "skipped",
        "cancelled",
    ]
    .map(|key| summary[key].clone())
    .into();
    assert_eq!(counts, [5, 1, 3, 1, 0, 0]);
    assert_eq!(summary["statuses"], json!({"200": 1, "404": 2, "500": 1}));
    assert_eq!(summary["errors"], json!({"connect": 1}));
    assert_eq!(
        (
            &summary["exit_code"],
            &summary["complete"],
            &summary["stopped"]
        ),
        (&json!(1), &json!(true), &Value::Null)
    );
    assert_eq!(summary["bytes"], 5 + 2 + 2 * "no such route".len());
    for key in ["p50", "p90", "p99", "max"] {
        assert!(summary["latency"][key].as_f64().unwrap() > 0.0, "{summary}");
    }
    assert!(
        summary["elapsed"].as_f64().unwrap() > 0.0
            && summary["requests_per_second"].as_f64().unwrap() > 0.0
    );
}

#[test]
fn the_summary_of_an_empty_list_has_no_latency() {
    let out = Fetch::new()
        .args(["--summary-file", "sum.json"])
        .stdin("")
        .run()
        .exits(0);
    let summary = summary(&out);
    assert_eq!(
        (
            &summary["latency"],
            &summary["inputs"],
            &summary["statuses"]
        ),
        (&Value::Null, &json!(0), &json!({}))
    );
    assert_eq!(
        (&summary["complete"], &summary["exit_code"]),
        (&json!(true), &json!(0))
    );
}

#[test]
fn the_summary_has_the_exit_code_that_the_run_has() {
    let server = Server::build().start();
    let out = Fetch::new()
        .args([
            "--exit-zero",
            "--summary-file",
            "sum.json",
            &server.url("/a"),
        ])
        .run()
        .exits(0);
    assert_eq!(summary(&out)["exit_code"], 0);
    let out = Fetch::new()
        .args(["--summary-file", "sum.json", &server.url("/a")])
        .stdout_to("/dev/full")
        .run()
        .exits(3);
    assert!(!out.names().contains(&"sum.json".to_owned()) || summary(&out)["exit_code"] == 3);
}

#[test]
fn an_unwritable_summary_is_reported_before_the_first_request() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::new()
        .args(["--summary-file", "missing/sum.json", &server.url("/a")])
        .run()
        .exits(2);
    assert!(
        out.stderr().contains("missing/sum.json"),
        "{}",
        out.stderr()
    );
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn a_summary_is_replaced_by_the_next() {
    let server = Server::always(ok("x"));
    let out = Fetch::new()
        .file("sum.json", "old")
        .args(["--summary-file", "sum.json", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(summary(&out)["ok"], 1);
    assert_eq!(out.names(), ["sum.json"]);
}

#[test]
fn a_file_that_is_named_twice_is_a_usage_error_that_touches_nothing() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::new()
        .args(["--summary-file", "X", "--results", "X", &server.url("/a")])
        .run()
        .exits(2);
    assert!(out.stderr().contains('X'), "{}", out.stderr());
    assert!(out.names().is_empty(), "{:?}", out.names());
    for (option, name) in [
        ("--summary-file", "list"),
        ("--summary-file", "./list"),
        ("--results", "list"),
        ("--results", "./list"),
    ] {
        let out = Fetch::new()
            .file("list", server.list(3))
            .args([option, name, "list"])
            .run()
            .exits(2);
        assert!(out.stderr().contains("list"), "{}", out.stderr());
        assert_eq!(out.read("list"), server.list(3));
        assert_eq!(out.names(), ["list"]);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_new_file_named_twice_in_two_spellings_is_a_usage_error() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::new()
        .args(["--summary-file", "./X", "--results", "X"])
        .arg(server.url("/a"))
        .run()
        .exits(2);
    assert!(out.names().is_empty(), "{:?}", out.names());
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_summary_on_a_full_disk_exits_with_3() {
    let server = Server::always(ok("x"));
    for args in [&[][..], &["-q"], &["--exit-zero"]] {
        let out = Fetch::new()
            .args(["--summary-file", "/dev/full", &server.url("/a")])
            .args(args)
            .run()
            .exits(3);
        assert!(out.stderr().contains("/dev/full"), "{}", out.stderr());
        assert_eq!(out.lines().len(), 1, "the record is there all the same");
    }
}
