//! Answers that break the HTTP/2 connection that they share with others, and what becomes of the others.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, prop_assert_eq, prop_oneof},
    sample::select,
    test_runner::TestRunner,
};
use serde_json::Value;

use super::{raw, unharmed};
use crate::support::{
    Fetch, Script, Server,
    http2::{
        self, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INTERNAL_ERROR, Peer, peer,
    },
    ok,
    record::RecordExt as _,
    tls,
    tunnel::{carry, dial},
    with_time_enough,
};

/// A malformed answer.
type Malformed = fn(&mut Peer<'_>, u32) -> Option<()>;

/// Malformed answers that end the whole connection, by the first word of the path that they are sent for.
const MALFORMED: [(&str, Malformed); 5] = [
    ("value", |peer, id| {
        // `x-a: a\x01b`
        fields(peer, id, b"\x88\0\x03x-a\x03a\x01b")
    }),
    ("name", |peer, id| fields(peer, id, b"\x88\0\0\x01a")),
    ("letters", |peer, id| fields(peer, id, b"\x08\x03abc")),
    ("digits", |peer, id| fields(peer, id, b"\x08\x042000")),
    ("head", |peer, id| {
        // A megabyte of `x: yyy…`.
        let field = [b"\0\x01x\x7f\x81\x7d".as_slice(), &[b'y'; 16_128]].concat();
        peer.send(HEADERS, 0, id, b"\x88")?;
        for _ in 0..64 {
            peer.send(CONTINUATION, 0, id, &field)?;
        }
        peer.send(CONTINUATION, END_HEADERS, id, b"")?;
        peer.send(DATA, END_STREAM, id, b"x")
    }),
];

/// Answers that end their own stream only, and what becomes of the request.
const FAILING: [(&str, Malformed, &str); 3] = [
    (
        "reset",
        |peer, id| peer.reset(id, INTERNAL_ERROR),
        "error connect/headers",
    ),
    (
        "cut",
        |peer, id| {
            peer.begin_of(id, Some(10), b"cut")?;
            peer.reset(id, INTERNAL_ERROR)
        },
        "error body/body",
    ),
    (
        "long",
        |peer, id| {
            peer.begin_of(id, Some(1), b"long")?;
            peer.send(DATA, END_STREAM, id, b"")
        },
        "error protocol/body",
    ),
];

/// Answers over HTTP/1.1, after which the connection is closed, and what becomes of the request.
const OVER_HTTP_1: [(&str, &str, &str); 5] = [
    (
        "nul",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\nContent-Length: 0\r\n\r\n",
        "error protocol/headers",
    ),
    (
        "status",
        "HTTP/1.1 2000 X\r\nContent-Length: 0\r\n\r\n",
        "error protocol/headers",
    ),
    (
        "lengths",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "error protocol/headers",
    ),
    (
        "cut",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut",
        "error body/body",
    ),
    ("nothing", "", "error connect/headers"),
];

/// The first word of a path, which says how it is answered.
fn word(path: &str) -> &str {
    path.trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default()
}

fn fields(peer: &mut Peer<'_>, id: u32, fields: &[u8]) -> Option<()> {
    peer.send(HEADERS, END_HEADERS, id, fields)?;
    peer.send(DATA, END_STREAM, id, b"x")
}

/// Answers a malformed path as it says and others well, once `together` requests are there.
fn mixed(together: usize) -> Script {
    peer(move |peer| {
        loop {
            for (id, path) in peer.gather(together)? {
                let malformed = MALFORMED.iter().map(|(bad, answer)| (bad, answer));
                let failing = FAILING.iter().map(|(bad, answer, _)| (bad, answer));
                match malformed
                    .chain(failing)
                    .find(|(bad, _)| **bad == word(&path))
                {
                    Some((_, answer)) => answer(peer, id)?,
                    None => peer.ok(id, b"well")?,
                }
            }
        }
    })
}

/// A server whose first connection answers once `together` requests are there.
fn server(over_tls: bool, together: usize) -> Server {
    let build = Server::build().route_in_turn("*", [mixed(together), mixed(1)]);
    if over_tls {
        build.tls(tls::server(&["127.0.0.1"], &["h2"])).start()
    } else {
        build.start()
    }
}

/// The records of these paths in their order.
fn fetch(server: &Server, paths: &[String], args: &[&str]) -> Vec<Value> {
    let urls: Vec<_> = paths.iter().map(|path| server.url(path)).collect();
    let mut fetch = Fetch::jsonl().args(args).stdin(urls.join("\n"));
    fetch = if urls[0].starts_with("https") {
        fetch.trusting()
    } else {
        fetch.arg("--http2-prior-knowledge")
    };
    fetch.run().in_order()
}

/// Asserts that exactly the malformed answers fail, and that no retry was used up.
#[track_caller]
fn assert_each_for_itself(records: &[Value], paths: &[String]) {
    assert_eq!(records.len(), paths.len());
    for (record, path) in records.iter().zip(paths) {
        let is_bad = MALFORMED.iter().any(|(bad, _)| *bad == word(path));
        let expected = if is_bad {
            "error protocol/headers"
        } else {
            "ok"
        };
        assert_eq!(record.verdict(), expected, "{path}: {}", record["error"]);
        assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{path}");
    }
}

/// This many good paths, and a malformed one in their midst.
fn paths(good: usize, bad: &str) -> Vec<String> {
    let mut paths: Vec<_> = (0..good).map(|number| format!("/{number}")).collect();
    paths.insert(good / 2, bad.to_owned());
    paths
}

#[test]
fn c400_a_malformed_answer_over_http_2_costs_none_of_its_neighbours() {
    for (bad, _) in MALFORMED {
        for over_tls in [false, true] {
            let paths = paths(19, &format!("/{bad}"));
            let server = server(over_tls, 20);
            assert_each_for_itself(
                &fetch(&server, &paths, &["-j", "20", "--retry", "2"]),
                &paths,
            );
        }
    }
}

#[test]
fn c401_many_malformed_answers_cost_none_of_their_neighbours() {
    let bad = MALFORMED.iter().map(|(bad, _)| format!("/{bad}")).cycle();
    let good = (0..10).map(|number| format!("/{number}"));
    let paths: Vec<_> = good.zip(bad).flat_map(|(good, bad)| [good, bad]).collect();
    let server = server(false, 20);
    assert_each_for_itself(&fetch(&server, &paths, &["-j", "20"]), &paths);
}

#[test]
fn c402_of_a_body_that_a_neighbour_broke_off_nothing_stays() {
    let server = Server::build()
        .route_in_turn(
            "*",
            [
                peer(|peer| {
                    let asked = peer.gather(5)?;
                    for (id, path) in &asked {
                        if path != "/value" {
                            peer.begin_of(*id, Some(100), b"the first try")?;
                        }
                    }
                    let (id, _) = asked.iter().find(|(_, path)| path == "/value")?;
                    MALFORMED[0].1(peer, *id)?;
                    peer.stay_silent();
                    None
                }),
                mixed(1),
            ],
        )
        .start();
    let paths = paths(4, "/value");
    for args in [
        &["--body", "--sha256"][..],
        &["-o", "out"],
        &["-o", "out2", "-c"],
    ] {
        let records = fetch(&server, &paths, args);
        assert_each_for_itself(&records, &paths);
        for (record, path) in records.iter().zip(&paths) {
            if path == "/value" {
                continue;
            }
            assert_eq!(record["size"], 4, "{record}");
            if args[0] == "--body" {
                assert_eq!(record["body"], "well");
            }
        }
    }
}

#[test]
fn c403_empty_data_frames_are_data_of_no_length() {
    let server = Server::always(peer(|peer| {
        loop {
            let id = peer.request()?;
            peer.send(HEADERS, END_HEADERS, id, b"\x88")?;
            peer.send(DATA, 0, id, b"")?;
            peer.send(DATA, END_STREAM, id, b"well")?;
        }
    }));
    let paths: Vec<_> = (0..400).map(|number| format!("/{number}")).collect();
    for jobs in ["1", "20"] {
        let records = fetch(&server, &paths, &["-j", jobs]);
        assert_each_for_itself(&records, &paths);
    }
}

#[test]
fn c404_an_answer_without_content_may_have_the_length_of_what_it_leaves_out() {
    // `content-length: 9`, and an empty DATA that ends the stream.
    let script = |status: &'static [u8]| {
        peer(move |peer| {
            loop {
                let id = peer.request()?;
                if peer.path() != "/0" {
                    peer.ok(id, b"well")?;
                    continue;
                }
                let fields = [status, b"\x0f\x0d\x019"].concat();
                peer.send(HEADERS, END_HEADERS, id, &fields)?;
                peer.send(DATA, END_STREAM, id, b"")?;
            }
        })
    };
    for (status, fields, args) in [
        (304, b"\x8b".as_slice(), &["--accept", "200,304"][..]),
        (204, b"\x89", &[]),
        (200, b"\x88", &["-I"]),
    ] {
        let server = Server::always(script(fields));
        let paths: Vec<_> = (0..10).map(|number| format!("/{number}")).collect();
        let records = fetch(&server, &paths, args);
        assert_each_for_itself(&records, &paths);
        assert_eq!(records[0]["status"], status);
        assert_eq!(records[0]["size"], 0);
        assert_eq!(server.connections(), 1);
    }
}

