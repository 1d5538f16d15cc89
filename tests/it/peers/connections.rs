//! Many requests to one server.

use serde_json::Value;

use crate::support::{Fetch, record::RecordExt as _};

/// So many URLs, all of them different, and all there.
pub(crate) fn list(url: &str, count: usize) -> String {
    (0..count)
        .map(|number| format!("{url}?{number}\n"))
        .collect()
}

/// A run that takes a list from standard input.
pub(crate) fn fetch(list: String, args: &[&str]) -> Fetch {
    Fetch::jsonl().trusting().stdin(list).args(args)
}

/// The records of what did not end well, in short.
pub(crate) fn in_vain(records: &[Value]) -> Vec<String> {
    let bad = records.iter().filter(|record| record["outcome"] != "ok");
    bad.map(|record| format!("{} {}", record.verdict(), record["error"]))
        .collect()
}
