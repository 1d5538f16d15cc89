//! `--cacert` with the certificate of the server itself.

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::support::{Fetch, Server, ok, record::RecordExt as _, tls};

const HERE: &[&str] = &["127.0.0.1"];

/// A self-signed certificate of a CA, as `openssl req -x509` creates it.
fn self_signed(params: &CertificateParams) -> (Certificate, KeyPair) {
    let mut params = params.clone();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap(), key)
}

/// The outcome for a server that shows one certificate when another is given to `--cacert`.
fn verdict((shown, key): &(Certificate, KeyPair), given: &str) -> (String, String) {
    let config = tls::presenting(shown, key, &["http/1.1"]);
    let server = Server::build().tls(config).otherwise(ok("x")).start();
    let record = Fetch::jsonl()
        .file("given.pem", given)
        .args(["--cacert", "given.pem", &server.url("/")])
        .run()
        .record();
    (record.verdict(), record["error"].to_string())
}

#[test]
fn a_self_signed_certificate_is_trusted() {
    let plain = KeyPair::generate().unwrap();
    let certificate = tls::named(HERE).self_signed(&plain).unwrap();
    for server in [self_signed(&tls::named(HERE)), (certificate, plain)] {
        let (verdict, error) = verdict(&server, &server.0.pem());
        assert_eq!(verdict, "ok", "{error}");
    }
}

#[test]
fn a_certificate_without_its_issuer_is_trusted() {
    let mut params = tls::named(&[]);
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "an issuer");
    let issuer = Issuer::new(params, KeyPair::generate().unwrap());
    let key = KeyPair::generate().unwrap();
    let certificate = tls::named(HERE).signed_by(&key, &issuer).unwrap();
    let given = certificate.pem();
    assert_eq!(verdict(&(certificate, key), &given).0, "ok");
}

#[test]
fn another_name_or_time_or_certificate_is_not_trusted() {
    let mut old = tls::named(HERE);
    old.not_before = rcgen::date_time_ymd(2001, 1, 1);
    old.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let stranger = tls::named(&["example.com"]);
    for (params, said) in [(old, "xpired"), (stranger, ", not ")] {
        let server = self_signed(&params);
        let (verdict, error) = verdict(&server, &server.0.pem());
        assert_eq!(verdict, "error tls/connect");
        assert!(error.contains(said), "{error}");
    }
    let other = self_signed(&tls::named(HERE)).0.pem();
    let (verdict, error) = verdict(&self_signed(&tls::named(HERE)), &other);
    assert_eq!(verdict, "error tls/connect");
    assert!(
        error.contains("its issuer is unknown; use --cacert"),
        "{error}"
    );
}