/// Accepts connections for `server`, and never answers those whose number `stalls`. Also returns how many these are.
fn stalling(server: &Server, stalls: fn(usize) -> bool) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), server.port());
    let stalled = Arc::<AtomicUsize>::default();
    let count = stalled.clone();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for (number, mut tcp) in listener.incoming().map(Result::unwrap).enumerate() {
            if stalls(number) {
                count.fetch_add(1, Ordering::Relaxed);
                silent.push(tcp);
                continue;
            }
            thread::spawn(move || {
                dial(behind).map(|mut tcp_behind| carry(&mut tcp, &mut tcp_behind))
            });
        }
    });
    (port, stalled)
}

#[test]
fn c410_a_handshake_that_stalls_costs_its_own_request_and_no_other() {
    for protocols in [&["h2"][..], &["http/1.1"]] {
        let server = Server::build()
            .tls(tls::server(&["127.0.0.1"], protocols))
            .otherwise(http2::answer(b"unharmed").run(unharmed))
            .start();
        let healthy = Server::always(ok("x"));
        let (port, _) = stalling(&server, |number| number == 0);
        let urls: String = (0..20)
            .map(|number| format!("https://127.0.0.1:{port}/{number}\n"))
            .collect();
        // Within a limit that is too short for the machine, others fail, too.
        with_time_enough(|limit| {
            let out = Fetch::jsonl()
                .trusting()
                .args(["-j", "20", "-t", &limit.to_string()])
                .stdin(urls.clone() + &healthy.list(200))
                .run();
            let mut verdicts: Vec<_> = out.records().iter().map(Value::verdict).collect();
            verdicts.retain(|verdict| verdict != "ok");
            matches!(&verdicts[..], [] | [_])
                .then_some(verdicts)
                .filter(|failed| failed.iter().all(|it| it == "error timeout/connect"))
        });
    }
}

