//! Lists as people have them: which requests leave, how many lines are invalid, and which hint is given.
//!
//! To add one, put it into `corpus/`, with names below `.example` only, and add a line to the table.

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::{Fetch, Server, ok};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/input/corpus");

struct List {
    name: &'static str,
    args: &'static [&'static str],
    /// What a proxy is asked for.
    requests: &'static [&'static str],
    invalid: usize,
    /// How the hint begins, without the name of the list.
    hint: Option<&'static str>,
}

const fn list(
    name: &'static str,
    requests: &'static [&'static str],
    invalid: usize,
    hint: Option<&'static str>,
) -> List {
    List {
        name,
        args: &[],
        requests,
        invalid,
        hint,
    }
}

const TEXT: Option<&str> =
    Some("text with URLs in it, not like a list of URLs; try: grep -oE 'https?://[^]\"<>` )]+' ");
const MARKUP: Option<&str> =
    Some("XML or HTML, not like a list of URLs; try: grep -oE 'https?://[^\"<> ]+' ");
const CSV: Option<&str> = Some(
    "a table, not like a list of URLs; with a header that names the column url, try: fetch NAME --input csv",
);
const TSV: Option<&str> = Some(
    "a table, not like a list of URLs; with a header that names the column url, try: fetch NAME --input tsv",
);
const UTF_16: Option<&str> =
    Some("UTF-16, not like a list of URLs; try: iconv -f UTF-16 -t UTF-8 NAME | fetch -");

const LISTS: &[List] = &[
    list(
        "plain.txt",
        &[
            "http://img.example/1.jpg",
            "http://img.example/2.jpg?size=large",
            "http://img.example/3.jpg",
        ],
        0,
        None,
    ),
    list(
        "windows.txt",
        &["http://a.example/1", "http://a.example/2"],
        0,
        None,
    ),
    list(
        "no-final-newline.txt",
        &["http://a.example/1", "http://a.example/2"],
        0,
        None,
    ),
    list(
        "hosts-only.txt",
        &[
            "http://a.example/",
            "http://www.b.example/",
            "http://c.example:8080/",
            "http://192.0.2.1/",
            "http://[2001:db8::1]/",
            "http://xn--mnchen-3ya.example/",
        ],
        0,
        None,
    ),
    list("ranking.csv", &[], 3, CSV),
    // What stands there is a URL.
    list(
        "links.csv",
        &["http://a.example/1,web", "http://a.example/2,web"],
        1,
        CSV,
    ),
    list("pairs.csv", &[], 2, None),
    list("semicolons.csv", &["http://a.example/1;one"], 1, None),
    list("captions.tsv", &[], 3, TSV),
    list("captions.txt", &[], 3, TSV),
    list("ids.txt", &[], 3, TSV),
    list(
        "names.txt",
        &[],
        3,
        Some(
            "URLs with other words on their lines, not like a list of URLs; for a table, use --input csv|tsv; otherwise write one URL a line",
        ),
    ),
    list("two-a-line.txt", &[], 2, None),
    list("comments.txt", &["http://a.example/c3"], 2, None),
    list(
        "mac.txt",
        &[],
        1,
        Some(
            "lines that end in CR alone, not like a list of URLs; try: tr '\\r' '\\n' < NAME | fetch -",
        ),
    ),
    list(
        "aria2.txt",
        &["http://a.example/1", "http://a.example/2"],
        3,
        None,
    ),
    list("aria2-mirrors.txt", &[], 1, None),
    list(
        "hosts",
        &[],
        3,
        Some("a hosts file, not like a list of URLs; try: awk '!/^#/ {print $2}' NAME | fetch -"),
    ),
    list("addresses.txt", &[], 3, None),
    list("quoted.txt", &[], 4, None),
    list("brackets.txt", &[], 2, None),
    list("bullets.md", &[], 4, TEXT),
    list("links.md", &[], 3, TEXT),
    list("readme.md", &["http://a.example/docs"], 2, None),
    list("list.yml", &[], 4, TEXT),
    list("labels.txt", &[], 3, TEXT),
    list("numbered.txt", &[], 3, TEXT),
    list("commands.sh", &[], 2, None),
    list("curl.config", &[], 2, None),
    list("robots.txt", &[], 3, None),
    list(
        "array.json",
        &[],
        1,
        Some("a JSON array, not like a list of URLs; try: jq -r '.[]' NAME | fetch -"),
    ),
    list(
        "pretty-array.json",
        &[],
        4,
        Some("a JSON array, not like a list of URLs; try: jq -r '.[]' NAME | fetch -"),
    ),
    // One of its lines is a JSON line.
    list(
        "objects.json",
        &["http://a.example/2"],
        5,
        Some("a JSON array, not like a list of URLs; try: jq -r '.[].url' NAME | fetch -"),
    ),
    list(
        "object.json",
        &[],
        4,
        Some("JSON on several lines, not like a list of URLs; try: jq -c . NAME | fetch -"),
    ),
    list(
        "lines.jsonl",
        &["http://a.example/My%20File.pdf", "http://a.example/2"],
        0,
        None,
    ),
    list("wrong-types.jsonl", &[], 3, None),
    list("sitemap.xml", &[], 4, MARKUP),
    list("loc.txt", &["http://a.example/0"], 3, MARKUP),
    list("page.html", &["http://a.example/text"], 2, MARKUP),
    list(
        "list.gz",
        &[],
        1,
        Some("gzip, not like a list of URLs; try: zcat NAME | fetch -"),
    ),
    list("utf16le.txt", &[], 3, UTF_16),
    list("utf16be.txt", &[], 2, UTF_16),
    list(
        "utf16-no-mark.txt",
        &[],
        3,
        Some("UTF-16LE, not like a list of URLs; try: iconv -f UTF-16LE -t UTF-8 NAME | fetch -"),
    ),
    list("latin1.txt", &["http://a.example/2"], 1, None),
    list(
        "pointer.txt",
        &[],
        3,
        Some("a Git LFS pointer, not like a list of URLs; try: git lfs pull"),
    ),
    list(
        "cookies.txt",
        &[],
        1,
        Some("a cookie file, not like a list of URLs; name the list instead"),
    ),
    list(
        "spaces.txt",
        &["http://h.example/plain.pdf"],
        3,
        Some(
            "URLs with spaces in them, not like a list of URLs; for a table, use --input csv|tsv; for names of files, try: sed 's/^ *//; s/ *$//; s/ /%20/g' NAME | fetch -",
        ),
    ),
    list("slips.txt", &[], 10, None),
    list("odd-hosts.txt", &[], 9, None),
    list(
        "nuls.txt",
        &[],
        1,
        Some(
            "URLs with NULs between them, not like a list of URLs; try: tr '\\0' '\\n' < NAME | fetch -",
        ),
    ),
    list(
        "page.pdf",
        &[],
        3,
        Some("binary data, not like a list of URLs; the source is not text"),
    ),
    list("other-schemes.txt", &[], 8, None),
    list("hosts-with-slips.txt", &["http://a_b.example/ok"], 7, None),
    list("access.log", &[], 2, None),
    list("playlist.m3u", &["http://a.example/1.mp3"], 0, None),
    List {
        args: &["--input", "csv"],
        ..list(
            "table.csv",
            &["http://img.example/a%20b.jpg", "http://img.example/c.jpg"],
            1,
            None,
        )
    },
    List {
        args: &["--input", "csv"],
        ..list(
            "stray-quotes.csv",
            &[
                "http://a.example/3",
                "http://a.example/4",
                "http://a.example/6",
            ],
            3,
            None,
        )
    },
    List {
        args: &["--input", "tsv"],
        ..list("table.tsv", &["http://img.example/a.jpg"], 1, None)
    },
];

