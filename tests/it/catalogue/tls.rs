//! Servers with wrong certificates, or that break the TLS protocol.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rcgen::{DnType, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::Value;

use super::{beside, beside_with_a_limit};
use crate::support::{
    CANARY, Fetch, Limit, Script, Server, ok, openssl, record::RecordExt as _, tls,
};

const HERE: [&str; 2] = ["127.0.0.1", "localhost"];

/// Asserts that a server with this configuration is not trusted and gets no request.
#[track_caller]
fn distrusts(config: Arc<ServerConfig>, fetch: Fetch, said: &str) {
    let server = Server::build().tls(config).otherwise(ok("x")).start();
    let fetch = fetch.args(["-v", "-u", &format!("user:{CANARY}")]);
    let record = beside(fetch, &server.url("/a"), "error tls/connect");
    assert!(record.message().contains(said), "{}", record.message());
    assert!(server.requests().is_empty(), "{:?}", server.requests());
}

fn trusting() -> Fetch {
    Fetch::jsonl().trusting()
}

#[test]
fn c189_a_certificate_that_has_expired_is_not_trusted() {
    let mut params = tls::named(&HERE);
    params.not_after = date_time_ymd(2020, 1, 1);
    distrusts(
        tls::signed(&params, &[]),
        trusting(),
        ": the certificate expired on 2020-01-01",
    );
}

#[test]
fn c190_a_certificate_that_is_not_valid_yet_is_not_trusted() {
    let mut params = tls::named(&HERE);
    params.not_before = date_time_ymd(4000, 1, 1);
    distrusts(
        tls::signed(&params, &[]),
        trusting(),
        ": the certificate is not valid before 4000-01-01",
    );
}

#[test]
fn c191_a_certificate_of_another_name_is_not_trusted() {
    let config = tls::server(&["example.com", "127.0.0.2"], &[]);
    let said = ": the certificate is for example.com and 127.0.0.2, not 127.0.0.1";
    distrusts(config, trusting(), said);
    let many: Vec<_> = (0..8).map(|n| format!("{n}.test")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let said = "is for 0.test, 1.test, 2.test, 3.test, 4.test and 3 others, not 127.0.0.1";
    distrusts(tls::server(&many, &[]), trusting(), said);
}

#[test]
fn c192_a_certificate_of_a_wildcard_is_not_of_an_address() {
    let config = tls::server(&["*.0.0.1", "*"], &[]);
    distrusts(config, trusting(), "is for *.0.0.1 and *, not 127.0.0.1");
}

#[test]
fn c193_a_name_where_no_one_looks_for_it_any_more_is_none() {
    let mut params = tls::named(&["example.com"]);
    params
        .distinguished_name
        .push(DnType::CommonName, "127.0.0.1");
    distrusts(
        tls::signed(&params, &[]),
        trusting(),
        "is for example.com, not 127.0.0.1",
    );
}

#[test]
fn c194_a_certificate_of_an_unknown_authority_is_not_trusted() {
    distrusts(
        tls::here(),
        Fetch::jsonl(),
        "its issuer is unknown; use --cacert or --insecure",
    );
}

#[test]
fn c195_a_certificate_that_signed_itself_is_not_trusted() {
    let key = KeyPair::generate().unwrap();
    let certificate = tls::named(&HERE).self_signed(&key).unwrap();
    let config = tls::presenting(&certificate, &key, &[]);
    distrusts(
        config,
        trusting(),
        "its issuer is unknown; use --cacert or --insecure",
    );
}

#[test]
fn c196_a_certificate_of_the_right_name_with_the_key_of_another_is_not_trusted() {
    // The certificate names the authority, but another key signed it.
    let (key, forger) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = tls::named(&[]);
    authority
        .distinguished_name
        .push(DnType::CommonName, "authority of the tests");
    let issuer = rcgen::Issuer::new(authority, forger);
    let certificate = tls::named(&HERE).signed_by(&key, &issuer).unwrap();
    distrusts(
        tls::presenting(&certificate, &key, &[]),
        trusting(),
        "its signature is wrong",
    );
}

/// Accepts one connection and passes it to `serve`.
fn accepting(serve: impl FnOnce(TcpStream) + Send + 'static) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/a", listener.local_addr().unwrap());
    (
        url,
        thread::spawn(move || serve(listener.accept().unwrap().0)),
    )
}

/// Asserts the message about a server that reads the `ClientHello`, answers with these bytes, and closes the connection.
#[track_caller]
fn greeted_with(answer: &'static [u8], said: &str) {
    let (url, serving) = accepting(move |mut tcp| {
        let _ = tcp.read(&mut [0; 4096]);
        let _ = tcp.write_all(answer);
    });
    let record = beside(trusting(), &url, "error tls/connect");
    serving.join().unwrap();
    assert!(record.message().contains(said), "{}", record.message());
}

/// A `ServerHello` that chooses a version from TLS 1.0 to 1.2.
fn hello(version: u8) -> &'static [u8] {
    let mut body = vec![3, version];
    body.extend([7; 32]);
    // No session ID, an old cipher suite, no compression.
    body.extend([0, 0xc0, 0x13, 0]);
    let mut bytes = vec![22, 3, version, 0, 42, 2, 0, 0, 38];
    bytes.extend(body);
    bytes.leak()
}

