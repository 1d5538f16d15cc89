//! What a host takes at a time and in a time, and that everything which waits for that ends.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    Fetch, Gate, Output, PATIENCE, Running, Script, Server, answer, ok, record::RecordExt as _,
    redirect, reply,
};

/// How much closer than they were sent two requests may arrive on a machine under load.
const JITTER: Duration = Duration::from_millis(40);
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn held(gate: &Gate) -> Script {
    Script::new().wait(gate).send(EMPTY)
}

/// Opens the gate once `count` requests have come together, and so long after that one more would have been seen.
fn open_at(server: &Server, gate: &Gate, count: usize) {
    assert!(
        server.come_together(count, PATIENCE),
        "fewer than {count} came: peak {}",
        server.peak()
    );
    assert!(
        !server.come_together(count + 1, Duration::from_millis(300)),
        "more than {count} came"
    );
    gate.open();
}

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

/// Each line of the one, then one of the other.
fn mixed(one: &str, other: &str) -> String {
    one.lines()
        .zip(other.lines())
        .map(|(one, other)| format!("{one}\n{other}\n"))
        .collect()
}

#[test]
fn a_host_is_asked_for_no_more_at_a_time_than_it_takes() {
    for (option, most) in [
        ("--max-per-host", 3),
        ("--parallel-max-host", 2),
        ("--max-per-host", 1),
    ] {
        let gates = [Gate::new(), Gate::new()];
        let servers = gates.each_ref().map(|gate| Server::always(held(gate)));
        let run = Fetch::jsonl()
            .args([option, &most.to_string(), "-j10"])
            .stdin(servers[0].list(15) + &servers[1].list(15))
            .spawn();
        assert!(
            servers[1].come_together(most, PATIENCE),
            "the second waits for the first"
        );
        open_at(&servers[0], &gates[0], most);
        open_at(&servers[1], &gates[1], most);
        let out = run.wait().exits(0);
        assert_eq!(out.records().len(), 30);
        for server in &servers {
            assert_eq!(server.peak(), most);
            assert_eq!(server.requests().len(), 15);
        }
    }
}

#[test]
fn a_host_takes_what_all_may_take_by_default() {
    for args in [&["-j4"][..], &["-j4", "--max-per-host", "9"]] {
        let gate = Gate::new();
        let server = Server::always(held(&gate));
        let run = Fetch::jsonl().args(args).stdin(server.list(12)).spawn();
        open_at(&server, &gate, 4);
        run.wait().exits(0);
        assert_eq!(server.peak(), 4);
    }
}

#[test]
fn names_of_one_machine_are_hosts_of_their_own() {
    let gate = Gate::new();
    let server = Server::build()
        .on_all_addresses()
        .otherwise(held(&gate))
        .start();
    let list = |host| -> String {
        (0..5)
            .map(|number| server.url_as(host, &format!("/{number}\n")))
            .collect()
    };
    let run = Fetch::jsonl()
        .args(["-j10", "--max-per-host", "1"])
        .stdin(list("127.0.0.1") + &list("127.0.0.2") + &list("127.0.0.3"))
        .spawn();
    open_at(&server, &gate, 3);
    run.wait().exits(0);
}

#[test]
fn a_redirect_takes_the_turn_of_the_host_that_it_leads_to() {
    let gate = Gate::new();
    let target = Server::always(held(&gate));
    let leading = Server::always(redirect(302, &target.url("/target")));
    let other = Server::always(ok("x"));
    let list = leading.list(12) + &target.list(6) + &other.list(30);
    let mut run = Fetch::jsonl()
        .args(["-j4", "--max-per-host", "2"])
        .stdin(list)
        .spawn();
    // What waits for the target holds no slot: else the last of the list would not be reached.
    for _ in 0..30 {
        assert!(run.record().text("url").starts_with(&other.url("/")));
    }
    open_at(&target, &gate, 2);
    let out = run.wait().exits(0);
    assert_eq!(out.records().len(), 48);
    assert_eq!((target.peak(), target.requests().len()), (2, 18));
    assert!(leading.peak() <= 2);
    assert_eq!(leading.requests().len(), 12);
}

