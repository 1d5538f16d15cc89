//! HTTP/2 connections that break while they carry many requests.

use std::{
    iter,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::support::{
    Fetch, Output, Script, Server,
    http2::{
        HTTP_1_1_REQUIRED, INTERNAL_ERROR, NO_ERROR, Peer, REFUSED_STREAM, Said, answer,
        is_preface, peer,
    },
    ok,
    record::RecordExt,
    tls, with_time_enough,
};

/// A server that runs the script on its first connection, and answers well on the others.
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

/// Whether each was ok at its first attempt.
fn are_all_at_once(out: &Output, count: usize) -> bool {
    let records = out.records();
    assert_eq!(records.len(), count);
    records.iter().all(|record| {
        record["outcome"] == "ok"
            && record["attempts"]
                .as_array()
                .is_some_and(|it| it.len() == 1)
    })
}

/// An idempotent method, and one that must not be sent twice if the server may have read it.
const METHODS: [&[&str]; 2] = [&[], &["-X", "POST", "-d", "x"]];

/// Waits for `count` requests.
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
                peer.reset(id, REFUSED_STREAM)?;
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
            peer.reset(id, REFUSED_STREAM)?;
        }
    }));
    let out = fetch(&server, 1, &[]);
    let record = out.record();
    assert_eq!(record.verdict(), "error connect/headers");
    assert!(record.message().contains("refused"), "{}", record.message());
    assert_eq!(asked.load(Ordering::Relaxed), 10);
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
    // After its first answer, the connection counts as one that works.
    let out = fetch(&server, 11, &["-j", "10"]);
    assert_all_at_once(&out, 11);
    assert_eq!(server.connections(), 2);
}

#[test]
fn c233_a_connection_that_dies_without_a_word_takes_no_request_with_it() {
    with_time_enough(|limit| {
        let server = first(peer(|peer| {
            let id = peer.request()?;
            peer.ok(id, b"once")?;
            peer.stay_silent();
            None
        }));
        let args = ["-j", "5", "--read-timeout", &limit.to_string()];
        let out = fetch(&server, 10, &args);
        (are_all_at_once(&out, 10) && server.connections() == 2).then_some(())
    });
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
    with_time_enough(|limit| {
        let args = ["--read-timeout", &limit.to_string()];
        let record = fetch(&server, 1, &args).record();
        let is_right =
            record.verdict() == "error timeout/headers" && record.message().contains(args[0]);
        is_right.then_some(())
    });
}

#[test]
fn c235_a_server_that_thinks_long_but_lives_is_waited_for() {
    with_time_enough(|limit| {
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
        let out = fetch(&server, 1, &["--read-timeout", &limit.to_string()]);
        (are_all_at_once(&out, 1) && server.connections() == 1).then_some(())
    });
}

#[test]
fn c236_more_than_a_hundred_at_a_time_take_a_second_connection() {
    let together = Arc::new(Barrier::new(2));
    let asked = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    // Either of them may be the one with a hundred requests, but both get fifty.
    let connection = |number: usize| {
        let (together, asked) = (together.clone(), asked.clone());
        peer(move |peer| {
            let first = gather(peer, 50)?;
            asked[number].fetch_add(first.len(), Ordering::Relaxed);
            together.wait();
            for id in first {
                peer.ok(id, b"")?;
            }
            loop {
                let id = peer.request()?;
                asked[number].fetch_add(1, Ordering::Relaxed);
                peer.ok(id, b"")?;
            }
        })
    };
    let server = Server::build()
        .route_in_turn("*", [connection(0), connection(1)])
        .start();
    let out = fetch(&server, 150, &["-j", "150"]);
    assert_all_at_once(&out, 150);
    assert_eq!(server.connections(), 2);
    let mut asked = [0, 1].map(|number| asked[number].load(Ordering::Relaxed));
    asked.sort_unstable();
    assert_eq!(asked, [50, 100]);
}

#[test]
fn c237_a_server_that_takes_few_requests_on_each_connection_gets_all_of_them() {
    for method in METHODS {
        // Takes two requests, and then refuses.
        let server = Server::always(peer(|peer| {
            let first = peer.request()?;
            peer.ok(first, b"")?;
            let last = peer.request()?;
            peer.go_away(last)?;
            peer.ok(last, b"")
        }));
        let out = fetch(&server, 40, &[&["-j", "20"], method].concat());
        assert_all_at_once(&out, 40);
        assert!(server.connections() >= 20, "{}", server.connections());
    }
}

#[test]
fn c238_a_stream_that_is_reset_without_an_error_has_not_ended() {
    for (length, body) in [
        (Some(10), &b"cut"[..]),
        (None, b"cut"),
        (Some(3), b""),
        (None, b""),
    ] {
        let server = Server::always(peer(move |peer| {
            let id = peer.request()?;
            peer.begin_of(id, length, body)?;
            peer.reset(id, NO_ERROR)?;
            peer.stay_silent();
            None
        }));
        let record = fetch(&server, 1, &[]).record();
        assert_eq!(record.verdict(), "error body/body", "{length:?} {body:?}");
    }
}

#[test]
fn c239_an_answer_before_all_content_was_taken_is_whole_where_the_stream_is_reset_then() {
    let server = Server::always(peer(|peer| {
        let id = peer.request()?;
        peer.ok(id, b"enough")?;
        peer.reset(id, NO_ERROR)?;
        peer.stay_silent();
        None
    }));
    let content = "x".repeat(500_000);
    let out = Fetch::jsonl()
        .file("content", content)
        .args(["--http2-prior-knowledge", "-d", "@content", "--body"])
        .arg(server.url("/a"))
        .run();
    let record = out.record();
    assert_eq!(record.verdict(), "ok", "{}", record["error"]);
    assert_eq!(record["body"], "enough");
}

#[test]
fn c240_a_stream_that_is_reset_with_an_error_is_not_opened_again() {
    let asked = Arc::<AtomicUsize>::default();
    let count = asked.clone();
    let server = Server::always(peer(move |peer| {
        let id = peer.request()?;
        peer.ok(id, b"")?;
        loop {
            let id = peer.request()?;
            count.fetch_add(1, Ordering::Relaxed);
            peer.reset(id, INTERNAL_ERROR)?;
        }
    }));
    let out = fetch(&server, 5, &["-j", "1"]);
    let verdicts: Vec<_> = out.in_order().iter().map(RecordExt::verdict).collect();
    assert_eq!(verdicts[0], "ok");
    assert_eq!(verdicts[1..], ["error connect/headers"; 4]);
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[test]
fn c241_a_server_that_wants_http_1_is_asked_over_http_1() {
    let server = Server::build()
        .tls(tls::server(&["127.0.0.1"], &["h2", "http/1.1"]))
        .route(
            "*",
            peer(|peer| {
                loop {
                    let id = peer.request()?;
                    peer.reset(id, HTTP_1_1_REQUIRED)?;
                }
            }),
        )
        .otherwise(ok("one"))
        .start();
    for method in METHODS {
        let out = Fetch::jsonl()
            .trusting()
            .args(method)
            .stdin(server.list(5))
            .run();
        assert_all_at_once(&out, 5);
        for record in out.records() {
            assert_eq!(record["http_version"], "HTTP/1.1");
        }
    }
    let asked = server.requests();
    assert_eq!(asked.iter().filter(|it| !is_preface(it)).count(), 10);
}
