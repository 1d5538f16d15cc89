//! The exact output of the formats.

use crate::support::{
    Fetch, Output, Script, Server, answer, ok, port::Refusing, record, redirect, text::normalised,
};

/// A server and a list with outcomes of every kind.
struct Site {
    server: Server,
    refusing: Refusing,
}

impl Site {
    fn new() -> Self {
        let server = Server::build()
            .route("/ok", ok("12345"))
            .route("/moved", redirect(302, "/ok"))
            .route("/missing", answer(404, "no"))
            .route("/down", answer(503, "down"))
            .route(
                "/cut",
                Script::new()
                    .send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome")
                    .close(),
            )
            .start();
        Self {
            server,
            refusing: Refusing::new(),
        }
    }

    fn list(&self) -> String {
        let list: String = ["/ok", "/moved", "/missing", "/down", "/cut"]
            .iter()
            .map(|path| self.server.url(path) + "\n")
            .collect();
        list + &format!("http://{}/\nhttp://[bad\n", self.refusing.address())
    }

    fn run(&self, args: &[&str]) -> Output {
        Fetch::new()
            .args(["--ordered", "--slow", "0", "-"])
            .args(args)
            .stdin(self.list())
            .run()
            .exits(1)
    }

    fn shown(&self, text: &str) -> String {
        normalised(text, &[self.server.port(), self.refusing.address().port()])
    }
}

#[test]
fn text_is_a_line_of_fields() {
    let site = Site::new();
    for args in [&[][..], &["--format", "text"]] {
        let out = site.run(args);
        let lines: Vec<_> = out
            .lines()
            .into_iter()
            .map(|line| site.shown(line))
            .collect();
        let fixed = [
            "200  T  5  http://127.0.0.1:PORT/ok",
            "200  T  5  http://127.0.0.1:PORT/moved  -> http://127.0.0.1:PORT/ok",
            "404  T  2  http://127.0.0.1:PORT/missing  [FAIL]",
            "503  T  4  http://127.0.0.1:PORT/down  [DOWN]",
        ];
        assert_eq!(lines[..4], fixed);
        assert!(
            lines[4].starts_with("ERR  T  4  http://127.0.0.1:PORT/cut  [ERROR] body: "),
            "{}",
            lines[4]
        );
        assert_eq!(
            lines[5],
            "ERR  T  -  http://127.0.0.1:PORT/  [ERROR] connect: 127.0.0.1:PORT: connection refused"
        );
        assert!(
            lines[6].starts_with("ERR  -  -  http://[bad  [ERROR] invalid_url: "),
            "{}",
            lines[6]
        );
        assert_eq!(lines.len(), 7);
    }
}

#[test]
fn text_has_seconds_with_three_decimals() {
    let server = Server::at("/a", ok("x"));
    let out = Fetch::new().arg(server.url("/a")).run().exits(0);
    let time = out.stdout().split_whitespace().nth(1).unwrap();
    let (seconds, fraction) = time.split_once('.').unwrap();
    assert!(
        seconds.parse::<u32>().is_ok() && fraction.len() == 3 && fraction.parse::<u32>().is_ok(),
        "{time}"
    );
}

#[test]
fn text_can_be_split_by_awk() {
    let server = Server::always(ok("x"));
    let list = format!(
        "{{\"url\": \"{}\"}}\n{}\n",
        server.url("/a b"),
        server.url("/c\u{3000}d\u{a0}e")
    );
    let out = Fetch::new()
        .args(["--ordered", "-"])
        .stdin(list)
        .run()
        .exits(0);
    let fields: Vec<Vec<_>> = out
        .lines()
        .iter()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        (fields[0].len(), fields[0][3]),
        (4, server.url("/a%20b").as_str())
    );
    assert_eq!(fields[1].len(), 4, "{fields:?}");
}

