//! `--https-only`: for the URLs of the list and for every redirect.

use serde_json::{Value, json};

use crate::support::{Fetch, Server, ok, record::RecordExt as _, redirect, tls};

#[test]
fn an_http_url_is_blocked_and_nothing_is_sent() {
    let plain = Server::always(ok(""));
    let bare = format!("127.0.0.1:{}/c", plain.port());
    let list = format!(
        "{}\n{}\n{bare}\n{}\n",
        plain.url("/a"),
        plain.url("/b").replace("http:", "HTTP:"),
        json!({"url": plain.url("/d"), "id": "four"})
    );
    let out = Fetch::jsonl()
        .args(["--https-only", "--default-scheme", "http", "--retry", "3"])
        .stdin(list)
        .run()
        .exits(1);
    let records = out.in_order();
    assert_eq!(records.len(), 4);
    for record in &records {
        assert_eq!(record.verdict(), "error blocked/input", "{record}");
        assert_eq!(
            (&record["attempts"], &record["status"]),
            (&json!([]), &Value::Null)
        );
    }
    assert_eq!(records[3]["id"], "four");
    plain.assert_untouched();
}

#[test]
fn https_urls_are_fetched() {
    let safe = Server::build().tls(tls::here()).otherwise(ok("x")).start();
    let bare = format!("127.0.0.1:{}/b", safe.port());
    let out = Fetch::jsonl()
        .trusting()
        .arg("--https-only")
        .stdin(format!("{}\n{bare}\n", safe.url("/a")))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 2);
    assert_eq!(safe.requests().len(), 2);
}

#[test]
fn the_lines_around_a_blocked_one_are_fetched() {
    let safe = Server::build().tls(tls::here()).otherwise(ok("x")).start();
    let list = format!(
        "{}\nhttp://127.0.0.1:9/\n{}\n",
        safe.url("/a"),
        safe.url("/b")
    );
    let out = Fetch::jsonl()
        .trusting()
        .arg("--https-only")
        .stdin(list)
        .run()
        .exits(1);
    let verdicts: Vec<_> = out.in_order().iter().map(Value::verdict).collect();
    assert_eq!(verdicts, ["ok", "error blocked/input", "ok"]);
}

#[test]
fn a_redirect_out_of_tls_is_not_followed() {
    let plain = Server::always(ok(""));
    for status in [301, 302, 303, 307, 308] {
        let safe = Server::build()
            .tls(tls::here())
            .route("/a", redirect(status, "/b"))
            .route("/b", redirect(status, &plain.url("/c")))
            .start();
        let record = Fetch::jsonl()
            .trusting()
            .args(["--https-only", "--retry", "2", &safe.url("/a")])
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error redirect/headers", "{status}");
        assert_eq!(safe.targets(), ["/a", "/b"]);
    }
    plain.assert_untouched();
}

#[test]
fn a_redirect_within_tls_is_followed() {
    let last = Server::build().tls(tls::here()).otherwise(ok("x")).start();
    let first = Server::build()
        .tls(tls::here())
        .route("/a", redirect(302, &last.url("/b")))
        .route(
            "/schemeless",
            redirect(302, last.url("/c").trim_start_matches("https:")),
        )
        .start();
    Fetch::jsonl()
        .trusting()
        .args(["--https-only", "-j1"])
        .args([first.url("/a"), first.url("/schemeless")])
        .run()
        .exits(0);
    assert_eq!(last.targets(), ["/b", "/c"]);
}

#[test]
fn without_it_a_redirect_out_of_tls_is_followed() {
    let plain = Server::always(ok("x"));
    let safe = Server::build()
        .tls(tls::here())
        .otherwise(redirect(302, &plain.url("/b")))
        .start();
    Fetch::jsonl().trusting().arg(safe.url("/a")).run().exits(0);
    assert_eq!(plain.targets(), ["/b"]);
}

#[test]
fn a_redirect_that_is_not_followed_is_an_answer() {
    let safe = Server::build()
        .tls(tls::here())
        .otherwise(redirect(302, "http://127.0.0.1:9/"))
        .start();
    let record = Fetch::jsonl()
        .trusting()
        .args(["--https-only", "--max-redirs", "0", &safe.url("/a")])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "http_error 302");
}
