//! Hosts that do not answer: they are given up, and cost the others nothing.

use std::collections::BTreeMap;

use crate::support::{
    Fetch, Folder, Script, Server, ok,
    port::{Overrun, Refusing},
    record::RecordExt as _,
};

/// A server that takes requests and never answers.
fn silent() -> Server {
    Server::always(Script::new().silence())
}

/// How often each outcome was recorded.
fn verdicts(records: &[serde_json::Value]) -> BTreeMap<String, usize> {
    let mut verdicts = BTreeMap::new();
    for record in records {
        *verdicts.entry(record.verdict()).or_default() += 1;
    }
    verdicts
}

#[test]
fn a_silent_host_at_the_top_of_the_list_holds_up_no_other() {
    let (silent, good) = (silent(), Server::always(ok("x")));
    for jobs in ["-j2", "-j10", "-j50"] {
        let mut run = Fetch::jsonl()
            .args([jobs, "list"])
            .file("list", silent.list(100) + &good.list(5))
            .spawn();
        // Within the 30 s of the default time limit, no other record can come.
        for _ in 0..5 {
            assert!(run.record().text("url").starts_with(&good.url("/")));
        }
        run.kill();
        run.end();
    }
}

#[test]
fn a_host_that_times_out_again_and_again_is_given_up() {
    let (silent, good) = (silent(), Server::always(ok("x")));
    let out = Fetch::jsonl()
        .args(["-v", "-j10", "--read-timeout", "300ms"])
        .stdin(silent.list(60) + &good.list(20))
        .run()
        .exits(1);
    let verdicts = verdicts(&out.records());
    assert_eq!(verdicts["ok"], 20, "{verdicts:?}");
    let timeouts = verdicts["error timeout/headers"];
    let down = verdicts["error host_down/connect"];
    assert_eq!(timeouts + down, 60, "{verdicts:?}");
    assert_eq!(silent.requests().len(), timeouts);
    // Two rounds, and the last probe.
    assert!((10..=40).contains(&timeouts), "{timeouts}");
    let host = format!("127.0.0.1:{}", silent.port());
    for line in [
        format!("{host} is down: "),
        format!("down: {host} x{down}\n"),
    ] {
        assert!(out.stderr().contains(&line), "{line}: {}", out.stderr());
    }
    let records = out.records();
    let given_up = records
        .iter()
        .find(|record| record.verdict().contains("host_down"));
    let message = given_up.unwrap()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.starts_with("not tried: "), "{message}");
    assert!(
        message.ends_with("; --host-timeouts 0 tries every URL"),
        "{message}"
    );
}

#[test]
fn host_timeouts_set_when_a_host_is_given_up() {
    for (limit, most) in [("0", 30), ("2", 12)] {
        let silent = silent();
        let out = Fetch::jsonl()
            .args(["-j4", "--read-timeout", "200ms", "--host-timeouts", limit])
            .stdin(silent.list(30))
            .run()
            .exits(1);
        let asked = silent.requests().len();
        assert!(
            asked <= most && (limit != "0" || asked == 30),
            "{limit}: {asked}"
        );
        assert_eq!(out.records().len(), 30);
    }
}

#[test]
fn a_host_that_refuses_connections_is_never_given_up() {
    let refusing = Refusing::new();
    let list: String = (0..50)
        .map(|number| format!("http://{}/{number}\n", refusing.address()))
        .collect();
    let out = Fetch::jsonl().arg("-j5").stdin(list).run().exits(1);
    assert_eq!(verdicts(&out.records())["error connect/connect"], 50);
}

#[test]
fn a_host_that_drops_packets_is_given_up() {
    let (dropping, good) = (Overrun::new(), Server::always(ok("x")));
    let list: String = (0..60)
        .map(|number| format!("http://{}/{number}\n", dropping.address()))
        .collect();
    let out = Fetch::jsonl()
        .args(["-j10", "--connect-timeout", "300ms", "--read-timeout", "0"])
        .stdin(list + &good.list(100))
        .run()
        .exits(1);
    let verdicts = verdicts(&out.records());
    assert_eq!(verdicts["ok"], 100, "{verdicts:?}");
    let timeouts = verdicts["error timeout/connect"];
    assert_eq!(timeouts + verdicts["error host_down/connect"], 60);
    assert!((10..=40).contains(&timeouts), "{timeouts}");
}

#[test]
fn the_journal_lets_the_next_run_try_again() {
    let folder = Folder::new();
    let journal = folder.beside("journal");
    // Silent in the first run: whoever connects in the second one is answered.
    let server = Server::always(Script::new().silence());
    let run = |list: String| {
        Fetch::jsonl()
            .args(["-j5", "--read-timeout", "200ms", "--host-timeouts", "2"])
            .arg("--journal")
            .arg(&journal)
            .stdin(list)
            .run()
            .exits(1)
    };
    let first = verdicts(&run(server.list(30)).records());
    assert!(first["error host_down/connect"] > 0, "{first:?}");
    let asked = server.requests().len();
    let second = verdicts(&run(server.list(30)).records());
    assert_eq!(second.values().sum::<usize>(), 30, "{second:?}");
    assert!(!second.contains_key("skipped"), "{second:?}");
    assert!(server.requests().len() > asked);
}