#[test]
fn c420_handshakes_that_stall_over_http_1_cost_their_own_requests_and_no_other() {
    let stalls: [fn(usize) -> bool; 3] = [
        |number| number < 3,
        |number| number % 5 == 0,
        |number| (4..9).contains(&number),
    ];
    for stalls in stalls {
        let server = Server::build()
            .tls(tls::server(&["127.0.0.1"], &["h2", "http/1.1"]))
            .otherwise(ok("x"))
            .start();
        let healthy = Server::always(ok("x"));
        // Within a limit that is too short for the machine, others fail, too.
        with_time_enough(|limit| {
            let (port, stalled) = stalling(&server, stalls);
            let urls: String = (0..40)
                .map(|number| format!("https://127.0.0.1:{port}/{number}\n"))
                .collect();
            let out = Fetch::jsonl()
                .trusting()
                .args(["--http1.1", "-j", "20", "-t", &limit.to_string()])
                .stdin(urls + &healthy.list(200))
                .run();
            let mut verdicts: Vec<_> = out.records().iter().map(Value::verdict).collect();
            verdicts.retain(|verdict| verdict != "ok");
            let stalled = stalled.load(Ordering::Relaxed);
            assert!(stalled > 0, "no handshake stalled");
            let expected = |it: &String| it == "error timeout/connect";
            (verdicts.len() <= stalled && verdicts.iter().all(expected)).then_some(())
        });
    }
}

/// Fetches `cases` random mixtures of good and bad answers, and asserts what becomes of each URL.
fn mixtures(over_http_2: bool, cases: u32) {
    let mut bad: Vec<(&str, &str)> = Vec::new();
    let mut build = Server::build();
    if over_http_2 {
        build = build.route("*", mixed(1));
        bad.extend(
            MALFORMED
                .iter()
                .map(|(bad, _)| (*bad, "error protocol/headers")),
        );
        bad.extend(FAILING.iter().map(|(bad, _, verdict)| (*bad, *verdict)));
    } else {
        for (path, bytes, _) in OVER_HTTP_1 {
            build = build.route(&format!("/{path}"), raw(bytes));
        }
        bad.extend(OVER_HTTP_1.iter().map(|(bad, _, verdict)| (*bad, *verdict)));
    }
    let server = build.otherwise(ok("well")).start();
    let mixture = vec(prop_oneof![Just(("good", "ok")), select(bad)], 1..40);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    };
    let tried = TestRunner::new(config).run(&(mixture, 1..=50_u8), |(mixture, jobs)| {
        let separator = if over_http_2 { '/' } else { '?' };
        let urls = mixture.iter().enumerate();
        let urls = urls.map(|(at, (path, _))| server.url(&format!("/{path}{separator}{at}\n")));
        let mut fetch = Fetch::jsonl().args(["-j", &jobs.to_string()]);
        if over_http_2 {
            fetch = fetch.arg("--http2-prior-knowledge");
        }
        let records = fetch.stdin(urls.collect::<String>()).run().in_order();
        let verdicts: Vec<_> = records.iter().map(Value::verdict).collect();
        let expected: Vec<_> = mixture.iter().map(|(_, verdict)| *verdict).collect();
        prop_assert_eq!(verdicts, expected);
        Ok(())
    });
    tried.unwrap();
}

#[test]
fn c411_each_answer_of_a_mixture_over_http_2_is_its_own() {
    mixtures(true, 24);
}

#[test]
fn c412_each_answer_of_a_mixture_over_http_1_is_its_own() {
    mixtures(false, 24);
}

#[test]
#[ignore = "slow; .ci/run runs it"]
fn each_answer_of_two_thousand_mixtures_is_its_own() {
    mixtures(true, 1000);
    mixtures(false, 1000);
}
