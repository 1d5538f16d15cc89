//! `--rate` and `--rate-per-host`: how many requests are sent in a time.
//!
//! A request may arrive late, never early. So a request has to arrive no earlier than the rate allows, counted from
//! before the run; how close together two requests arrive says nothing. That turns are even and not much slower than
//! the rate is a matter of `engine/pace.rs`, which is tested with a paused clock.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::per_host::{EMPTY, mixed};
use crate::support::{
    Fetch, Gate, Running, Script, Server, answer, ok, record::RecordExt as _, redirect,
};

/// When the requests to these servers arrived.
fn arrivals<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Vec<Instant> {
    let mut arrivals: Vec<_> = servers
        .into_iter()
        .flat_map(Server::requests)
        .map(|request| request.arrived)
        .collect();
    arrivals.sort_unstable();
    arrivals
}

/// None arrived before its turn: the first may come at once, each after it one `interval` later.
#[track_caller]
fn assert_paced(began: Instant, arrivals: &[Instant], interval: Duration) {
    for (turns, arrival) in (0_u32..).zip(arrivals) {
        let after = arrival.duration_since(began);
        assert!(
            after >= interval * turns,
            "request {} came after {after:?}, with one every {interval:?}",
            turns + 1
        );
    }
}

#[test]
fn all_requests_together_keep_the_rate() {
    let servers = [(); 2].map(|()| Server::always(ok("x")));
    let list = mixed(&servers[0].list(13), &servers[1].list(13));
    let began = Instant::now();
    let out = Fetch::jsonl()
        .args(["--rate", "20/s"])
        .stdin(list)
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 26);
    assert_paced(began, &arrivals(&servers), Duration::from_millis(50));
}

#[test]
fn each_host_keeps_the_rate_per_host() {
    let servers = [(); 3].map(|()| Server::always(ok("x")));
    let list = mixed(&servers[0].list(12), &servers[1].list(12)) + &servers[2].list(12);
    let began = Instant::now();
    Fetch::jsonl()
        .args(["--rate-per-host", "10/s", "-j3"])
        .stdin(list)
        .run()
        .exits(0);
    for server in &servers {
        assert_eq!(server.requests().len(), 12);
        assert_paced(began, &arrivals([server]), Duration::from_millis(100));
    }
}

#[test]
fn a_host_does_not_wait_for_the_rate_of_another() {
    let servers = [(); 3].map(|()| Server::always(ok("x")));
    let list = mixed(&servers[0].list(12), &servers[1].list(12)) + &servers[2].list(12);
    let mut run = Fetch::jsonl()
        .args(["--rate-per-host", "1/h", "-j3"])
        .stdin(list)
        .spawn();
    // The second request of each would come in an hour.
    for _ in &servers {
        assert_eq!(run.record()["outcome"], "ok");
    }
    for server in &servers {
        server.request();
    }
}

#[test]
fn rates_are_for_a_second_a_minute_or_an_hour() {
    // A unit that is taken for the next longer one takes 60 times as long, and the run counts as hanging.
    const URLS: usize = 240;
    let ways = ["100/s", "6000/m", "360000/h"]
        .into_iter()
        .flat_map(|rate| ["--rate", "--rate-per-host"].map(|option| [option, rate]));
    let began = Instant::now();
    let runs: Vec<(Server, Running)> = ways
        .map(|way| {
            let server = Server::always(ok("x"));
            let list = server.list(URLS);
            (server, Fetch::jsonl().args(way).stdin(list).spawn())
        })
        .collect();
    for (server, run) in runs {
        run.wait().exits(0);
        assert_paced(began, &arrivals([&server]), Duration::from_millis(10));
    }
}

#[test]
fn a_high_rate_is_kept() {
    for option in ["--rate", "--rate-per-host"] {
        let server = Server::always(ok("x"));
        let began = Instant::now();
        Fetch::jsonl()
            .args([option, "250/s", "-j20"])
            .stdin(server.list(150))
            .run()
            .exits(0);
        assert_paced(began, &arrivals([&server]), Duration::from_millis(4));
    }
}

