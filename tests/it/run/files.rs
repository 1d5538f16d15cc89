//! `--results` and `--summary-file`.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Fetch, Folder, Gate, Output, Script, Server, answer, ok, record};

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
        assert_eq!(
            out.names(),
            [".out.run.json", "out"],
            "nothing else is left"
        );
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

/// A site with a URL that is ok and one that is missing, and a folder for the results of its runs.
struct Site {
    server: Server,
    folder: Folder,
}

impl Site {
    fn new() -> Self {
        Self {
            server: Server::build().route("/0", ok("x")).start(),
            folder: Folder::new(),
        }
    }

    fn fetch(&self, inputs: usize, args: &[&str]) -> Output {
        let fetch = Fetch::jsonl().arg("--results").arg(self.folder.path("out"));
        fetch.args(args).stdin(self.server.list(inputs)).run()
    }

    /// Asserts that the run is refused for this reason, and that nothing was sent or changed.
    #[track_caller]
    fn refuses(&self, inputs: usize, args: &[&str], why: &str) {
        let (requests, results) = (self.server.requests().len(), self.folder.read("out"));
        let out = self.fetch(inputs, args).exits(2);
        let path = self.folder.path("out").display().to_string();
        assert_eq!(
            out.stderr(),
            format!(
                "fetch: --results: {path}: already exists, {why}; remove it or name another file\n"
            )
        );
        assert_eq!(self.folder.read("out"), results);
        assert_eq!(self.server.requests().len(), requests);
    }
}

#[test]
fn a_run_that_finds_its_results_ends_as_the_one_that_made_them() {
    for (inputs, code, failures) in [
        (1, 0, ""),
        (2, 1, " (some URL was not ok); remove it to run again"),
    ] {
        let site = Site::new();
        site.fetch(inputs, &[]).exits(code);
        let results = site.folder.read("out");
        let said = format!(
            "fetch: {}: already exists, nothing to do{failures}\n",
            site.folder.path("out").display()
        );
        for (args, code) in [
            (&[][..], code),
            (&["-j3", "-v", "--retry", "1"], code),
            // What is so without being said makes no difference.
            (&["--accept", "200..=299", "--max-redirs", "10"], code),
            (&["--exit-zero"], 0),
        ] {
            let out = site.fetch(inputs, args).exits(code);
            assert_eq!(out.stderr(), said);
            assert_eq!(out.stdout(), "");
        }
        assert_eq!(site.server.requests().len(), inputs);
        assert_eq!(site.folder.read("out"), results);
        assert_eq!(site.folder.tree(), [".out.run.json", "out"]);
    }
}

#[test]
fn results_made_with_exit_zero_know_of_their_failures() {
    let site = Site::new();
    site.fetch(2, &["--exit-zero"]).exits(0);
    site.fetch(2, &["--exit-zero"]).exits(0);
    site.fetch(2, &[]).exits(1);
}

#[test]
fn results_of_another_list_or_of_other_options_are_refused() {
    let site = Site::new();
    site.fetch(1, &[]).exits(0);
    site.refuses(2, &[], "and is of another list");
    for (args, option) in [
        (&["--body"][..], "--body"),
        (&["--shard", "0/2"], "--shard"),
        (&["-X", "PUT"], "--method"),
        (&["-d", "x"], "--data"),
        (&["--accept", "200"], "--accept"),
    ] {
        site.refuses(1, args, &format!("and was made with another {option}"));
    }
    let mark = site.folder.path(".out.run.json");
    std::fs::remove_file(&mark).unwrap();
    let why = format!("and {} does not say by which run", mark.display());
    site.refuses(1, &[], &why);
    std::fs::write(&mark, "{}").unwrap();
    site.refuses(1, &[], &why);
    std::fs::remove_file(site.folder.path("out")).unwrap();
    site.fetch(2, &[]).exits(1);
    site.fetch(2, &[]).exits(1);
    assert_eq!(site.server.requests().len(), 3);
}

#[test]
fn what_is_kept_of_the_options_holds_no_secret() {
    let site = Site::new();
    let secret = ["-u", "me:hunter2", "-d", "hunter3", "-H", "X: hunter4"];
    site.fetch(1, &secret).exits(0);
    let mark = String::from_utf8(site.folder.read(".out.run.json")).unwrap();
    assert!(
        mark.contains("--data") && !mark.contains("hunter"),
        "{mark}"
    );
    site.fetch(1, &secret).exits(0);
}

#[test]
fn a_folder_that_the_results_are_in_is_made_first() {
    let server = Server::always(ok("x"));
    let args = [
        "-o",
        "new",
        "--results",
        "new/r.jsonl",
        "--summary-file",
        "new/s.json",
    ];
    let out = Fetch::jsonl()
        .args(args)
        .arg(server.url("/a"))
        .run()
        .exits(0);
    assert_eq!(
        out.tree("new"),
        [".r.jsonl.run.json", "a", "r.jsonl", "s.json"]
    );
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
        // Where case does not count, this would be the list.
        ("--results", "LIST"),
    ] {
        let out = Fetch::new()
            .file("list", server.list(3))
            .args([option, name, "list"])
            .run()
            .exits(2);
        assert!(out.stderr().contains(name), "{}", out.stderr());
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

#[test]
fn a_file_that_an_option_reads_is_not_written() {
    let server = Server::build().may_stay_unasked().start();
    for reader in [
        ["-d", "@data"],
        ["-H", "@data"],
        ["-w", "@data"],
        ["--cacert", "data"],
    ] {
        for writer in ["--results", "--summary-file", "--journal"] {
            let fetch = Fetch::new().file("data", "K: v\n").args(reader);
            let out = fetch
                .args([writer, "data", &server.url("/a")])
                .run()
                .exits(2);
            let line = format!(
                "fetch: {writer}: data: this run uses the same file for something else; name another file\n"
            );
            assert_eq!(out.stderr(), line, "{reader:?}");
            assert_eq!(out.read("data"), "K: v\n");
        }
    }
}
