//! Servers that agree to HTTP/2 and then break the protocol.

use std::io::Write as _;

use super::{LIMIT, cases};
use crate::support::{Script, Stream};

const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// HEADERS of stream 1 with `:status: 200`, without the end of the stream.
const HEADERS: &[u8] = b"\0\0\x01\x01\x04\0\0\0\x01\x88";

/// Sends frames once the request has arrived.
fn frames(frames: &[&[u8]]) -> Script {
    let bytes = frames.concat();
    asked(Script::new()).send(bytes)
}

/// Exchanges settings and reads up to the headers of the request.
fn asked(script: Script) -> Script {
    script.run(|_, stream| {
        let _ = stream.write_all(SETTINGS);
        let _ = read_headers(stream);
    })
}

fn read_headers(stream: &mut Stream) -> Option<()> {
    stream.read_exactly(b"SM\r\n\r\n".len())?;
    loop {
        let head = stream.read_exactly(9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        stream.read_exactly(length)?;
        if head[3] == 1 {
            return Some(());
        }
    }
}

cases! {
    c123_http_1_where_http_2_was_agreed_is_no_answer ["--http2-prior-knowledge"]:
        Script::new().send("HTTP/1.1 400 Bad Request\r\n\r\n").silence() => "error protocol/headers", "does not speak HTTP/2: leave out --http2-prior-knowledge";
    c124_a_frame_beyond_all_bounds_is_no_answer ["--http2-prior-knowledge"]:
        frames(&[b"\xff\xff\xff\0\0\0\0\0\x01"]).silence() => "error protocol/headers", "does not speak HTTP/2: leave out --http2-prior-knowledge";
    c125_a_stream_that_is_reset_is_no_answer ["--http2-prior-knowledge"]:
        frames(&[b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x01"]).silence() => "error protocol/headers", "the server gave up the request (PROTOCOL_ERROR)";
    c126_content_before_the_headers_is_no_answer ["--http2-prior-knowledge"]:
        frames(&[b"\0\0\x01\0\x01\0\0\0\x01x"]).silence() => "error protocol/headers";
    c127_headers_without_a_status_are_no_answer ["--http2-prior-knowledge"]:
        frames(&[b"\0\0\0\x01\x05\0\0\0\x01"]).silence() => "error protocol/headers";
    c128_headers_that_cannot_be_unpacked_are_no_answer ["--http2-prior-knowledge"]:
        frames(&[b"\0\0\x02\x01\x05\0\0\0\x01\xff\xff"]).silence() => "error protocol/headers";
    c129_headers_continued_without_end_are_no_answer ["--http2-prior-knowledge"]:
        // A field without index, `x: y`, again and again, and never the end of the headers.
        frames(&[b"\0\0\x01\x01\0\0\0\0\x01\x88"])
            .repeat([b"\0\x0f\xa0\x09\0\0\0\0\x01".as_slice(), &b"\x00\x01x\x01y".repeat(800)].concat(), 0)
            => "error protocol/headers";
    c130_a_stream_that_is_reset_within_its_body_is_a_failed_body ["--http2-prior-knowledge"]:
        frames(&[HEADERS, b"\0\0\x01\0\0\0\0\0\x01x", b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02"]).silence()
            => "error body/body";
    c131_a_connection_closed_within_a_body_is_a_failed_body ["--http2-prior-knowledge"]:
        frames(&[HEADERS, b"\0\0\x01\0\0\0\0\0\x01x"]).close() => "error body/body";
    c132_content_longer_than_its_length_is_a_failed_body ["--http2-prior-knowledge"]:
        // `content-length: 1`, and two bytes.
        frames(&[b"\0\0\x05\x01\x04\0\0\0\x01\x88\x0f\x0d\x011", b"\0\0\x02\0\x01\0\0\0\x01xx"]).silence()
            => "error protocol/body";
    c133_a_push_that_no_one_wanted_is_no_answer ["--http2-prior-knowledge"]:
        frames(&[b"\0\0\x05\x05\x04\0\0\0\x01\0\0\0\x02\x88"]).silence() => "error protocol/headers";
    c134_silence_after_the_settings_ends_with_a_ping_that_no_one_answers ["--http2-prior-knowledge", "--read-timeout", LIMIT]:
        frames(&[]).silence() => "error timeout/headers", "ping";
    c135_pings_without_end_end_at_the_timeout ["--http2-prior-knowledge", "-t", LIMIT]:
        frames(&[]).repeat(b"\0\0\x08\x06\0\0\0\0\0pingpong", 10) => "error timeout/headers", "--timeout";
    c136_settings_without_end_end_at_the_timeout ["--http2-prior-knowledge", "-t", LIMIT]:
        frames(&[]).repeat(SETTINGS, 10) => "error timeout/headers", "--timeout";
}