#[test]
fn both_rates_are_kept() {
    let servers = [(); 2].map(|()| Server::always(ok("x")));
    let list = servers[0].list(5) + &servers[1].list(20);
    let began = Instant::now();
    Fetch::jsonl()
        .args(["--rate", "25/s", "--rate-per-host", "20/s"])
        .stdin(list)
        .run()
        .exits(0);
    assert_paced(began, &arrivals(&servers), Duration::from_millis(40));
    for server in &servers {
        assert_paced(began, &arrivals([server]), Duration::from_millis(50));
    }
}

#[test]
fn time_without_requests_is_not_saved_up() {
    for option in ["--rate", "--rate-per-host"] {
        let gate = Gate::new();
        let server = Server::build()
            .route("/0", Script::new().wait(&gate).send(EMPTY))
            .otherwise(ok("x"))
            .start();
        let run = Fetch::jsonl()
            .args([option, "10/s", "-j1"])
            .stdin(server.list(6))
            .spawn();
        server.wait_for_requests(1);
        // Time enough for the turns of all the others to pass unused.
        thread::sleep(Duration::from_millis(600));
        let opened = Instant::now();
        gate.open();
        run.wait().exits(0);
        // A timer that fires late is made up for by so much.
        let earliest = opened.checked_sub(Duration::from_millis(2)).unwrap();
        let after_the_first = &arrivals([&server])[1..];
        assert_paced(earliest, after_the_first, Duration::from_millis(100));
    }
}

#[test]
fn redirects_and_retries_count_for_the_rate() {
    for option in ["--rate", "--rate-per-host"] {
        let server = Server::build()
            .route("/1", redirect(302, "/2"))
            .route("/2", redirect(302, "/3"))
            .route_in_turn("/4", [answer(503, "no"), answer(500, "no"), ok("x")])
            .otherwise(ok("x"))
            .start();
        let began = Instant::now();
        Fetch::jsonl()
            .args([option, "20/s", "--retry", "2", "--retry-delay", "0"])
            .stdin(server.list(5))
            .run()
            .exits(0);
        let all = arrivals([&server]);
        assert_eq!(all.len(), 10);
        assert_paced(began, &all, Duration::from_millis(50));
    }
}

#[test]
fn a_redirect_counts_for_the_rate_of_the_host_that_it_leads_to() {
    let target = Server::always(ok("x"));
    let leading = [(); 4].map(|()| Server::always(redirect(302, &target.url("/target"))));
    let list: String = leading.iter().map(|server| server.list(2)).collect();
    let began = Instant::now();
    Fetch::jsonl()
        .args(["--rate-per-host", "8/s", "-j2"])
        .stdin(list)
        .run()
        .exits(0);
    assert_eq!(target.requests().len(), 8);
    assert_paced(began, &arrivals([&target]), Duration::from_millis(125));
}

#[test]
fn a_redirect_that_waits_for_a_rate_holds_no_slot() {
    let target = Server::always(ok("x"));
    let leading = [(); 4].map(|()| Server::always(redirect(302, &target.url("/target"))));
    let list: String = leading.iter().map(|server| server.list(1)).collect();
    let other = Server::always(ok("x"));
    let mut run = Fetch::jsonl()
        .args(["--rate-per-host", "1/h", "-j2"])
        .stdin(list + &other.list(1))
        .spawn();
    // One of the four gets through to the target, three wait for an hour.
    let mut done = [run.record(), run.record()].map(|record| record["index"].as_u64().unwrap());
    done.sort_unstable();
    assert_eq!(done[1], 4, "the other host was reached: {done:?}");
    target.request();
}

#[test]
fn the_first_request_does_not_wait_for_a_slow_rate() {
    for option in ["--rate", "--rate-per-host"] {
        for rate in ["1/h", "0.00001/h", "0.0000000000000002/h"] {
            let server = Server::always(ok("x"));
            let mut run = Fetch::jsonl()
                .args([option, rate])
                .stdin(server.list(5))
                .spawn();
            let record = run.record();
            assert_eq!(record["index"], 0, "{option} {rate}");
            assert_eq!(record.verdict(), "ok", "{option} {rate}");
            server.request();
        }
    }
}
