//! Sources that are no lists of URLs: one hint says which command makes a list of them.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::lines::verdicts;
use crate::support::{Fetch, Server, ok};

const GZIP: &str = "fetch: warning: list.gz: looks like gzip, not like a list of URLs; try: zcat list.gz | fetch -\n";

fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn no_line_of_a_compressed_list_is_a_request() {
    let server = Server::build().may_stay_unasked().start();
    let list = gzipped(&server.list(1_000));
    // As if a line of it were a URL by chance.
    let list = [&list, format!("\n{}\n", server.url("/chance")).as_bytes()].concat();
    let out = Fetch::jsonl()
        .file("list.gz", list)
        .arg("list.gz")
        .run()
        .exits(1);
    let verdicts = verdicts(&out.in_order());
    assert!(!verdicts.is_empty());
    for verdict in verdicts {
        assert_eq!(verdict, "error invalid_input/input");
    }
    assert_eq!(out.stderr().matches("looks like").count(), 1);
    assert!(out.stderr().contains(GZIP), "{}", out.stderr());
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_hint_is_said_once_for_each_source_and_not_with_quiet() {
    let list = "[\"http://a.example/\",\n\"http://b.example/\"]\n";
    let run = || {
        Fetch::jsonl()
            .file("one.json", list)
            .file("it's two.json", list)
            .args(["one.json", "it's two.json", "-"])
            .stdin(list)
    };
    let out = run().run().exits(1);
    let hints: Vec<_> = out
        .stderr()
        .lines()
        .filter(|line| line.contains("looks like"))
        .collect();
    let command = "looks like a JSON array, not like a list of URLs; try: jq -r '.[]'";
    assert_eq!(
        hints,
        [
            format!("fetch: warning: one.json: {command} one.json | fetch -"),
            format!(r"fetch: warning: it's two.json: {command} 'it'\''s two.json' | fetch -"),
            format!("fetch: warning: -: {command} | fetch -"),
        ]
    );
    assert_eq!(out.records().len(), 6);
    let out = run().arg("-q").run().exits(1);
    assert_eq!(out.stderr(), "");
}

#[test]
fn a_hint_never_stops_the_run() {
    let server = Server::always(ok("x"));
    let list = format!(
        "<ul>\n{}\n- x\n- y\n{}\n</ul>\n",
        server.url("/a"),
        server.url("/b")
    );
    let out = Fetch::jsonl().stdin(list).run().exits(1);
    assert_eq!(out.records().len(), 6);
    assert_eq!(server.targets().len(), 2);
    assert_eq!(out.stderr().matches("looks like").count(), 1);
}

/// What is typed or piped slowly is fetched as it comes, and looked at all the same.
#[test]
fn the_first_line_is_not_held_back_to_find_out_what_the_source_is() {
    let server = Server::always(ok("x"));
    let mut run = Fetch::jsonl().stdin_open().spawn();
    run.write(server.url("/a\n"));
    assert_eq!(run.record()["url"], server.url("/a"));
    run.write("- http://a.example/\n- http://b.example/\n- http://c.example/\n");
    run.stderr
        .wait_for("looks like text with URLs in it, not like a list of URLs");
    run.wait().exits(1);
}

#[test]
fn a_url_as_an_argument_is_no_source_that_looks_like_something() {
    let out = Fetch::jsonl()
        .args(["<p>http://a.example/</p>", "http://a.example/ b"])
        .run()
        .exits(1);
    assert!(!out.stderr().contains("looks like"), "{}", out.stderr());
    assert_eq!(
        verdicts(&out.in_order()),
        ["error invalid_url/input"; 2],
        "arguments are lines, too"
    );
}

#[test]
fn an_argument_is_one_input_whatever_is_in_it() {
    let server = Server::build().may_stay_unasked().start();
    let two = format!("{}\n{}", server.url("/1"), server.url("/2"));
    let comment = format!("#{}", server.url("/3"));
    let out = Fetch::jsonl().args([&two, &comment]).run().exits(1);
    let records = out.in_order();
    assert_eq!(verdicts(&records), ["error invalid_url/input"; 2]);
    assert_eq!(records[0]["url"], two);
    assert_eq!(server.connections(), 0);
}
