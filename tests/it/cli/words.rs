//! Words that mean something else in another tool, wherever they stand.

use super::options::tells;
use crate::support::{Fetch, Server, ok};

#[test]
fn an_option_of_another_tool_is_found_where_it_stands() {
    for (args, line) in [
        // With its value in the same word, in a group, and behind options that are fine.
        (&["-P8", "u"][..], "-P (wget, aria2 DIR; xargs N)"),
        (&["-sSLO", "u"], "-O (curl; wget FILE)"),
        (&["-O-", "u"], "-O (curl; wget FILE)"),
        (&["--tries=3", "u"], "--tries (wget, aria2, httpx)"),
        (&["-threads=50", "u"], "-threads (httpx, nuclei, wget2"),
        (&["-f", "-L", "u", "--netrc"], "--netrc (curl)"),
        // A group of short options here: a directory llow-redirects.
        (&["-follow-redirects", "u"], "-follow-redirects (xh, httpx)"),
        (&["-duc", "list"], "-duc (httpx, nuclei)"),
        (&["-fhr", "u"], "-fhr (xh, httpx)"),
        (&["-web-server", "u"], "-web-server (httpx)"),
        (
            &["--lowest-speed-limit=1K", "u"],
            "--lowest-speed-limit (curl, aria2)",
        ),
    ] {
        let out = Fetch::new().args(args).run().exits(2);
        let start = format!("fetch: unknown option {line}");
        assert!(out.stderr().starts_with(&start), "{}", out.stderr());
    }
}

#[test]
fn a_word_that_would_mean_something_else_here_is_refused() {
    let no_json = "--json: takes no value here, it prints the records as JSON; to send JSON, write -d TEXT -H 'Content-Type: application/json'";
    let split =
        "a body is one request, never split; write --max-per-host N for the requests to one host";
    let (x, x16, s16) = (
        format!("-x: takes no number (aria2); {split}"),
        format!("-x16: takes no number (aria2); {split}"),
        format!("-s16: takes no number (aria2); {split}"),
    );
    tells(&[
        (&["--json", "{\"a\": \"http://h\"}", "u"], no_json),
        (&["--json={\"a\": 1}", "u"], no_json),
        (&["u", "--json", "@file"], no_json),
        (&["-x", "16", "u"], &x),
        (&["-x16", "u"], &x16),
        (
            &["-k1M", "u"],
            &format!("-k1M: takes no number (aria2); {split}"),
        ),
        (
            &["-I", "{}", "u"],
            "-I: asks for the headers only; no {} is replaced (xargs): fetch FILE",
        ),
        (
            &["-I{}", "u"],
            "-I: asks for the headers only; no {} is replaced (xargs): fetch FILE",
        ),
        (
            &["-x", "POST", "u"],
            "-x: takes a proxy; write -X POST for a method",
        ),
        (
            &["-d", "./", "u"],
            "-d: './' is a directory, and -d sends data; write -o ./ to save bodies there",
        ),
        (&["-s16", "u"], &s16),
        (
            &["-u", "http://h.example/"],
            "-u: takes NAME:PASSWORD; a URL is an argument: fetch URL",
        ),
        (
            &["-w", "2", "u"],
            "-w: '2' has no %{key}; to wait between requests as wget does, write --rate N/s or N/m",
        ),
        (
            &["-timeout", "5", "u"],
            "unknown option -timeout; write --timeout",
        ),
        (
            &["-format=csv", "u"],
            "unknown option -format; write --format",
        ),
        (
            &["-silent", "u"],
            "unknown option -silent (httpx, wget); write -q",
        ),
        (
            &["GET", "http://h.example/"],
            "GET: not a source; GET is the default, write fetch URL",
        ),
        (
            &["get", "http://h.example/"],
            "get: not a source; GET is the default, write fetch URL",
        ),
        (
            &["POST", "http://h.example/"],
            "POST: not a source; write fetch -X POST URL",
        ),
        (
            &["http:/h.example/"],
            "http:/h.example/: not a URL; write http:// before the host",
        ),
        (
            &["http://h.example/p[1-3].png"],
            "a URL with [1-3]: is not expanded; in bash, write printf '%s\\n' http://example.com/{1..3} | fetch -, or write %5B and %5D for the characters",
        ),
        (
            &["http://h.example/p[1-9:2].png"],
            "a URL with [1-9:2]: is not expanded; in bash, write printf '%s\\n' http://example.com/{1..9..2} | fetch -, or write %5B and %5D for the characters",
        ),
        (
            &["http://h.example/{a, b c}"],
            "a URL with {a, b c}: is not expanded; in bash, write printf '%s\\n' http://example.com/{a,b%20c} | fetch -, or write %7B and %7D for the characters",
        ),
        (
            &["http://{a,b}.example/"],
            "a URL with {a,b}: is not expanded; in bash, write printf '%s\\n' http://example.com/{a,b} | fetch -, or write %7B and %7D for the characters",
        ),
    ]);
}