#[test]
fn text_says_what_was_slow() {
    let reply = "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n";
    let server = Server::build()
        .route(
            "/0",
            Script::new().pause(200).send(reply.replace("500", "200")),
        )
        .route("/1", Script::new().pause(200).send(reply))
        .start();
    let out = Fetch::new()
        .args(["--ordered", "--slow", "100ms", "-"])
        .stdin(server.list(2))
        .run()
        .exits(1);
    let shown = normalised(out.stdout(), &[server.port()]);
    assert_eq!(
        shown,
        "200  T  0  http://127.0.0.1:PORT/0  [SLOW]\n500  T  0  http://127.0.0.1:PORT/1  [SLOW] [DOWN]\n"
    );
}

#[test]
fn jsonl_has_the_keys_of_the_contract_in_their_order() {
    let site = Site::new();
    for args in [&["--json"][..], &["--format", "jsonl"]] {
        let out = site.run(args);
        assert_eq!(out.records().len(), 7);
        for line in out.lines() {
            let mut rest = line;
            for key in record::KEYS {
                let at = rest
                    .find(&format!("\"{key}\":"))
                    .unwrap_or_else(|| panic!("{key}: {line}"));
                rest = &rest[at..];
            }
        }
    }
}

#[test]
fn jsonl_has_null_for_what_is_not_known() {
    let out = Site::new().run(&["--json"]);
    let records = out.records();
    let nulls = |index: usize| -> Vec<&str> {
        record::KEYS
            .into_iter()
            .filter(|key| records[index][*key].is_null())
            .collect()
    };
    assert_eq!(
        nulls(0),
        ["id", "meta", "request_sha256", "file", "sha256", "error"]
    );
    assert_eq!(
        nulls(2),
        ["id", "meta", "request_sha256", "file", "sha256", "error"]
    );
    assert_eq!(
        nulls(4),
        [
            "id",
            "meta",
            "request_sha256",
            "content_type",
            "file",
            "sha256"
        ]
    );
    for key in [
        "status",
        "http_version",
        "remote_addr",
        "content_type",
        "size",
        "time_ttfb",
    ] {
        assert!(
            records[5][key].is_null() && records[6][key].is_null(),
            "{key}"
        );
    }
    for key in [
        "final_url",
        "started",
        "time_total",
        "time_elapsed",
        "method",
    ] {
        assert!(records[6][key].is_null(), "{key}");
        assert!(!records[5][key].is_null(), "{key}");
    }
}

#[test]
fn csv_is_a_table() {
    let site = Site::new();
    let out = site.run(&["--format", "csv"]);
    let shown = site.shown(out.stdout());
    let lines: Vec<_> = shown.split_terminator('\n').collect();
    let fixed = [
        "index,url,outcome,status,time_total,size,attempts,final_url,file,error_kind,error_message",
        "0,http://127.0.0.1:PORT/ok,ok,200,T,5,1,http://127.0.0.1:PORT/ok,,,",
        "1,http://127.0.0.1:PORT/moved,ok,200,T,5,1,http://127.0.0.1:PORT/ok,,,",
        "2,http://127.0.0.1:PORT/missing,http_error,404,T,2,1,http://127.0.0.1:PORT/missing,,,",
        "3,http://127.0.0.1:PORT/down,http_error,503,T,4,1,http://127.0.0.1:PORT/down,,,",
    ];
    assert_eq!(lines[..5], fixed);
    assert!(
        lines[5].starts_with(
            "4,http://127.0.0.1:PORT/cut,error,200,T,4,1,http://127.0.0.1:PORT/cut,,body,"
        ),
        "{}",
        lines[5]
    );
    let refused = "5,http://127.0.0.1:PORT/,error,,T,,1,http://127.0.0.1:PORT/,,connect,127.0.0.1:PORT: connection refused";
    assert_eq!(lines[6], refused);
    assert!(
        lines[7].starts_with("6,http://[bad,error,,,,0,,,invalid_url,"),
        "{}",
        lines[7]
    );
    assert_eq!(lines.len(), 8);
}

#[test]
fn csv_is_quoted_by_rfc_4180() {
    let server = Server::always(ok("x"));
    let out = Fetch::new()
        .args(["--format", "csv", "-"])
        .stdin(server.url("/a,\"b\""))
        .run()
        .exits(0);
    let row = out.lines()[1].to_owned();
    assert!(
        row.contains(&format!(",\"{}\",ok,", server.url("/a,\"\"b\"\""))),
        "{row}"
    );
    let mut rows = csv::Reader::from_reader(out.stdout().as_bytes());
    let row = rows.records().next().unwrap().unwrap();
    assert_eq!((row.len(), &row[1]), (11, server.url("/a,\"b\"").as_str()));
}