#[test]
fn a_redirect_to_the_same_host_gets_its_own_turn_back() {
    let server = Server::build()
        .route("/end", ok("x"))
        .route("/mid", redirect(302, "/end"))
        .otherwise(redirect(302, "/mid"))
        .start();
    for jobs in ["-j1", "-j5"] {
        let out = Fetch::jsonl()
            .args([jobs, "--max-per-host", "1"])
            .stdin(server.list(20))
            .run()
            .exits(0);
        assert!(out.records().iter().all(|record| record["redirects"] == 2));
    }
    assert_eq!(server.peak(), 1);
}

#[test]
fn attempts_that_are_made_again_take_turns_too() {
    let slow = |status: u16| {
        Script::new()
            .pause(20)
            .send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"))
    };
    let mut builder = Server::build();
    for number in 0..12 {
        builder = builder.route_in_turn(&format!("/{number}"), [slow(503), slow(500), slow(200)]);
    }
    let server = builder.start();
    Fetch::jsonl()
        .args(["-j10", "--max-per-host", "2"])
        .args(["--retry", "2", "--retry-delay", "5ms"])
        .stdin(server.list(12))
        .run()
        .exits(0);
    assert_eq!((server.peak(), server.requests().len()), (2, 36));
}

#[test]
fn a_slow_host_in_front_holds_up_no_other() {
    let slow = Server::always(Script::new().pause(1000).send(EMPTY));
    let fast = Server::always(ok("x"));
    let mut run = Fetch::jsonl()
        .args(["-j8", "--max-per-host", "2"])
        .stdin(slow.list(40) + &fast.list(200))
        .spawn();
    let mut done = 0;
    while done < 200 {
        done += usize::from(run.record().text("url").starts_with(&fast.url("/")));
    }
    let took = slow.requests()[0].arrived.elapsed();
    assert!(
        took < Duration::from_secs(2),
        "the fast ones were done after {took:?}"
    );
    assert_eq!(slow.peak(), 2);
    assert!(fast.peak() <= 2);
}