#[test]
fn an_option_that_would_swallow_the_url_is_refused() {
    tells(&[
        (
            &["-H", "http://h.example/a"],
            "-H: the value is missing before the URL; write -H 'NAME: VALUE' URL",
        ),
        (
            &["-sLH", "https://h.example/a"],
            "-H: the value is missing before the URL; write -H 'NAME: VALUE' URL",
        ),
        (
            &["-A", "http://h.example/a"],
            "-A: the value is missing before the URL; write -A NAME URL",
        ),
        (
            &["--output-dir", "http://h.example/a"],
            "--output-dir: the value is missing before the URL; write --output-dir DIR URL",
        ),
    ]);
    // A value in the same word is meant.
    let server = Server::always(ok("x"));
    let args = ["--user-agent=http://h.example/", &server.url("/a")];
    Fetch::new().args(args).run().exits(0);
}

#[test]
fn a_file_is_no_directory_for_bodies() {
    let print = "write -o DIR --name NAME, or -w '%{body}' > FILE for one body";
    for (args, file, advice) in [
        (
            &["-so", "/dev/null", "-w", "%{http_code}"][..],
            "/dev/null",
            "leave -o out, without it no body is kept",
        ),
        (
            &["-o/dev/stdout"],
            "/dev/stdout",
            "write -w '%{body}' to print a body",
        ),
        (&["-o", "page.html"], "page.html", print),
    ] {
        let fetch = Fetch::new().file("page.html", "x").arg("list");
        let fetch = fetch.file("list", "http://h.example/\n");
        let out = fetch.args(args).run().exits(2);
        let line = format!("fetch: --output-dir: {file}: is not a directory; {advice}\n");
        assert_eq!(out.stderr(), line);
    }
}

#[test]
fn numbers_and_times_of_load_tests_are_refused() {
    let time = "-d: sends data, not the time of a test (wrk); write --deadline 10s to end the run, or --data 10s to send it";
    let jobs = "-c: takes no number (ab, wrk); write -j 400 for the requests in flight";
    let resume = "--continue: needs --output-dir, where it continues incomplete files; for cookies, write -H 'Cookie: NAME=VALUE'; for -c N of ab or httpx, write -j N";
    tells(&[
        (&["-d10s", "u"], time),
        (&["-d", "10s", "u"], time),
        (&["-c400", "u"], jobs),
        (&["-c", "400", "u"], jobs),
        (
            &["-fc", "404", "u"],
            "-fc: takes no number (ffuf, httpx); write --accept LIST for the statuses that are ok, or grep in the records",
        ),
        (&["-sc", "http://h.example/"], resume),
        (&["-c", "jar.txt", "http://h.example/"], resume),
    ]);
    let server = Server::always(ok("x"));
    let list = server.url("/a");
    for (args, body) in [
        (&["--data", "10s"][..], "10s"),
        (&["-d10s=1"], "10s=1"),
        (&["-dr=1"], "r=1"),
    ] {
        let before = server.requests().len();
        Fetch::new().args(args).arg(&list).run().exits(0);
        assert_eq!(server.requests()[before].body_text(), body);
    }
}

#[test]
fn a_word_that_means_the_same_here_is_a_word_as_it_stands() {
    let server = Server::always(ok("x"));
    let lists = format!("{}\n{}\n", server.url("/[1-3]"), server.url("/{a,b}"));
    let out = Fetch::jsonl().stdin(lists).run().exits(0);
    assert_eq!(out.in_order().len(), 2);
    let mut targets = server.targets();
    targets.sort();
    assert_eq!(targets, ["/%7Ba,b%7D", "/[1-3]"]);
    // Behind --, in a value, and as the name of a file.
    for args in [&["--", "-threads"][..], &["get"], &["-X", "GET", "get"]] {
        let list = server.url("/a");
        let fetch = Fetch::new().file("-threads", &list).file("get", &list);
        fetch.args(args).run().exits(0);
    }
    let url = server.url("/?ids[]=1&q={\"a\":1,\"b\":2}");
    Fetch::new().arg(url).run().exits(0);
}
