//! Verification of servers: `-k` and `--cacert`.

use std::sync::Arc;

use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::{
    cli::options::refused,
    support::{
        CANARY, Fetch, Server, http2, ok, port::Refusing, record::RecordExt as _, redirect, tls,
    },
};

const HTTP1: &[&str] = &["http/1.1"];

fn safe(config: Arc<ServerConfig>) -> Server {
    Server::build().tls(config).otherwise(ok("x")).start()
}

/// A run that trusts the certificates of this file only.
fn believing(pem: &str) -> Fetch {
    Fetch::jsonl()
        .file("roots.pem", pem)
        .args(["--cacert", "roots.pem"])
}

fn warnings(stderr: &str) -> usize {
    stderr
        .lines()
        .filter(|line| line.contains("warning"))
        .count()
}

#[test]
fn insecure_accepts_any_certificate() {
    let configs = [
        tls::here(),
        tls::server(&["example.com"], HTTP1),
        tls::expired(),
        tls::server(&[], HTTP1),
    ];
    for (config, option) in configs.into_iter().zip(["-k", "--insecure", "-k", "-k"]) {
        let server = safe(config);
        // Without the option it is not trusted.
        let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
        assert_eq!(record.verdict(), "error tls/connect");
        Fetch::new()
            .args([option, &server.url("/a")])
            .run()
            .exits(0);
        assert_eq!(server.targets(), ["/a"]);
    }
}

