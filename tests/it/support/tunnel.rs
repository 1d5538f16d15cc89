//! Carries bytes between two connections.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::fd::AsFd,
};

use rustix::event::{PollFd, PollFlags, poll};

/// Carries bytes both ways until one side ends. The buffer is larger than a TLS record, because `poll` would not report
/// bytes that were decrypted but not read.
pub(crate) fn carry(one: &mut (impl Read + Write + AsFd), other: &mut TcpStream) {
    let mut piece = vec![0; 128 * 1024];
    loop {
        let ready = {
            let mut both = [
                PollFd::new(&*one, PollFlags::IN),
                PollFd::new(&*other, PollFlags::IN),
            ];
            if poll(&mut both, None).is_err() {
                continue;
            }
            both.map(|end| !end.revents().is_empty())
        };
        if ready[0] && !pass(one, other, &mut piece) || ready[1] && !pass(other, one, &mut piece) {
            return;
        }
    }
}

/// Passes on what can be read. Returns whether there may be more.
fn pass(from: &mut impl Read, to: &mut impl Write, piece: &mut [u8]) -> bool {
    match from.read(piece) {
        Ok(0) | Err(_) => false,
        Ok(read) => to.write_all(&piece[..read]).is_ok(),
    }
}

/// Connects to a server of the tests.
pub(crate) fn dial(port: u16) -> Option<TcpStream> {
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    let _ = tcp.set_nodelay(true);
    Some(tcp)
}
