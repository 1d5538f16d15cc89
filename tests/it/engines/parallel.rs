//! GNU parallel: one line, by host.

use super::{told, work::Work};
use crate::support::text::commands;

const README: &str = include_str!("../../../examples/parallel/README.md");

#[test]
#[ignore = "needs GNU parallel; .ci/run installs and runs it"]
fn one_line_fetches_the_list_host_by_host() {
    let work = Work::new("parallel");
    for again in [false, true] {
        for line in commands(README) {
            let out = work.shell(line, &[]);
            assert!(out.status.success(), "{line}: {}", told(&out));
        }
        work.assert_complete(&work.records("results", ".jsonl"));
        assert_eq!(
            work.server().requests().len(),
            work.urls(),
            "again: {again}"
        );
    }
}
