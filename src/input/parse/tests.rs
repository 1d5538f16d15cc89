//! Tests of what lines become.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn parsed(line: &str) -> Option<Box<Input>> {
    let defaults = Defaults::for_tests();
    let source = Arc::from("list");
    LineParser::new(&defaults).parse(&Line::Whole(line.as_bytes()), &source, None, 7, 0)
}

#[test]
fn what_is_asked_and_what_is_shown() {
    for (line, url, shown) in [
        ("http://a/x", "http://a/x", "http://a/x"),
        ("  http://a/x\t", "http://a/x", "http://a/x"),
        ("a.example/x", "https://a.example/x", "a.example/x"),
        (
            "localhost:8080",
            "https://localhost:8080/",
            "localhost:8080",
        ),
        ("HTTP://A/", "http://a/", "HTTP://A/"),
        ("http://u:p@a/x", "http://a/x", "http://***@a/x"),
        ("[::1]:8080/x", "https://[::1]:8080/x", "[::1]:8080/x"),
        ("http://a/x,y", "http://a/x,y", "http://a/x,y"),
        (
            r#"{"url": "http://a/My File.pdf"}"#,
            "http://a/My%20File.pdf",
            "http://a/My File.pdf",
        ),
        (
            r#"{"url": "ht\ttp://u:p@a/"}"#,
            "http://a/",
            "http://***@a/",
        ),
        (r#"{"url": "http://u@a/"}"#, "http://a/", "http://***@a/"),
    ] {
        let input = parsed(line).unwrap();
        assert_eq!(input.request.unwrap().url.as_str(), url, "{line:?}");
        assert_eq!(input.display_url, shown, "{line:?}");
    }
}

#[test]
fn a_bad_line_names_what_is_wrong_with_it() {
    for (line, reason) in [
        (
            "file:///x",
            "the scheme is 'file'; only http and https can be fetched",
        ),
        (
            r#"{"url": "http://a b/"}"#,
            "not a URL: the host contains a space",
        ),
        (
            r#"{"url": "http://a/", "id": 42}"#,
            "'id': the value is not a string; write it in quotes",
        ),
        (
            r#"{"url": "http://a/", "body": {"a": 1}}"#,
            "'body': the value is not a string; write it in quotes",
        ),
        (r#"{"url": null}"#, "'url': the value is not a string"),
        (
            r#"{"url": "http://a/", "headers": "A: b"}"#,
            "'headers': the value is not an object",
        ),
        (r#"{"url": ""}"#, "'url' is empty"),
        (
            r#"{"url": "http://a/"} x"#,
            "not a JSON object: text after the closing }, column 22",
        ),
        (
            "{url: 1}",
            "not a JSON object: keys need double quotes, column 2",
        ),
    ] {
        let failure = parsed(line).unwrap().request.unwrap_err();
        assert_eq!(failure.message, format!("list:7: {reason}"), "{line}");
    }
}

#[test]
fn what_is_no_request_says_why_and_shows_no_secret() {
    for (line, kind, shown, reason) in [
        ("http://", Kind::InvalidUrl, "http://", "host is empty"),
        ("http:///x", Kind::InvalidUrl, "http:///x", "no host"),
        ("/x", Kind::InvalidUrl, "/x", "no host"),
        ("ftp://a/", Kind::InvalidUrl, "ftp://a/", "'ftp'"),
        ("http:a", Kind::InvalidUrl, "http:a", "followed by //"),
        (
            "http://u:p@a:b/",
            Kind::InvalidUrl,
            "http://***@a:b/",
            "port",
        ),
        ("{", Kind::InvalidInput, "{…}", "is not closed"),
        (
            r#"{"url": 1}"#,
            Kind::InvalidInput,
            "{…}",
            "'url': the value is not a string",
        ),
        (
            r#"{"id": "x"}"#,
            Kind::InvalidInput,
            "{…}",
            "the key 'url' is missing",
        ),
        (
            r#"{"url": "http://u:p@a/", "headers": {"x": "secret"}, "nope": 1}"#,
            Kind::InvalidInput,
            "http://***@a/",
            "unknown key 'nope'",
        ),
        (
            r#"{"url": "http://a/", "sha256": "x"}"#,
            Kind::InvalidInput,
            "http://a/",
            "64 hexadecimal",
        ),
        (
            r#"{"url": "http://a/", "headers": {"Content-Length": "5"}}"#,
            Kind::InvalidInput,
            "http://a/",
            "Content-Length cannot be set; leave it out",
        ),
    ] {
        let input = parsed(line).unwrap();
        let failure = input.request.unwrap_err();
        assert_eq!(
            (failure.kind, input.display_url.as_str()),
            (kind, shown),
            "{line}"
        );
        let message = &failure.message;
        assert!(
            message.starts_with("list:7: ") && message.contains(reason),
            "{message}"
        );
    }
}

#[test]
fn what_may_be_a_secret_on_a_bad_line_is_not_shown() {
    for (line, shown) in [
        (
            "a.example\tFALSE\t/\tFALSE\t0\tsession\ts3cr3t",
            "a.example…",
        ),
        ("a.example\tFALSE\t/\tFALSE\t0\ts3cr3t", "a.example…"),
        ("1\t2\t3\t4\t5", "1\t2\t3\t4\t5"),
        (
            "header = \"Authorization: Bearer s3cr3t\"",
            "header = \"Authorization…",
        ),
        ("Cookie: s3cr3t", "Cookie…"),
        ("API_TOKEN=s3cr3t", "API_TOKEN…"),
        ("curl -u joe:s3cr3t http://a.example/", "curl -u …"),
        ("user = \"joe:s3cr3t\"", "user =…"),
        (
            "machine a.example login joe password s3cr3t",
            "machine a.example login joe password…",
        ),
        ("curl --user joe:s3cr3t http://a.example/", "curl --user …"),
        ("http://u:secret@a.example/ x", "http://…"),
        ("a.example\tFALSE\t/\tFALSE\t0\tsession\ts3c@r3t", "…"),
        ("API_TOKEN=s3c@r3t", "…"),
        ("my password", "my password"),
    ] {
        let input = parsed(line).unwrap();
        assert!(input.request.is_err(), "{line}");
        assert_eq!(input.display_url, shown, "{line}");
    }
}

#[test]
fn an_argument_is_one_url_and_never_a_comment() {
    let defaults = Defaults::for_tests();
    for (text, reason) in [
        (
            "http://a/1\nhttp://a/2",
            "white space inside; write %20 for a space, or one URL an argument",
        ),
        (
            "http://a/1\tx",
            "white space inside; write %20 for a space, or one URL an argument",
        ),
        ("#http://a/", "begins with #; write the URL alone"),
    ] {
        let mut parser = LineParser::new(&defaults);
        parser.are_arguments = true;
        let line = Line::Whole(text.as_bytes());
        let input = parser.parse(&line, &Arc::from("args"), None, 1, 0).unwrap();
        let failure = input.request.unwrap_err();
        assert_eq!(failure.kind, Kind::InvalidUrl, "{text:?}");
        assert_eq!(failure.message, format!("args:1: not a URL: {reason}"));
    }
}

#[test]
fn blank_lines_and_comments_are_no_inputs() {
    for line in ["", " \t", "# http://a/", "  #", "\u{3000}"] {
        assert!(parsed(line).is_none(), "{line:?}");
    }
}

#[test]
fn what_a_line_says_beats_the_options() {
    let line = r#"{"url": "http://u:p@a/", "headers": {"authorization": "x"}, "body": "b"}"#;
    let request = parsed(line).unwrap().request.unwrap();
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.authorization, None);
    assert_eq!(request.headers[AUTHORIZATION], "x");
    let content_type = request.body.as_ref().unwrap().content_type.clone();
    assert_eq!(content_type.unwrap(), "application/x-www-form-urlencoded");
}

/// Lines that hold something else than a URL, and what is said about them.
const NOT_URLS: &[(&str, &str)] = &[
    (
        "http://img.example/a.jpg\ta red car",
        "white space inside; for a table, use --input tsv or cut -f1",
    ),
    (
        "img.example/a.jpg\ta red car",
        "white space inside; for a table, use --input tsv or cut -f1",
    ),
    (
        "http://h.example/p2 name2.txt",
        "white space inside; write %20 for a space, or one URL a line",
    ),
    (
        "h.example/p2 name2.txt",
        "white space inside; write %20 for a space, or one URL a line",
    ),
    (
        "http://a.example/1 http://a.example/2",
        "white space inside; write one URL a line",
    ),
    (
        "a.example/1 a.example/2",
        "white space inside; write %20 for a space, or one URL a line",
    ),
    (
        "http://a.example/c1  # note",
        "white space inside; a comment stands on a line of its own",
    ),
    (
        "a.example/c1  # note",
        "white space inside; a comment stands on a line of its own",
    ),
    (
        "http://a.example/\rhttp://b.example/",
        "a carriage return inside, which ends no line; convert the list: tr '\\r' '\\n'",
    ),
    (
        "a.example\rb.example",
        "a carriage return inside, which ends no line; convert the list: tr '\\r' '\\n'",
    ),
    (
        "1,example.com",
        "no host name contains ','; for a table, use --input csv",
    ),
    (
        "1,http://example.com/",
        "no host name contains ','; for a table, use --input csv",
    ),
    (
        "url,source",
        "no host name contains ','; for a table, use --input csv",
    ),
    (
        "example.com,example.net",
        "no host name contains ','; for a table, use --input csv",
    ),
    ("url;source", "no host name contains ';'"),
    ("out=dir/f.txt", "no host name contains '='"),
    ("dir=/tmp", "no host name contains '='"),
    (
        "url=http://a.example/",
        "no scheme before ://; write the URL alone",
    ),
    (
        "127.0.0.1\tads.example.com",
        "white space inside; of a hosts file, take the names: awk '{print $2}'",
    ),
    (
        "mailto:a@b.example",
        "looks like an e-mail address; before a user name, write https://",
    ),
    (
        "a@b.example",
        "looks like an e-mail address; before a user name, write https://",
    ),
    (
        "u:p@a/x",
        "looks like an e-mail address; before a user name, write https://",
    ),
    ("\"http://a.example/\"", "begins with \"; remove the quotes"),
    ("\"a.example\"", "begins with \"; remove the quotes"),
    ("'http://a.example/'", "begins with '; remove the quotes"),
    ("'-x.example", "begins with '; remove it"),
    ("\"http://a.example/", "begins with \"; remove it"),
    ("<http://a.example/>", "begins with <; write the URL alone"),
    ("<a.example>", "begins with <; write the URL alone"),
    (
        "<loc>http://a.example/</loc>",
        "begins with <; write the URL alone",
    ),
    (
        "- http://a.example/",
        "begins with -; remove the list marker",
    ),
    ("- a.example", "begins with -; remove the list marker"),
    ("* Mosfet", "begins with *; remove the list marker"),
    ("*.example.com", "begins with *; remove the list marker"),
    (
        "Label: http://a.example/",
        "begins with other text; write the URL alone",
    ),
    ("[", "begins with [; write the URL alone"),
    ("['http://a/']", "begins with [; write the URL alone"),
    (
        "[text](http://a.example/)",
        "begins with [; write the URL alone",
    ),
    ("}", "begins with }; write the URL alone"),
    ("./page.html", "begins with .; write the URL alone"),
    ("http:/h", "'http:' must be followed by //"),
    ("http:\\\\h", "'http:' must be followed by //"),
    ("http:http://a.example/x", "'http:' must be followed by //"),
    ("HTTP:80://b.example/", "'http:' must be followed by //"),
    ("https:X://", "'https:' must be followed by //"),
    (
        "https:x?u=http://a.example/",
        "'https:' must be followed by //",
    ),
    (
        r#"{"url": "http:http://a.example/x"}"#,
        "'http:' must be followed by //",
    ),
    (
        r#"{"url": "ht\ttp:80://a.example/x"}"#,
        "'http:' must be followed by //",
    ),
    ("http:///h", "no host before the path"),
    ("https//a.example/", "a colon is missing after 'https'"),
    (
        "http://https://a.example/",
        "it has two schemes; remove one",
    ),
    ("http://http//a.example/", "it has two schemes; remove one"),
    ("http://", "the host is empty"),
    (":8080", "the host is empty"),
    ("%zz", "the host is not a valid name"),
    ("http://%zz/", "the host is not a valid name"),
    (
        "[fe80::1%eth0]/",
        "an IPv6 address with a zone (%) cannot be fetched",
    ),
    (
        "http://[fe80::1%25eth0]/",
        "an IPv6 address with a zone (%) cannot be fetched",
    ),
    ("http://[bad/", "the host is not a valid IPv6 address"),
    ("http://1.2.3.256/", "the host is not a valid IPv4 address"),
    ("a.example:http", "the port is not a number up to 65535"),
    (
        "http://a.example:65536/",
        "the port is not a number up to 65535",
    ),
    ("C:\\Users\\list.html", "no port after the colon"),
    ("file:/tmp/x", "no port after the colon"),
    ("a(b)", "no host name contains '('"),
    ("http://{/x", "no host name contains '{'"),
    ("http://a{b}.example/", "no host name contains '{'"),
    ("http://a%7bb.example/", "no host name contains '{'"),
    ("http://a`b.example/", "no host name contains '`'"),
    ("http://a\"b.example/", "no host name contains '\"'"),
    ("http://u:p@a=b.example/", "no host name contains '='"),
    (
        "http://a.example,web",
        "no host name contains ','; for a table, use --input csv",
    ),
    ("::1", "an IPv6 address stands in brackets; write [::1]"),
    (
        "2001:db8::1/x",
        "an IPv6 address stands in brackets; write [2001:db8::1]",
    ),
    ("http://a<b/", "the host contains '<'"),
    (
        "h\0t\0",
        "a NUL inside, which ends no line; convert the list: tr '\\0' '\\n'",
    ),
    (r#"{"url": "a.example,b"}"#, "no host name contains ','"),
    ("http://a\u{1}/", "the host contains a control character"),
    (
        r#"{"url": "127.0.0.1\tads.example.com"}"#,
        "the host contains a control character",
    ),
    (
        r#"{"url": "http://u@a.example\nb.example:80/x"}"#,
        "the host contains a control character",
    ),
    (
        r#"{"url": "http://a\r.example/"}"#,
        "the host contains a control character",
    ),
];

#[test]
fn a_line_that_means_something_else_says_what_to_write() {
    for (line, reason) in NOT_URLS {
        let failure = parsed(line).unwrap().request.unwrap_err();
        assert_eq!(failure.kind, Kind::InvalidUrl, "{line:?}");
        let expected = format!("list:7: not a URL: {reason}");
        assert_eq!(failure.message, expected, "{line:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever a line is, what is asked for is the URL that stands there, or nothing is.
    #[test]
    fn what_is_asked_for_is_what_stands_there(line in prop_oneof![
        "\\PC{0,20}",
        "[ \\t]{0,2}((http|https|HTTP|ftp|mailto)(://|:/|:|//)?)?([a-c@:é%.,;= \\t\r\\[\\]]{0,8}|127\\.1|u:p@a:80)([/?#][a-c %\\t#,/:]{0,8})?[ \\t]{0,2}",
    ]) {
        let Some(request) = parsed(&line).and_then(|input| input.request.ok()) else {
            return Ok(());
        };
        let text = line.trim();
        prop_assert!(!text.contains(|c: char| c.is_ascii_whitespace()), "{text:?}");
        let with_scheme = format!("https://{text}");
        let text = if text.contains("://") && Url::parse(text).is_ok() { text } else { &with_scheme };
        let mut url = Url::parse(text).unwrap();
        remove_userinfo(&mut url);
        prop_assert_eq!(request.url.as_str(), url.as_str());
    }
}
