//! Just enough of HTTP/2 (RFC 9113) to answer requests, and to misbehave.

use std::io::Write as _;

use super::{Request, Script, Stream};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

const INITIAL_WINDOW_SIZE: u16 = 4;
/// What a window is before anything is said of it.
const FIRST_WINDOW: u32 = 65_535;

const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// Codes of RFC 9113, section 7.
pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const HTTP_1_1_REQUIRED: u32 = 13;

/// A frame that was read.
enum Frame {
    Said(Said),
    /// One that the tests do not ask for.
    Other,
}

/// What a client said that a script may want to know.
pub(crate) enum Said {
    /// A request began on this stream.
    Request(u32),
    /// A ping, whose payload is to be returned.
    Ping(Vec<u8>),
}

/// How much the server may send before it hears of more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// On a new stream.
    pub(crate) stream: u32,
    /// On all streams together.
    pub(crate) connection: u32,
}

/// The server's side of a connection.
pub(crate) struct Peer<'a> {
    stream: &'a mut Stream,
    /// The header block of the last request.
    fields: Vec<u8>,
    windows: Windows,
}

impl<'a> Peer<'a> {
    /// Begins after the preface by sending the settings.
    fn begin(stream: &'a mut Stream) -> Option<Self> {
        stream.read_exactly(b"SM\r\n\r\n".len())?;
        let mut peer = Self {
            stream,
            fields: Vec::new(),
            windows: Windows {
                stream: FIRST_WINDOW,
                connection: FIRST_WINDOW,
            },
        };
        peer.send(SETTINGS, 0, 0, &[])?;
        Some(peer)
    }

    /// The next request or ping; `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Said> {
        loop {
            if let Frame::Said(said) = self.read()? {
                return Some(said);
            }
        }
    }

    /// The windows, once the client has widened that of the connection. Requests meanwhile are passed over.
    pub(crate) fn windows(&mut self) -> Option<Windows> {
        while self.windows.connection == FIRST_WINDOW {
            self.read()?;
        }
        Some(self.windows)
    }

    /// Reads a frame; `None` at the end of the connection.
    fn read(&mut self) -> Option<Frame> {
        let head = self.stream.read_exactly(9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = self.stream.read_exactly(length)?;
        match kind {
            SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    if setting[..2] == INITIAL_WINDOW_SIZE.to_be_bytes() {
                        self.windows.stream = number(&setting[2..]);
                    }
                }
                self.send(SETTINGS, ACK, 0, &[])?;
            }
            WINDOW_UPDATE if id == 0 => self.windows.connection += number(&payload),
            PING if flags & ACK == 0 => return Some(Frame::Said(Said::Ping(payload))),
            HEADERS => {
                self.fields = payload;
                return Some(Frame::Said(Said::Request(id)));
            }
            _ => {}
        }
        Some(Frame::Other)
    }

    /// The stream of the next request. Pings are not answered.
    pub(crate) fn request(&mut self) -> Option<u32> {
        loop {
            if let Said::Request(id) = self.next()? {
                return Some(id);
            }
        }
    }

    /// The streams and the paths of the next `count` requests, none of which has an answer yet.
    pub(crate) fn gather(&mut self, count: usize) -> Option<Vec<(u32, String)>> {
        let mut asked = Vec::new();
        while asked.len() < count {
            asked.push((self.request()?, self.path()));
        }
        Some(asked)
    }

    /// The path of the last request. It may consist of `/`, digits and lower-case letters.
    pub(crate) fn path(&self) -> String {
        path(&self.fields).unwrap_or_else(|| panic!("no plain path: {:x?}", self.fields))
    }

    pub(crate) fn ok(&mut self, id: u32, body: &[u8]) -> Option<()> {
        // 0x88: the entry `:status: 200` of the static table.
        self.send(HEADERS, END_HEADERS, id, &[0x88])?;
        self.send(DATA, END_STREAM, id, body)
    }

    /// Sends the head and the beginning of a body, with the given `content-length`.
    pub(crate) fn begin_of(&mut self, id: u32, length: Option<u8>, body: &[u8]) -> Option<()> {
        // 0x0f 0x0d: the entry `content-length` of the static table, with another value.
        let mut fields = vec![0x88];
        if let Some(length) = length {
            let digits = length.to_string();
            fields.extend([0x0f, 0x0d, u8::try_from(digits.len()).ok()?]);
            fields.extend(digits.bytes());
        }
        self.send(HEADERS, 4, id, &fields)?;
        if body.is_empty() {
            return Some(());
        }
        self.send(DATA, 0, id, body)
    }

    pub(crate) fn reset(&mut self, id: u32, code: u32) -> Option<()> {
        self.send(RST_STREAM, 0, id, &code.to_be_bytes())
    }

    /// Sends GOAWAY: streams after `last` were not processed.
    pub(crate) fn go_away(&mut self, last: u32) -> Option<()> {
        self.go_away_because(last, NO_ERROR)
    }

    /// Sends GOAWAY with this code: streams after `last` were not processed.
    pub(crate) fn go_away_because(&mut self, last: u32, code: u32) -> Option<()> {
        self.send(
            GOAWAY,
            0,
            0,
            &[last.to_be_bytes(), code.to_be_bytes()].concat(),
        )
    }

    pub(crate) fn pong(&mut self, payload: &[u8]) -> Option<()> {
        self.send(PING, ACK, 0, payload)
    }

    /// Reads everything and sends nothing.
    pub(crate) fn stay_silent(&mut self) {
        self.stream.stay_silent();
    }

    /// Closes the connection.
    pub(crate) fn hang_up(&self) {
        self.stream.hang_up();
    }

    pub(crate) fn send(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) -> Option<()> {
        let length = u32::try_from(payload.len()).ok()?.to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&id.to_be_bytes());
        frame.extend_from_slice(payload);
        self.stream.write_all(&frame).ok()
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// The value of `:path` in a header block (RFC 7541), as the client's encoder writes it: a literal that is not indexed.
fn path(mut fields: &[u8]) -> Option<String> {
    const PATH: u8 = 4;
    loop {
        let (&first, mut rest) = fields.split_first()?;
        let index = match first {
            0x80.. => 0,
            0x40.. => first & 0x3f,
            _ => first & 0x0f,
        };
        if first < 0x80 {
            if index == 0 {
                rest = string(rest)?.1;
            }
            let (value, after) = string(rest)?;
            if first < 0x40 && index == PATH {
                return unpack(value);
            }
            rest = after;
        }
        fields = rest;
    }
}

