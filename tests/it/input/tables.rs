//! Tables as input: `--input csv` and `--input tsv`.

use serde_json::{Value, json};

use super::lines::verdicts;
use crate::support::{CANARY, Fetch, Server, answer, ok, port::Refusing, record::RecordExt as _};

fn csv() -> Fetch {
    Fetch::jsonl().args(["--input", "csv"])
}

/// Asserts that a table as a file, and from a pipe, is refused with this reason, and that nothing is sent. `URL` in it
/// stands for that of a server.
#[track_caller]
fn refused(format: &str, table: &str, reason: &str) {
    let server = Server::build().may_stay_unasked().start();
    let table = table.replace("URL", &server.url("/a"));
    let of_stdin = reason.replace(" < t.csv", "");
    let run = || Fetch::jsonl().args(["--input", format]);
    let out = run()
        .file("t.csv", &table)
        .args([&server.url("/first"), "t.csv"])
        .run()
        .exits(2);
    assert_eq!(out.stderr(), format!("fetch: t.csv:1: {reason}\n"));
    assert_eq!(server.connections(), 0, "before the first request");
    for dry in [&[][..], &["--dry-run"]] {
        let out = run().args(dry).arg("-").stdin(&table).run().exits(2);
        assert!(
            out.stderr().contains(&format!("fetch: -:1: {of_stdin}\n")),
            "{}",
            out.stderr()
        );
        assert_eq!(out.stdout(), "");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn columns_are_the_keys_of_json_lines_and_all_others_are_meta() {
    let server = Server::always(ok("x"));
    let table = format!(
        "caption,url,method,headers,body,id,name,sha256,Größe\n\
         \"a \"\"red\"\" car, new\",{0},PUT,\"{{\"\"X-One\"\": \"\"1\"\"}}\",content,no. 7,a.txt,{1},5\n\
         ,{0},,,,,,,\n",
        server.url("/a b"),
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    );
    let out = csv().args(["-j1", "-o", "out", "-"]).stdin(table).run();
    let records = out.exits(0).in_order();
    let request = &server.requests()[0];
    assert_eq!(
        (
            request.method.as_str(),
            request.body_text(),
            request.header("x-one")
        ),
        ("PUT", "content", Some("1"))
    );
    assert_eq!(
        records[0]["meta"],
        json!({"caption": "a \"red\" car, new", "Größe": "5"})
    );
    assert_eq!(
        (records[0].text("id"), records[0].text("file")),
        ("no. 7", "a.txt")
    );
    // An empty cell says nothing.
    assert_eq!(
        (
            records[1].text("method"),
            &records[1]["meta"],
            &records[1]["id"]
        ),
        ("GET", &Value::Null, &Value::Null)
    );
    assert_eq!(
        server.targets(),
        ["/a%20b", "/a%20b"],
        "the cell is the URL, whatever is in it"
    );
}

#[test]
fn a_row_is_on_the_line_where_it_begins() {
    let server = Server::always(ok("x"));
    let url = |path: &str| server.url(path);
    let table = format!(
        "\u{feff}url,note\r\n{},\"two\r\nlines\"\r\n\r\n,\r\n{},\"\"\r\n{},x",
        url("/a"),
        url("/b"),
        url("/c")
    );
    for name in ["t.csv", "-"] {
        let out = csv()
            .args(["-j1", name])
            .file("t.csv", &table)
            .stdin(&table)
            .run();
        let records = out.exits(0).in_order();
        let lines: Vec<_> = records.iter().map(|record| &record["line"]).collect();
        assert_eq!(lines, [2, 6, 7], "{name}");
        assert_eq!(records[0]["meta"], json!({"note": "two\r\nlines"}));
        assert_eq!(records[1]["meta"], Value::Null);
    }
    assert_eq!(server.targets(), ["/a", "/b", "/c", "/a", "/b", "/c"]);
}

#[test]
fn a_tsv_has_tabs_between_its_cells() {
    let server = Server::always(ok("x"));
    let table = format!(
        "id\turl\tcaption\n1\t{}\ta 5\" nail, \"new\"\n2\t{}\t\"a\ttab\"\n",
        server.url("/1,2"),
        server.url("/2")
    );
    let out = Fetch::jsonl()
        .args(["--input", "tsv", "-"])
        .stdin(table)
        .run()
        .exits(0);
    let meta: Vec<_> = out.in_order().iter().map(|r| r["meta"].clone()).collect();
    assert_eq!(
        meta,
        [
            json!({"caption": "a 5\" nail, \"new\""}),
            json!({"caption": "a\ttab"})
        ]
    );
    assert_eq!(out.in_order()[0]["url"], server.url("/1,2"));
}

#[test]
fn a_bad_row_costs_one_record() {
    let server = Server::always(ok("x"));
    let url = server.url("/a");
    let long = "x".repeat(70_000);
    for (row, kind, reason) in [
        (
            format!("{url},a,b"),
            "invalid_input",
            "the row has 3 cells, and the table has 2 columns",
        ),
        (
            url.clone(),
            "invalid_input",
            "the row has 1 cell, and the table has 2 columns",
        ),
        (
            format!("{url},\"a"),
            "invalid_input",
            "a quote is not closed",
        ),
        (
            format!("{url},\"Stop\" sign"),
            "invalid_input",
            "text after a closing quote; double the quotes inside a cell",
        ),
        (
            format!("\"{url}\"x,a"),
            "invalid_input",
            "text after a closing quote; double the quotes inside a cell",
        ),
        (
            format!("{url},{long}"),
            "invalid_input",
            "longer than 65536 bytes",
        ),
        (",a".to_owned(), "invalid_url", "'url' is empty"),
        ("a@b.example,a".to_owned(), "invalid_url", "e-mail"),
        (
            "http://***@a.example/,a".to_owned(),
            "invalid_url",
            "the user name and the password are masked",
        ),
    ] {
        let table = format!("url,note\n{url},1\n{row}\n{url},2\n");
        let records = csv().arg("-").stdin(table).run().exits(1).in_order();
        let bad = format!("error {kind}/input");
        assert_eq!(verdicts(&records), ["ok", &bad, "ok"], "{row}");
        assert!(
            records[1].message().starts_with("-:3: ") && records[1].message().contains(reason),
            "{}",
            records[1].message()
        );
        assert_eq!(records[2]["line"], 4);
    }
}

/// A quote that opens on one line and closes in the middle of another one.
#[test]
fn a_stray_quote_costs_the_rows_that_have_one() {
    let server = Server::always(ok("x"));
    let url = server.url("/a");
    let table = format!(
        "url,note\n{url},\"Hello\n{url},1\n{url},2\n{url},\"World\" said\n{url},\"a\n\"\"b\"\"\"\n"
    );
    for source in ["t.csv", "-"] {
        let out = csv()
            .file("t.csv", &table)
            .arg(source)
            .stdin(&table)
            .run()
            .exits(1);
        let records = out.in_order();
        let bad = "error invalid_input/input";
        assert_eq!(verdicts(&records), [bad, "ok", "ok", bad, "ok"], "{source}");
        let lines: Vec<_> = records.iter().map(|record| &record["line"]).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6]);
        assert_eq!(records[4]["meta"], json!({"note": "a\n\"b\""}));
    }
}

