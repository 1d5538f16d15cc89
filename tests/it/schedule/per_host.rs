//! How many requests a host gets at a time.

use std::time::Duration;

use crate::support::{Fetch, Gate, PATIENCE, Script, Server, ok, record::RecordExt as _, redirect};

pub(super) const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

pub(super) fn held(gate: &Gate) -> Script {
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

/// Each line of the one, then one of the other.
pub(super) fn mixed(one: &str, other: &str) -> String {
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
