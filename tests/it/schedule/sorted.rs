//! Lists sorted by host: what waits for one host keeps no other waiting, in flat memory. Of a file only the places of the
//! lines are kept; lines of a pipe go to a temporary file.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::per_host::held;
use crate::support::{
    Fetch, Folder, Gate, Output, Running, Server, ok,
    record::{self, RecordExt as _},
};

/// More URLs than may wait in memory.
const MANY: usize = 4_700;

/// The URLs of another host, at the end of the list.
const OTHERS: usize = 5;

/// A run of a list of two hosts. The first one holds its answers back until `gate` is opened.
struct Sorted {
    first: Server,
    gate: Gate,
    list: String,
    other: Server,
}

impl Sorted {
    fn new() -> Self {
        let gate = Gate::new();
        let (first, other) = (Server::always(held(&gate)), Server::always(ok("x")));
        let list = first.list(MANY) + &other.list(OTHERS);
        Self {
            first,
            gate,
            list,
            other,
        }
    }

    fn run() -> Fetch {
        Fetch::jsonl().args(["-j4", "--max-per-host", "1", "--summary-file", "sum.json"])
    }

    /// Waits until all URLs of the other host are done.
    fn wait_for_others(&self, run: &mut Running) {
        for _ in 0..OTHERS {
            let record = run.record();
            assert!(
                record.text("url").starts_with(&self.other.url("/")),
                "{record}"
            );
        }
    }
}

/// Asserts that each of `count` lines has one record, and that the summary counts as many.
#[track_caller]
fn assert_one_each(out: &Output, count: usize) {
    let records: Vec<_> = out.stdout().lines().map(record::parse).collect();
    let lines: BTreeSet<_> = records
        .iter()
        .map(|record| record["line"].as_u64())
        .collect();
    assert_eq!((records.len(), lines.len()), (count, count));
    let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
    assert_eq!(summary["inputs"], count);
}

#[test]
fn a_host_at_the_end_of_a_sorted_list_does_not_wait_for_the_first() {
    for is_file in [true, false] {
        let list = Sorted::new();
        let run = Sorted::run();
        let run = if is_file {
            run.arg("list").file("list", &list.list)
        } else {
            run.stdin(&list.list)
        };
        let mut run = run.spawn();
        list.wait_for_others(&mut run);
        list.gate.open();
        assert_one_each(&run.wait().exits(0), MANY + OTHERS);
        assert_eq!(list.first.requests().len(), MANY);
        assert_eq!(list.first.peak(), 1);
    }
}

#[test]
fn a_stop_cancels_all_that_was_read_from_a_pipe() {
    let list = Sorted::new();
    let mut run = Sorted::run().stdin(&list.list).spawn();
    list.wait_for_others(&mut run);
    run.signal(Signal::INT);
    run.stderr.wait_for("interrupted");
    list.gate.open();
    let out = run.wait().exits(130);
    assert_one_each(&out, MANY + OTHERS);
    let of = |outcome| {
        out.records()
            .iter()
            .filter(|record| record["outcome"] == outcome)
            .count()
    };
    assert_eq!(of("cancelled"), MANY - list.first.requests().len());
}

#[test]
fn a_stop_leaves_what_waits_in_a_file_unread() {
    let list = Sorted::new();
    let mut run = Sorted::run().arg("list").file("list", &list.list).spawn();
    list.wait_for_others(&mut run);
    run.signal(Signal::INT);
    run.stderr.wait_for("interrupted");
    list.gate.open();
    let out = run.wait().exits(130);
    let count = out.stdout().lines().count();
    assert!((1_000..MANY).contains(&count), "{count}");
    assert_one_each(&out, count);
    let summary: Value = serde_json::from_str(&out.read("sum.json")).unwrap();
    assert_eq!(summary["complete"], false);
}

#[test]
fn a_run_that_is_killed_leaves_no_temporary_file() {
    let list = Sorted::new();
    let temporary = Folder::new();
    let mut run = Sorted::run()
        .env("TMPDIR", temporary.path(""))
        .stdin(&list.list)
        .spawn();
    list.wait_for_others(&mut run);
    let folder = temporary.path("").canonicalize().unwrap();
    let is_spilled = |file: &Path| file.starts_with(&folder);
    assert!(
        run.open_files().iter().any(|file| is_spilled(file)),
        "nothing was spilled"
    );
    temporary.assert_empty();
    run.kill();
    run.end();
    temporary.assert_empty();
}

/// All is fetched, but what is behind the first 4,096 waits for their host.
#[track_caller]
fn assert_held_back(run: Fetch, list: &Sorted) {
    let run = run.stdin(&list.list).spawn();
    run.stderr
        .wait_for("no more of the list is read while what was read waits for its hosts");
    list.gate.open();
    let out = run.wait().exits(0);
    assert_one_each(&out, MANY + OTHERS);
    assert_eq!(
        out.stderr().matches("no more of the list").count(),
        1,
        "{}",
        out.stderr()
    );
}

#[test]
fn without_a_folder_for_temporary_files_the_run_goes_on_with_one_warning() {
    assert_held_back(Sorted::run().env("TMPDIR", "/nowhere"), &Sorted::new());
}

#[test]
#[ignore = "needs root and unshare"]
fn with_a_full_folder_for_temporary_files_the_run_goes_on_with_one_warning() {
    let script = "mount -t tmpfs -o size=64k none /mnt && exec \"$@\"";
    let run = Sorted::run()
        .env("TMPDIR", "/mnt")
        .under(["unshare", "-m", "sh", "-c", script, "sh"]);
    assert_held_back(run, &Sorted::new());
}