/// Captions that begin with a quote, as in tables that know no quotes.
#[test]
fn quotes_of_different_rows_do_not_make_one_row_of_them() {
    let server = Server::always(ok("x"));
    let url = server.url("/a");
    let table = format!(
        "url\tcaption\n{url}\t\"open\n{url}\t\"open, too\n{url}\t\"closed\" in the middle\n{url}\tnone \"of these\"\n"
    );
    let out = Fetch::jsonl()
        .args(["--input", "tsv", "-"])
        .stdin(table)
        .run()
        .exits(1);
    let bad = "error invalid_input/input";
    assert_eq!(verdicts(&out.in_order()), [bad, bad, bad, "ok"]);
}

#[test]
fn a_bad_row_shows_no_secret() {
    let table = format!(
        "url,headers,body\n\
         http://a.example/,\"{{\"\"X\"\": 1, \"\"Y\"\": \"\"{CANARY}\"\"}}\",\n\
         http://a.example/,{CANARY},\n\
         http://a.example/,,{CANARY},more\n\
         http://u:{CANARY}@[bad/,,\n\
         \"{CANARY},\n"
    );
    for format in ["text", "jsonl", "csv"] {
        let out = Fetch::new()
            .args(["--input", "csv", "--format", format, "-v", "-"])
            .stdin(&table)
            .run()
            .exits(1);
        assert_eq!(
            out.stdout().matches("invalid_").count(),
            5,
            "{}",
            out.stdout()
        );
    }
    for header in [
        format!("{CANARY}@x,name"),
        format!("http://u:{CANARY}@h/,x"),
    ] {
        csv().arg("-").stdin(header).run().exits(2);
    }
}

