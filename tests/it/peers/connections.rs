//! Many requests to one server.

use serde_json::Value;

use crate::support::{Fetch, record::RecordExt as _};

/// A list of `count` different URLs that exist.
pub(crate) fn list(url: &str, count: usize) -> String {
    (0..count)
        .map(|number| format!("{url}?{number}\n"))
        .collect()
}

/// A run with a list on standard input.
pub(crate) fn fetch(list: String, args: &[&str]) -> Fetch {
    Fetch::jsonl().trusting().stdin(list).args(args)
}

/// The verdicts of all records that are not ok.
pub(crate) fn in_vain(records: &[Value]) -> Vec<String> {
    let bad = records.iter().filter(|record| record["outcome"] != "ok");
    bad.map(|record| format!("{} {}", record.verdict(), record["error"]))
        .collect()
}
