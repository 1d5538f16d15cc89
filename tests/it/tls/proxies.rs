//! `https://` proxies: what `-k`, `--cacert` and `--cert` mean for them.

use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    cli::options::refused,
    support::{
        Fetch, Server, ok,
        proxy::{PROXIED, proxy},
        record::RecordExt as _,
        tls::{self, Identity},
    },
};

const HTTP1: &[&str] = &["http/1.1"];

/// A proxy with a certificate of the authority of the tests.
fn safe_proxy() -> Server {
    let config = tls::server(&["127.0.0.1", "localhost", "proxy.test"], HTTP1);
    Server::build().tls(config).otherwise(proxy()).start()
}

/// A server of this name with an untrusted certificate.
fn unknown_origin(name: &str) -> Server {
    let key = KeyPair::generate().unwrap();
    let certificate = tls::named(&[name]).self_signed(&key).unwrap();
    let config = tls::presenting(&certificate, &key, HTTP1);
    Server::build().tls(config).otherwise(ok("origin")).start()
}

#[track_caller]
fn assert_not_believed(fetch: Fetch) {
    let fetch = fetch.args(["--retry", "1", "--retry-delay", "1ms"]);
    let record = fetch.run().exits(1).record();
    assert_eq!(record.verdict(), "error tls/connect");
    assert_eq!(record["attempts"].as_array().map(Vec::len), Some(1));
    let message = record.message();
    assert!(
        message.ends_with("certificate is not trusted: its issuer is unknown; use --cacert")
            || message.contains(": the certificate is not trusted")
            || message.contains(" certificate is for "),
        "{message}"
    );
}

#[test]
fn insecure_does_not_apply_to_a_proxy() {
    let (server, origin) = (safe_proxy(), unknown_origin("a.invalid"));
    let safe = origin.url_as("a.invalid", "/");
    for url in ["http://a.invalid/", &safe] {
        let fetch = || Fetch::jsonl().args(["-k", url]);
        assert_not_believed(fetch().args(["-x", &server.url("")]));
        for name in ["all_proxy", "ALL_PROXY"] {
            assert_not_believed(fetch().env(name, server.url("")));
        }
    }
    let of_scheme = [
        ("http_proxy", "http://a.invalid/"),
        ("https_proxy", &safe),
        ("HTTPS_PROXY", &safe),
    ];
    for (name, url) in of_scheme {
        assert_not_believed(Fetch::jsonl().args(["-k", url]).env(name, server.url("")));
    }
    assert_eq!(server.requests().len(), 0);
    origin.assert_untouched();
}

#[test]
fn a_proxy_must_have_the_key_of_its_certificate_even_where_servers_need_not() {
    let stolen = Identity::named(&["127.0.0.1"]);
    let certificate = CertificateDer::from_pem_slice(stolen.certificate.as_bytes()).unwrap();
    let config = tls::with_the_key_of_another(certificate);
    let server = Server::build().tls(config).otherwise(proxy()).start();
    let record = Fetch::jsonl()
        .trusting()
        .args(["-k", "-x", &server.url(""), "http://a.invalid/"])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error tls/connect");
    assert_eq!(server.requests().len(), 0);
    // As a server it is not verified at all.
    Fetch::jsonl().args(["-k", &server.url("/")]).run().exits(0);
}

