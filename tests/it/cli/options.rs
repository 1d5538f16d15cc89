//! The command line: aliases, unknown options, and the messages about mistakes.

use crate::support::{CANARY, Fetch, Gate, Output, PATIENCE, Script, Server, answer, ok};

/// A usage error: the first line of the message names `named`.
#[track_caller]
pub(crate) fn refused(fetch: Fetch, named: &str) -> Output {
    let out = fetch.run().exits(2);
    assert!(out.stdout().is_empty(), "{}", out.stdout());
    let first = out.stderr().lines().next().unwrap_or_default();
    assert!(
        first.starts_with("fetch: ") || first.starts_with("error: "),
        "{}",
        out.stderr()
    );
    assert!(first.contains(named), "no {named:?} in {first:?}");
    out
}

#[track_caller]
fn accepted(args: &[&str]) {
    let server = Server::always(ok("x"));
    Fetch::new().args(args).arg(server.url("/a")).run().exits(0);
}

#[test]
fn aliases_of_other_tools_for_jobs_work() {
    for alias in ["--parallel-max", "--max-concurrency"] {
        let gate = Gate::new();
        let script = Script::new()
            .wait(&gate)
            .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let server = Server::always(script);
        let run = Fetch::new()
            .args([alias, "3"])
            .stdin(server.list(9))
            .spawn();
        assert!(server.come_together(3, PATIENCE));
        gate.open();
        run.wait().exits(0);
        assert_eq!(server.peak(), 3, "{alias}");
    }
}

#[test]
fn aliases_of_other_tools_for_the_timeout_work() {
    let server = Server::at("/a", Script::new().silence());
    for alias in ["-m", "--max-time"] {
        let out = Fetch::new()
            .args([alias, "300ms", &server.url("/a")])
            .run()
            .exits(1);
        assert!(out.stdout().contains("timeout: "), "{}", out.stdout());
    }
}