#[test]
fn c197_a_handshake_cut_off_is_an_error_of_tls() {
    greeted_with(b"", "closed during the TLS handshake");
}

#[test]
fn c198_a_handshake_cut_off_within_a_record_is_an_error_of_tls() {
    greeted_with(&hello(3)[..20], "closed during the TLS handshake");
}

#[test]
fn c199_http_where_there_should_be_tls_is_an_error_of_tls() {
    greeted_with(
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        "does not speak TLS on this port: use http://",
    );
}

#[test]
fn c200_an_alert_is_an_error_of_tls() {
    for (alert, said) in [
        (
            b"\x15\x03\x01\x00\x02\x02\x28",
            "the server refused TLS: no common cipher or version",
        ),
        (
            b"\x15\x03\x01\x00\x02\x02\x30",
            "the server does not trust the client certificate",
        ),
        (
            b"\x15\x03\x01\x00\x02\x02\x46",
            "the server needs a TLS version before 1.2",
        ),
        (
            b"\x15\x03\x01\x00\x02\x02\x50",
            "the server refused TLS: internal error (alert 80)",
        ),
    ] {
        greeted_with(alert, said);
    }
}

#[test]
fn c201_a_server_of_tls_1_0_is_not_spoken_to() {
    greeted_with(hello(1), "TLS 1.2 or 1.3 is required");
}

#[test]
fn c202_a_server_of_tls_1_1_is_not_spoken_to() {
    greeted_with(hello(2), "TLS 1.2 or 1.3 is required");
}

#[test]
fn c203_a_suite_that_was_not_offered_is_an_error_of_tls() {
    greeted_with(
        hello(3),
        "TLS protocol: it chose a cipher that was not offered",
    );
}

#[test]
fn c204_a_greeting_that_bears_the_mark_of_a_downgrade_is_not_believed() {
    // RFC 8446, section 4.1.3: TLS 1.2 from a server that could do more.
    let mut greeting = hello(3).to_vec();
    greeting[35..43].copy_from_slice(b"DOWNGRD\x01");
    greeting[44..46].copy_from_slice(&[0xc0, 0x2b]);
    greeted_with(greeting.leak(), "as in a downgrade attack");
}

#[test]
fn c205_a_record_beyond_all_bounds_is_an_error_of_tls() {
    greeted_with(b"\x16\x03\x03\xff\xff", "TLS message that is not valid");
}

