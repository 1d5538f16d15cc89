//! A disk that takes its time: the server does not have to answer for it.

use serde_json::Value;

use crate::support::{Folder, Server, ok};

/// Longer than any limit of the run.
const DELAY_MICROSECONDS: &str = "1500000";

#[test]
#[ignore = "needs strace; .ci/run installs and runs it"]
fn a_slow_disk_causes_no_time_out_and_takes_no_time_of_the_record() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let slow = format!("inject=linkat:delay_enter={DELAY_MICROSECONDS}");
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
        .args(["-t", "500ms", "--read-timeout", "400ms", &server.url("/a")])
        .under([&quietly[..], &["-e", &slow]].concat())
        .run()
        .exits(0);
    let record = out.record();
    let seconds = |key: &str| record[key].as_f64().unwrap();
    assert!(seconds("time_total") < 0.5, "{record}");
    assert!(
        seconds("time_elapsed") > 1.4,
        "the disk was not slow: {record}"
    );
    assert_eq!(record["error"], Value::Null);
    assert_eq!(folder.tree(), ["a"]);
}
