//! One JSON object a line.

use serde::Serialize;

use super::escape;
use super::record::Record;

/// Writes `record`, without a line end.
pub(super) fn write(record: &Record<'_>, to: &mut Vec<u8>) {
    let start = to.len();
    // Writing to memory does not fail, and every key is a string.
    let _ = serde_json::to_writer(&mut *to, record);
    escape::json(to, start);
}

/// One value of a record.
pub(super) fn text(value: &impl Serialize) -> String {
    let mut json = serde_json::to_vec(value).unwrap_or_default();
    escape::json(&mut json, 0);
    String::from_utf8(json).unwrap_or_default()
}
