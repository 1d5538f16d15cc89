//! HTTP/2 connections that end, or go silent, because of one request, and what becomes of the others on them.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::Value;

use crate::support::{
    Fetch, Limit, Script, Server,
    http2::{DATA, END_HEADERS, END_STREAM, HEADERS, PROTOCOL_ERROR, Peer, peer},
    record::RecordExt as _,
    tls,
    tunnel::{carry, dial},
    with_time_enough,
};

/// How many requests are on a connection before it ends.
const TOGETHER: usize = 20;

/// The path of the request that ends each connection that it is sent on.
const BAD: &str = "/bad";

/// How a connection ends.
type Ending = fn(&mut Peer<'_>, u32) -> Option<()>;

/// Says that it has processed nothing, and why it ends.
fn goes_away(peer: &mut Peer<'_>, _: u32) -> Option<()> {
    peer.go_away_because(0, PROTOCOL_ERROR)?;
    peer.stay_silent();
    None
}

fn closes(peer: &mut Peer<'_>, _: u32) -> Option<()> {
    peer.hang_up();
    None
}

/// Answers with `x-a: a\x01b`, at which the client gives the connection up.
fn answers_malformed(peer: &mut Peer<'_>, id: u32) -> Option<()> {
    peer.send(HEADERS, END_HEADERS, id, b"\x88\0\x03x-a\x03a\x01b")?;
    peer.send(DATA, END_STREAM, id, b"x")
}

/// Ends the connection at the bad request, once so many are there. If `begun`, the bodies for the others have begun by
/// then.
fn ending(together: usize, begun: bool, end: Ending) -> Script {
    peer(move |peer| {
        loop {
            let asked = peer.gather(together)?;
            let bad = asked.iter().find(|(_, path)| path == BAD).cloned();
            for (id, path) in asked {
                match bad {
                    None => peer.ok(id, b"well")?,
                    Some(_) if begun && path != BAD => {
                        peer.begin_of(id, Some(100), b"the first try")?;
                    }
                    Some(_) => {}
                }
            }
            if let Some((id, _)) = bad {
                end(peer, id)?;
            }
        }
    })
}

/// A server whose connections answer with these scripts in turn, and with the last one from then on.
fn server<const N: usize>(over_tls: bool, connections: [Script; N]) -> Server {
    let build = Server::build().route_in_turn("*", connections);
    if over_tls {
        build.tls(tls::server(&["127.0.0.1"], &["h2"])).start()
    } else {
        build.start()
    }
}

/// The records of these URLs in their order.
fn fetch(urls: &[String], args: &[&str]) -> Vec<Value> {
    let mut fetch = Fetch::jsonl().args(args).stdin(urls.join("\n"));
    fetch = if urls[0].starts_with("https") {
        fetch.trusting()
    } else {
        fetch.arg("--http2-prior-knowledge")
    };
    fetch.run().in_order()
}

/// Good URLs with a bad one among them.
fn urls(url: impl Fn(&str) -> String) -> Vec<String> {
    let mut urls: Vec<_> = (1..TOGETHER).map(|at| url(&format!("/{at}"))).collect();
    urls.insert(TOGETHER / 2, url(BAD));
    urls
}

/// Asserts that the bad URL alone fails, and that the others used no retry up.
#[track_caller]
fn assert_one_fails(records: &[Value], verdict: &str, what: &str) {
    assert_eq!(records.len(), TOGETHER, "{what}");
    for record in records {
        if record["url"].as_str().unwrap().ends_with(BAD) {
            assert_eq!(record.verdict(), verdict, "{what}: {record}");
        } else {
            assert_eq!(record.verdict(), "ok", "{what}: {record}");
            assert_eq!(record["size"], 4, "{what}: {record}");
            assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{what}");
        }
    }
}

/// Fetches, with each of these options, from a server that ends its connections like that, before and after the bodies
/// for the others have begun.
#[track_caller]
fn costs_one(end: Ending, verdict: &str, options: &[&[&str]]) {
    for over_tls in [false, true] {
        for begun in [false, true] {
            for args in options {
                let later = ending(1, begun, end);
                let server = server(over_tls, [ending(TOGETHER, begun, end), later]);
                let args = [&["-j", "20", "--retry-delay", "1ms"], *args].concat();
                let records = fetch(&urls(|path| server.url(path)), &args);
                let what = format!("TLS: {over_tls}, begun: {begun}, {args:?}");
                assert_one_fails(&records, verdict, &what);
            }
        }
    }
}

#[test]
fn c413_a_connection_that_is_ended_with_an_error_costs_only_who_provoked_it() {
    let options: [&[&str]; 2] = [&[], &["--retry", "2"]];
    costs_one(goes_away, "error protocol/headers", &options);
}

#[test]
fn c414_a_post_that_was_not_processed_is_sent_again_whatever_ended_the_connection() {
    for over_tls in [false, true] {
        let later = ending(1, false, goes_away);
        let server = server(over_tls, [ending(TOGETHER, false, goes_away), later]);
        let urls = urls(|path| server.url(path));
        let records = fetch(&urls, &["-j", "20", "-d", "pay"]);
        assert_one_fails(&records, "error protocol/headers", "POST");
    }
}

#[test]
fn c415_a_connection_that_is_closed_at_one_request_costs_none_of_its_neighbours() {
    let options: [&[&str]; 2] = [&[], &["--retry", "2"]];
    costs_one(closes, "error connect/headers", &options);
}

/// The limit, if it is too short for a ping, which would find out that the connection is dead.
fn before_a_ping(limit: Limit) -> Option<String> {
    (limit.seconds() < 10.0).then(|| limit.to_string())
}

#[test]
fn c416_a_connection_that_goes_silent_costs_one_attempt_of_those_in_flight() {
    const JOBS: usize = 10;
    for (over_tls, answered) in [(false, 0), (false, 25), (true, 0), (true, 25)] {
        // Within a limit that is too short for the machine, others run into it, too.
        with_time_enough(|limit| {
            let limit = before_a_ping(limit)?;
            let silent = peer(move |peer| {
                for _ in 0..answered {
                    let id = peer.request()?;
                    peer.ok(id, b"well")?;
                }
                peer.stay_silent();
                None
            });
            let server = server(over_tls, [silent, ending(1, false, closes)]);
            let urls: Vec<_> = (0..100).map(|at| server.url(&format!("/{at}"))).collect();
            let retry = ["--retry", "1", "--retry-delay", "1ms"];
            let args = [&["-j", "10", "-t", &limit], &retry[..]].concat();
            let records = fetch(&urls, &args);
            let tried = |record: &&Value| record["attempts"].as_array().unwrap().len() > 1;
            let all_ok = records.iter().all(|record| record.verdict() == "ok");
            let enough = all_ok && records.iter().filter(tried).count() <= JOBS;
            enough.then_some(())
        });
    }
}

#[test]
fn c417_a_request_at_which_each_connection_goes_silent_costs_its_neighbours_one_attempt() {
    for over_tls in [false, true] {
        with_time_enough(|limit| {
            let limit = before_a_ping(limit)?;
            let silent = |together| {
                ending(together, false, |peer, _| {
                    peer.stay_silent();
                    None
                })
            };
            let server = server(over_tls, [silent(TOGETHER), silent(1)]);
            let retry = ["--retry", "1", "--retry-delay", "1ms"];
            let args = [&["-j", "20", "-t", &limit], &retry[..]].concat();
            let records = fetch(&urls(|path| server.url(path)), &args);
            let mut verdicts: Vec<_> = records.iter().map(Value::verdict).collect();
            verdicts.retain(|verdict| verdict != "ok");
            (verdicts == ["error timeout/headers"]).then_some(())
        });
    }
}

/// Accepts connections for `server`, and closes those beyond `most` at a time.
fn bounded(server: &Server, most: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), server.port());
    let open = Arc::<AtomicUsize>::default();
    thread::spawn(move || {
        for mut tcp in listener.incoming().map(Result::unwrap) {
            let open = open.clone();
            if open.fetch_add(1, Ordering::Relaxed) >= most {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            thread::spawn(move || {
                if let Some(mut tcp_behind) = dial(behind) {
                    carry(&mut tcp, &mut tcp_behind);
                }
                drop(tcp);
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    port
}

#[test]
fn c418_who_takes_few_connections_is_sent_few_requests_again_at_a_time() {
    for over_tls in [false, true] {
        let later = ending(1, false, answers_malformed);
        let server = server(
            over_tls,
            [ending(TOGETHER, false, answers_malformed), later],
        );
        let port = bounded(&server, 5);
        let behind = format!(":{}/", server.port());
        let url = |path: &str| server.url(path).replace(&behind, &format!(":{port}/"));
        let mut urls = urls(url);
        // These open a new shared connection meanwhile.
        urls.extend((TOGETHER..2 * TOGETHER).map(|at| url(&format!("/{at}"))));
        // A connection that was just closed may still count.
        let records = fetch(&urls, &["-j", "20", "--retry", "2"]);
        for record in records {
            let is_bad = record["url"].as_str().unwrap().ends_with(BAD);
            let expected = if is_bad {
                "error protocol/headers"
            } else {
                "ok"
            };
            assert_eq!(record.verdict(), expected, "TLS: {over_tls}, {record}");
        }
    }
}
