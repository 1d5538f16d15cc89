//! Compressed bodies that are malicious or malformed.

use super::{LIMIT, answered, beside, cases, raw};
use crate::{
    http::codings::coded,
    support::{Folder, Script, Server, record::RecordExt as _, reply},
};

const PLAIN: &[u8] = b"hello, world; hello, world; hello, world; hello";

/// An answer with this Content-Encoding.
fn said(coding: &str, body: &[u8]) -> Script {
    reply(200, &[("Content-Encoding", coding)], body)
}

/// 50 MB of zeros in 50 KB at most.
fn bomb(coding: &str) -> Script {
    let body = coded(coding, &vec![0; 50_000_000]);
    assert!(body.len() < 100_000, "{coding}: {}", body.len());
    said(coding, &body)
}

/// Half of a body.
fn half(coding: &str) -> Script {
    let body = coded(coding, &PLAIN.repeat(100));
    said(coding, &body[..body.len() / 2])
}

/// An answer with one bit flipped.
fn turned(coding: &str, from_end: usize) -> Script {
    let mut body = coded(coding, PLAIN);
    let at = body.len() - from_end;
    body[at] ^= 1;
    said(coding, &body)
}

fn trailing(coding: &str, what: &[u8]) -> Script {
    said(coding, &[&coded(coding, PLAIN), what].concat())
}

/// A body that starts with `beginning` and repeats `piece` for ever.
fn for_ever(coding: &str, beginning: &[u8], piece: &[u8]) -> Script {
    Script::new()
        .send(format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n"
        ))
        .send(beginning)
        .repeat(piece.repeat(4096 / piece.len()), 0)
}

cases! {
    c242_a_transfer_coding_beside_the_chunks_is_not_left_as_it_is:
        raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
        => "error body/body", "gzip, chunked";
    c243_a_transfer_coding_that_no_one_knows_is_not_left_as_it_is:
        raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
        => "error body/body", "xchunked";
    c244_a_coding_that_no_one_knows_of_nothing_does_no_harm ["--compressed"]:
        said("foo", b"") => "ok";
    c245_a_coding_that_no_one_knows_of_a_head_does_no_harm ["--compressed", "-I"]:
        raw("HTTP/1.1 200 OK\r\nContent-Encoding: foo\r\nContent-Length: 9\r\n\r\n") => "ok";
    c246_chunks_in_capitals_are_chunks:
        raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n") => "ok";
    c152_a_bomb_of_gzip_is_too_large ["--compressed", "--max-filesize", "1M"]:
        bomb("gzip") => "error too_large/body", "--max-filesize";
    c153_a_bomb_of_deflate_is_too_large ["--compressed", "--max-filesize", "1M"]:
        bomb("deflate") => "error too_large/body", "--max-filesize";
    c154_a_bomb_of_brotli_is_too_large ["--compressed", "--max-filesize", "1M"]:
        bomb("br") => "error too_large/body", "--max-filesize";
    c155_a_bomb_of_zstd_is_too_large ["--compressed", "--max-filesize", "1M"]:
        bomb("zstd") => "error too_large/body", "--max-filesize";
    c156_a_bomb_within_a_bomb_is_too_large ["--compressed", "--max-filesize", "1M"]:
        said("gzip, br", &coded("br", &coded("gzip", &vec![0; 50_000_000]))) => "error too_large/body", "--max-filesize";
    c157_two_fields_of_codings_are_as_one ["--compressed"]:
        reply(200, &[("Content-Encoding", "gzip"), ("Content-Encoding", "br")], coded("br", &coded("gzip", PLAIN))) => "ok";
    c158_an_unknown_coding_is_not_given_out_raw ["--compressed"]:
        said("compress", b"hello") => "error body/body", "compress";
    c159_a_coding_of_bytes_is_unknown ["--compressed"]:
        Script::new().send(b"HTTP/1.1 200 OK\r\nContent-Encoding: g\xff\r\nContent-Length: 1\r\n\r\nx")
            => "error body/body", "Content-Encoding";
    c160_half_of_gzip_is_a_failed_body ["--compressed"]: half("gzip") => "error body/body", "the body is not valid gzip: it ends too early";
    c161_half_of_deflate_is_a_failed_body ["--compressed"]: half("deflate") => "error body/body", "deflate";
    c162_half_of_brotli_is_a_failed_body ["--compressed"]: half("br") => "error body/body", "br";
    c163_half_of_zstd_is_a_failed_body ["--compressed"]: half("zstd") => "error body/body", "zstd";
    c164_a_wrong_sum_of_gzip_is_a_failed_body ["--compressed"]: turned("gzip", 6) => "error body/body", "gzip";
    c165_a_wrong_length_of_gzip_is_a_failed_body ["--compressed"]: turned("gzip", 1) => "error body/body", "gzip";
    c166_a_wrong_sum_of_deflate_is_a_failed_body ["--compressed"]: turned("deflate", 1) => "error body/body", "deflate";
    c167_garbage_after_gzip_is_a_failed_body ["--compressed"]:
        trailing("gzip", b"<html>garbage</html>") => "error body/body", "gzip";
    c168_garbage_after_zstd_is_a_failed_body ["--compressed"]:
        trailing("zstd", b"<html>garbage</html>") => "error body/body", "zstd";
    c169_garbage_after_deflate_is_a_failed_body ["--compressed"]:
        trailing("deflate", b"<html>garbage</html>") => "error body/body", "deflate";
    c170_garbage_after_brotli_is_a_failed_body ["--compressed"]:
        trailing("br", b"<html>garbage</html>") => "error body/body", "br";
    c171_text_that_is_said_to_be_gzip_is_a_failed_body ["--compressed"]:
        said("gzip", b"<html>hello</html>") => "error body/body", "the body is not valid gzip";
    c172_text_that_is_said_to_be_zstd_is_a_failed_body ["--compressed"]:
        said("zstd", b"<html>hello</html>") => "error body/body", "zstd";
    c173_a_window_of_zstd_that_asks_for_2_gib_is_a_failed_body ["--compressed"]:
        // No single segment, exponent 21: 2^31 bytes; then a raw block of one byte.
        said("zstd", b"\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00x") => "error body/body", "zstd";
    c174_members_of_gzip_without_end_and_content_end_at_the_timeout ["--compressed", "-t", LIMIT]:
        for_ever("gzip", b"", &coded("gzip", b"")) => "error timeout/body", "--timeout";
    c175_a_name_in_gzip_without_end_ends_at_the_timeout ["--compressed", "-t", LIMIT]:
        for_ever("gzip", b"\x1f\x8b\x08\x08\0\0\0\0\0\x03", b"name") => "error timeout/body", "--timeout";
    c176_empty_blocks_of_deflate_without_end_end_at_the_timeout ["--compressed", "-t", LIMIT]:
        for_ever("deflate", b"\x78\x9c", b"\0\0\0\xff\xff") => "error timeout/body", "--timeout";
    c177_empty_blocks_of_zstd_without_end_end_at_the_timeout ["--compressed", "-t", LIMIT]:
        for_ever("zstd", b"\x28\xb5\x2f\xfd\x00\x58", b"\0\0\0") => "error timeout/body", "--timeout";
    c178_frames_of_zstd_to_be_skipped_without_end_end_at_the_timeout ["--compressed", "-t", LIMIT]:
        for_ever("zstd", b"", b"\x50\x2a\x4d\x18\x04\0\0\0skip") => "error timeout/body", "--timeout";
    c179_empty_blocks_of_brotli_without_end_end_at_the_timeout ["--compressed", "-t", LIMIT]:
        // Window 2^16 and the first empty block of metadata; each byte 0x06 is one more.
        for_ever("br", b"\x0c", b"\x06") => "error timeout/body", "--timeout";
}

