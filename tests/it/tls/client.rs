//! Client certificates: `--cert` and `--key`.

use serde_json::Value;

use crate::{
    cli::options::refused,
    support::{CANARY, Fetch, Server, ok, redirect, tls, tls::Identity},
};

fn demanding() -> Server {
    Server::build()
        .tls(tls::demanding())
        .otherwise(ok("x"))
        .start()
}

/// A run with these as `cert.pem` and `key.pem`.
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
        // The chain may include the authority.
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
fn without_a_certificate_it_is_a_tls_error() {
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
fn a_certificate_that_the_server_does_not_trust_is_a_tls_error() {
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
fn a_server_that_asks_for_no_certificate_is_fetched() {
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
fn the_certificate_is_shown_to_an_unverified_server_too() {
    let server = demanding();
    let Identity { certificate, key } = Identity::new();
    // The client certificate is independent of the verification of the server.
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
fn the_target_of_a_redirect_gets_the_certificate_too() {
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
fn every_connection_shows_the_certificate() {
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
fn a_key_without_a_certificate_is_a_usage_error() {
    let Identity { key, .. } = Identity::new();
    let fetch = with_files("", &key).args(["--key", "key.pem", "http://127.0.0.1/"]);
    refused(fetch, "--cert");
}

#[test]
fn a_certificate_without_a_key_is_a_usage_error() {
    let Identity { certificate, .. } = Identity::new();
    let fetch = with_files(&certificate, "").args(["--cert", "cert.pem", "http://127.0.0.1/"]);
    refused(fetch, "--cert");
}

#[test]
fn an_unusable_certificate_is_a_usage_error() {
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
fn an_unusable_key_is_a_usage_error() {
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
fn a_key_of_another_certificate_is_a_usage_error() {
    let Identity { certificate, .. } = Identity::new();
    let Identity { key, .. } = Identity::new();
    let fetches = [
        with_files(&certificate, &key).args(["--cert", "cert.pem", "--key", "key.pem"]),
        with_files(&(certificate + &key), "").args(["--cert", "cert.pem"]),
    ];
    for fetch in fetches {
        refused(
            fetch.arg("http://127.0.0.1/"),
            "key does not belong to the certificate",
        );
    }
}

#[test]
fn a_certificate_that_cannot_be_read_is_named() {
    let Identity { key, .. } = Identity::new();
    let garbage = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let both = ["--key", "key.pem"];
    for (text, key_too, said) in [
        (garbage, &both[..], "not a certificate"),
        ("text\n", &both, "contains no certificate in PEM format"),
        ("text\n", &[], "contains no certificate in PEM format"),
    ] {
        let fetch = with_files(text, &key).args(["--cert", "cert.pem", "http://127.0.0.1/"]);
        refused(fetch.args(key_too), &format!("--cert: cert.pem: {said}"));
    }
}

/// curl accepts `--cert FILE:PASSWORD`.
#[test]
fn a_password_behind_the_certificate_is_not_shown() {
    let Identity { certificate, key } = Identity::new();
    let long = format!("cert.pem:{CANARY}{}", "x".repeat(300));
    for cert in [
        &format!("cert.pem:{CANARY}"),
        &format!("cert.pem:{CANARY}:{CANARY}"),
        &format!("cert.pem:{CANARY}/{CANARY}"),
        &format!("./cert.pem:a:{CANARY}"),
        &format!("missing.pem:{CANARY}"),
        &long,
    ] {
        for key_too in [&[][..], &["--key", "key.pem"]] {
            let fetch = with_files(&(certificate.clone() + &key), &key)
                .args(["--cert", cert.as_str(), "http://127.0.0.1/"])
                .args(key_too);
            let out = refused(fetch, ".pem:***: ");
            assert!(out.stderr().contains("--cert"), "{}", out.stderr());
            assert!(out.stderr().contains("password"), "{}", out.stderr());
        }
    }
}

#[test]
fn the_name_of_the_file_may_have_a_colon() {
    let server = demanding();
    let Identity { certificate, key } = Identity::new();
    Fetch::jsonl()
        .trusting()
        .file("a:b.pem", certificate + &key)
        .args(["--cert", "a:b.pem", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(server.targets(), ["/a"]);
    let fetch = with_files("", "").file("a:b.pem", "");
    let fetch = fetch.args(["--cert", "a:b.pem", "http://127.0.0.1/"]);
    refused(fetch, "a:b.pem");
}

/// The current and the traditional form of an encrypted key of `openssl`.
#[test]
fn an_encrypted_key_is_reported_as_such() {
    let Identity { certificate, key } = Identity::new();
    let today = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let headers = "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233\n\n";
    let of_old = key
        .replace("PRIVATE", "EC PRIVATE")
        .replacen("KEY-----\n", headers, 1);
    for key in [today, of_old] {
        let fetches = [
            with_files(&certificate, &key).args(["--cert", "cert.pem", "--key", "key.pem"]),
            with_files(&(certificate.clone() + &key), "").args(["--cert", "cert.pem"]),
        ];
        for (fetch, option) in fetches.into_iter().zip(["--key", "--cert"]) {
            let out = refused(fetch.arg("http://127.0.0.1/"), option);
            assert!(out.stderr().contains("encrypted"), "{}", out.stderr());
        }
    }
}

/// A pipe can be read only once: `--cert <(…)`.
#[test]
fn a_pipe_may_hold_both() {
    let server = demanding();
    let Identity { certificate, key } = Identity::new();
    Fetch::jsonl()
        .trusting()
        .args(["--cert", "/dev/stdin", &server.url("/a")])
        .stdin(certificate + &key)
        .run()
        .exits(0);
    assert_eq!(server.targets(), ["/a"]);
}