#[test]
fn an_expired_certificate_is_a_tls_error() {
    let server = safe(tls::expired());
    let record = Fetch::jsonl()
        .trusting()
        .arg(server.url("/a"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error tls/connect");
    let message = record.message().to_lowercase();
    assert!(message.contains("expired"), "{message}");
}

#[test]
fn insecure_warns_once_however_many_urls_there_are() {
    let server = safe(tls::here());
    let out = Fetch::new().arg("-k").stdin(server.list(20)).run().exits(0);
    assert_eq!(warnings(out.stderr()), 1, "{}", out.stderr());
    let warning = out.stderr().lines().find(|line| line.contains("warning"));
    assert!(warning.unwrap().contains("certificate"), "{}", out.stderr());
}

#[test]
fn insecure_does_not_warn_when_quiet() {
    let server = safe(tls::here());
    let out = Fetch::new()
        .args(["-k", "-q", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(out.stderr(), "");
}

#[test]
fn insecure_applies_to_every_redirect() {
    let last = safe(tls::server(&["example.com"], HTTP1));
    let first = Server::build()
        .tls(tls::expired())
        .otherwise(redirect(302, &last.url_as("localhost", "/b")))
        .start();
    let record = Fetch::jsonl()
        .args(["-k", &first.url("/a")])
        .run()
        .exits(0)
        .record();
    assert_eq!(record["redirects"], 1);
    assert_eq!(last.targets(), ["/b"]);
}

#[test]
fn insecure_wins_over_cacert() {
    let server = safe(tls::here());
    believing(&tls::stranger())
        .args(["-k", &server.url("/a")])
        .run()
        .exits(0);
}

#[test]
fn insecure_still_agrees_on_http2() {
    let server = Server::build()
        .tls(tls::server(&["example.com"], &["h2"]))
        .otherwise(http2::answer(b"two"))
        .start();
    let record = Fetch::jsonl()
        .args(["-k", &server.url("/a")])
        .run()
        .exits(0)
        .record();
    assert_eq!(
        (&record["http_version"], &record["size"]),
        (&json!("HTTP/2"), &json!(3))
    );
}

#[test]
fn cacert_trusts_an_authority() {
    let server = safe(tls::here());
    believing(&tls::authority())
        .arg(server.url("/a"))
        .run()
        .exits(0);
}

#[test]
fn every_authority_of_the_file_is_trusted() {
    let server = safe(tls::here());
    let texts = [
        tls::stranger() + &tls::authority(),
        tls::authority() + &tls::stranger(),
        format!("# the authority\n\n{}\nthe end\n", tls::authority()),
        tls::authority().replace('\n', "\r\n"),
        tls::Identity::new().key + &tls::authority(),
    ];
    for text in texts {
        believing(&text).arg(server.url("/a")).run().exits(0);
    }
}

#[test]
fn cacert_replaces_the_roots_of_the_system() {
    let server = safe(tls::here());
    // The system trusts the authority of the tests.
    let record = believing(&tls::stranger())
        .trusting()
        .arg(server.url("/a"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error tls/connect");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn cacert_does_not_accept_another_name() {
    let configs = [tls::server(&["example.com"], HTTP1), tls::expired()];
    for config in configs {
        let server = safe(config);
        let record = believing(&tls::authority())
            .arg(server.url("/a"))
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error tls/connect");
    }
}

#[test]
fn cacert_applies_to_every_redirect() {
    let last = safe(tls::server(&["localhost"], HTTP1));
    let wrong = safe(tls::server(&["example.com"], HTTP1));
    let first = Server::build()
        .tls(tls::here())
        .route("/a", redirect(302, &last.url_as("localhost", "/b")))
        .route("/wrong", redirect(302, &wrong.url("/c")))
        .start();
    let out = believing(&tls::authority())
        .args([first.url("/a"), first.url("/wrong")])
        .run()
        .exits(1);
    let records = out.in_order();
    let verdicts: Vec<_> = records.iter().map(Value::verdict).collect();
    assert_eq!(verdicts, ["ok", "error tls/connect"]);
    assert_eq!(records[1]["redirects"], 1);
    assert_eq!(wrong.requests().len(), 0);
}

#[test]
fn the_file_is_read_before_anything_is_sent() {
    let server = Server::always(ok(""));
    let der = rcgen::KeyPair::generate().unwrap().serialize_der();
    let begun = &tls::authority()[..200];
    let broken = tls::authority().replace("-----\nM", "-----\n!");
    let key = tls::Identity::new().key;
    let files = [
        ("empty.pem", &b""[..]),
        ("text.pem", CANARY.as_bytes()),
        ("binary.pem", &der),
        ("begun.pem", begun.as_bytes()),
        ("broken.pem", broken.as_bytes()),
        ("key.pem", key.as_bytes()),
        (
            "no-certificate.pem",
            b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
        ),
    ];
    for (name, bytes) in files {
        let fetch = Fetch::new()
            .file(name, bytes)
            .args(["--cacert", name, &server.url("/a")]);
        let out = refused(fetch, "--cacert");
        assert!(out.stderr().contains(name), "{}", out.stderr());
    }
    for name in ["missing.pem", "."] {
        let fetch = Fetch::new().args(["--cacert", name, &server.url("/a")]);
        refused(fetch, "--cacert");
    }
    server.assert_untouched();
}

#[test]
fn the_name_of_a_bad_file_is_shown_escaped() {
    let fetch = Fetch::new().args(["--cacert", "a\u{1b}[31m\u{202e}.pem", "http://127.0.0.1/"]);
    refused(fetch, "--cacert");
}

#[test]
fn a_tls_error_is_not_retried() {
    let server = safe(tls::here());
    let record = believing(&tls::stranger())
        .args(["--retry", "3", "--retry-delay", "1ms", &server.url("/a")])
        .run()
        .exits(1)
        .record();
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(server.connections(), 1);
}

/// Without TLS, its options change nothing.
#[test]
fn the_options_change_nothing_without_tls() {
    let server = Server::always(ok("x"));
    believing(&tls::authority())
        .args(["-k", &server.url("/a")])
        .run()
        .exits(0);
    let refusing = Refusing::new();
    let record = Fetch::jsonl()
        .args(["-k", &format!("https://{}/", refusing.address())])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error connect/connect");
}