#[test]
fn c206_silence_in_the_handshake_ends_at_the_connect_timeout() {
    let server = Server::always(Script::new().silence());
    let url = server.url("/a").replace("http:", "https:");
    let fetch = |limit: Limit| trusting().args(["--connect-timeout", &limit.to_string()]);
    let record = beside_with_a_limit(fetch, &url, "error timeout/connect");
    assert!(
        record.message().contains("--connect-timeout"),
        "{}",
        record.message()
    );
}

/// Asserts the verdict about an answer over TLS that ends without `close_notify`, as if an attacker on the network had
/// truncated it.
#[track_caller]
fn cut_off(answer: &'static str, verdict: &str) {
    let (url, serving) = accepting(move |tcp| {
        let connection = ServerConnection::new(tls::here()).unwrap();
        let mut stream = StreamOwned::new(connection, tcp);
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(answer.as_bytes());
        let _ = stream.flush();
    });
    beside(trusting(), &url, verdict);
    serving.join().unwrap();
}

#[test]
fn c207_a_body_to_the_end_of_the_connection_needs_the_end_of_tls() {
    cut_off("HTTP/1.1 200 OK\r\n\r\nhello", "error body/body");
}

#[test]
fn c208_a_body_of_its_length_needs_no_end_of_tls() {
    cut_off("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "ok");
}

#[test]
fn c209_no_answer_and_no_end_of_tls_is_a_failed_connection() {
    cut_off("", "error connect/headers");
}

#[test]
fn c210_a_server_that_speaks_first_does_not_speak_http() {
    let mut config = ServerConfig::clone(&tls::here());
    // The server may send data together with its part of the handshake.
    config.send_half_rtt_data = true;
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/a", listener.local_addr().unwrap());
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tcp = tcp.unwrap();
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            while connection.wants_read() && !connection.wants_write() {
                connection.read_tls(&mut tcp).unwrap();
                connection.process_new_packets().unwrap();
            }
            let _ = connection.writer().write_all(b"220 mail.example ESMTP\r\n");
            while connection.wants_write() {
                connection.write_tls(&mut tcp).unwrap();
            }
            // Reads until the client closes the connection.
            let _ = std::io::copy(&mut tcp, &mut std::io::sink());
        }
    });
    let record = beside(trusting(), &url, "error connect/headers");
    assert!(
        record.message().contains("before the request"),
        "{}",
        record.message()
    );
}

/// Makes `key.pem` and a certificate of itself, of this kind of key.
fn of_itself(key: &str) -> String {
    format!("openssl req -x509 -newkey {key} -nodes -keyout key.pem -subj /CN=x -out cert.pem")
}

const P521: &str = "ec -pkeyopt ec_paramgen_curve:P-521";

/// Makes `ca.pem` and `ca.key`, an authority with a P-521 key, and a certificate that is signed by it, or by another
/// authority of the same name.
fn by_p521(hash: &str, key: &str, forged: bool) -> String {
    let authority = format!(
        "openssl req -x509 -newkey {P521} -nodes -keyout ca.key -subj /CN=ca -out ca.pem \
         -addext basicConstraints=critical,CA:true\n"
    );
    let leaf = format!(
        "openssl req -x509 -{hash} -CA ca.pem -CAkey ca.key -newkey {key} -nodes -keyout key.pem -subj /CN=x \
         -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:false -out cert.pem\n"
    );
    let other = if forged { authority.as_str() } else { "" };
    format!("{authority}{leaf}{other}")
}

/// The record of a server that shows the certificate of this script, next to healthy URLs.
#[track_caller]
fn shows(script: &str, args: &[&str], fetch: impl Fn(&str) -> Fetch, verdict: &str) -> Value {
    let server = openssl::serve(script, args);
    beside(
        fetch(&server.read("ca.pem")),
        &openssl::url(&server),
        verdict,
    )
}

/// Trusts the certificates of this file only.
fn given(roots: &str) -> Fetch {
    Fetch::jsonl()
        .file("roots.pem", roots)
        .args(["--cacert", "roots.pem"])
}

