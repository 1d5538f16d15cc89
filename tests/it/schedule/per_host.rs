//! How many requests a host gets at a time.

use crate::support::{
    Fetch, Gate, PATIENCE, QUIET, Script, Server, ok, record::RecordExt as _, redirect,
};

pub(super) const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

pub(super) fn held(gate: &Gate) -> Script {
    Script::new().wait(gate).send(EMPTY)
}

/// Opens the gate once it holds `count` requests and no more have come for a while.
pub(super) fn open_at(server: &Server, gate: &Gate, count: usize) {
    assert!(
        server.come_together(count, PATIENCE),
        "fewer than {count} came: peak {}",
        server.peak()
    );
    assert!(
        !server.come_together(count + 1, QUIET),
        "more than {count} came"
    );
    gate.open();
}

/// Takes lines from both lists in turn.
pub(super) fn mixed(one: &str, other: &str) -> String {
    one.lines()
        .zip(other.lines())
        .map(|(one, other)| format!("{one}\n{other}\n"))
        .collect()
}

#[test]
fn max_per_host_limits_the_requests_in_flight_of_each_host() {
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
fn by_default_a_host_gets_as_many_requests_as_jobs() {
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
fn names_of_one_machine_count_as_different_hosts() {
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
fn a_redirect_counts_for_the_host_that_it_leads_to() {
    let gate = Gate::new();
    let target = Server::always(held(&gate));
    let leading = Server::always(redirect(302, &target.url("/target")));
    let other = Server::always(ok("x"));
    let list = leading.list(12) + &target.list(6) + &other.list(30);
    let mut run = Fetch::jsonl()
        .args(["-j4", "--max-per-host", "2"])
        .stdin(list)
        .spawn();
    // A URL that waits for the target holds no slot, or the end of the list would not be reached.
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
fn a_redirect_within_a_host_keeps_its_place() {
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
fn retries_count_for_their_host() {
    let gates = [Gate::new(), Gate::new()];
    let held = |gate: &Gate, status: u16| {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        Script::new().wait(gate).send(answer)
    };
    let mut builder = Server::build();
    for number in 0..4 {
        let attempts = [held(&gates[0], 503), held(&gates[1], 500), ok("x")];
        builder = builder.route_in_turn(&format!("/{number}"), attempts);
    }
    let server = builder.start();
    let run = Fetch::jsonl()
        .args(["-j10", "--max-per-host", "2"])
        .args(["--retry", "2", "--retry-delay", "0"])
        .stdin(server.list(4))
        .spawn();
    open_at(&server, &gates[0], 2);
    // The second attempts come once the first ones are answered.
    open_at(&server, &gates[1], 2);
    run.wait().exits(0);
    assert_eq!((server.peak(), server.requests().len()), (2, 12));
}

#[test]
fn a_slow_host_does_not_delay_the_hosts_behind_it() {
    let gate = Gate::new();
    let slow = Server::always(held(&gate));
    let fast = Server::always(ok("x"));
    let mut run = Fetch::jsonl()
        .args(["-j8", "--max-per-host", "2"])
        .stdin(slow.list(40) + &fast.list(200))
        .spawn();
    // All URLs of the fast host are done before the slow one answers anything.
    for _ in 0..200 {
        assert!(run.record().text("url").starts_with(&fast.url("/")));
    }
    open_at(&slow, &gate, 2);
    run.wait().exits(0);
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