#[test]
fn insecure_does_not_apply_to_a_proxy_in_any_spelling() {
    let server = safe_proxy();
    let port = server.port();
    for host in [
        "LOCALHOST",
        "127.1",
        "0x7f000001",
        "localh%6Fst",
        "user:pass@localhost",
        "ｌocalhost",
        "proxy.test.",
        "PROXY.test",
    ] {
        let fetch = Fetch::jsonl()
            .args(["-4", "-k", "-x", &format!("HTTPS://{host}:{port}")])
            .args(["--resolve", &format!("proxy.test:{port}:127.0.0.1")]);
        assert_not_believed(fetch.arg("http://a.invalid/"));
    }
    let config = tls::server(&["::1"], HTTP1);
    let over_ipv6 = Server::build().on_ipv6().tls(config).otherwise(proxy());
    let over_ipv6 = over_ipv6.start();
    for host in ["[::1]", "[0:0::1]"] {
        let url = format!("https://{host}:{}", over_ipv6.port());
        assert_not_believed(Fetch::jsonl().args(["-k", "-x", &url, "http://a.invalid/"]));
        let trusting = Fetch::jsonl().trusting();
        let trusting = trusting.args(["-k", "-x", &url, "http://a.invalid/"]);
        trusting.run().exits(0);
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn insecure_applies_to_origins_behind_a_trusted_proxy() {
    let (server, origin) = (safe_proxy(), unknown_origin("b.invalid"));
    let url = origin.url_as("a.invalid", "/");
    let through = || Fetch::jsonl().args(["-x", &server.url(""), &url]);
    assert_not_believed(through().trusting());
    let record = through().trusting().arg("-k").run().exits(0).record();
    assert_eq!(record["size"], "origin".len());
    through()
        .file("roots.pem", tls::authority())
        .args(["-k", "--cacert", "roots.pem"])
        .run()
        .exits(0);
    assert_eq!(origin.requests().len(), 2);
}

/// TLS configuration knows the peer by its name only.
#[test]
fn an_origin_with_the_name_of_the_proxy_is_verified() {
    let (server, origin) = (safe_proxy(), unknown_origin("localhost"));
    let through = |name: &str| {
        Fetch::jsonl()
            .trusting()
            .args(["-4", "-k", "-x", &server.url_as("localhost", "")])
            .arg(origin.url_as(name, "/"))
    };
    assert_not_believed(through("localhost"));
    through("127.0.0.1").run().exits(0);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn cacert_applies_to_a_proxy() {
    let server = safe_proxy();
    let believing = |pem: &str| {
        Fetch::jsonl()
            .file("roots.pem", pem)
            .args(["--cacert", "roots.pem", "-x", &server.url("")])
            .arg("http://a.invalid/")
    };
    // The system trusts the authority of the tests, and the file replaces it.
    assert_not_believed(believing(&tls::stranger()).trusting());
    assert_not_believed(believing(&tls::stranger()).trusting().arg("-k"));
    assert_eq!(server.requests().len(), 0);
    for option in [&[][..], &["-k"]] {
        let fetch = believing(&tls::authority()).args(option);
        assert_eq!(fetch.run().exits(0).record()["size"], PROXIED.len());
    }
}

#[test]
fn insecure_says_that_it_does_not_apply_to_the_proxy() {
    let server = safe_proxy();
    let out = Fetch::new()
        .trusting()
        .args(["-k", "-x", &server.url(""), "http://a.invalid/"])
        .run()
        .exits(0);
    assert!(out.stderr().contains("proxies"), "{}", out.stderr());
}

/// The certificate would be shown to the proxy, too.
#[test]
fn a_client_certificate_cannot_be_used_with_an_https_proxy() {
    let server = safe_proxy();
    let Identity { certificate, key } = Identity::new();
    let with_cert = || {
        Fetch::new()
            .trusting()
            .file("both.pem", certificate.clone() + &key)
            .args(["--cert", "both.pem", "http://a.invalid/"])
    };
    let refused = |fetch: Fetch, named: &str| {
        let out = refused(fetch, named);
        assert!(out.stderr().contains("--cert: "), "{}", out.stderr());
        assert_eq!(out.stderr().lines().count(), 1, "{}", out.stderr());
    };
    let url = server.url("").replace("https://", "HTTPS://u:p@");
    refused(with_cert().args(["-x", &url]), "--proxy");
    for name in [
        "http_proxy",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        refused(with_cert().env(name, &url), name);
    }
    server.assert_untouched();
}

#[test]
fn a_client_certificate_works_with_other_proxies() {
    let origin = Server::build()
        .tls(tls::demanding())
        .otherwise(ok("x"))
        .start();
    let (plain, unasked) = (Server::always(proxy()), safe_proxy());
    let Identity { certificate, key } = Identity::new();
    let with_cert = || {
        Fetch::new()
            .trusting()
            .file("both.pem", certificate.clone() + &key)
            .args(["--cert", "both.pem", &origin.url("/a")])
    };
    for fetch in [
        with_cert().args(["-x", &plain.url("")]),
        with_cert()
            .env("all_proxy", unasked.url(""))
            .args(["-x", ""]),
        with_cert()
            .env("all_proxy", unasked.url(""))
            .args(["--noproxy", "*"]),
    ] {
        fetch.run().exits(0);
    }
    assert_eq!((origin.requests().len(), plain.requests().len()), (3, 1));
    unasked.assert_untouched();
}
