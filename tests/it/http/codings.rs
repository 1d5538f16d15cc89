//! `--compressed`: bodies are decoded within limits, and a truncated one is an error.

use std::io::Write as _;

use async_compression::tokio::bufread::{BrotliEncoder, ZstdEncoder};
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use futures::TryStreamExt as _;
use serde_json::Value;
use tokio_util::io::ReaderStream;

use crate::support::{Fetch, Server, record::RecordExt as _, reply};

/// Encodes a body.
pub(crate) fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    macro_rules! with {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new(), Compression::best());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }};
    }
    match coding {
        "gzip" | "x-gzip" => with!(GzEncoder),
        "deflate" => with!(ZlibEncoder),
        "raw deflate" => with!(DeflateEncoder),
        "br" => gathered(BrotliEncoder::new(body)),
        "zstd" => gathered(ZstdEncoder::new(body)),
        _ => body.to_vec(),
    }
}

fn gathered(reader: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let pieces: Vec<_> = runtime
        .block_on(ReaderStream::new(reader).try_collect())
        .unwrap();
    pieces.concat()
}

#[track_caller]
fn fetched(coding: &str, body: &[u8], args: &[&str]) -> Value {
    let server = Server::at("/a", reply(200, &[("Content-Encoding", coding)], body));
    Fetch::jsonl()
        .args(args)
        .arg(server.url("/a"))
        .run()
        .record()
}

#[test]
fn every_offered_coding_is_decoded() {
    let body = "hello, hello, hello ".repeat(5000);
    for coding in [
        "gzip", "deflate", "br", "zstd", "x-gzip", "GZIP", "identity",
    ] {
        let record = fetched(
            coding,
            &coded(&coding.to_lowercase(), body.as_bytes()),
            &["--compressed", "--body"],
        );
        assert_eq!(record.verdict(), "ok", "{coding}: {}", record["error"]);
        assert_eq!(
            (&record["body"], &record["size"]),
            (&body.as_str().into(), &body.len().into()),
            "{coding}"
        );
    }
}

#[test]
fn stacked_codings_are_decoded_in_reverse_order_up_to_five() {
    let plain = "hello, hello, hello ".repeat(5000);
    for (value, applied, ok) in [
        ("gzip, identity", &["gzip"][..], true),
        ("none", &[], true),
        ("", &[], true),
        ("identity, , none", &[], true),
        ("deflate, gzip", &["deflate", "gzip"], true),
        ("br,zstd , gzip", &["br", "zstd", "gzip"], true),
        ("gzip, gzip, gzip, gzip, gzip", &["gzip"; 5], true),
        ("gzip, gzip, gzip, gzip, gzip, gzip", &["gzip"; 6], false),
        ("gzip, unheard-of", &["gzip"], false),
    ] {
        let body = applied
            .iter()
            .fold(plain.clone().into_bytes(), |body, coding| {
                coded(coding, &body)
            });
        let record = fetched(value, &body, &["--compressed", "--body"]);
        if ok {
            assert_eq!(record.verdict(), "ok", "{value}: {}", record["error"]);
            assert_eq!(record["body"], plain, "{value}");
        } else {
            assert_eq!(record.verdict(), "error body/body", "{value}");
        }
    }
}

#[test]
fn data_after_the_end_of_any_coding_is_an_error() {
    let inner = [coded("deflate", b"hello"), b"more".to_vec()].concat();
    let record = fetched("deflate, gzip", &coded("gzip", &inner), &["--compressed"]);
    assert_eq!(record.verdict(), "error body/body");
    assert!(record.message().contains("deflate"), "{}", record.message());
}

#[test]
fn raw_deflate_is_decoded_as_browsers_do() {
    let record = fetched(
        "deflate",
        &coded("raw deflate", b"hello"),
        &["--compressed", "--body"],
    );
    assert_eq!(
        (record.verdict().as_str(), &record["body"]),
        ("ok", &"hello".into())
    );
}

#[test]
fn the_checksum_is_of_the_decoded_body() {
    let plain = fetched("identity", b"hello", &["--sha256"]);
    let record = fetched(
        "gzip",
        &coded("gzip", b"hello"),
        &["--compressed", "--sha256"],
    );
    assert_eq!(record["sha256"], plain["sha256"]);
}

#[test]
fn without_the_option_a_body_is_not_decoded() {
    let body = coded("gzip", &[b'x'; 10_000]);
    assert_eq!(fetched("gzip", &body, &[])["size"], body.len());
    assert_eq!(fetched("unheard-of", b"hello", &[]).verdict(), "ok");
}

#[test]
fn an_unknown_coding_is_a_body_error() {
    let record = fetched("unheard-of", b"hello", &["--compressed"]);
    assert_eq!(record.verdict(), "error body/body");
    assert!(
        record.message().contains("unheard-of"),
        "{}",
        record.message()
    );
}

#[test]
fn a_decompression_bomb_is_too_large() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let bomb = coded(coding, &vec![0; 50_000_000]);
        assert!(bomb.len() < 100_000, "{coding}: {}", bomb.len());
        let record = fetched(coding, &bomb, &["--compressed", "--max-filesize", "1M"]);
        assert_eq!(record.verdict(), "error too_large/body", "{coding}");
        assert!(
            record.message().contains("--max-filesize"),
            "{}",
            record.message()
        );
    }
}

#[test]
fn the_limit_counts_decoded_bytes() {
    let body = coded("gzip", &[b'x'; 1000]);
    assert_eq!(
        fetched("gzip", &body, &["--compressed", "--max-filesize", "1000"]).verdict(),
        "ok"
    );
    assert_eq!(
        fetched("gzip", &body, &["--compressed", "--max-filesize", "999"]).verdict(),
        "error too_large/body"
    );
    // The encoded body is larger than the decoded one.
    let noise: Vec<u8> = (0..=255).collect();
    let packed = coded("gzip", &noise);
    assert!(packed.len() > noise.len());
    assert_eq!(
        fetched("gzip", &packed, &["--compressed", "--max-filesize", "256"]).verdict(),
        "ok"
    );
}

#[test]
fn a_truncated_compressed_body_is_a_body_error() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let body = coded(coding, "hello, world; ".repeat(1000).as_bytes());
        for length in [1, body.len() / 2, body.len() - 1] {
            let record = fetched(coding, &body[..length], &["--compressed"]);
            assert_eq!(
                record.verdict(),
                "error body/body",
                "{coding}, {length} of {}",
                body.len()
            );
        }
    }
}

#[test]
fn a_body_that_is_not_in_its_coding_is_a_body_error() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let record = fetched(
            coding,
            b"<html>this is not packed at all, I fear</html>",
            &["--compressed"],
        );
        assert_eq!(record.verdict(), "error body/body", "{coding}");
    }
    let mut body = coded("gzip", b"hello");
    let sum = body.len() - 6;
    body[sum] ^= 1;
    assert_eq!(
        fetched("gzip", &body, &["--compressed"]).verdict(),
        "error body/body",
        "a wrong sum"
    );
}

#[test]
fn an_empty_body_is_empty_in_every_coding() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let record = fetched(coding, b"", &["--compressed"]);
        assert_eq!(
            (record.verdict().as_str(), &record["size"]),
            ("ok", &0.into()),
            "{coding}: as curl and browsers"
        );
    }
}

#[test]
fn several_members_of_gzip_are_one_body() {
    let body = [coded("gzip", b"hello, "), coded("gzip", b"world")].concat();
    assert_eq!(
        fetched("gzip", &body, &["--compressed", "--body"])["body"],
        "hello, world"
    );
}
