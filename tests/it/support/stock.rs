//! A server that has everything, and whose bodies can be told from torn ones.

use std::{
    io::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use fastrand::Rng;

use super::{Request, Script, Stream, resume::wanted};

/// What there is.
#[derive(Clone, Copy)]
pub(crate) struct Stock {
    /// Bytes of the largest body.
    pub(crate) most: usize,
    /// Every answer is another, so that no second one can mend the first.
    pub(crate) changes: bool,
    /// Bodies have a strong validator, and can be had from anywhere on.
    pub(crate) ranges: bool,
}

impl Stock {
    /// Answers whatever it is asked for, after telling that it was asked.
    pub(crate) fn script(self, tell: impl Fn() + Send + Sync + 'static) -> Script {
        let turn = AtomicUsize::new(0);
        Script::new().run(move |request, stream| {
            tell();
            self.answer(request, stream, turn.fetch_add(1, Ordering::Relaxed));
        })
    }

    /// The same bytes for the same text; one in eight texts has none.
    fn bytes(self, text: &str) -> Vec<u8> {
        let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mut random = Rng::with_seed(text.bytes().fold(0xcbf2_9ce4_8422_2325, mix));
        if random.u8(..8) == 0 {
            return Vec::new();
        }
        let length = random.usize(..=self.most);
        // A prime, so that a piece that is missing or doubled shows.
        let mut block = [0; 4093];
        random.fill(&mut block);
        let mut bytes = block.repeat(length / block.len() + 1);
        bytes.truncate(length);
        bytes
    }

    /// What is sent for a name in its turn. What changes says which turn it was.
    fn body(self, name: &str, turn: usize) -> Vec<u8> {
        if !self.changes {
            return self.bytes(name);
        }
        let head = format!("{name} {turn}\n");
        let bytes = self.bytes(&head);
        [head.into_bytes(), bytes].concat()
    }

    /// Whether those are the bytes of one answer.
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

    /// Answers, not all at once.
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
