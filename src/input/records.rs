//! Splits a source into lines, or into rows where it is a table.

use std::io::{self, Read};

use super::lines::{Line, LinePosition, Lines};
use super::rows::Rows;
use super::table::{ListFormat, is_blank};

/// Splits the bytes of a reader into lines or rows.
pub(super) enum Records<R> {
    Lines(Lines<R>),
    Rows(Rows<R>),
}

impl<R: Read> Records<R> {
    /// Splits the bytes of `reader` as `format` says.
    pub(super) fn new(reader: R, format: ListFormat) -> Self {
        match (format, format.delimiter()) {
            (_, Some(delimiter)) => Self::Rows(Rows::new(reader, delimiter)),
            (ListFormat::Arguments, _) => Self::Lines(Lines::new(reader, b'\0')),
            _ => Self::Lines(Lines::new(reader, b'\n')),
        }
    }

    /// Reads once, and calls `record` with every line or row that is complete by then. Returns false at the end.
    ///
    /// # Errors
    ///
    /// The source cannot be read. `record` may have been called before.
    pub(super) fn read(&mut self, record: impl FnMut(Line<'_>, LinePosition)) -> io::Result<bool> {
        match self {
            Self::Lines(lines) => lines.read(record),
            Self::Rows(rows) => rows.read(record),
        }
    }
}

/// Whether a line or row of a source in `format` is an input or a header, that is, neither blank nor a comment.
pub(super) fn has_content(line: &Line<'_>, format: ListFormat) -> bool {
    match (format, format.delimiter()) {
        (ListFormat::Arguments, _) => true,
        (_, None) => line.is_input(),
        (_, Some(delimiter)) => !is_blank(line.bytes(), delimiter),
    }
}
