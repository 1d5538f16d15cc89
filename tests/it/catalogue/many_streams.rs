//! Connections of HTTP/2 that carry many requests, and break.

use std::{
    iter,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::support::{
    Fetch, Output, Script, Server,
    http2::{Peer, Said, answer, peer},
    record::RecordExt as _,
};

/// A server that talks so on its first connection, and is in good health on the others.
fn first(script: Script) -> Server {
    Server::build()
        .route_in_turn("*", [script, answer(b"well")])
        .start()
}

fn fetch(server: &Server, count: usize, args: &[&str]) -> Output {
    Fetch::jsonl()
        .arg("--http2-prior-knowledge")
        .args(args)
        .stdin(server.list(count))
        .run()
}

#[track_caller]
fn assert_all_at_once(out: &Output, count: usize) {
    let records = out.records();
    assert_eq!(records.len(), count);
    for record in records {
        assert_eq!(record.verdict(), "ok", "{}", record["error"]);
        let attempts = record["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "{attempts:?}");
    }
}

/// The methods that are never sent twice where they may have been read.
const METHODS: [&[&str]; 2] = [&[], &["-X", "POST", "-d", "x"]];

/// Waits for so many requests.
fn gather(peer: &mut Peer<'_>, count: usize) -> Option<Vec<u32>> {
    iter::repeat_with(|| peer.request()).take(count).collect()
}

#[test]
fn c229_what_a_server_that_goes_away_did_not_look_at_goes_to_its_next_connection() {
    for method in METHODS {
        let server = first(peer(|peer| {
            let asked = gather(peer, 10)?;
            peer.go_away(asked[1])?;
            peer.ok(asked[0], b"last")?;
            peer.ok(asked[1], b"last")
        }));
        let out = fetch(&server, 10, &[&["-j", "10"], method].concat());
        assert_all_at_once(&out, 10);
        assert_eq!(server.connections(), 2);
    }
}

#[test]
fn c230_refused_streams_are_opened_again() {
    for method in METHODS {
        let server = first(peer(|peer| {
            for id in gather(peer, 10)? {
                peer.refuse(id)?;
            }
            for id in gather(peer, 10)? {
                peer.ok(id, b"now")?;
            }
            Some(())
        }));
        let out = fetch(&server, 10, &[&["-j", "10"], method].concat());
        assert_all_at_once(&out, 10);
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn c231_a_server_that_refuses_for_ever_is_not_asked_for_ever() {
    let asked = Arc::<AtomicUsize>::default();
    let count = asked.clone();
    let server = Server::always(peer(move |peer| {
        loop {
            let id = peer.request()?;
            count.fetch_add(1, Ordering::Relaxed);
            peer.refuse(id)?;
        }
    }));
    let out = fetch(&server, 1, &[]);
    let record = out.record();
    assert_eq!(record.verdict(), "error connect/headers");
    assert!(record.message().contains("refused"), "{}", record.message());
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[test]
fn c232_a_connection_that_breaks_takes_no_request_with_it() {
    let server = first(
        peer(|peer| {
            let id = peer.request()?;
            peer.ok(id, b"once")?;
            gather(peer, 10).map(drop)
        })
        .close(),
    );
    // The first answer makes it a connection that has served.
    let out = fetch(&server, 11, &["-j", "10"]);
    assert_all_at_once(&out, 11);
    assert_eq!(server.connections(), 2);
}

#[test]
fn c233_a_connection_that_dies_without_a_word_takes_no_request_with_it() {
    let server = first(peer(|peer| {
        let id = peer.request()?;
        peer.ok(id, b"once")?;
        peer.stay_silent();
        None
    }));
    let out = fetch(&server, 10, &["-j", "5", "--read-timeout", "3"]);
    assert_all_at_once(&out, 10);
    assert_eq!(server.connections(), 2);
}

#[test]
fn c234_pings_that_are_answered_do_not_stand_in_for_an_answer() {
    let server = Server::always(peer(|peer| {
        peer.request()?;
        loop {
            if let Said::Ping(payload) = peer.next()? {
                peer.pong(&payload)?;
            }
        }
    }));
    let record = fetch(&server, 1, &["--read-timeout", "1"]).record();
    assert_eq!(record.verdict(), "error timeout/headers");
    assert!(
        record.message().contains("--read-timeout"),
        "{}",
        record.message()
    );
}

#[test]
fn c235_a_server_that_thinks_long_but_lives_is_waited_for() {
    let server = first(peer(|peer| {
        let id = peer.request()?;
        for _ in 0..2 {
            match peer.next()? {
                Said::Ping(payload) => peer.pong(&payload)?,
                Said::Request(_) => return None,
            }
        }
        peer.ok(id, b"at last")?;
        peer.stay_silent();
        None
    }));
    let out = fetch(&server, 1, &["--read-timeout", "3"]);
    assert_all_at_once(&out, 1);
    assert_eq!(server.connections(), 1);
}

#[test]
fn c236_more_than_a_hundred_at_a_time_take_a_second_connection() {
    let together = Arc::new(Barrier::new(2));
    let with = |count| {
        let together = together.clone();
        peer(move |peer| {
            let asked = gather(peer, count)?;
            together.wait();
            for id in asked {
                peer.ok(id, b"")?;
            }
            Some(())
        })
    };
    let server = Server::build()
        .route_in_turn("*", [with(100), with(50)])
        .start();
    let out = fetch(&server, 150, &["-j", "150", "-t", "20"]);
    assert_all_at_once(&out, 150);
    assert_eq!(server.connections(), 2);
}
