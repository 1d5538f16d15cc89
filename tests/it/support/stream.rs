//! A connection of a server, plain or TLS, with a buffer for what was read ahead.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::fd::{AsFd, BorrowedFd},
};

use rustls::ServerConnection;

pub(crate) struct Stream {
    tcp: TcpStream,
    tls: Option<Box<ServerConnection>>,
    unread: Vec<u8>,
    broken: bool,
}

impl Stream {
    pub(crate) fn plain(tcp: TcpStream) -> Self {
        Self {
            tcp,
            tls: None,
            unread: Vec::new(),
            broken: false,
        }
    }

    /// Performs the handshake; fails if the client rejects the certificate.
    pub(crate) fn tls(mut tcp: TcpStream, mut connection: ServerConnection) -> io::Result<Self> {
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(&mut tcp) {
                // Unread bytes would turn the close into a reset, and the alert might get lost.
                let _ = tcp.shutdown(Shutdown::Write);
                let _ = io::copy(&mut tcp, &mut io::sink());
                return Err(error);
            }
        }
        Ok(Self {
            tls: Some(Box::new(connection)),
            ..Self::plain(tcp)
        })
    }

    /// Reads up to and including `end`; `None` at the end of the stream.
    pub(crate) fn read_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut seen = Vec::new();
        let mut piece = [0; 4096];
        loop {
            if let Some(at) = seen.windows(end.len()).position(|window| window == end) {
                self.unread.splice(0..0, seen.split_off(at + end.len()));
                return Some(seen);
            }
            match self.read(&mut piece) {
                Ok(0) | Err(_) => return None,
                Ok(read) => seen.extend_from_slice(&piece[..read]),
            }
        }
    }

    pub(crate) fn read_exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.read_exact(&mut bytes).ok().map(|()| bytes)
    }

    /// Sends nothing until the client leaves or the server is stopped.
    pub(crate) fn stay_silent(&mut self) {
        let mut piece = [0; 4096];
        while matches!(self.read(&mut piece), Ok(read) if read > 0) {}
    }

    /// Closes the sending side, after `close_notify` on a TLS stream.
    pub(crate) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = tls.complete_io(&mut self.tcp);
        }
        let _ = self.tcp.shutdown(Shutdown::Both);
    }

    /// Shuts down both directions through a shared reference.
    pub(crate) fn hang_up(&self) {
        let _ = self.tcp.shutdown(Shutdown::Both);
    }

    /// Closes the connection with RST instead of FIN.
    pub(crate) fn reset(self) {
        super::port::linger_not(&self.tcp);
    }

    /// Whether a write has failed because the client left.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.unread.is_empty() {
            let length = into.len().min(self.unread.len());
            into[..length].copy_from_slice(&self.unread[..length]);
            self.unread.drain(..length);
            return Ok(length);
        }
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.tcp).read(into),
            None => self.tcp.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.tcp).write(bytes),
            None => self.tcp.write(bytes),
        };
        self.broken |= written.is_err();
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.tcp).flush(),
            None => self.tcp.flush(),
        }
    }
}
