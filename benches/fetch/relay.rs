//! The relay that makes a server far away: this program again, as a process of its own.
//!
//! It holds each piece for half a round trip in either direction, and takes the next ones meanwhile, so that it
//! delays without a limit on throughput. Two threads for each direction of a connection, because a relay that is
//! slower than the server would be what is measured.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How this program is told to be the relay to a port.
pub(crate) const RELAY: &str = "--relay";

/// The time from a request to the first byte of its answer.
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(100);

/// The largest piece.
const PIECE: usize = 256 * 1024;

/// Bytes on their way, and when they arrive.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

/// Relays to `port` until standard input ends, which it does when the parent does.
pub(crate) fn run(port: &str) -> Result<()> {
    let port = port.parse().context("not a port")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // The client sees a connection that is closed.
            let _ = connect(client, port);
        }
    });
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}

fn connect(client: TcpStream, port: u16) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    for (from, to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        to.set_nodelay(true)?;
        let (pieces, delayed) = channel();
        let (used, spare) = channel();
        thread::spawn(move || receive(from, &pieces, &spare));
        thread::spawn(move || deliver(to, &delayed, &used));
    }
    Ok(())
}

/// Takes what arrives, in buffers that were used before where there are some.
fn receive(mut from: TcpStream, pieces: &Sender<Piece>, spare: &Receiver<Vec<u8>>) {
    let mut buffer = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let due = Instant::now() + ROUND_TRIP / 2;
        let mut bytes = spare.try_recv().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(&buffer[..length]);
        if pieces.send(Piece { due, bytes }).is_err() {
            return;
        }
    }
}

/// Delivers each piece when it is due, and then the end.
fn deliver(mut to: TcpStream, delayed: &Receiver<Piece>, used: &Sender<Vec<u8>>) {
    for Piece { due, bytes } in delayed {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
        let _ = used.send(bytes);
    }
    let _ = to.shutdown(Shutdown::Write);
}
