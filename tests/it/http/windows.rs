//! How much a server may send over HTTP/2 before it is read.

use std::sync::mpsc::channel;

use crate::support::{
    Fetch, Server,
    http2::{Windows, peer},
};

const MIB: u32 = 1024 * 1024;

/// The windows that a server gets from a run with such arguments, which reads its list of `count` from standard input,
/// or in arguments.
fn windows(args: &[&str], count: usize, is_piped: bool) -> Windows {
    let (sender, windows) = channel();
    let server = Server::always(peer(move |peer| {
        let mut id = peer.request()?;
        let _ = sender.send(peer.windows()?);
        loop {
            peer.ok(id, b"x")?;
            id = peer.request()?;
        }
    }));
    let list = server.list(count);
    let fetch = Fetch::jsonl().arg("--http2-prior-knowledge").args(args);
    let fetch = if is_piped {
        fetch.stdin(list)
    } else {
        fetch.args(list.lines())
    };
    fetch.run().exits(0);
    windows.recv().unwrap()
}

#[test]
fn requests_in_flight_share_64_mib_of_windows() {
    for (jobs, stream, connection) in [
        ("1", 64 * MIB, 64 * MIB),
        ("50", 64 * MIB / 50, 64 * MIB / 50 * 50),
        ("1000", 64 * MIB / 1_000, 64 * MIB / 1_000 * 100),
    ] {
        for capture in [&[][..], &["--body"]] {
            let args = [&["-j", jobs], capture].concat();
            let expected = Windows { stream, connection };
            assert_eq!(windows(&args, 1, true), expected, "{args:?}");
        }
    }
}

#[test]
fn a_list_that_is_shorter_than_jobs_shares_among_its_inputs() {
    let expected = Windows {
        stream: 64 * MIB,
        connection: 64 * MIB,
    };
    assert_eq!(windows(&["-j", "50"], 1, false), expected);
}
