//! Arbitrary input and answers: the run ends, with one record for each line.

use proptest::{
    collection::vec,
    prelude::{
        Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof,
        proptest,
    },
};

use crate::support::{Fetch, Script, Server, ok, port::Refusing};

/// Arbitrary bytes, mixed with those that have a meaning in a list.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let word = |word: &'static str| Just(word.as_bytes().to_vec());
    let piece = prop_oneof![
        vec(any::<u8>(), 0..12),
        "\\PC{0,8}".prop_map(String::into_bytes),
        word("\n"),
        word("\r\n"),
        word("# "),
        word("{\"url\":\""),
        word("\"}"),
        word("http://127.0.0.1:1/"),
        word("ftp://"),
        word("\u{feff}"),
        word("\u{1b}[31m\u{202e}\u{9b}"),
        word("\u{2028}\u{a0}\u{85}"),
        word("@[%zz?&=#"),
    ];
    vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

/// Bytes that cannot form a host name or an address.
const LEADS_NOWHERE: &[u8] = b"\n\n\r\0\t{}[]\",:/?#&=%\\ \x1b\xff\xf0";

/// The number of records for this input.
fn expected(input: &[u8]) -> usize {
    let input = input.strip_prefix("\u{feff}".as_bytes()).unwrap_or(input);
    let lines = input.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.trim_ascii().is_empty() && line.trim_ascii()[0] != b'#')
        .count()
}

/// Whether no line starts or ends with white space whose treatment is open to debate.
fn is_plain_about_white_space(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    text.split('\n').all(|line| {
        line.trim() == line.trim_matches(|character: char| character.is_ascii_whitespace())
    })
}

/// Whether the location names no host that would have to be looked up.
fn stays_here(location: &str) -> bool {
    !location.contains("//") && !location.contains('\\') && !location.contains(':')
}

fn few(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(few(96))]

    #[test]
    fn any_input_gives_one_record_a_line(input in soup().prop_filter("white space", |input| is_plain_about_white_space(input))) {
        let out = Fetch::jsonl().args(["--default-scheme", "http", "--dry-run", "-"]).stdin(&input).run();
        prop_assert!([0, 1].contains(&out.code()), "{}", out.stderr());
        let count = expected(&input);
        let noun = if count == 1 { "input" } else { "inputs" };
        prop_assert!(out.stdout().starts_with(&format!("{count} {noun}, ")), "{count}: {}", out.stdout());
    }

    #[test]
    fn any_input_that_leads_nowhere_else_is_fetched_line_by_line(
        pieces in vec(prop_oneof![
            3 => Just(None),
            7 => vec(prop::sample::select(LEADS_NOWHERE.to_vec()), 1..6).prop_map(Some),
        ], 0..30),
    ) {
        let server = Server::build().otherwise(ok("x")).may_stay_unasked().start();
        let url = server.url("/").into_bytes();
        let input: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.unwrap_or_else(|| url.clone())).collect();
        let out = Fetch::jsonl().args(["-j", "4", "-"]).stdin(&input).run();
        prop_assert!([0, 1].contains(&out.code()), "{}", out.stderr());
        prop_assert_eq!(out.records().len(), expected(&input));
    }

    #[test]
    fn any_lines_that_are_no_urls_give_one_record_each(
        lines in vec("\\PC{1,20}", 1..8).prop_filter("comments", |lines| lines.iter().all(|line| !line.trim().is_empty()))
    ) {
        let list: String = lines.iter().map(|line| format!("ftp://{line}\n")).collect();
        for args in [&["--json"][..], &["--format", "csv"], &["--format", "tsv"], &["--format", "text"], &["-w", "%{index} %{url}"]] {
            let out = Fetch::new().args(args).arg("-").stdin(&list).run().exits(1);
            let header = usize::from(args.contains(&"csv") || args.contains(&"tsv"));
            prop_assert_eq!(out.lines().len(), lines.len() + header, "{}", out.stdout());
        }
    }

    #[test]
    fn any_bytes_of_a_server_give_one_record(answer in vec(any::<u8>(), 0..300), closes in any::<bool>()) {
        end_in_one_record(answer, closes);
    }

    #[test]
    fn any_bytes_after_a_good_start_give_one_record(
        start in prop_oneof![
            Just("HTTP/1.1 200 OK\r\n"), Just("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Just("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\u{8b}"), Just("HTTP/1.1 302 X\r\nLocation: "),
            Just("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n"), Just("HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n\r\n"),
            Just("HTTP/1.1 200 OK\r\nContent-Length: "), Just("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 "), Just("HTTP/1.1 1"),
        ],
        rest in vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b':')], 0..200),
        closes in any::<bool>(),
    ) {
        end_in_one_record([start.as_bytes(), &rest].concat(), closes);
    }

    #[test]
    fn any_location_gives_one_record(location in "[ -~\u{80}-\u{2fff}]{0,40}".prop_filter("another host", |location| stays_here(location))) {
        let server = Server::build()
            .route("/a", Script::new().send(format!("HTTP/1.1 302 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")))
            .start();
        let out = Fetch::jsonl().args(["-t", "5", "--max-redirs", "1", &server.url("/a")]).run();
        prop_assert!([0, 1].contains(&out.code()));
        out.record();
    }
}

/// Asserts that the URL gets one record, which is all that is promised about such a server.
fn end_in_one_record(answer: Vec<u8>, closes: bool) {
    let script = Script::new().send(answer);
    let script = if closes {
        script.close()
    } else {
        script.silence()
    };
    let server = Server::always(script);
    let out = Fetch::jsonl()
        .args([
            "--compressed",
            "--body",
            "--headers",
            "-t",
            "300ms",
            &server.url("/a"),
        ])
        .run();
    assert!([0, 1].contains(&out.code()), "{}", out.stderr());
    assert_eq!(out.records().len(), 1);
}

#[test]
fn refused_urls_give_one_record_each() {
    let refusing = Refusing::new();
    let list: String = (0..200)
        .map(|number| format!("http://{}/{number}\n", refusing.address()))
        .collect();
    let out = Fetch::jsonl().stdin(list).run().exits(1);
    assert_eq!(out.records().len(), 200);
}
