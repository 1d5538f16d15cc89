//! `--format jsonl`: one JSON object a line.

use super::formatter::Formatter;
use super::record::Record;

/// Writes each record as one line of JSON.
pub(in crate::report) struct JsonLines;

impl Formatter for JsonLines {
    fn record(&mut self, record: Record<'_>, out: &mut Vec<u8>) {
        record.write_json(out);
        out.push(b'\n');
    }
}
