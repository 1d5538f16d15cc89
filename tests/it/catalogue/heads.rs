//! Heads of answers that are too large or malformed.

use std::fmt::Write as _;

use super::{answered, cases, raw};
use crate::support::{Script, reply};

/// An answer without content and with these header lines.
fn with(fields: impl AsRef<[u8]>) -> Script {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
    Script::new().send([head, fields.as_ref(), b"\r\n"].concat())
}

fn numbered(count: usize) -> String {
    (0..count).fold(String::new(), |mut fields, number| {
        let _ = write!(fields, "x-{number}: {number}\r\n");
        fields
    })
}

cases! {
    c061_five_thousand_fields_are_an_answer:
        with(numbered(4_999)) => "ok";
    c062_more_than_five_thousand_fields_are_none:
        with(numbered(5_001)) => "error protocol/headers", "too many headers (limit: 5,000 fields, 256 KiB)";
    c063_a_hundred_thousand_fields_are_none:
        with(numbered(100_000)) => "error protocol/headers", "too many headers (limit: 5,000 fields, 256 KiB)";
    c064_a_field_of_250_kib_is_an_answer:
        with(format!("x: {}\r\n", "x".repeat(250 << 10))) => "ok";
    c065_a_field_of_300_kib_is_none:
        with(format!("x: {}\r\n", "x".repeat(300 << 10))) => "error protocol/headers", "too many headers (limit: 5,000 fields, 256 KiB)";
    c066_a_field_without_end_is_none:
        Script::new().send("HTTP/1.1 200 OK\r\nx: ").repeat("x".repeat(4096), 0) => "error protocol/headers", "too many headers (limit: 5,000 fields, 256 KiB)";
    c067_a_head_without_end_is_none:
        Script::new().send("HTTP/1.1 200 OK\r\n").repeat("x: y\r\n".repeat(100), 0)
            => "error protocol/headers", "too many headers (limit: 5,000 fields, 256 KiB)";
    c068_a_status_line_without_end_is_none:
        Script::new().send("HTTP/1.1 200 ").repeat("x".repeat(4096), 0) => "error protocol/headers", "too many headers (limit: 5,000 fields, 256 KiB)";
    c069_blank_lines_without_end_are_none:
        Script::new().repeat("\r\n".repeat(1000), 0) => "error protocol/headers";
    c070_a_folded_field_is_unfolded:
        with("x: a\r\n b\r\n") => "ok";
    c071_a_nul_in_a_field_is_none:
        with("x: a\0b\r\n") => "error protocol/headers", ": the response has an invalid header";
    c072_an_escape_in_a_field_is_none:
        with("x: \x1b]52;c;aGk=\x07\r\n") => "error protocol/headers", ": the response has an invalid header";
    c073_a_carriage_return_in_a_field_is_none:
        with("x: a\rSet-Cookie: b\r\n") => "error protocol/headers", ": the response has an invalid header";
    c074_a_blank_before_the_colon_is_cut:
        with("x : y\r\n") => "ok";
    c075_a_field_without_a_name_is_none:
        with(": y\r\n") => "error protocol/headers", ": the response has an invalid header";
    c076_a_field_without_a_colon_is_none:
        with("no colon\r\n") => "error protocol/headers", ": the response has an invalid header";
    c077_an_answer_of_http_0_9_is_none:
        raw("<html>hello</html>\n") => "error protocol/headers", ": the response is not HTTP";
    c078_another_protocol_is_none:
        raw("SSH-2.0-OpenSSH_9.6\r\n") => "error protocol/headers", ": the response is not HTTP";
    c079_an_answer_of_a_radio_is_none:
        raw("ICY 200 OK\r\nicy-name: x\r\n\r\n") => "error protocol/headers", ": the response is not HTTP";
    c080_a_version_that_does_not_exist_is_none:
        raw("HTTP/9.9 200 OK\r\n\r\n") => "error protocol/headers", ": the response is not HTTP";
    c081_a_status_of_letters_is_none:
        raw("HTTP/1.1 abc OK\r\n\r\n") => "error protocol/headers", ": the response has an invalid status";
    c082_a_status_of_two_digits_is_none:
        raw("HTTP/1.1 20 OK\r\n\r\n") => "error protocol/headers", ": the response has an invalid status";
    c083_a_status_of_four_digits_is_none:
        raw("HTTP/1.1 2000 OK\r\n\r\n") => "error protocol/headers";
    c084_a_status_of_nothing_is_none:
        raw("HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n") => "error protocol/headers", ": the response has an invalid status";
    c085_a_status_that_no_one_knows_is_an_answer:
        reply(999, &[], "") => "http_error 999";
    c086_a_tls_alert_over_http_is_none:
        raw("\x15\x03\x01\x00\x02\x02\x28") => "error protocol/headers";
    c087_a_retry_after_of_a_thousand_years_is_not_waited_for ["--retry", "1"]:
        reply(503, &[("Retry-After", "31536000000")], "") => "http_error 503", "--retry-max-delay";
    c088_a_retry_after_that_is_nothing_is_not_waited_for ["--retry", "1", "--retry-delay", "1ms"]:
        reply(503, &[("Retry-After", "-5; soon")], "") => "http_error 503";
    c089_another_service_for_the_same_origin_is_not_asked:
        reply(200, &[("Alt-Svc", "h2=\":1\"; ma=1"), ("Strict-Transport-Security", "max-age=1")], "") => "ok";
    c090_an_escape_in_the_reason_is_none:
        raw("HTTP/1.1 200 \x1b[31mOK\r\nContent-Length: 0\r\n\r\n") => "error protocol/headers", ": the response has an invalid status";
}

#[test]
fn c091_bytes_in_a_field_that_are_not_utf_8_are_shown_as_what_they_are_not() {
    let record = answered(
        with(b"Content-Type: text/\xff\r\n"),
        &["--headers", "-v"],
        "ok",
    );
    assert_eq!(record["content_type"], "text/\u{fffd}");
    assert_eq!(record["headers"]["content-type"][0], "text/\u{fffd}");
}

#[test]
fn c092_lines_that_end_in_a_line_feed_alone_are_an_answer() {
    let answer = "HTTP/1.1 200 OK\nContent-Length: 5\nX: y\n\nhello";
    let record = answered(raw(answer), &["--body"], "ok");
    assert_eq!(record["body"], "hello");
}