#[test]
fn a_table_without_a_url_column_is_refused_with_the_columns_that_there_are() {
    refused(
        "csv",
        "link,my caption\nURL,x\n",
        "no column 'url'; the columns are 'link', 'my caption'; rename one to url",
    );
    refused(
        "csv",
        "url;name\nURL;x\n",
        "no column 'url': the cells are separated by ';'; try: tr ';' '\\t' < t.csv | fetch - --input tsv",
    );
    refused(
        "csv",
        "url\tname\nURL\tx\n",
        "no column 'url': the cells are separated by tabs; use --input tsv",
    );
    refused(
        "tsv",
        "url,name\nURL,x\n",
        "no column 'url': the cells are separated by commas; use --input csv",
    );
    refused(
        "csv",
        "URL\nURL\n",
        "the table has no header; write the names of its columns on the first line, one of them url",
    );
    refused(
        "csv",
        "url,url\nURL,URL\n",
        "two columns have the name 'url'; rename one",
    );
}

#[test]
fn a_compressed_table_says_so() {
    let out = csv()
        .file("t.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03x\n")
        .arg("t.csv.gz")
        .run()
        .exits(2);
    assert_eq!(
        out.stderr(),
        "fetch: t.csv.gz: looks like gzip, not like a list of URLs; try: zcat t.csv.gz | fetch - --input csv\n"
    );
}

#[test]
fn a_table_of_lines_that_end_in_cr_says_so() {
    let table = "url,cap\rhttp://a.example/1,a\r";
    for name in ["t.csv", "-"] {
        let out = csv().file("t.csv", table).arg(name).stdin(table).run();
        let file = if name == "-" { "" } else { " < t.csv" };
        let hint = format!(
            "fetch: {name}: looks like lines that end in CR alone, not like a list of URLs; try: tr '\\r' '\\n'{file} | fetch - --input csv\n"
        );
        let out = out.exits(2);
        assert!(out.stderr().contains(&hint), "{}", out.stderr());
        assert_eq!(out.stdout(), "");
    }
}

#[test]
fn an_empty_table_is_an_empty_list() {
    for table in ["", "\n\n", "url,name\n", "\u{feff}"] {
        let out = csv()
            .file("t.csv", table)
            .args(["t.csv", "-"])
            .stdin(table)
            .run()
            .exits(0);
        assert!(out.stderr().contains("no URLs"), "{}", out.stderr());
        assert_eq!(out.records().len(), 0);
    }
}

#[test]
fn the_first_row_of_a_pipe_is_fetched_while_it_is_open() {
    let server = Server::always(ok("x"));
    let mut run = csv().stdin_open().spawn();
    run.write("id,url\n");
    run.write(format!("1,{}\n2,{}", server.url("/a"), server.url("/b")));
    assert_eq!(run.record()["id"], "1");
    run.write("\n");
    assert_eq!(run.record()["id"], "2");
    run.wait().exits(0);
}

#[test]
fn urls_on_the_command_line_are_no_table() {
    let server = Server::always(ok("x"));
    let out = csv()
        .file("t.csv", format!("url\n{}\n", server.url("/b")))
        .args([&server.url("/a"), "t.csv"])
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 2);
}

