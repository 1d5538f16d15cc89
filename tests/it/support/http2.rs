//! Just enough of HTTP/2 to answer one request.

use std::io::Write as _;

use super::{Request, Script, Stream};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

/// Reads the preface (which looks like a request for `*`) and frames up to the first HEADERS, then answers it with
/// status 200 and the body.
pub(crate) fn answer(body: &'static [u8]) -> Script {
    Script::new().run(move |preface, stream| {
        if preface.method == "PRI" {
            let _ = talk(stream, body);
        }
    })
}

fn talk(stream: &mut Stream, body: &[u8]) -> Option<()> {
    stream.read_exactly(b"SM\r\n\r\n".len())?;
    send(stream, SETTINGS, 0, 0, &[])?;
    loop {
        let head = stream.read_exactly(9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags, id) = (
            head[3],
            head[4],
            u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        );
        stream.read_exactly(length)?;
        match kind {
            SETTINGS if flags & 1 == 0 => send(stream, SETTINGS, 1, 0, &[])?,
            HEADERS => {
                // 0x88: the entry `:status: 200` of the static table.
                send(stream, HEADERS, 4, id, &[0x88])?;
                send(stream, DATA, 1, id, body)?;
            }
            _ => {}
        }
    }
}

fn send(stream: &mut Stream, kind: u8, flags: u8, id: u32, payload: &[u8]) -> Option<()> {
    let length = u32::try_from(payload.len()).ok()?.to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&id.to_be_bytes());
    frame.extend_from_slice(payload);
    stream.write_all(&frame).ok()
}

/// Whether that was the preface of HTTP/2.
pub(crate) fn is_preface(request: &Request) -> bool {
    request.method == "PRI" && request.target == "*"
}
