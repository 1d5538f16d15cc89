//! A server with a body for every path, from which torn files can be recognised.

use std::{
    io::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use fastrand::Rng;

use super::{Request, Script, Stream, resume::wanted};

/// The properties of the bodies.
#[derive(Clone, Copy)]
pub(crate) struct Stock {
    /// The size of the largest body.
    pub(crate) most: usize,
    /// Whether every answer differs, so that a later one cannot hide a fault of an earlier one.
    pub(crate) changes: bool,
    /// Whether bodies have a strong validator and ranges are supported.
    pub(crate) ranges: bool,
}

impl Stock {
    /// A script that answers every request after calling `tell`.
    pub(crate) fn script(self, tell: impl Fn() + Send + Sync + 'static) -> Script {
        let turn = AtomicUsize::new(0);
        Script::new().run(move |request, stream| {
            tell();
            self.answer(request, stream, turn.fetch_add(1, Ordering::Relaxed));
        })
    }

    /// Bytes that depend on the text only. One text in eight has none.
    fn bytes(self, text: &str) -> Vec<u8> {
        let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mut random = Rng::with_seed(text.bytes().fold(0xcbf2_9ce4_8422_2325, mix));
        if random.u8(..8) == 0 {
            return Vec::new();
        }
        let length = random.usize(..=self.most);
        // The length is prime, so that a missing or doubled piece shows.
        let mut block = [0; 4093];
        random.fill(&mut block);
        let mut bytes = block.repeat(length / block.len() + 1);
        bytes.truncate(length);
        bytes
    }

    /// The body for a name. If bodies change, it contains the number of the request.
    fn body(self, name: &str, turn: usize) -> Vec<u8> {
        if !self.changes {
            return self.bytes(name);
        }
        let head = format!("{name} {turn}\n");
        let bytes = self.bytes(&head);
        [head.into_bytes(), bytes].concat()
    }

    /// Whether these are the bytes of one answer.
    pub(crate) fn has_sent(self, name: &str, bytes: &[u8]) -> bool {
        if !self.changes {
            return bytes == self.body(name, 0);
        }
        let head = bytes
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        str::from_utf8(head)
            .ok()
            .and_then(|head| head.strip_prefix(name)?.trim_start().parse().ok())
            .is_some_and(|turn| bytes == self.body(name, turn))
    }

    /// Answers in several pieces.
    fn answer(self, request: &Request, stream: &mut Stream, turn: usize) {
        let name = request.target.trim_start_matches('/');
        let body = self.body(name, turn);
        let mut random = Rng::with_seed(turn as u64);
        let validator = format!("\"{name}\"");
        let start = wanted(request)
            .filter(|_| self.ranges && request.header("if-range") == Some(validator.as_str()));
        let status = match start {
            None => "200 OK".to_owned(),
            Some(start) if start < body.len() => format!(
                "206 Partial\r\nContent-Range: bytes {start}-{}/{}",
                body.len() - 1,
                body.len()
            ),
            Some(_) => format!("416 Beyond\r\nContent-Range: bytes */{}", body.len()),
        };
        let rest = body.get(start.unwrap_or(0)..).unwrap_or_default();
        let tag = if self.ranges {
            format!("ETag: {validator}\r\n")
        } else {
            String::new()
        };
        let head = format!(
            "HTTP/1.1 {status}\r\n{tag}Content-Length: {}\r\n\r\n",
            rest.len()
        );
        thread::sleep(Duration::from_micros(random.u64(..4_000)));
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        for piece in rest.chunks(self.most / 4) {
            thread::sleep(Duration::from_micros(random.u64(..2_000)));
            if stream.write_all(piece).is_err() {
                return;
            }
        }
    }
}
