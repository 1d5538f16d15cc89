//! How much a server may send over HTTP/2 before it is read.

use std::sync::mpsc::channel;

use crate::support::{
    Fetch, Server,
    http2::{Windows, peer},
};

const MIB: u32 = 1024 * 1024;

/// The windows that a server gets from a run with such arguments. `with_list` gives it its list.
fn windows(args: &[&str], with_list: impl Fn(Fetch, &Server) -> Fetch) -> Windows {
    let (sender, windows) = channel();
    let server = Server::always(peer(move |peer| {
        let mut id = peer.request()?;
        let _ = sender.send(peer.windows()?);
        loop {
            peer.ok(id, b"x")?;
            id = peer.request()?;
        }
    }));
    let fetch = Fetch::jsonl().arg("--http2-prior-knowledge").args(args);
    with_list(fetch, &server).run().exits(0);
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
            let windows = windows(&args, |fetch, server| fetch.stdin(server.list(1)));
            assert_eq!(windows, expected, "{args:?}");
        }
    }
}

#[test]
fn inputs_fewer_than_jobs_share_the_windows_among_them() {
    let jobs = ["-j", "50"];
    let of = |inputs: u32| Windows {
        stream: 64 * MIB / inputs,
        connection: 64 * MIB / inputs * inputs,
    };
    let in_arguments = |fetch: Fetch, server: &Server| fetch.args(server.list(2).lines());
    assert_eq!(windows(&jobs, in_arguments), of(2));
    let in_a_file = |fetch: Fetch, server: &Server| fetch.file("list", server.list(1)).arg("list");
    assert_eq!(windows(&jobs, in_a_file), of(1));
    let long = |fetch: Fetch, server: &Server| {
        let comment = format!("#{}\n", "-".repeat(20_000));
        let list = comment + &server.list(1);
        fetch.file("list", list).arg("list")
    };
    assert_eq!(windows(&jobs, long), of(50));
}