impl List {
    fn run(&self, args: &[&str]) -> Fetch {
        let bytes = fs::read(Path::new(FOLDER).join(self.name)).unwrap();
        Fetch::jsonl()
            .args(["-j1", "--ordered", "--default-scheme", "http", self.name])
            .args(self.args)
            .args(args)
            .file(self.name, bytes)
    }

    #[track_caller]
    fn assert_hint(&self, stderr: &str) {
        let start = format!("fetch: warning: {}: looks like ", self.name);
        let hints: Vec<_> = stderr
            .lines()
            .filter_map(|line| line.strip_prefix(&start))
            .collect();
        match (self.hint, hints.as_slice()) {
            (None, []) => {}
            (Some(expected), [hint]) if hint.starts_with(&expected.replace("NAME", self.name)) => {}
            (expected, hints) => panic!("{}: {hints:?}, not {expected:?}", self.name),
        }
    }
}

#[test]
fn a_list_asks_for_what_stands_in_it_and_for_nothing_else() {
    for list in LISTS {
        let server = Server::build()
            .otherwise(ok("x"))
            .may_stay_unasked()
            .start();
        let code = i32::from(list.invalid > 0);
        let out = list.run(&["-x", &server.url("")]).run().exits(code);
        assert_eq!(server.targets(), list.requests, "{}", list.name);
        let records = out.records();
        let is_invalid = |record: &&serde_json::Value| {
            let kind = record["error"]["kind"].as_str();
            matches!(kind, Some("invalid_url" | "invalid_input"))
        };
        let invalid = records.iter().filter(is_invalid).count();
        assert_eq!(
            (invalid, records.len()),
            (list.invalid, list.invalid + list.requests.len()),
            "{}: {}",
            list.name,
            out.stdout()
        );
        list.assert_hint(out.stderr());
    }
}

#[test]
fn a_dry_run_says_beforehand_what_a_list_is() {
    for list in LISTS {
        let out = list
            .run(&["--dry-run"])
            .run()
            .exits(i32::from(list.invalid > 0));
        let (valid, invalid) = (list.requests.len(), list.invalid);
        let inputs = valid + invalid;
        let noun = if inputs == 1 { "input" } else { "inputs" };
        let counted = format!("{inputs} {noun}, {valid} to fetch, {invalid} invalid");
        assert_eq!(out.lines()[0], counted, "{}", list.name);
        let shown = out
            .stderr()
            .lines()
            .filter(|line| line.contains(": invalid_"));
        assert_eq!(
            shown.count(),
            invalid.min(5),
            "{}: {}",
            list.name,
            out.stderr()
        );
        list.assert_hint(out.stderr());
    }
}

#[test]
fn every_list_of_the_folder_is_in_the_table() {
    let entries = fs::read_dir(FOLDER).unwrap();
    let names: BTreeSet<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let in_table: BTreeSet<_> = LISTS.iter().map(|list| list.name.to_owned()).collect();
    assert_eq!(names, in_table);
    assert_eq!(in_table.len(), LISTS.len());
}
