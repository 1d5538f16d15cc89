//! Bodies whose end is unclear.

use super::{answered, cases, raw};
use crate::support::Script;

/// An answer with these header lines and this body.
fn with(fields: &str, rest: &str) -> Script {
    raw(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{rest}"))
}

fn chunked(chunks: impl AsRef<str>) -> Script {
    with("Transfer-Encoding: chunked", chunks.as_ref())
}

cases! {
    c093_two_lengths_that_differ_are_no_answer:
        with("Content-Length: 1\r\nContent-Length: 2", "xx") => "error protocol/headers", ": the response has an invalid Content-Length";
    c094_two_lengths_that_differ_in_one_field_are_no_answer:
        with("Content-Length: 1, 2", "xx") => "error protocol/headers", ": the response has an invalid Content-Length";
    c095_a_negative_length_is_no_answer:
        with("Content-Length: -1", "x") => "error protocol/headers", ": the response has an invalid Content-Length";
    c096_a_length_with_a_sign_is_no_answer:
        with("Content-Length: +1", "x") => "error protocol/headers", ": the response has an invalid Content-Length";
    c097_a_length_in_hexadecimal_is_no_answer:
        with("Content-Length: 0x5", "hello") => "error protocol/headers", ": the response has an invalid Content-Length";
    c098_a_length_of_nothing_is_no_answer:
        with("Content-Length: ", "x") => "error protocol/headers", ": the response has an invalid Content-Length";
    c099_a_length_beyond_all_numbers_is_no_answer:
        with("Content-Length: 18446744073709551616", "x") => "error protocol/headers", ": the response has an invalid Content-Length";
    c100_a_body_shorter_than_its_length_is_a_failed_body:
        with("Content-Length: 10", "hello") => "error body/body", "before the end of the body";
    c101_no_body_where_there_is_a_length_is_a_failed_body:
        with("Content-Length: 10", "") => "error body/body", "before the end of the body";
    c102_a_length_beyond_all_bodies_is_a_failed_body:
        with("Content-Length: 9223372036854775807", "x") => "error body/body", "before the end of the body";
    c103_chunks_without_a_last_one_are_a_failed_body:
        chunked("5\r\nhello\r\n") => "error body/body", "before the end of the body";
    c104_a_chunk_that_breaks_off_is_a_failed_body:
        chunked("5\r\nhel") => "error body/body", "before the end of the body";
    c105_chunks_without_the_end_of_their_trailers_are_a_failed_body:
        chunked("5\r\nhello\r\n0\r\n") => "error body/body", "before the end of the body";
    c106_a_size_of_a_chunk_that_is_no_number_is_not_http:
        chunked("xyz\r\nhello\r\n0\r\n\r\n") => "error protocol/body", ": the body has an invalid chunk size";
    c107_a_negative_size_of_a_chunk_is_not_http:
        chunked("-1\r\nhello\r\n0\r\n\r\n") => "error protocol/body", ": the body has an invalid chunk size";
    c108_a_size_of_a_chunk_beyond_all_numbers_is_not_http:
        chunked("fffffffffffffffff\r\nhello") => "error protocol/body", ": the body has an invalid chunk size";
    c109_a_chunk_longer_than_its_size_is_not_http:
        chunked("5\r\nhello, world\r\n0\r\n\r\n") => "error protocol/body", "chunk";
    c110_a_line_feed_in_the_extension_of_a_chunk_is_not_http:
        chunked("5;a\nb\r\nhello\r\n0\r\n\r\n") => "error protocol/body", "chunk";
    c111_an_extension_of_a_chunk_without_end_is_not_http:
        Script::new().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;").repeat("x".repeat(4096), 0)
            => "error protocol/body", "chunk";
    c112_extensions_of_chunks_without_end_are_not_http:
        chunked(format!("1;{}\r\nx\r\n", "y".repeat(1000)).repeat(1000)) => "error protocol/body", "chunk";
    c113_trailers_without_end_are_not_http:
        Script::new().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n").repeat("x: y\r\n".repeat(100), 0)
            => "error protocol/body", "trailer";
    c114_chunks_over_http_1_0_are_no_answer:
        raw("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            => "error protocol/headers", ": the response has an unexpected Transfer-Encoding";
}

/// Asserts that the answer is ok and has this body.
#[track_caller]
fn reads(script: Script, args: &[&str], body: &str) {
    let args = [args, &["--body"]].concat();
    let record = answered(script, &args, "ok");
    assert_eq!(record["body"], body);
}

#[test]
fn c115_the_same_length_twice_is_one() {
    reads(
        with("Content-Length: 5\r\nContent-Length: 5", "hello"),
        &[],
        "hello",
    );
}

#[test]
fn c116_what_comes_after_the_length_is_not_of_the_body() {
    reads(with("Content-Length: 5", "hello, and more"), &[], "hello");
}

#[test]
fn c117_chunks_beat_a_length() {
    let both = "Content-Length: 3\r\nTransfer-Encoding: chunked";
    reads(with(both, "5\r\nhello\r\n0\r\n\r\n"), &[], "hello");
}

#[test]
fn c118_trailers_are_no_headers() {
    let chunks = "5\r\nhello\r\n0\r\nContent-Length: 1\r\nSet-Cookie: a=b\r\n\r\n";
    let record = answered(chunked(chunks), &["--body", "--headers"], "ok");
    assert_eq!(record["body"], "hello");
    assert!(record["headers"]["set-cookie"].is_null(), "{record}");
}

#[test]
fn c119_a_body_without_a_length_goes_to_the_end_of_the_connection() {
    reads(raw("HTTP/1.1 200 OK\r\n\r\nhello"), &[], "hello");
    reads(raw("HTTP/1.0 200 OK\r\n\r\nhello"), &[], "hello");
}

#[test]
fn c120_a_coding_of_the_transfer_that_is_not_chunked_hides_no_length() {
    let both = "Content-Length: 3\r\nTransfer-Encoding: identity";
    reads(with(both, "hello"), &[], "hello");
}

#[test]
fn c121_a_hundred_thousand_chunks_of_a_byte_are_a_body() {
    let chunks = "1\r\nx\r\n".repeat(100_000) + "0\r\n\r\n";
    let record = answered(chunked(chunks), &["-t", "0"], "ok");
    assert_eq!(record["size"], 100_000);
}

#[test]
fn c122_an_answer_without_content_has_none_whatever_it_says() {
    for (status, args, outcome) in [
        ("204 No Content", &["--body"][..], "ok"),
        ("304 Not Modified", &["--body"], "http_error 304"),
        ("200 OK", &["--body", "-I"], "ok"),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nhello");
        let record = answered(raw(answer), args, outcome);
        assert_eq!((&record["size"], &record["body"]), (&0.into(), &"".into()));
    }
}