#[test]
fn many_hosts_behind_a_full_one_use_all_slots() {
    let full = Gate::new();
    let slow = Server::always(held(&full));
    let gate = Gate::new();
    let others = [(); 5].map(|()| Server::always(held(&gate)));
    let list = others
        .iter()
        .fold(slow.list(100), |list, server| list + &server.list(4));
    let run = Fetch::jsonl()
        .args(["-j6", "--max-per-host", "1"])
        .stdin(list)
        .spawn();
    for server in &others {
        assert!(server.come_together(1, PATIENCE), "a slot stayed free");
    }
    gate.open();
    full.open();
    let out = run.wait().exits(0);
    assert_eq!(out.records().len(), 120);
    for server in others.iter().chain([&slow]) {
        assert_eq!(server.peak(), 1);
    }
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

/// Options that make something wait for everything there is to wait for, and end soon.
const EVERYTHING: [&str; 10] = [
    "--max-per-host",
    "2",
    "--rate",
    "60/s",
    "--rate-per-host",
    "30/s",
    "--retry",
    "2",
    "--retry-delay",
    "50ms",
];

/// Two servers with troubles, and a list of 40.
fn troubled() -> ([Server; 2], String) {
    let first = Server::build()
        .route_in_turn("/0", [answer(503, "no"), answer(500, "no"), ok("x")])
        .route_in_turn("/3", [Script::new().close(), ok("x")])
        .route_in_turn("/7", [reply(429, &[("Retry-After", "1")], ""), ok("x")])
        .otherwise(ok("x"))
        .start();
    let second = Server::build()
        .route("/5", redirect(302, &first.url("/led")))
        .route_in_turn("/19", [answer(503, "no"), ok("x")])
        .otherwise(ok("x"))
        .start();
    let list = mixed(&first.list(20), &second.list(20));
    ([first, second], list)
}

#[test]
fn ordered_holds_with_all_of_it() {
    for jobs in ["-j1", "-j8"] {
        let (servers, list) = troubled();
        let out = Fetch::jsonl()
            .args(EVERYTHING)
            .args([jobs, "--ordered"])
            .stdin(list)
            .run()
            .exits(0);
        let indices: Vec<_> = out
            .records()
            .iter()
            .map(|record| record["index"].as_u64().unwrap())
            .collect();
        assert_eq!(indices, (0..40).collect::<Vec<_>>());
        for server in &servers {
            assert!(server.peak() <= 2);
        }
    }
}

#[test]
fn ordered_fetches_on_while_the_first_waits() {
    let server = Server::build()
        .route("/0", answer(503, "no"))
        .otherwise(ok("x"))
        .start();
    let mut run = Fetch::jsonl()
        .args(["--ordered", "-j1", "--retry", "1"])
        .args(["--retry-delay", "1h", "--retry-max-delay", "0"])
        .stdin(server.list(500))
        .spawn();
    server.wait_for_requests(500);
    assert!(
        !run.speaks_within(Duration::from_millis(100)),
        "the first is still to come"
    );
    run.signal(Signal::INT);
    let out = run.wait().exits(130);
    let records = out.records();
    let indices: Vec<_> = records.iter().map(|record| &record["index"]).collect();
    assert!((0..500).eq(indices.iter().map(|index| index.as_u64().unwrap())));
    assert_eq!(records[0]["outcome"], "cancelled");
    assert!(
        records[1..499]
            .iter()
            .all(|record| record["outcome"] == "ok")
    );
}

#[test]
fn no_input_ends_at_once() {
    for args in [&EVERYTHING[..], &["--rate", "1/h", "-j1", "--ordered"]] {
        for list in ["", "# nothing\n\n"] {
            let out = Fetch::jsonl().args(args).stdin(list).run().exits(0);
            assert!(out.stdout().is_empty());
            assert!(out.stderr().contains("no URLs"), "{}", out.stderr());
            assert!(out.elapsed < PATIENCE / 3);
        }
    }
}

#[test]
fn bad_lines_alone_end_at_once() {
    for args in [
        &EVERYTHING[..],
        &["--rate", "1/h", "--rate-per-host", "1/h"],
    ] {
        let out = Fetch::jsonl()
            .args(args)
            .stdin("http://[\n".repeat(300))
            .run()
            .exits(1);
        assert_eq!(out.records().len(), 300);
        assert!(out.elapsed < PATIENCE / 3, "{:?}", out.elapsed);
    }
}

#[test]
fn bad_lines_wait_for_no_rate() {
    let server = Server::always(ok("x"));
    for option in ["--rate", "--rate-per-host"] {
        let mut run = Fetch::jsonl()
            .args([option, "1/h"])
            .stdin(format!("{}http://[\n{0}", server.url("/a\n")))
            .spawn();
        let mut indices =
            [run.record(), run.record()].map(|record| record["index"].as_u64().unwrap());
        indices.sort_unstable();
        assert_eq!(indices, [0, 1]);
    }
}

#[test]
fn one_job_and_everything_delayed_ends() {
    let mut builder = Server::build();
    for number in 0..10 {
        let scripts = [answer(503, "no"), Script::new().close(), ok("x")];
        builder = builder.route_in_turn(&format!("/{number}"), scripts);
    }
    let server = builder.start();
    let args = ["-j1", "--max-per-host", "1", "--rate-per-host", "40/s"];
    let out = Fetch::jsonl()
        .args(args)
        .args(["--retry", "3", "--retry-delay", "100ms"])
        .stdin(server.list(10))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 10);
    assert_eq!(server.peak(), 1);
}

#[test]
fn a_run_goes_on_when_input_comes_while_all_wait() {
    let server = Server::build()
        .route("/wait", answer(503, "no"))
        .otherwise(ok("x"))
        .start();
    let mut run = Fetch::jsonl()
        .args(["-j1", "--retry", "1", "--retry-delay", "1h"])
        .args(["--retry-max-delay", "0", "--max-per-host", "1"])
        .stdin_open()
        .spawn();
    run.write(server.url("/wait\n"));
    server.wait_for_requests(1);
    for number in 1..4 {
        run.write(server.url("/more\n"));
        assert_eq!(run.record()["index"], number);
    }
}