#[test]
fn a_report_in_csv_is_a_table() {
    let (server, refusing) = (Server::build().route("/a,b%22c", ok("x")), Refusing::new());
    let server = server.otherwise(answer(404, "no")).start();
    let list = format!(
        "{}\n{}\n{{\"url\": \"{}\"}}\n- {1}\nhttp://{}/\n127.0.0.1\tads.example\n{{\"url\": \"{0}\", \"nope\": 1}}\n",
        server.url("/a,b\"c"),
        server.url("/missing"),
        server.url("/with a space"),
        refusing.address()
    );
    for format in ["csv", "tsv"] {
        let report = Fetch::new()
            .args(["--format", format, "--ordered", "-"])
            .stdin(&list)
            .run()
            .exits(1);
        let out = Fetch::jsonl()
            .args(["--input", format, "report"])
            .file("report", report.stdout())
            .run()
            .exits(1);
        let records = out.in_order();
        assert_eq!(
            verdicts(&records),
            [
                "ok",
                "http_error 404",
                "http_error 404",
                "error invalid_url/input",
                "error connect/connect",
                "error invalid_url/input",
                "error invalid_input/input"
            ]
        );
        for refused in [&records[3], &records[5], &records[6]] {
            let reason = "refused in the run that wrote this report; take the line from its list";
            assert!(refused.message().ends_with(reason), "{refused}");
        }
        let outcomes: Vec<_> = records
            .iter()
            .map(|r| r["meta"]["outcome"].clone())
            .collect();
        assert_eq!(
            outcomes,
            [
                "ok",
                "http_error",
                "http_error",
                "error",
                "error",
                "error",
                "error"
            ]
        );
    }
}

#[test]
fn shards_of_a_table_have_each_row_once() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let rows: String = (0..60)
        .map(|n| format!("{n},http://127.0.0.{}:{}/{n}\n", n % 20 + 1, server.port()))
        .collect();
    let list: String = rows
        .lines()
        .map(|row| format!("{}\n", &row[row.find(',').unwrap() + 1..]))
        .collect();
    let mut all = Vec::new();
    for shard in ["0/3", "1/3", "2/3"] {
        let run = |fetch: Fetch, text: &str| {
            let out = fetch
                .args(["--shard", shard, "-w", "%{url}\\n", "-"])
                .stdin(text)
                .run();
            let mut urls: Vec<_> = out
                .exits(0)
                .lines()
                .iter()
                .map(|url| (*url).to_owned())
                .collect();
            urls.sort();
            urls
        };
        let of_table = run(
            Fetch::new().args(["--input", "csv"]),
            &format!("id,url\n{rows}"),
        );
        assert_eq!(of_table, run(Fetch::new(), &list), "as of a list");
        all.extend(of_table);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 60);
}

/// More rows of one host than wait in memory are read again, from the file or from a copy of what came from a pipe.
#[test]
fn rows_that_wait_for_a_host_come_back_as_they_were() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let port = server.port();
    let row = |n: usize| match n {
        // Of another host: it is found although so many wait before it.
        4_300 => format!("{n},http://127.0.0.2:{port}/{n},\"last \"\"row\"\"\"\n"),
        n => format!("{n},http://127.0.0.1:{port}/{n},\"a\nb, {n}\"\n"),
    };
    let rows: String = (0..=4_300).map(row).collect();
    let table = format!("id,url,note\n{rows}");
    for source in ["t.csv", "-"] {
        let out = csv()
            .args(["-j4", "--max-per-host", "2", source])
            .file("t.csv", &table)
            .stdin(&table)
            .run()
            .exits(0);
        let records = out.records();
        let other = records
            .iter()
            .position(|record| record["id"] == "4300")
            .unwrap();
        assert!(other < 4_000, "the other host came {other}th");
        for (n, record) in out.in_order().iter().enumerate().take(4_300) {
            assert_eq!(record.text("id"), n.to_string());
            assert_eq!(record["meta"], json!({"note": format!("a\nb, {n}")}));
            assert_eq!(record["line"], 2 + 2 * n);
        }
    }
}
