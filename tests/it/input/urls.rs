//! Which lines are URLs, which are not, and how both are shown.

use serde_json::json;

use super::lines::{listed, verdicts};
use crate::support::{CANARY, Fetch, Server, ok, port::Refusing, record::RecordExt as _};

#[test]
fn a_line_without_a_scheme_gets_the_default_one() {
    let server = Server::always(ok("x"));
    let list = format!("127.0.0.1:{0}/a\nlocalhost:{0}/b\n", server.port());
    let out = Fetch::jsonl()
        .args(["--default-scheme", "http", "-"])
        .stdin(list)
        .run()
        .exits(0);
    assert_eq!(server.requests().len(), 2);
    assert_eq!(out.in_order()[0]["final_url"], server.url("/a"));
}

#[test]
fn the_default_scheme_is_https() {
    let refusing = Refusing::new();
    let out = Fetch::jsonl()
        .stdin(format!("{}/a", refusing.address()))
        .run()
        .exits(1);
    assert_eq!(
        out.record()["final_url"],
        format!("https://{}/a", refusing.address())
    );
}

#[test]
fn a_line_that_is_not_a_url_becomes_a_record_and_the_run_goes_on() {
    let server = Server::always(ok("x"));
    for bad in [
        "http://",
        "http://[::1",
        "http://a b/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://127.0.0.1:99999/",
    ] {
        let out = Fetch::jsonl()
            .stdin(format!("{bad}\n{}\n", server.url("/good")))
            .run()
            .exits(1);
        let records = out.in_order();
        assert_eq!(
            verdicts(&records),
            ["error invalid_url/input", "ok"],
            "{bad}"
        );
        assert_eq!(
            (records[0].text("url"), &records[0]["line"]),
            (bad, &1.into())
        );
        assert!(
            records[0]["attempts"].as_array().unwrap().is_empty() && records[0]["status"].is_null()
        );
    }
}

#[test]
fn a_bad_url_is_shown_cut_to_200_characters_and_without_userinfo() {
    let long = format!("http://[{}", "ü".repeat(500));
    let secret = format!("http://user:{CANARY}@[bad/");
    let records = listed(format!("{long}\n{secret}\n"));
    assert_eq!(
        records[0].text("url"),
        long.chars().take(200).collect::<String>()
    );
    assert_eq!(records[1].text("url"), "http://***@[bad/");
}

#[test]
fn userinfo_of_a_url_is_masked() {
    let server = Server::always(ok("x"));
    let url = server
        .url("/a")
        .replace("http://", &format!("http://user:{CANARY}@"));
    let record = Fetch::jsonl().args(["-v", &url]).run().exits(0).record();
    let masked = server.url("/a").replace("http://", "http://***@");
    assert_eq!(record["url"], masked);
    assert!(
        [&masked, &server.url("/a")].contains(&&record.text("final_url").to_owned()),
        "{record}"
    );
}

#[test]
fn passwords_in_malformed_urls_are_not_shown() {
    let lines = [
        format!("\"http://u:{CANARY}@h/\""),
        format!("git+https://u:{CANARY}@h/"),
        format!("http:/u:{CANARY}@h/"),
        format!("http://u:{CANARY}/x@h h/"),
    ];
    for line in &lines {
        let object = json!({ "url": line }).to_string();
        for line in [line, &object] {
            for format in ["text", "jsonl", "csv", "tsv"] {
                // The harness searches all output for the secret.
                Fetch::new()
                    .args(["--format", format, "-v", "--summary-file", "sum.json", "-"])
                    .stdin(line)
                    .run()
                    .exits(1);
            }
            Fetch::new().arg("--dry-run").stdin(line).run().exits(1);
            let record = Fetch::jsonl().stdin(line).run().exits(1).record();
            assert_eq!(record.verdict(), "error invalid_url/input", "{record}");
        }
    }
}

#[test]
fn the_password_in_the_name_of_a_missing_source_is_not_shown() {
    for source in [
        format!("u:{CANARY}@h/x"),
        format!("u:{CANARY}@h"),
        format!("u:{CANARY}/x@h/x"),
    ] {
        let out = Fetch::new().arg(source).run().exits(2);
        assert_eq!(out.stdout(), "");
        assert!(out.stderr().contains("@h"), "{}", out.stderr());
    }
}

#[test]
fn a_line_without_a_host_is_not_a_url_and_sends_nothing() {
    let server = Server::build().may_stay_unasked().start();
    let port = server.port();
    for scheme in ["http", "https"] {
        let list = format!(
            "/relative\nhttp:///x\n/127.0.0.1:{port}/x\n//127.0.0.1:{port}/x\nhttp:///127.0.0.1:{port}/x\n"
        );
        let out = Fetch::jsonl()
            .args(["--default-scheme", scheme, "-"])
            .stdin(list)
            .run()
            .exits(1);
        let records = out.in_order();
        assert_eq!(records.len(), 5);
        for record in records {
            assert_eq!(record.verdict(), "error invalid_url/input", "{record}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_url_that_is_too_long_to_be_sent_is_invalid() {
    let server = Server::always(ok("x"));
    let url = |length: usize| {
        let start = server.url("/");
        start.clone() + &"a".repeat(length - start.len())
    };
    let list = format!("{}\n{}\n", url(65_535), url(65_534));
    let records = Fetch::jsonl().stdin(list).run().exits(1).in_order();
    assert_eq!(records[0].verdict(), "error invalid_url/input");
    assert_eq!(records[0].text("url").chars().count(), 200);
    assert_eq!(records[1].verdict(), "ok");
    assert_eq!(server.requests().len(), 1);
}
