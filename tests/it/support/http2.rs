//! Just enough of HTTP/2 (RFC 9113) to answer requests, and to misbehave.

use std::io::Write as _;

use super::{Request, Script, Stream};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const ACK: u8 = 1;
/// Codes of RFC 9113, section 7.
pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const HTTP_1_1_REQUIRED: u32 = 13;

/// What a client said that a script may want to know.
pub(crate) enum Said {
    /// A request began on this stream.
    Request(u32),
    /// A ping, whose payload is to be returned.
    Ping(Vec<u8>),
}

/// The server's side of a connection.
pub(crate) struct Peer<'a>(&'a mut Stream);

impl<'a> Peer<'a> {
    /// Begins after the preface by sending the settings.
    fn begin(stream: &'a mut Stream) -> Option<Self> {
        stream.read_exactly(b"SM\r\n\r\n".len())?;
        let mut peer = Self(stream);
        peer.send(SETTINGS, 0, 0, &[])?;
        Some(peer)
    }

    /// The next request or ping; `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Said> {
        loop {
            let head = self.0.read_exactly(9)?;
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let (kind, flags) = (head[3], head[4]);
            let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let payload = self.0.read_exactly(length)?;
            match kind {
                SETTINGS if flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[])?,
                PING if flags & ACK == 0 => return Some(Said::Ping(payload)),
                HEADERS => return Some(Said::Request(id)),
                _ => {}
            }
        }
    }

    /// The stream of the next request. Pings are not answered.
    pub(crate) fn request(&mut self) -> Option<u32> {
        loop {
            if let Said::Request(id) = self.next()? {
                return Some(id);
            }
        }
    }

    pub(crate) fn ok(&mut self, id: u32, body: &[u8]) -> Option<()> {
        // 0x88: the entry `:status: 200` of the static table.
        self.send(HEADERS, 4, id, &[0x88])?;
        self.send(DATA, 1, id, body)
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
        self.send(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat())
    }

    pub(crate) fn pong(&mut self, payload: &[u8]) -> Option<()> {
        self.send(PING, ACK, 0, payload)
    }

    /// Reads everything and sends nothing.
    pub(crate) fn stay_silent(&mut self) {
        self.0.stay_silent();
    }

    fn send(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) -> Option<()> {
        let length = u32::try_from(payload.len()).ok()?.to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&id.to_be_bytes());
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).ok()
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