/// Splits off a string literal of up to 126 bytes.
fn string(fields: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = fields.split_first()?;
    rest.split_at_checked(usize::from(length & 0x7f))
}

/// Decodes the Huffman code (RFC 7541, appendix B) of characters with up to seven bits.
fn unpack(packed: &[u8]) -> Option<String> {
    const BITS_5: &[u8] = b"012aceiost";
    const BITS_6: &[u8] = b" %-./3456789=A_bdfghlmnpru";
    const BITS_7: &[u8] = b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz";
    let mut bits = packed
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1)));
    let mut text = String::new();
    loop {
        let mut code = 0;
        for length in 1..=7 {
            let Some(bit) = bits.next() else {
                return Some(text);
            };
            code = code << 1 | bit;
            let (codes, first) = match length {
                5 => (BITS_5, 0),
                6 => (BITS_6, 0x14),
                7 => (BITS_7, 0x5c),
                _ => continue,
            };
            if let Some(&c) = code.checked_sub(first).and_then(|at| codes.get(at)) {
                text.push(c.into());
                break;
            }
            if length == 7 {
                // Padding consists of ones.
                return (code == 0x7f).then_some(text);
            }
        }
    }
}

/// A script for HTTP/2, whose preface looks like a request for `*`.
pub(crate) fn peer(talk: impl Fn(&mut Peer<'_>) -> Option<()> + Send + Sync + 'static) -> Script {
    Script::new().run(move |preface, stream| {
        if is_preface(preface)
            && let Some(mut peer) = Peer::begin(stream)
        {
            let _ = talk(&mut peer);
        }
    })
}

/// Answers every request with status 200 and the body.
pub(crate) fn answer(body: &'static [u8]) -> Script {
    peer(move |peer| {
        loop {
            let id = peer.request()?;
            peer.ok(id, body)?;
        }
    })
}

/// Whether the request is the preface of HTTP/2.
pub(crate) fn is_preface(request: &Request) -> bool {
    request.method == "PRI" && request.target == "*"
}
