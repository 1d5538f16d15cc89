//! A request as the server saw it.

use std::time::Instant;

use super::{CANARY_HEADER, Stream};

/// A request of a client.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The request target as it was sent: path and query.
    pub(crate) target: String,
    /// The header fields in their order and spelling, without the one of the canary.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The number of the connection on this server, from 0.
    pub(crate) connection: usize,
    pub(crate) arrived: Instant,
}

impl Request {
    /// The only value of a header.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.header_values(name);
        assert!(values.len() < 2, "{name} was sent {} times", values.len());
        values.first().copied()
    }

    pub(crate) fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn body_text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Reads a request; `None` when the client is done or does not send HTTP.
    pub(super) fn read(stream: &mut Stream, connection: usize) -> Option<Self> {
        let head = stream.read_until(b"\r\n\r\n")?;
        let arrived = Instant::now();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .filter(|(name, _)| !name.eq_ignore_ascii_case(CANARY_HEADER))
            .collect();
        Some(Self {
            method,
            target,
            headers,
            body: Vec::new(),
            connection,
            arrived,
        })
    }

    pub(super) fn read_body(&mut self, stream: &mut Stream) -> Option<()> {
        if let Some(length) = self.header("content-length") {
            self.body = stream.read_exactly(length.parse().ok()?)?;
        } else if self.header("transfer-encoding").is_some() {
            loop {
                let size = stream.read_until(b"\r\n")?;
                let size =
                    usize::from_str_radix(std::str::from_utf8(&size).ok()?.trim(), 16).ok()?;
                let chunk = stream.read_exactly(size + 2)?;
                self.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        }
        Some(())
    }
}
