//! A slow disk is not held against the server.

use serde_json::Value;

use crate::support::{Folder, Limit, Server, ok, with_time_enough};

#[test]
#[ignore = "needs strace; .ci/run installs and runs it"]
fn a_slow_disk_causes_no_timeout_and_is_not_in_time_total() {
    with_time_enough(slow_disk);
}

/// Saves to a disk that takes three times the limit to publish a file.
fn slow_disk(limit: Limit) -> Option<()> {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let microseconds = 1000 * limit.milliseconds(300);
    let slow = format!("inject=linkat:delay_enter={microseconds}");
    let quietly = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=linkat",
    ];
    let out = folder
        .fetch()
        .args(["-t", &limit.to_string(), &server.url("/a")])
        .args(["--read-timeout", &limit.to_string()])
        .under([&quietly[..], &["-e", &slow]].concat())
        .run();
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
