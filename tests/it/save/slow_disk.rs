//! A slow disk is not held against the server, and is waited for.

use serde_json::Value;

use crate::support::{Fetch, Folder, Limit, Server, ok, with_time_enough};

/// Makes the disk take so long to publish a file.
fn publishing_in(milliseconds: u64, fetch: Fetch) -> Fetch {
    let slow = format!("inject=linkat:delay_enter={}", 1000 * milliseconds);
    let quietly = ["strace", "-f", "-qq", "-o", "/dev/null"];
    let slow = ["-e", "trace=linkat", "-e", &slow];
    fetch.under([&quietly[..], &slow].concat())
}

#[test]
#[ignore = "needs strace; .ci/run installs and runs it"]
fn a_slow_disk_is_waited_for_when_the_reader_leaves() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let fetch = folder.fetch().arg(server.url("/a"));
    let mut run = publishing_in(5_000, fetch).spawn();
    folder.wait_until(|| !folder.temporaries().is_empty());
    run.close_stdout();
    run.wait().exits(141);
    folder.assert_empty();
}

#[test]
#[ignore = "needs strace; .ci/run installs and runs it"]
fn a_slow_disk_causes_no_timeout_and_is_not_in_time_total() {
    with_time_enough(slow_disk);
}

/// Saves to a disk that takes three times the limit to publish a file.
fn slow_disk(limit: Limit) -> Option<()> {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let fetch = folder
        .fetch()
        .args(["-t", &limit.to_string(), &server.url("/a")])
        .args(["--read-timeout", &limit.to_string()]);
    let out = publishing_in(limit.milliseconds(300), fetch).run();
    let record = out.record();
    if record["error"]["kind"] == "timeout" {
        // Even the server was too slow.
        return None;
    }
    assert_eq!(record["error"], Value::Null);
    let seconds = |key: &str| record[key].as_f64().unwrap();
    assert!(seconds("time_total") < limit.seconds(), "{record}");
    assert!(
        seconds("time_elapsed") >= 3.0 * limit.seconds(),
        "the disk was not slow: {record}"
    );
    assert_eq!(folder.tree(), ["a"]);
    Some(())
}
