//! How a run ends: exit codes, messages and the summary.

use std::{thread, time::Duration};

use crate::support::{
    Fetch, Gate, Running, Script, Server, answer, ok, port::Refusing, redirect, text::normalised,
    tls, with_time_enough,
};

/// Without limits, a request to a silent server never ends.
const UNLIMITED: [&str; 5] = ["-t", "0", "--read-timeout", "0", "-"];

#[test]
fn a_run_in_which_all_are_ok_exits_with_0() {
    let server = Server::always(ok("x"));
    Fetch::new().stdin(server.list(3)).run().exits(0);
}

#[test]
fn a_run_in_which_some_are_not_ok_exits_with_1() {
    let server = Server::build().route("/0", ok("x")).start();
    Fetch::new().stdin(server.list(2)).run().exits(1);
    Fetch::new().stdin("http://[\n").run().exits(1);
    Fetch::new()
        .arg(format!("http://{}/", Refusing::new().address()))
        .run()
        .exits(1);
}

#[test]
fn exit_zero_changes_1_and_no_other_exit_code() {
    let server = Server::build().start();
    Fetch::new()
        .args(["--exit-zero", &server.url("/a")])
        .run()
        .exits(0);
    Fetch::new()
        .args(["--exit-zero", "missing.txt"])
        .run()
        .exits(2);
    Fetch::new()
        .args(["--exit-zero", &server.url("/a")])
        .stdout_to("/dev/full")
        .run()
        .exits(3);
    // A run that stopped early did not complete its list.
    for stop in [&["--fail-fast", "-j1"][..], &["--deadline", "300ms"]] {
        let silent = Server::build()
            .otherwise(Script::new().silence())
            .may_stay_unasked()
            .start();
        let list = server.url("/a\n") + &silent.list(3);
        let run = Fetch::new().args(["--exit-zero", "-"]).args(stop);
        run.stdin(list).run().exits(1);
    }
}

#[test]
fn a_full_disk_exits_with_3_and_a_message() {
    let server = Server::always(ok("x"));
    for format in ["text", "jsonl", "csv", "tsv"] {
        let out = Fetch::new()
            .args(["--format", format, "-"])
            .stdin(server.list(2))
            .stdout_to("/dev/full")
            .run()
            .exits(3);
        assert!(
            out.stderr().to_lowercase().contains("no space"),
            "{}",
            out.stderr()
        );
    }
}

#[test]
fn a_full_disk_stops_a_run_that_would_go_on() {
    let server = Server::always(ok("x"));
    let mut run = Fetch::new().stdin_open().stdout_to("/dev/full").spawn();
    run.write(server.url("/a\n"));
    run.wait_with_stdin_open().exits(3);
}

#[test]
fn a_full_disk_ends_a_run_with_requests_in_flight() {
    let server = Server::build()
        .route("/0", ok("x"))
        .otherwise(Script::new().silence())
        .start();
    Fetch::new()
        .args(UNLIMITED)
        .stdin(server.list(5))
        .stdout_to("/dev/full")
        .run()
        .exits(3);
}