/// A run in which five wait: the first for a back-off, the second for a rest, the third for the second, and two for
/// a turn of the host that has the sixth on the wire. The seventh is done.
struct Waiters {
    run: Running,
    tired: Server,
    _resting: Server,
    full: Server,
    gate: Gate,
}

impl Waiters {
    fn start(args: &[&str]) -> Self {
        let gate = Gate::new();
        let tired = Server::build()
            .route("/0", answer(503, "no"))
            .route("/fails", answer(404, "no"))
            .otherwise(ok("x"))
            .start();
        let resting = Server::always(reply(429, &[("Retry-After", "1000")], ""));
        let full = Server::always(held(&gate));
        let mut run = Fetch::jsonl()
            .args(["-v", "-j5", "--max-per-host", "1", "--retry", "1"])
            .args(["--retry-delay", "1h", "--retry-max-delay", "0"])
            .args(args)
            .stdin_open()
            .spawn();
        run.write(tired.list(1) + &resting.list(2));
        tired.wait_for_requests(1);
        resting.wait_for_requests(1);
        run.write(full.list(3));
        full.wait_for_requests(1);
        run.write(tired.url("/done\n"));
        assert_eq!(run.record()["index"], 6);
        // Both have come back from the wire.
        run.stderr.wait_for("-:1: attempt 2");
        run.stderr.wait_for("-:2: attempt 2");
        Self {
            run,
            tired,
            _resting: resting,
            full,
            gate,
        }
    }
}

/// Those five, in the order of the input, all cancelled.
#[track_caller]
fn check_waiters(records: &[Value]) {
    let attempts: Vec<_> = records
        .iter()
        .map(|record| {
            assert_eq!(record["outcome"], "cancelled", "{record}");
            record["attempts"].as_array().unwrap().as_slice()
        })
        .collect();
    let statuses = |at: usize| attempts[at].iter().map(|attempt| &attempt["status"]);
    assert!(statuses(0).eq([503]), "{}", records[0]);
    assert!(statuses(1).eq([429]), "{}", records[1]);
    assert!(attempts[2..].iter().all(|attempts| attempts.is_empty()));
}

#[track_caller]
fn check_stopped(out: &Output, records: usize, began: Instant) {
    assert!(began.elapsed() < Duration::from_secs(2), "at once");
    assert_eq!(out.records().len(), records);
    assert!(out.stderr().contains("OK "), "{}", out.stderr());
}

#[test]
fn a_signal_cancels_at_once_what_waits() {
    let mut waiters = Waiters::start(&[]);
    let began = Instant::now();
    waiters.run.signal(Signal::INT);
    let mut records: Vec<_> = (0..5).map(|_| waiters.run.record()).collect();
    records.sort_by_key(|record| record["index"].as_u64());
    check_waiters(&records);
    waiters.gate.open();
    let out = waiters.run.wait().exits(130);
    check_stopped(&out, 7, began);
    assert_eq!(out.in_order()[3]["outcome"], "ok", "it was on the wire");
    waiters.full.request();
    assert_eq!(waiters.tired.requests().len(), 2);
}

#[test]
fn a_failure_cancels_at_once_what_waits() {
    let mut waiters = Waiters::start(&["--fail-fast"]);
    let began = Instant::now();
    waiters.run.write(waiters.tired.url("/fails\n"));
    let out = waiters.run.wait_with_stdin_open().exits(1);
    check_stopped(&out, 8, began);
    let mut records = out.in_order();
    assert_eq!(records.remove(3)["outcome"], "cancelled", "on the wire");
    check_waiters(&records[..5]);
    assert_eq!(records[6].verdict(), "http_error 404");
}

