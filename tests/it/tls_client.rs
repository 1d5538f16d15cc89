//! Certificates of the client: `--cert` and `--key`.

use serde_json::Value;

use crate::{
    options::refused,
    support::{CANARY, Fetch, Server, ok, redirect, tls, tls::Identity},
};

fn demanding() -> Server {
    Server::build()
        .tls(tls::demanding())
        .otherwise(ok("x"))
        .start()
}

/// With `cert.pem` and `key.pem`.
fn with_files(certificate: &str, key: &str) -> Fetch {
    Fetch::jsonl()
        .trusting()
        .file("cert.pem", certificate)
        .file("key.pem", key)
}

#[test]
fn a_server_that_demands_a_certificate_gets_it() {
    let server = demanding();
    let Identity { certificate, key } = Identity::new();
    with_files(&certificate, &key)
        .args(["--cert", "cert.pem", "--key", "key.pem"])
        .arg(server.url("/a"))
        .run()
        .exits(0);
    assert_eq!(server.targets(), ["/a"]);
}

#[test]
fn the_key_may_be_in_the_same_file_before_or_behind() {
    let server = demanding();
    let Identity { certificate, key } = Identity::new();
    let texts = [
        format!("{certificate}{key}"),
        format!("{key}{certificate}"),
        // The chain may go up to the authority.
        format!("{certificate}{}{key}", tls::authority()),
    ];
    for text in texts {
        with_files(&text, "")
            .args(["--cert", "cert.pem", &server.url("/a")])
            .run()
            .exits(0);
    }
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_key_of_its_own_beats_that_of_the_same_file() {
    let server = demanding();
    let Identity { certificate, key } = Identity::new();
    let both = certificate + &Identity::new().key;
    with_files(&both, &key)
        .args(["--cert", "cert.pem", "--key", "key.pem"])
        .arg(server.url("/a"))
        .run()
        .exits(0);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn without_one_it_is_an_error_of_tls() {
    let server = demanding();
    let record = Fetch::jsonl()
        .trusting()
        .args(["--retry", "2", &server.url("/a")])
        .run()
        .exits(1)
        .record();
    assert_eq!(record["error"]["kind"], "tls", "{record}");
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn one_that_the_server_does_not_believe_is_an_error_of_tls() {
    let server = demanding();
    let Identity { certificate, key } = Identity::of_a_stranger();
    let record = with_files(&certificate, &key)
        .args(["--cert", "cert.pem", "--key", "key.pem"])
        .arg(server.url("/a"))
        .run()
        .exits(1)
        .record();
    assert_eq!(record["error"]["kind"], "tls", "{record}");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_server_that_demands_none_is_no_trouble() {
    let server = Server::build().tls(tls::here()).otherwise(ok("x")).start();
    let plain = Server::always(ok("x"));
    let Identity { certificate, key } = Identity::new();
    with_files(&certificate, &key)
        .args(["--cert", "cert.pem", "--key", "key.pem"])
        .args([server.url("/a"), plain.url("/a")])
        .run()
        .exits(0);
}

#[test]
fn it_is_shown_whoever_the_server_is() {
    let server = demanding();
    let Identity { certificate, key } = Identity::new();
    // Both options at once: who shows a certificate need not believe one.
    Fetch::jsonl()
        .file("both.pem", certificate + &key)
        .args(["-k", "--cert", "both.pem", &server.url("/a")])
        .run()
        .exits(0);
    Fetch::jsonl()
        .file("roots.pem", tls::stranger())
        .args(["--cacert", "roots.pem", &server.url("/a")])
        .run()
        .exits(1);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_host_that_a_redirect_leads_to_gets_it_too() {
    let last = demanding();
    let first = Server::build()
        .tls(tls::demanding())
        .otherwise(redirect(302, &last.url_as("localhost", "/b")))
        .start();
    let Identity { certificate, key } = Identity::new();
    let record = with_files(&(certificate + &key), "")
        .args(["--cert", "cert.pem", &first.url("/a")])
        .run()
        .exits(0)
        .record();
    assert_eq!(record["redirects"], 1);
    assert_eq!(last.targets(), ["/b"]);
}

#[test]
fn all_connections_show_it() {
    let server = demanding();
    let Identity { certificate, key } = Identity::new();
    let out = with_files(&(certificate + &key), "")
        .args(["--cert", "cert.pem", "-j4"])
        .stdin(server.list(20))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 20);
    assert!(
        out.records()
            .iter()
            .all(|record| record["error"] == Value::Null)
    );
}

#[test]
fn a_key_without_a_certificate_is_a_mistake() {
    let Identity { key, .. } = Identity::new();
    let fetch = with_files("", &key).args(["--key", "key.pem", "http://127.0.0.1/"]);
    refused(fetch, "--cert");
}

#[test]
fn a_certificate_without_a_key_is_a_mistake() {
    let Identity { certificate, .. } = Identity::new();
    let fetch = with_files(&certificate, "").args(["--cert", "cert.pem", "http://127.0.0.1/"]);
    refused(fetch, "--cert");
}

#[test]
fn a_certificate_that_cannot_be_used_is_a_mistake() {
    let Identity { certificate, key } = Identity::new();
    let secret = format!("-----BEGIN CERTIFICATE-----\n{CANARY}=\n-----END CERTIFICATE-----\n");
    let texts = [
        "",
        CANARY,
        &key,
        &certificate[..100],
        &certificate.replace("-----\nM", "-----\n!"),
        &secret,
    ];
    for text in texts {
        let fetch = with_files(text, &key)
            .args(["--cert", "cert.pem", "--key", "key.pem"])
            .arg("http://127.0.0.1/");
        refused(fetch, "--cert");
    }
    for name in ["missing.pem", "."] {
        let fetch = with_files("", &key)
            .args(["--cert", name, "--key", "key.pem"])
            .arg("http://127.0.0.1/");
        refused(fetch, "--cert");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_a_mistake() {
    let Identity { certificate, key } = Identity::new();
    let secret = format!("-----BEGIN PRIVATE KEY-----\n{CANARY}=\n-----END PRIVATE KEY-----\n");
    let texts = [
        "",
        CANARY,
        &certificate,
        &key[..60],
        &secret,
        &secret.replace("PRIVATE", "ENCRYPTED PRIVATE"),
    ];
    for text in texts {
        let fetch = with_files(&certificate, text)
            .args(["--cert", "cert.pem", "--key", "key.pem"])
            .arg("http://127.0.0.1/");
        refused(fetch, "--key");
    }
    for name in ["missing.pem", "."] {
        let fetch = with_files(&certificate, "")
            .args(["--cert", "cert.pem", "--key", name])
            .arg("http://127.0.0.1/");
        refused(fetch, "--key");
    }
}

#[test]
fn a_key_of_another_certificate_is_a_mistake() {
    let Identity { certificate, .. } = Identity::new();
    let Identity { key, .. } = Identity::new();
    let fetches = [
        with_files(&certificate, &key).args(["--cert", "cert.pem", "--key", "key.pem"]),
        with_files(&(certificate + &key), "").args(["--cert", "cert.pem"]),
    ];
    for fetch in fetches {
        refused(fetch.arg("http://127.0.0.1/"), "--");
    }
}