/// A complete body in this coding, in a truncated answer.
fn cut_off(coding: &str, framing: &str) -> Script {
    let body = coded(coding, PLAIN);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n{framing}\r\n\r\n");
    let chunked = framing.starts_with("Transfer");
    let size = if chunked {
        format!("{:x}\r\n", body.len())
    } else {
        String::new()
    };
    let end = if chunked { "\r\n" } else { "" };
    let parts = [head.as_bytes(), size.as_bytes(), &body, end.as_bytes()];
    raw(parts.concat())
}

cases! {
    c180_an_answer_cut_off_after_the_end_of_gzip_is_a_failed_body ["--compressed"]:
        cut_off("gzip", "Content-Length: 500") => "error body/body", "before the end of the body";
    c181_an_answer_cut_off_after_the_end_of_deflate_is_a_failed_body ["--compressed"]:
        cut_off("deflate", "Content-Length: 500") => "error body/body", "before the end of the body";
    c182_an_answer_cut_off_after_the_end_of_brotli_is_a_failed_body ["--compressed"]:
        cut_off("br", "Content-Length: 500") => "error body/body", "before the end of the body";
    c183_an_answer_cut_off_after_the_end_of_zstd_is_a_failed_body ["--compressed"]:
        cut_off("zstd", "Content-Length: 500") => "error body/body", "before the end of the body";
    c184_chunks_without_a_last_one_after_the_end_of_deflate_are_a_failed_body ["--compressed"]:
        cut_off("deflate", "Transfer-Encoding: chunked") => "error body/body", "before the end of the body";
    c185_content_over_the_length_of_the_coding_without_end_ends_as_an_error ["--compressed", "-t", LIMIT]:
        for_ever("br", &coded("br", PLAIN), b"garbage") => "error body/body", "br";
}

#[test]
fn c186_what_was_not_asked_to_be_unpacked_stays_packed() {
    let body = coded("gzip", &vec![0; 100_000]);
    let record = answered(said("gzip", &body), &[], "ok");
    assert_eq!(record["size"], body.len());
    let record = answered(said("unheard-of", b"hello"), &["--body"], "ok");
    assert_eq!(record["body"], "hello");
}

#[test]
fn c187_a_bomb_becomes_no_file() {
    let folder = Folder::new();
    let server = Server::always(bomb("gzip"));
    let fetch = folder
        .fetch()
        .args(["--compressed", "--max-filesize", "1M"]);
    let record = beside(fetch, &server.url("/a"), "error too_large/body");
    assert!(record.message().contains("1048576") || record.message().contains("1000000"));
    assert_eq!(folder.tree(), ["0", "1"]);
}

#[test]
fn c188_a_page_of_an_error_in_an_unknown_coding_is_an_error_all_the_same() {
    let script = reply(404, &[("Content-Encoding", "unheard-of")], "x");
    let record = answered(script, &["--compressed"], "error body/body");
    assert_eq!(record["status"], 404);
}