#[test]
fn the_deadline_cancels_at_once_what_waits() {
    let waiters = Waiters::start(&["--deadline", "1s"]);
    let out = waiters.run.wait_with_stdin_open().exits(1);
    assert!(
        out.elapsed >= Duration::from_secs(1) && out.elapsed < Duration::from_secs(4),
        "{:?}",
        out.elapsed
    );
    let mut records = out.in_order();
    assert_eq!(records.len(), 7);
    assert_eq!(records.remove(3)["outcome"], "cancelled", "on the wire");
    check_waiters(&records[..5]);
}

#[test]
fn what_waits_for_a_rate_is_cancelled_at_once() {
    for option in ["--rate", "--rate-per-host"] {
        let server = Server::always(ok("x"));
        let mut run = Fetch::jsonl()
            .args([option, "1/h", "--summary-file", "sum.json"])
            .stdin(server.list(30))
            .spawn();
        assert_eq!(run.record()["outcome"], "ok");
        let began = Instant::now();
        run.signal(Signal::INT);
        let out = run.wait().exits(130);
        assert!(began.elapsed() < Duration::from_secs(2));
        let records = out.in_order();
        assert!(
            records[1..]
                .iter()
                .all(|record| record["outcome"] == "cancelled" && record["started"].is_null())
        );
        let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
        assert_eq!(summary["inputs"], records.len());
        server.request();
    }
}

#[test]
fn a_redirect_that_would_have_to_wait_after_a_signal_is_cancelled() {
    let gates = [Gate::new(), Gate::new()];
    let full = Server::always(held(&gates[0]));
    let location = format!(
        "HTTP/1.1 302 X\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        full.url("/target")
    );
    let leading = Server::always(Script::new().wait(&gates[1]).send(location));
    let mut run = Fetch::jsonl()
        .args(["-v", "--max-per-host", "1"])
        .args([full.url("/0"), leading.url("/1"), leading.url("/2")])
        .spawn();
    full.wait_for_requests(1);
    leading.wait_for_requests(1);
    run.signal(Signal::INT);
    let record = run.record();
    assert_eq!(
        (&record["index"], &record["outcome"]),
        (&2.into(), &"cancelled".into())
    );
    gates[1].open();
    let record = run.record();
    assert_eq!(
        (&record["index"], &record["outcome"]),
        (&1.into(), &"cancelled".into())
    );
    gates[0].open();
    assert_eq!(run.record()["outcome"], "ok");
    run.wait().exits(130);
    full.request();
}

#[test]
fn a_redirect_that_waits_is_cancelled_with_its_attempt() {
    let gate = Gate::new();
    let full = Server::always(held(&gate));
    let leading = Server::always(redirect(302, &full.url("/target")));
    let mut run = Fetch::jsonl()
        .args(["-v", "--max-per-host", "1"])
        .args([full.url("/0"), leading.url("/1")])
        .spawn();
    full.wait_for_requests(1);
    run.stderr.wait_for("302");
    run.signal(Signal::INT);
    let record = run.record();
    assert_eq!(
        (&record["index"], &record["outcome"]),
        (&1.into(), &"cancelled".into())
    );
    let attempts = record["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "it was on the wire: {record}");
    assert_eq!(attempts[0]["error"]["kind"], "cancelled", "{record}");
    assert!(record["time_total"].is_number(), "{record}");
    gate.open();
    run.wait().exits(130);
}

#[test]
fn a_producer_that_never_ends_and_a_host_that_rests_end_with_the_run() {
    let server = Server::always(reply(503, &[("Retry-After", "1000")], ""));
    let mut run = Fetch::jsonl()
        .args(["--retry", "1", "--retry-max-delay", "0"])
        .args(["--deadline", "700ms", "--summary-file", "sum.json"])
        .stdin_open()
        .spawn();
    let mut stdin = run.take_stdin();
    let line = server.url("/a\n");
    let writer = std::thread::spawn(move || while stdin.write_all(line.as_bytes()).is_ok() {});
    let out = run.wait().exits(1);
    writer.join().unwrap();
    let records = out.records();
    assert!(
        records
            .iter()
            .all(|record| record["outcome"] == "cancelled")
    );
    let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
    assert_eq!(summary["inputs"], records.len());
    assert_eq!(summary["complete"], false);
    assert!(server.requests().len() <= 10);
}
