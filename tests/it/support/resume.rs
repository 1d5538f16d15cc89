//! Helpers for the tests of `-c`: a truncated body, and servers that support ranges.

use std::{fmt::Write as _, io::Write as _};

use super::{Folder, Request, Script, Server, begin, record::RecordExt as _, reply};

/// The part of a body of [`LENGTH`] that is sent before the connection breaks, enough to reach the disk.
pub(crate) const SENT: usize = 1024 * 1024;
pub(crate) const LENGTH: usize = 2 * SENT;

/// The files of a half-loaded `a`.
pub(crate) const HALF: [&str; 2] = [".a.part.json", "a.part"];

/// The start of the requested range.
pub(crate) fn wanted(request: &Request) -> Option<usize> {
    let range = request.header("range")?;
    let start = range
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'));
    Some(start.expect(range).parse().expect(range))
}

/// An answer that breaks the connection after [`SENT`] bytes.
pub(crate) fn cut(headers: &[(&str, &str)], body: &[u8]) -> Script {
    begin(headers, body, SENT).close()
}

/// Answers a range request with the right validator with the rest of the body, and any other with all of it.
pub(crate) fn honest(body: Vec<u8>, header: (&'static str, &'static str)) -> Script {
    cut_again(body, header, usize::MAX)
}

/// As [`honest`], but it breaks the connection after at most `most` bytes.
pub(crate) fn cut_again(
    body: Vec<u8>,
    (name, validator): (&'static str, &'static str),
    most: usize,
) -> Script {
    let script = Script::new().run(move |request, stream| {
        let knows = request.header("if-range") == Some(validator);
        let start = wanted(request).filter(|start| knows && *start < body.len());
        let rest = &body[start.unwrap_or(0)..];
        let mut head = match start {
            Some(start) => format!(
                "HTTP/1.1 206 Partial\r\nContent-Range: bytes {start}-{}/{}\r\n",
                body.len() - 1,
                body.len()
            ),
            None => "HTTP/1.1 200 OK\r\n".to_owned(),
        };
        let _ = write!(
            head,
            "{name}: {validator}\r\nContent-Length: {}\r\n\r\n",
            rest.len()
        );
        let sent = &rest[..rest.len().min(most)];
        let _ = stream.write_all(&[head.as_bytes(), sent].concat());
    });
    if most == usize::MAX {
        script
    } else {
        script.close()
    }
}

/// An answer with status 206, whatever was requested.
pub(crate) fn partial(range: &str, headers: &[(&str, &str)], body: &[u8]) -> Script {
    let mut headers = headers.to_vec();
    headers.push(("Content-Range", range));
    reply(206, &headers, body)
}

/// Fetches `/a` with `-c` from a server that breaks off. Returns how many bytes are kept.
#[track_caller]
pub(crate) fn half_loaded(folder: &Folder, server: &Server) -> usize {
    let out = folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(1);
    assert_eq!(out.record().verdict(), "error body/body");
    assert_eq!(folder.tree(), HALF);
    folder.read("a.part").len()
}