#[test]
fn a_closed_standard_output_ends_a_run_before_its_first_request() {
    let server = Server::build().may_stay_unasked().start();
    let list = server.list(3);
    for options in [
        &["--json"][..],
        &["-q"],
        &["--format", "csv"],
        &["-w", "%{url}\\n"],
        &["--exit-zero"],
        &["--dry-run"],
    ] {
        let run = Fetch::new().after("exec 1>&-").args(options).arg("-");
        let out = run.stdin(&list).run().exits(3);
        assert_eq!(
            out.stderr(),
            "fetch: standard output: it is closed; use > /dev/null if no output is wanted\n",
            "{options:?}"
        );
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_closed_standard_output_leaves_no_journal_and_no_folder() {
    let server = Server::build().may_stay_unasked().start();
    let run = Fetch::new().after("exec 1>&-").arg(server.url("/a"));
    let run = run.args(["--journal", "j", "-o", "d", "--summary-file", "s"]);
    assert!(run.run().exits(3).names().is_empty());
}

#[test]
fn a_closed_standard_output_loses_nothing_with_results() {
    let server = Server::always(ok("x"));
    let run = Fetch::new().after("exec 1>&-").arg(server.url("/a"));
    let out = run.args(["--results", "r"]).run().exits(0);
    assert!(out.read("r").contains(&server.url("/a")));
}

#[test]
fn records_may_be_thrown_away() {
    let server = Server::always(ok("x"));
    for redirect in ["exec 1>/dev/null", "exec 1<>/dev/null"] {
        let run = Fetch::new().after(redirect).arg(server.url("/a"));
        run.run().exits(0);
    }
}

#[test]
fn a_standard_output_that_is_open_for_reading_only_exits_with_3() {
    let server = Server::always(ok("x"));
    let run = Fetch::new().after("exec 1</dev/null").arg(server.url("/a"));
    run.run().exits(3);
}

#[test]
fn standard_input_and_standard_error_may_be_closed() {
    let server = Server::always(ok("x"));
    for close in ["exec 2>&-", "exec 0<&-", "exec 0<&- 2>&-"] {
        let out = Fetch::jsonl().after(close).arg(server.url("/a")).run();
        assert_eq!(out.exits(0).records().len(), 1, "{close}");
    }
    // A closed standard input is an empty list.
    Fetch::new().after("exec 0<&-").arg("-").run().exits(0);
}

/// The first files that a run opens must not become its standard error.
#[test]
fn messages_go_to_no_file_where_standard_error_is_closed() {
    let server = Server::build().start();
    let out = Fetch::jsonl()
        .after("exec 0<&- 2>&-")
        .args(["-v", "--results", "r", "--journal", "j"])
        .arg(server.url("/a"))
        .run()
        .exits(1);
    for name in ["r", "j"] {
        let text = out.read(name);
        assert!(text.lines().all(|line| line.starts_with('{')), "{text}");
    }
}

#[test]
fn stderr_may_be_full() {
    let server = Server::build().start();
    let out = Fetch::jsonl()
        .args(["-v", &server.url("/a")])
        .stderr_to("/dev/full")
        .run()
        .exits(1);
    assert_eq!(out.records().len(), 1);
}

#[test]
fn an_empty_input_exits_with_0_and_a_warning() {
    for list in ["", "\n\n", "# nothing\n", "\u{feff}"] {
        let out = Fetch::new().stdin(list).run().exits(0);
        assert!(
            out.stderr()
                .contains("fetch: warning: no URLs in the input"),
            "{}",
            out.stderr()
        );
        assert_eq!(out.stdout(), "");
    }
}

#[test]
fn quiet_prints_nothing_on_stderr() {
    let server = Server::build().route("/0", ok("")).start();
    for option in ["-q", "--quiet"] {
        let out = Fetch::new()
            .args([option, "-"])
            .stdin(server.list(2))
            .run()
            .exits(1);
        assert_eq!((out.stderr(), out.lines().len()), ("", 2));
    }
}

/// As in curl, `-s` silences the progress and the summary, and `-v` still reports what happens.
#[test]
fn quiet_with_verbose_reports_attempts_and_redirects_only() {
    let server = Server::build()
        .tls(tls::here())
        .route("/a", redirect(302, "/b"))
        .otherwise(answer(503, ""))
        .start();
    for options in [
        &["-s", "-v"][..],
        &["-v", "-q"],
        &["-sv"],
        &["--quiet", "--verbose"],
    ] {
        let out = Fetch::new()
            .args(options)
            .args(["-k", &server.url("/a")])
            .run()
            .exits(1);
        let lines: Vec<_> = out.stderr().lines().collect();
        assert_eq!(lines.len(), 2, "{}", out.stderr());
        assert!(lines[0].contains("302 redirects to"), "{}", lines[0]);
        assert!(lines[1].contains("503 in"), "{}", lines[1]);
        assert_eq!(out.lines().len(), 1);
    }
}

#[test]
fn quiet_still_says_why_it_could_not_run() {
    let out = Fetch::new().args(["-q", "missing.txt"]).run().exits(2);
    assert_ne!(out.stderr(), "");
}

#[test]
fn the_summary_counts_what_failed_and_how() {
    let server = Server::build()
        .route("/ok", ok("12345"))
        .route("/down", answer(500, "12345"))
        .route("/cut", Script::new().close())
        .start();
    let list: String = ["/ok", "/ok", "/down", "/1", "/2", "/cut"]
        .iter()
        .map(|path| server.url(path) + "\n")
        .collect();
    let out = Fetch::new().stdin(list).run().exits(1);
    let lines: Vec<_> = out.stderr().lines().collect();
    assert!(
        lines[0].starts_with("FAILED 2/6 in ") && lines[0].ends_with('s'),
        "{lines:?}"
    );
    for part in ["failed: ", "404 x2", "500 x1", "connect x1"] {
        assert!(lines[1].contains(part), "{lines:?}");
    }
    for part in ["requests/s", "latency", "p50", "p90", "p99", "max"] {
        assert!(lines[2].contains(part), "{lines:?}");
    }
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[test]
fn the_summary_of_a_good_run_mentions_no_failures() {
    let server = Server::always(ok("x"));
    let out = Fetch::new().stdin(server.list(3)).run().exits(0);
    let shown = normalised(out.stderr(), &[]);
    assert!(
        shown.starts_with("OK 3/3 in Ts\n")
            && !shown.contains("failed")
            && !shown.contains("stopped"),
        "{shown}"
    );
}

#[test]
fn the_summary_knows_which_statuses_are_accepted() {
    let server = Server::build().route("/0", ok("x")).start();
    let out = Fetch::new()
        .args(["--accept", "404", "-"])
        .stdin(server.list(3))
        .run()
        .exits(1);
    assert!(
        out.stderr().starts_with("FAILED 2/3 in "),
        "{}",
        out.stderr()
    );
    assert!(
        out.stderr().contains("failed: 200 x1\n"),
        "{}",
        out.stderr()
    );
}

#[test]
fn the_summary_counts_each_failure_once() {
    let server = Server::build()
        .route("/0", redirect(302, "file:///x"))
        .start();
    let out = Fetch::new().stdin(server.list(2)).run().exits(1);
    let failed = out.stderr().lines().nth(1).unwrap();
    let mut parts: Vec<_> = failed
        .strip_prefix("failed: ")
        .unwrap()
        .split(", ")
        .collect();
    parts.sort_unstable();
    assert_eq!(parts, ["404 x1", "redirect x1"]);
}

#[test]
fn verbose_reports_attempts_and_redirects() {
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .otherwise(answer(503, ""))
        .start();
    for option in ["-v", "--verbose"] {
        let out = Fetch::new()
            .args([option, &server.url("/a")])
            .run()
            .exits(1);
        for part in ["302", "503", &server.url("/b")] {
            assert!(out.stderr().contains(part), "no {part} in {}", out.stderr());
        }
        assert_eq!(out.lines().len(), 1);
    }
    let quiet = Fetch::new().arg(server.url("/a")).run().exits(1);
    assert!(
        !quiet.stderr().contains(&server.url("/b")),
        "{}",
        quiet.stderr()
    );
}

/// The reader leaves, and the run ends, although its input may still come and its requests have no limits.
#[track_caller]
fn leaves(mut run: Running) {
    run.close_stdout();
    let out = run.wait_with_stdin_open().exits(141);
    assert_eq!(out.stderr(), "");
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    let server = Server::always(ok("x"));
    let mut run = Fetch::jsonl().stdin(server.list(5000)).spawn();
    run.line();
    run.close_stdout();
    let out = run.wait().exits(141);
    assert_eq!(out.stderr(), "");
    assert!(server.requests().len() < 5000);
}

#[test]
fn a_reader_that_leaves_is_noticed_while_requests_are_in_flight() {
    let server = Server::build()
        .route("/0", ok("x"))
        .otherwise(Script::new().silence())
        .start();
    let mut run = Fetch::new()
        .arg("-j3")
        .args(UNLIMITED)
        .stdin(server.list(9))
        .spawn();
    run.line();
    leaves(run);
}

#[test]
fn a_reader_that_leaves_is_noticed_while_the_input_is_idle() {
    let server = Server::always(ok("x"));
    let mut run = Fetch::new().stdin_open().spawn();
    run.write(server.url("/a\n"));
    run.line();
    leaves(run);
}

#[test]
fn a_reader_behind_a_socket_is_noticed_when_it_closes_and_not_at_a_half_close() {
    let server = Server::always(ok("x"));
    let mut run = Fetch::new().stdout_socket().stdin_open().spawn();
    run.shut_stdout();
    for _ in 0..3 {
        run.write(server.url("/a\n"));
        run.line();
    }
    leaves(run);
}

#[test]
fn a_reader_that_leaves_is_noticed_before_the_first_result() {
    let server = Server::always(Script::new().silence());
    let mut run = Fetch::new().args(UNLIMITED).stdin_open().spawn();
    run.write(server.url("/a\n"));
    server.wait_for_requests(1);
    leaves(run);
}

#[test]
fn a_reader_that_pauses_causes_no_time_out() {
    const URLS: usize = 600;
    let server = Server::always(ok("x".repeat(20_000)));
    with_time_enough(|limit| {
        let before = server.requests().len();
        let limits = ["-t", "--read-timeout", "--connect-timeout"].map(|option| [option, "TIME"]);
        let limits = limits
            .concat()
            .join(" ")
            .replace("TIME", &limit.to_string());
        let mut run = Fetch::jsonl()
            .args(limits.split(' '))
            .args(["--body", "-j5"])
            .stdin(server.list(URLS))
            .spawn();
        run.line();
        server.requests_once_quiet();
        let asked = server.requests().len() - before;
        // As long as a person at `less`, next to the limits.
        thread::sleep(Duration::from_millis(limit.milliseconds(200)));
        let out = run.wait();
        let records = out.records();
        assert_eq!(records.len(), URLS);
        assert!(asked < URLS, "the pause held nothing up");
        // Where the machine itself is too slow for the limit, others run into it too.
        records
            .iter()
            .all(|record| record["outcome"] == "ok")
            .then_some(())
    });
}

#[test]
fn a_reader_that_pauses_holds_up_the_intake() {
    let body = "x".repeat(100_000);
    let server = Server::always(ok(&body));
    let mut run = Fetch::jsonl()
        .args(["--body", "-j2"])
        .stdin(server.list(1000))
        .spawn();
    run.line();
    // A pipe and the queue in front of it hold two MiB at most, thirty of these.
    let asked = server.requests_once_quiet();
    assert!(
        asked < 300,
        "{asked} bodies are held while no one reads them"
    );
    run.close_stdout();
    run.wait().exits(141);
}

#[test]
fn a_line_is_out_as_soon_as_its_result_is_there() {
    let gate = Gate::new();
    let script = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::build()
        .route("/0", ok(""))
        .otherwise(script)
        .start();
    for format in ["text", "jsonl", "tsv", "csv"] {
        let mut run = Fetch::new()
            .args(["--format", format, "-j1"])
            .stdin(server.list(2))
            .spawn();
        let header = usize::from(format.ends_with("sv"));
        let line = (0..=header).map(|_| run.line()).last().unwrap();
        assert!(line.contains(&server.url("/0")), "{line}");
        if format == "csv" {
            gate.open();
            run.wait().exits(0);
        }
    }
}
