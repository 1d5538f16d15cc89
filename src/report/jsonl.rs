//! One JSON object a line.

use std::io;

use serde::Serialize as _;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use super::escape;
use super::record::Record;

/// Writes `record`, without a line end.
pub(super) fn write(record: &Record<'_>, to: &mut Vec<u8>) {
    // Writing to memory does not fail, and every key is a string.
    let _ = record.serialize(&mut Serializer::with_formatter(to, Escaping));
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
