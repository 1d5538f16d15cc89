//! `--rate` and `--rate-per-host`: how many requests are sent in a time.

use std::time::{Duration, Instant};

use super::per_host::{EMPTY, mixed};
use crate::support::{Fetch, Script, Server, answer, ok, redirect};

/// How much closer than they were sent two requests may arrive on a machine under load.
const JITTER: Duration = Duration::from_millis(40);

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

/// Over any window: no more than one more than the rate gives; over all: not much slower.
#[track_caller]
fn paced(arrivals: &[Instant], interval: Duration) {
    for (at, from) in arrivals.iter().enumerate() {
        for (turns, to) in (0_u32..).zip(&arrivals[at..]) {
            let window = to.duration_since(*from);
            assert!(
                window + JITTER >= interval * turns,
                "{} requests within {window:?}, {interval:?} each",
                turns + 1
            );
        }
    }
    let turns = u32::try_from(arrivals.len()).unwrap() - 1;
    let took = arrivals[arrivals.len() - 1].duration_since(arrivals[0]);
    let least = interval * turns;
    assert!(
        took < least + least / 4 + Duration::from_millis(500),
        "{took:?} instead of {least:?}"
    );
}

#[test]
fn all_requests_together_keep_the_rate() {
    let servers = [(); 2].map(|()| Server::always(ok("x")));
    let list = mixed(&servers[0].list(13), &servers[1].list(13));
    let out = Fetch::jsonl()
        .args(["--rate", "20/s"])
        .stdin(list)
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 26);
    paced(&arrivals(&servers), Duration::from_millis(50));
}

#[test]
fn each_host_has_its_rate() {
    let servers = [(); 3].map(|()| Server::always(ok("x")));
    let list = mixed(&servers[0].list(12), &servers[1].list(12)) + &servers[2].list(12);
    let out = Fetch::jsonl()
        .args(["--rate-per-host", "10/s", "-j3"])
        .stdin(list)
        .run()
        .exits(0);
    assert!(
        out.elapsed < Duration::from_millis(2500),
        "the hosts waited for each other: {:?}",
        out.elapsed
    );
    for server in &servers {
        assert_eq!(server.requests().len(), 12);
        paced(&arrivals([server]), Duration::from_millis(100));
    }
}

#[test]
fn rates_are_for_a_second_a_minute_or_an_hour() {
    for rate in ["10/s", "600/m", "36000/h"] {
        for option in ["--rate", "--rate-per-host"] {
            let server = Server::always(ok("x"));
            Fetch::jsonl()
                .args([option, rate])
                .stdin(server.list(3))
                .run()
                .exits(0);
            paced(&arrivals([&server]), Duration::from_millis(100));
        }
    }
}

#[test]
fn a_high_rate_is_kept_and_reached() {
    for option in ["--rate", "--rate-per-host"] {
        let server = Server::always(ok("x"));
        Fetch::jsonl()
            .args([option, "250/s", "-j20"])
            .stdin(server.list(150))
            .run()
            .exits(0);
        paced(&arrivals([&server]), Duration::from_millis(4));
    }
}

#[test]
fn both_rates_are_kept() {
    let servers = [(); 2].map(|()| Server::always(ok("x")));
    let list = servers[0].list(5) + &servers[1].list(20);
    Fetch::jsonl()
        .args(["--rate", "25/s", "--rate-per-host", "20/s"])
        .stdin(list)
        .run()
        .exits(0);
    let all = arrivals(&servers);
    for (at, from) in all.iter().enumerate() {
        for (turns, to) in (0_u32..).zip(&all[at..]) {
            assert!(to.duration_since(*from) + JITTER >= Duration::from_millis(40) * turns);
        }
    }
    for server in &servers {
        let own = arrivals([server]);
        let took = own[own.len() - 1].duration_since(own[0]) + JITTER;
        assert!(took >= Duration::from_millis(50) * (u32::try_from(own.len()).unwrap() - 1));
    }
    let took = all[all.len() - 1].duration_since(all[0]);
    assert!(took < Duration::from_millis(2200), "{took:?}");
}

#[test]
fn time_without_requests_is_not_saved_up() {
    let server = Server::build()
        .route("/0", Script::new().pause(400).send(EMPTY))
        .otherwise(ok("x"))
        .start();
    for option in ["--rate", "--rate-per-host"] {
        let before = server.requests().len();
        Fetch::jsonl()
            .args([option, "10/s", "-j1"])
            .stdin(server.list(6))
            .run()
            .exits(0);
        let own = server.requests().split_off(before + 1);
        let took = own[4].arrived.duration_since(own[0].arrived);
        assert!(took + JITTER >= Duration::from_millis(400), "{took:?}");
    }
}

#[test]
fn redirects_and_attempts_made_again_count_for_the_rate() {
    for option in ["--rate", "--rate-per-host"] {
        let server = Server::build()
            .route("/1", redirect(302, "/2"))
            .route("/2", redirect(302, "/3"))
            .route_in_turn("/4", [answer(503, "no"), answer(500, "no"), ok("x")])
            .otherwise(ok("x"))
            .start();
        Fetch::jsonl()
            .args([option, "20/s", "--retry", "2", "--retry-delay", "0"])
            .stdin(server.list(5))
            .run()
            .exits(0);
        let all = arrivals([&server]);
        assert_eq!(all.len(), 10);
        paced(&all, Duration::from_millis(50));
    }
}

#[test]
fn a_redirect_takes_the_rate_of_the_host_that_it_leads_to() {
    let target = Server::always(ok("x"));
    let leading = [(); 4].map(|()| Server::always(redirect(302, &target.url("/target"))));
    let list: String = leading.iter().map(|server| server.list(2)).collect();
    let other = Server::always(ok("x"));
    Fetch::jsonl()
        .args(["--rate-per-host", "8/s", "-j2"])
        .stdin(list + &other.list(2))
        .run()
        .exits(0);
    paced(&arrivals([&target]), Duration::from_millis(125));
    let others = arrivals([&other])[0].duration_since(arrivals([&target])[0]);
    assert!(
        others < Duration::from_millis(600),
        "what waits for a rate holds a slot: {others:?}"
    );
}

#[test]
fn a_slow_rate_lets_the_first_go_at_once() {
    for option in ["--rate", "--rate-per-host"] {
        for rate in ["1/h", "0.00001/h", "0.0000000000000002/h"] {
            let server = Server::always(ok("x"));
            let out = Fetch::jsonl()
                .args([option, rate, "--deadline", "250ms"])
                .stdin(server.list(5))
                .run()
                .exits(1);
            let records = out.in_order();
            assert_eq!(records[0]["outcome"], "ok", "{option} {rate}");
            assert!(
                records[1..]
                    .iter()
                    .all(|record| record["outcome"] == "cancelled"),
                "{option} {rate}"
            );
            server.request();
        }
    }
}
