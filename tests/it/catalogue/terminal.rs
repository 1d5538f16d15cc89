//! Text that would control a terminal or mislead a reader.
//!
//! The harness searches all output to pipes for control characters. Here the output to a terminal is checked, too.

use crate::support::{Fetch, Folder, Output, Server, ok, redirect, reply, screen::rendered};

/// Colour, a title, the clipboard (OSC 52), the C1 forms of both, a request for an answer, an overwritten line.
const ESCAPES: &str =
    "\u{1b}[31m\u{1b}]0;owned\u{7}\u{1b}]52;c;aGk=\u{7}\u{9b}2J\u{9d}52;c;aGk=\u{9c}\u{5}\r\u{8}";
/// Right-to-left overrides, isolates, zero-width characters, line separators.
const TRICKS: &str = "\u{202e}\u{2066}\u{200b}\u{200f}\u{2028}\u{feff}\u{61c}";
/// The part of it that may stand in a header field.
const IN_HEADER: &str = "\u{9b}2J\u{9d}52;c;aGk=\u{9c}\u{202e}\u{2066}\u{200b}";

const FORMATS: [&[&str]; 5] = [
    &["--format", "text"],
    &["--format", "jsonl", "--headers", "--body"],
    &["--format", "csv"],
    &["--format", "tsv"],
    &[
        "-w",
        "%{url} %{final_url} %{content_type} %{headers} %{body} %{errormsg} %{id} %{meta} %{file} %{json}\n",
    ],
];

/// Runs the list with every format, to a pipe and to a terminal.
#[track_caller]
fn shown(list: &str, code: i32) -> Vec<Output> {
    let runs = FORMATS.iter().flat_map(|args| {
        let fetch = || Fetch::new().args(*args).args(["-v", "-"]).stdin(list);
        let piped = fetch().run().exits(code);
        let drawn = fetch().terminal().run().exits(code);
        // Any control sequence but colours and cursor movements fails here.
        rendered(drawn.screen());
        for bad in [
            "\u{1b}]", "\u{9b}", "\u{9d}", "\u{7}", "\u{202e}", "\u{2066}", "\u{200b}",
        ] {
            assert!(
                !drawn.screen().contains(bad),
                "{bad:?} in {:?}",
                drawn.screen()
            );
        }
        [piped, drawn]
    });
    runs.collect()
}

#[test]
fn c211_escapes_in_a_url_are_shown_as_text() {
    let server = Server::always(ok("x"));
    let url = server.url(&format!("/a{}{TRICKS}b", ESCAPES.replace('\r', "")));
    let out = shown(&url, 0);
    assert!(
        out[0].stdout().contains("\\x1b]52;c;"),
        "{}",
        out[0].stdout()
    );
}

#[test]
fn c212_escapes_in_a_line_that_is_no_url_are_shown_as_text() {
    let out = shown(&format!("http://[{ESCAPES}{TRICKS}\n{ESCAPES}://x/\n"), 1);
    assert!(
        out[0].stdout().contains("\\x1b]52;c;"),
        "{}",
        out[0].stdout()
    );
}

#[test]
fn c213_escapes_in_a_header_are_shown_as_text() {
    let fields = [("Content-Type", IN_HEADER), ("X-A", IN_HEADER)];
    let server = Server::always(reply(200, &fields, "x"));
    let out = shown(&server.url("/a"), 0);
    assert!(out[8].stdout().contains("\\u{202e}"), "{}", out[8].stdout());
}

#[test]
fn c214_escapes_in_a_location_are_shown_as_text() {
    for (location, code) in [
        (format!("/b{IN_HEADER}"), 0),
        (format!("ftp://x/{IN_HEADER}"), 1),
        (format!("http://[{IN_HEADER}"), 1),
    ] {
        let server = Server::build()
            .route("/a", redirect(302, &location))
            .otherwise(ok("x"))
            .start();
        shown(&server.url("/a"), code);
    }
}

#[test]
fn c215_escapes_in_a_body_are_shown_as_text() {
    let server = Server::always(ok(format!("{ESCAPES}{TRICKS}\nOK 1/1\n")));
    let out = shown(&server.url("/a"), 0);
    assert_eq!(out[8].lines().len(), 1, "{}", out[8].stdout());
}

#[test]
fn c216_escapes_in_the_name_of_a_coding_are_shown_as_text() {
    let server = Server::always(reply(200, &[("Content-Encoding", IN_HEADER)], "x"));
    let out = Fetch::new()
        .args(["--compressed", "-v", &server.url("/a")])
        .run()
        .exits(1);
    assert!(
        out.stdout().contains("Content-Encoding"),
        "{}",
        out.stdout()
    );
}

#[test]
fn c217_escapes_in_what_a_line_brings_along_are_shown_as_text() {
    let server = Server::always(ok("x"));
    let text = format!("{ESCAPES}{TRICKS}");
    let good = serde_json::json!({"url": server.url("/a"), "id": text, "meta": {&text: [&text]}});
    let bad = serde_json::json!({"url": server.url("/a"), &text: 1});
    let method = serde_json::json!({"url": server.url("/a"), "method": text});
    shown(&format!("{good}\n{bad}\n{method}\n"), 1);
}

#[test]
fn c218_escapes_in_a_path_are_in_no_name_of_a_file() {
    let folder = Folder::new();
    let server = Server::always(ok("x"));
    let path = "/%1b]0;x%07%e2%80%ae%c2%9b2J%0d%0aend";
    let fetch = folder.fetch().args(["-v", &server.url(path)]);
    fetch.run().exits(0);
    let tree = folder.tree();
    assert_eq!(tree.len(), 1);
    let bad = |character: char| {
        character.is_control()
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!tree[0].contains(bad), "{:?}", tree[0]);
}

#[test]
fn c219_a_formula_in_a_line_is_run_by_no_spreadsheet() {
    let list = "=cmd|'/c calc'!A0\n@SUM(1)^\n+1^\n-1^\n";
    for (format, separator) in [("csv", ','), ("tsv", '\t')] {
        let fetch = Fetch::new().args(["--format", format, "-"]);
        let out = fetch.stdin(list).run().exits(1);
        assert_eq!(out.lines().len(), 5, "{}", out.stdout());
        for line in &out.lines()[1..] {
            let cell = line.split(separator).nth(1).unwrap();
            let cell = cell.trim_start_matches('"');
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{line}");
        }
    }
}