#[test]
fn c270_insecure_connects_whatever_the_certificate_is() {
    let first_version = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem \
                         -subj /CN=x -out asked.pem\n\
                         openssl x509 -req -in asked.pem -signkey key.pem -out cert.pem\n\
                         openssl x509 -in cert.pem -noout -text | grep 'Version: 1 '";
    let only_13: &[&str] = &["-tls1_3"];
    for (script, args) in [
        (first_version, only_13),
        (first_version, &["-tls1_2"]),
        (&of_itself(P521), only_13),
        (&of_itself("rsa-pss -pkeyopt rsa_keygen_bits:2048"), only_13),
        (
            &of_itself("rsa:1024"),
            &["-tls1_2", "-cipher", "DEFAULT@SECLEVEL=0"],
        ),
        (&of_itself("ed448"), only_13),
    ] {
        shows(script, args, |_| Fetch::jsonl().arg("-k"), "ok");
        shows(script, args, |_| trusting(), "error tls/connect");
    }
}

#[test]
fn c271_certificates_of_p521_are_verified() {
    for (hash, key, version) in [
        ("sha256", P521, "-tls1_3"),
        ("sha512", P521, "-tls1_3"),
        ("sha384", "ec -pkeyopt ec_paramgen_curve:P-256", "-tls1_2"),
        ("sha512", "rsa:2048", "-tls1_3"),
    ] {
        shows(&by_p521(hash, key, false), &[version], given, "ok");
    }
}

#[test]
fn c272_certificates_of_p521_that_another_signed_are_not_trusted() {
    for hash in ["sha256", "sha384", "sha512"] {
        let record = shows(&by_p521(hash, P521, true), &[], given, "error tls/connect");
        let message = record.message();
        assert!(message.contains("its signature is wrong"), "{message}");
    }
    let record = shows(
        &by_p521("sha512", P521, false),
        &[],
        |_| trusting(),
        "error tls/connect",
    );
    let message = record.message();
    assert!(message.contains("its issuer is unknown"), "{message}");
}

#[test]
fn c273_a_key_of_p521_must_have_signed_the_handshake() {
    // The server has the certificate of another one, not its key.
    let stolen = openssl::serve(&by_p521("sha512", P521, false), &[]);
    let certificate = CertificateDer::from_pem_slice(stolen.read("cert.pem").as_bytes()).unwrap();
    let config = tls::with_the_p521_key_of_another(certificate);
    let server = Server::build().tls(config).otherwise(ok("x")).start();
    let roots = stolen.read("ca.pem");
    let record = beside(given(&roots), &server.url("/a"), "error tls/connect");
    let message = record.message();
    assert!(message.contains("its signature is wrong"), "{message}");
    assert!(server.requests().is_empty());
    // Without verification, the certificate is worth nothing anyway.
    beside(Fetch::jsonl().arg("-k"), &server.url("/a"), "ok");
}

#[test]
fn c274_a_name_that_tls_does_not_know_is_told_with_the_rule() {
    let server = Server::build().may_stay_unasked().tls(tls::here()).start();
    let long = "a".repeat(64);
    let tls = "error tls/connect";
    for (host, verdict, rule) in [
        ("foo-.wild.test", tls, "a label ends in a hyphen"),
        ("-foo.wild.test", tls, "a label begins with a hyphen"),
        (
            &format!("{long}.test"),
            tls,
            "a label is longer than 63 characters",
        ),
        (
            "foo!.wild.test",
            "error invalid_url/input",
            "no host name contains '!'",
        ),
    ] {
        let resolve = format!("--resolve={host}:{}:127.0.0.1", server.port());
        let fetch = trusting().arg(resolve);
        let record = beside(fetch, &server.url_as(host, "/a"), verdict);
        assert!(record.message().contains(rule), "{}", record.message());
    }
    assert!(server.requests().is_empty());
}
