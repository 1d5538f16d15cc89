//! One JSON object a line.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use super::escape;
use super::record::Record;

/// Writes `record`, without a line end.
pub(super) fn write(record: &Record<'_>, to: &mut Vec<u8>) {
    write_value(record, to);
}

/// One value of a record.
pub(super) fn text(value: &impl Serialize) -> String {
    let mut json = Vec::new();
    write_value(value, &mut json);
    String::from_utf8(json).unwrap_or_default()
}

fn write_value(value: &impl Serialize, to: &mut Vec<u8>) {
    // Writing to memory does not fail, and every key is a string.
    let _ = value.serialize(&mut Serializer::with_formatter(to, Escaping));
}

/// JSON demands that some characters are escaped; this escapes also what a terminal would obey.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        CompactFormatter.write_string_fragment(writer, &escape::json(fragment))
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        CompactFormatter.write_raw_fragment(writer, &escape::json(fragment))
    }
}
