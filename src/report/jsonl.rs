//! One JSON object a line.

use serde::Serialize;

use super::escape;

/// Writes `value`, a record or one value of it, without a line end.
pub(super) fn write(value: &impl Serialize, to: &mut Vec<u8>) {
    let start = to.len();
    // Writing to memory does not fail, and every key is a string.
    let _ = serde_json::to_writer(&mut *to, value);
    escape::json(to, start);
}

/// One value of a record.
pub(super) fn text(value: &impl Serialize) -> String {
    let mut json = Vec::new();
    write(value, &mut json);
    String::from_utf8(json).unwrap_or_default()
}