#[test]
fn tsv_is_the_same_table_with_tabs() {
    let site = Site::new();
    let out = site.run(&["--format", "tsv"]);
    let shown = site.shown(out.stdout());
    let lines: Vec<_> = shown.split_terminator('\n').collect();
    assert_eq!(
        lines[0],
        "index\turl\toutcome\tstatus\ttime_total\tsize\tattempts\tfinal_url\tfile\terror_kind\terror_message"
    );
    assert_eq!(
        lines[1],
        "0\thttp://127.0.0.1:PORT/ok\tok\t200\tT\t5\t1\thttp://127.0.0.1:PORT/ok\t\t\t"
    );
    assert!(
        lines.iter().all(|line| line.matches('\t').count() == 10),
        "{shown}"
    );
    assert_eq!(lines.len(), 8);
}

#[test]
fn a_table_of_an_empty_list_is_its_header() {
    for format in ["csv", "tsv"] {
        let out = Fetch::new()
            .args(["--format", format])
            .stdin("")
            .run()
            .exits(0);
        assert_eq!(out.lines().len(), 1);
        assert!(out.stdout().starts_with("index"), "{}", out.stdout());
    }
}

#[test]
fn a_cell_that_a_spreadsheet_would_run_is_defused() {
    let list = "=cmd|' /C calc'!A0 \n+1 2\n-1 2\n@SUM(A1) B\n";
    for format in ["csv", "tsv"] {
        let out = Fetch::new()
            .args(["--ordered", "--format", format, "-"])
            .stdin(list)
            .run()
            .exits(1);
        let separator = if format == "csv" { b',' } else { b'\t' };
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(separator)
            .quoting(format == "csv")
            .from_reader(out.stdout().as_bytes());
        let mut seen = 0;
        for row in rows.records().map(Result::unwrap) {
            seen += 1;
            // Userinfo is masked even if it is empty.
            assert!(
                row[1].starts_with('\'') || row[1].starts_with("***@"),
                "{row:?}"
            );
            assert!(
                row.iter()
                    .all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])),
                "{row:?}"
            );
        }
        assert_eq!(seen, 4);
    }
}

#[test]
fn an_unknown_format_is_a_usage_error() {
    let out = Fetch::new()
        .args(["--format", "xml", "http://127.0.0.1/"])
        .run()
        .exits(2);
    for name in ["--format", "text", "jsonl", "csv", "tsv"] {
        assert!(out.stderr().contains(name), "{}", out.stderr());
    }
}

#[test]
fn text_shows_where_a_redirect_leads_that_is_not_followed() {
    let server = Server::build()
        .route("/a", redirect(302, "/b?x"))
        .route("/c", redirect(301, "http://other.example/ü"))
        .route("/d", redirect(302, ""))
        .route("/e", redirect(307, "/e"))
        .start();
    let list = ["/a", "/c", "/d", "/e"]
        .map(|path| server.url(path))
        .join("\n");
    let line = |args: &[&str], code| {
        let fetch = Fetch::new().args(["--max-redirs", "0", "--ordered", "-"]);
        let out = fetch.args(args).stdin(&list).run().exits(code);
        normalised(out.stdout(), &[server.port()])
    };
    assert_eq!(
        line(&[], 1),
        "302  T  9  http://127.0.0.1:PORT/a  [FAIL] -> http://127.0.0.1:PORT/b?x\n\
         301  T  9  http://127.0.0.1:PORT/c  [FAIL] -> http://other.example/%C3%BC\n\
         302  T  9  http://127.0.0.1:PORT/d  [FAIL]\n\
         307  T  9  http://127.0.0.1:PORT/e  [FAIL]\n"
    );
    assert_eq!(
        line(&["--accept", "3xx"], 0).lines().next(),
        Some("302  T  9  http://127.0.0.1:PORT/a  -> http://127.0.0.1:PORT/b?x")
    );
}