#[test]
fn other_aliases_of_other_tools_work() {
    let server = Server::always(ok("x"));
    Fetch::new()
        .args(["--request", "PUT", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(server.request().method, "PUT");
    let out = Fetch::new().args(["-s", &server.url("/a")]).run().exits(0);
    assert_eq!(out.stderr(), "");
    let server = Server::build()
        .route("/0", answer(404, ""))
        .otherwise(Script::new().silence())
        .start();
    let out = Fetch::jsonl()
        .args(["--fail-early", "-j2"])
        .stdin(server.list(2))
        .run()
        .exits(1);
    assert_eq!(out.in_order()[1]["outcome"], "cancelled");
}

#[test]
fn the_option_to_follow_redirects_is_accepted() {
    accepted(&["-L"]);
    accepted(&["-sL"]);
}

/// Options that curl needs for what is the default here.
#[test]
fn the_habits_of_curl_are_accepted() {
    for habit in [
        "-S",
        "--show-error",
        "-f",
        "--fail",
        "-sS",
        "-sSL",
        "-fsSL",
        "-fSL",
        "-sfLS",
    ] {
        accepted(&[habit]);
    }
    let missing = Server::always(answer(404, "x"));
    let out = Fetch::jsonl()
        .args(["-fsSL", &missing.url("/a")])
        .run()
        .exits(1);
    assert_eq!(out.record()["status"], 404);
    assert_eq!(out.stderr(), "");
    let help = Fetch::new().arg("--help").run().exits(0);
    for hidden in ["--show-error", "--fail ", "-f,", "-S,"] {
        assert!(!help.stdout().contains(hidden), "{hidden}");
    }
}

#[test]
fn short_options_can_be_joined_with_each_other_and_their_values() {
    accepted(&["-sLj5", "-t10"]);
    accepted(&["--jobs=5", "--timeout=10s"]);
}

#[test]
fn options_that_do_not_exist_are_refused() {
    let args = ["--generate", "man", "http://127.0.0.1/"];
    refused(Fetch::new().args(args), args[0]);
}

#[test]
fn a_mistake_in_a_value_names_the_option() {
    for args in [
        ["--jobs", "0"],
        ["--jobs", "x"],
        ["--jobs", "-1"],
        ["--jobs", "99999999999999999999"],
        ["--jobs", ""],
        ["--timeout", "x"],
        ["--timeout", "-1"],
        ["--timeout", ""],
        ["--timeout", "5 parsecs"],
        ["--timeout", "inf"],
        ["--timeout", "NaN"],
        ["--timeout", "1e400"],
        ["--connect-timeout", "x"],
        ["--read-timeout", "x"],
        ["--deadline", "x"],
        ["--slow", "x"],
        ["--max-filesize", "x"],
        ["--max-filesize", "-1"],
        ["--max-filesize", "10Q"],
        ["--max-filesize", "99999999999G"],
        ["--max-redirs", "x"],
        ["--max-redirs", "-1"],
        ["--accept", "x"],
        ["--accept", ""],
        ["--accept", "300..=200"],
        ["--accept", "99"],
        ["--accept", "1000"],
        ["--color", "x"],
        ["--default-scheme", "ftp"],
        ["--method", "GE T"],
        ["--method", ""],
        ["--user-agent", "a\nb"],
    ] {
        refused(
            Fetch::new()
                .arg(format!("{}={}", args[0], args[1]))
                .arg("http://127.0.0.1/"),
            args[0],
        );
    }
}

#[test]
fn a_missing_value_names_the_option() {
    for option in [
        "-j",
        "-t",
        "-X",
        "-H",
        "-d",
        "-A",
        "-u",
        "-w",
        "--format",
        "--results",
    ] {
        Fetch::new()
            .args(["http://127.0.0.1/", option])
            .run()
            .exits(2);
    }
    refused(
        Fetch::new().args(["http://127.0.0.1/", "--deadline"]),
        "--deadline",
    );
}

#[test]
fn a_mistake_is_reported_in_one_line() {
    for args in [
        &["--nope"][..],
        &["-j0"],
        &["--deadline"],
        &["-Id", "x"],
        &["-H", "x"],
        &["-w", "%{x}"],
        &["--format", "x"],
    ] {
        let out = Fetch::new()
            .arg("http://127.0.0.1/")
            .args(args)
            .run()
            .exits(2);
        assert_eq!(out.stderr().lines().count(), 1, "{}", out.stderr());
    }
}

/// Asserts the exact line about each command line.
#[track_caller]
pub(super) fn tells(mistakes: &[(&[&str], &str)]) {
    for (args, line) in mistakes {
        let run = Fetch::new().without_canary("nothing is sent");
        let out = run.args(*args).run().exits(2);
        assert_eq!(out.stderr(), format!("fetch: {line}\n"), "{args:?}");
        assert_eq!(out.stdout(), "", "{args:?}");
    }
}

#[test]
fn a_mistake_is_told_in_one_line_that_says_what_to_do() {
    tells(&[
        (&["--foo", "u"], "unknown option --foo; see fetch --help"),
        (
            &["--no-such=x", "u"],
            "unknown option --no-such; see fetch --help",
        ),
        (
            &["--jbos", "3", "u"],
            "unknown option --jbos; did you mean --jobs?",
        ),
        // Similar to an alias, and to an option that the help does not show.
        (
            &["--max-retrie", "3", "u"],
            "unknown option --max-retrie; did you mean --retry?",
        ),
        (
            &["--faill", "u"],
            "unknown option --faill; see fetch --help",
        ),
        (
            &["--jobs", "0", "u"],
            "--jobs: '0': write a whole number, at least 1",
        ),
        (
            &["-j", "-1", "u"],
            "--jobs: '-1': write a whole number, at least 1",
        ),
        (
            &["--retry", "-4", "u"],
            "--retry: '-4': write a whole number, 0 or more",
        ),
        (
            &["--connect-to", "a", "u"],
            "unknown option --connect-to (curl); write --resolve HOST:PORT:ADDR",
        ),
        (
            &["-t", "x", "u"],
            "--timeout: 'x': not a duration; write 5 (seconds), 1.5, 500ms, 2m or 1h",
        ),
        (
            &["--format", "xml", "u"],
            "--format: 'xml': write text, jsonl, csv or tsv",
        ),
        (
            &["--format", "", "u"],
            "--format: the value is missing; write text, jsonl, csv or tsv",
        ),
        (
            &["u", "--deadline"],
            "--deadline: the value is missing; write --deadline DUR",
        ),
        (
            &["--insecure=yes", "u"],
            "--insecure: takes no value; write --insecure alone",
        ),
        (
            &["--key", "k", "u"],
            "--key: needs --cert; add it, or leave --key out",
        ),
        (
            &["--shard-by", "url", "u"],
            "--shard-by: needs --shard; add it, or leave --shard-by out",
        ),
        (
            &["--name", "x", "u"],
            "--name: needs --output-dir; add it, or leave --name out",
        ),
        (
            &["--existing", "skip", "u"],
            "--existing: needs --output-dir; add it, or leave --existing out",
        ),
        (
            &["-c", "u"],
            "--continue: needs --output-dir, where it continues incomplete files; for cookies, write -H 'Cookie: NAME=VALUE'; for -c N of ab or httpx, write -j N",
        ),
        (
            &["--head", "--data", "x", "u"],
            "--head: cannot be used with --data; leave one out",
        ),
        (
            &["--merge", "a", "--json"],
            "--merge: cannot be used with --json; it takes summary files only",
        ),
        (
            &["u", "--merge", "a"],
            "--merge: cannot be used with a SOURCE; it takes summary files only",
        ),
        (
            &["--merge"],
            "--merge: the value is missing; write --merge SUMMARY...",
        ),
    ]);
}

#[test]
fn a_value_without_a_meaning_is_refused() {
    tells(&[
        (
            &["--retry", "4294967296", "u"],
            "--retry: '4294967296': write a whole number up to 4294967295",
        ),
        (
            &["--rate", "-1/s", "u"],
            "--rate: '-1/s': not a rate; write 10/s, 100/m or 1000/h",
        ),
        (
            &["--rate-per-host", "-1/s", "u"],
            "--rate-per-host: '-1/s': not a rate; write 10/s, 100/m or 1000/h",
        ),
        (
            &["--resolve", "-a:80", "u"],
            "--resolve: '-a:80': not HOST:PORT:ADDR[,ADDR]; write for example example.com:443:192.0.2.1",
        ),
        (
            &["--unix-socket", "s", "-x", "http://h", "u"],
            "--unix-socket: cannot be used with --proxy; leave one out",
        ),
        (
            &["--noproxy", "a.test,10.0.0.0/99", "u"],
            "--noproxy: '10.0.0.0/99': not a host or a network; write for example example.com, 192.0.2.1 or 10.0.0.0/8",
        ),
        (
            &["--results", "-", "u"],
            "--results: -: is not standard output here; leave the option out to print the records",
        ),
        (
            &["--summary-file", "-", "u"],
            "--summary-file: -: is not standard output here; write /dev/stdout or /dev/stderr",
        ),
        (
            &["--journal", "-", "u"],
            "--journal: -: is not standard output here; write ./- for a file of this name",
        ),
        (
            &["-d", "@", "u"],
            "--data: the file name after @ is missing",
        ),
        (
            &["-H", "@", "u"],
            "--header: the file name after @ is missing",
        ),
        (
            &["-d", "@-"],
            "--data: @-: the list is read from standard input already; put one of the two into a file",
        ),
        (
            &["-H", "Host: x", "--http2-prior-knowledge", "u"],
            "--header: a custom Host header cannot be sent over HTTP/2; leave out --http2-prior-knowledge",
        ),
        (
            &["--retry-on", "foo", "u"],
            "--retry-on: 'foo': not a status or a range of statuses; write 200, 200..=299, 200-299 or 2xx, separated by commas",
        ),
        (
            &["--accept", "200,foo", "u"],
            "--accept: '200,foo': 'foo' is not a status or a range of statuses; write 200, 200..=299, 200-299 or 2xx, separated by commas",
        ),
        (
            &["--accept", "200,", "u"],
            "--accept: '200,': an empty entry in the list",
        ),
        (
            &["--shard", "8", "u"],
            "--shard: '8': write K/N, such as 0/8 for the first of 8",
        ),
        (
            &["--shard", "4/4", "u"],
            "--shard: '4/4': K is 0 to N-1; the last of 4 is 3/4",
        ),
        (
            &["-w", "%{foo}", "u"],
            "--write-out: unknown variable %{foo}; write one of index, source, line, id, meta, url, method, request_sha256, outcome, status, final_url, redirects, http_version, remote_addr, content_type, size, started, time_ttfb, time_total, time_elapsed, slow, attempts, file, sha256, error, headers, body, body_base64",
        ),
        (
            &["-H", "content-length: 5", "u"],
            "--header: Content-Length cannot be set; leave it out",
        ),
        (
            &["--block-private", "-x", "http://h", "u"],
            "--block-private: cannot be used with a proxy, which makes the connection itself; leave out --proxy",
        ),
        (
            &["--body", "u"],
            "--body has no effect with this format; use --format jsonl or --write-out, or add --journal",
        ),
        (
            &["--merge", "a", "--jobs", "3"],
            "--merge: cannot be used with --jobs; it takes summary files only",
        ),
        (
            &["--merge", "a", "b"],
            "--merge: a: no such file or directory",
        ),
    ]);
}

#[test]
fn an_unknown_option_is_named() {
    refused(
        Fetch::new().args(["--no-such-thing", "http://127.0.0.1/"]),
        "--no-such-thing",
    );
    refused(Fetch::new().args(["-Z", "http://127.0.0.1/"]), "-Z");
}

#[test]
fn options_that_exclude_each_other_are_named() {
    refused(
        Fetch::new().args(["-d", "x", "-I", "http://127.0.0.1/"]),
        "--head",
    );
    refused(
        Fetch::new().args(["-X", "PUT", "-I", "http://127.0.0.1/"]),
        "--head",
    );
}

#[test]
fn a_file_of_data_that_is_missing_is_a_usage_error() {
    let out = refused(
        Fetch::new().args(["-d", "@missing.bin", "http://127.0.0.1/"]),
        "missing.bin",
    );
    assert!(out.stderr().contains("data"), "{}", out.stderr());
}

#[test]
fn without_a_source_a_terminal_is_a_usage_error() {
    let out = Fetch::new().stdin_terminal().run().exits(2);
    assert!(
        out.stderr().starts_with("fetch: ") || out.stderr().starts_with("error: "),
        "{}",
        out.stderr()
    );
    assert_eq!(out.stderr().lines().count(), 1, "{}", out.stderr());
}

#[test]
fn help_lists_every_option() {
    let out = Fetch::new().arg("--help").run().exits(0);
    for name in [
        "--default-scheme",
        "--input",
        "--shard ",
        "--shard-by",
        "--dry-run",
        "--jobs",
        "--ordered",
        "--fail-fast",
        "--deadline",
        "--method",
        "--header",
        "--data",
        "--head",
        "--user-agent",
        "--user",
        "--max-redirs",
        "--compressed",
        "--max-filesize",
        "--http1.1",
        "--http2",
        "--http2-prior-knowledge",
        "--insecure",
        "--cacert",
        "--cert ",
        "--key",
        "--proxy",
        "--noproxy",
        "--resolve",
        "--ipv4",
        "--ipv6",
        "--unix-socket",
        "--block-private",
        "--https-only",
        "--timeout",
        "--connect-timeout",
        "--read-timeout",
        "--retry ",
        "--retry-delay",
        "--retry-max-delay",
        "--retry-on",
        "--max-per-host",
        "--host-timeouts",
        "--rate ",
        "--rate-per-host",
        "--format",
        "--json",
        "--write-out",
        "--accept",
        "--slow",
        "--headers",
        "--body",
        "--sha256",
        "--output-dir",
        "--name",
        "--existing",
        "--continue",
        "--fsync",
        "--journal",
        "--results",
        "--quiet",
        "--no-progress",
        "--color",
        "--summary-file",
        "--merge",
        "--exit-zero",
        "--verbose",
    ] {
        assert!(out.stdout().contains(name), "{name}");
    }
    assert_eq!(out.stderr(), "");
}

#[test]
fn the_short_help_fits_on_a_screen_and_leads_to_the_long_one() {
    let out = Fetch::new().env("COLUMNS", "80").arg("-h").run().exits(0);
    let lines: Vec<_> = out.stdout().lines().collect();
    assert!(lines.len() < 60, "{} lines", lines.len());
    for line in &lines {
        assert!(line.len() <= 80, "{line}");
        // What is longer than a line goes on where the texts begin.
        assert!(!line.starts_with("          "), "a line of its own: {line}");
    }
    assert!(lines.last().unwrap().ends_with("fetch --help"), "{lines:?}");
}

#[test]
fn the_long_help_is_as_wide_as_it_may_be() {
    for (columns, most) in [("80", 80), ("120", 100)] {
        let fetch = Fetch::new().env("COLUMNS", columns).arg("--help");
        let out = fetch.run().exits(0);
        let widest = out.stdout().lines().map(str::len).max().unwrap();
        assert!((most - 5..=most).contains(&widest), "{columns}: {widest}");
    }
}

#[test]
fn the_long_help_names_the_aliases() {
    let out = Fetch::new().arg("--help").run().exits(0);
    for alias in [
        "--parallel-max,",
        "--max-concurrency",
        "--parallel-max-host",
        "--fail-early",
        "--request",
        "-m,",
        "--max-time",
        "--max-retries",
        "-s,",
    ] {
        assert!(out.stdout().contains(alias), "{alias}");
    }
}

#[test]
fn the_version_is_printed() {
    for option in ["-V", "--version"] {
        assert_eq!(
            Fetch::new().arg(option).run().exits(0).stdout(),
            concat!("fetch ", env!("CARGO_PKG_VERSION"), "\n")
        );
    }
}

#[test]
fn usage_errors_show_no_secrets() {
    let user = format!("user:{CANARY}");
    for args in [
        &["-u", &user, "--nope"][..],
        &["--user", &user, "-j", "0"],
        &["-H", &user.replace(':', " "), "-"],
        &["-u", &user, "missing.txt"],
        &["-u", &format!("a\n{CANARY}"), "missing.txt"],
        &[&format!("http://{user}@127.0.0.1/"), "-j0"],
        &[&format!("--user={user}"), "--user", "x:y", "-j0"],
    ] {
        Fetch::new().args(args).run().exits(2);
    }
}
