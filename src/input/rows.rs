//! Splits bytes into the rows of a table (RFC 4180) in bounded memory, and returns each row as soon as it is complete.

use std::io::{self, Read};

use super::lines::{BOM, KEPT_PREFIX, Line, LinePosition, MAX_LINE, fill, to_line};

/// Splits the bytes of a reader into rows, which end at line ends outside quotes.
///
/// A quote that is not closed would swallow what follows: the rest of the table, or all up to the quote of another row.
/// If a row is longer than a line may be, the table ends in it, or quotes around several lines close in the middle of a
/// cell, only its first line is given up, and the next one begins a row.
pub(super) struct Rows<R> {
    reader: R,
    delimiter: u8,
    /// The row that is not complete, from its beginning, and what follows it.
    buffer: Vec<u8>,
    /// Up to where `buffer` was scanned, and what was found there.
    scanned: usize,
    state: CellState,
    /// Whether there is a line end in the quotes of the cell.
    spans_lines: bool,
    /// Whether the line in `buffer` is longer than [`MAX_LINE`]; the rest of it is dropped.
    overlong: bool,
    started: bool,
    /// The number of bytes that were read from the source.
    consumed: u64,
    /// The number of lines before the row.
    lines_before: u64,
}

/// Where in a cell a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CellState {
    /// At its beginning, where a quote opens.
    Start,
    /// In a part without quotes.
    Plain,
    /// In quotes.
    Quoted,
    /// After a quote in quotes: it closes them, or another one follows and both stand for one quote.
    AfterQuote,
}

impl CellState {
    /// Returns the state after `byte`, which is not a line end, except in quotes.
    fn after(self, byte: u8, delimiter: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::AfterQuote,
            (Self::Start | Self::AfterQuote, b'"') | (Self::Quoted, _) => Self::Quoted,
            (_, byte) if byte == delimiter => Self::Start,
            _ => Self::Plain,
        }
    }
}

/// A row in the buffer, or its first line, if that is given up.
struct FoundRow {
    /// The position of its line end.
    end: usize,
    /// The position of what follows it.
    next: usize,
    is_given_up: bool,
}

impl<R: Read> Rows<R> {
    /// Splits the bytes of `reader` into rows of cells with `delimiter` between them.
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Self {
            reader,
            delimiter,
            buffer: Vec::new(),
            scanned: 0,
            state: CellState::Start,
            spans_lines: false,
            overlong: false,
            started: false,
            consumed: 0,
            lines_before: 0,
        }
    }

    /// Reads once, and calls `row` with every row that is complete by then; at the end of the source also with a last
    /// row without a line end. The position is that of its first byte. Returns false at the end.
    ///
    /// # Errors
    ///
    /// The source cannot be read. `row` may have been called before.
    pub(super) fn read(&mut self, mut row: impl FnMut(Line<'_>, LinePosition)) -> io::Result<bool> {
        let read = fill(&mut self.reader, &mut self.buffer)?;
        self.consumed += read as u64;
        let is_end = read == 0;
        if !self.started && (is_end || self.buffer.len() >= BOM.len()) {
            self.started = true;
            if self.buffer.starts_with(BOM) {
                self.buffer.drain(..BOM.len());
            }
        }
        if self.started {
            self.split_rows(is_end, &mut row);
        }
        Ok(!is_end)
    }

    fn split_rows(&mut self, is_end: bool, row: &mut impl FnMut(Line<'_>, LinePosition)) {
        let mut start = 0;
        while let Some(found) = self.find_row(start, is_end) {
            let line = match to_line(&self.buffer[start..found.end], self.overlong) {
                Line::Whole(line) if found.is_given_up => Line::OpenQuote(line),
                line => line,
            };
            let position = LinePosition {
                // From the end, because bytes are removed from the beginning.
                offset: self.consumed - (self.buffer.len() - start) as u64,
                number: self.lines_before + 1,
            };
            row(line, position);
            let lines = memchr::memchr_iter(b'\n', &self.buffer[start..found.next]).count();
            self.lines_before += lines as u64;
            (self.state, self.spans_lines) = (CellState::Start, false);
            self.overlong = false;
            start = found.next;
            self.scanned = start;
        }
        self.buffer.drain(..start);
        if self.overlong {
            self.buffer.truncate(KEPT_PREFIX);
            self.scanned = self.buffer.len();
        } else {
            self.scanned -= start;
        }
    }

    /// Finds the row that begins at `start`. `None` if there is none, or if it may go on behind the buffer.
    fn find_row(&mut self, start: usize, is_end: bool) -> Option<FoundRow> {
        let (row_end, is_broken) = self.find_end();
        let length = row_end.unwrap_or(self.buffer.len()) - start;
        if row_end.is_none() && length == 0 {
            return None;
        }
        // A CR before the line end does not count.
        let is_too_long = self.overlong || length > MAX_LINE + 1;
        let is_open = row_end.is_none() && is_end && self.state == CellState::Quoted;
        let is_given_up = is_too_long || is_open || is_broken;
        let end = if is_given_up {
            memchr::memchr(b'\n', &self.buffer[start..]).map(|length| start + length)
        } else {
            row_end
        };
        let (end, next) = match end {
            Some(end) => (end, end + 1),
            None if is_end => (self.buffer.len(), self.buffer.len()),
            None => {
                self.overlong = is_given_up;
                return None;
            }
        };
        Some(FoundRow {
            end,
            next,
            is_given_up,
        })
    }

    /// Returns the position of the line end that ends the row, and scans up to it; also whether the row ended before,
    /// at a quote in the middle of a cell.
    fn find_end(&mut self) -> (Option<usize>, bool) {
        let (mut state, mut spans_lines, mut is_broken) = (self.state, self.spans_lines, false);
        let rest = &self.buffer[self.scanned..];
        let end = rest.iter().position(|&byte| {
            let is_end = byte == b'\n' && state != CellState::Quoted;
            let may_follow_quote = byte == self.delimiter || b"\"\r\n".contains(&byte);
            is_broken = state == CellState::AfterQuote && spans_lines && !may_follow_quote;
            if is_end || is_broken {
                return true;
            }
            // A cell in quotes begins without line ends, and keeps those it has.
            spans_lines = (spans_lines && state != CellState::Start) || byte == b'\n';
            state = state.after(byte, self.delimiter);
            false
        });
        (self.state, self.spans_lines) = (state, spans_lines);
        let end = end.map(|length| self.scanned + length);
        self.scanned = end.unwrap_or(self.buffer.len());
        (end.filter(|_| !is_broken), is_broken)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::super::lines::tests::ChunkedReader;
    use super::*;

    /// The rows of `pieces`, each with the number of its line. Checks that each row is where its position says.
    fn rows(pieces: Vec<Vec<u8>>) -> Vec<(u64, String)> {
        let source = pieces.concat();
        let mut rows = Rows::new(ChunkedReader(pieces.into_iter()), b',');
        let mut all = Vec::new();
        let mut take = |row: Line<'_>, at: LinePosition| {
            let bytes = row.bytes();
            let kind = match row {
                Line::Whole(_) => "",
                Line::OpenQuote(_) => "open: ",
                Line::TooLong(_) => "long: ",
            };
            if !matches!(row, Line::TooLong(_)) {
                let offset = usize::try_from(at.offset).unwrap();
                assert!(source[offset..].starts_with(bytes), "{at:?}");
                let before = memchr::memchr_iter(b'\n', &source[..offset]).count();
                assert_eq!(at.number, before as u64 + 1);
            }
            let text = String::from_utf8_lossy(bytes);
            let text = if text.len() > 100 { "…" } else { &*text };
            all.push((at.number, format!("{kind}{text}")));
        };
        while rows.read(&mut take).unwrap() {}
        all
    }

    #[test]
    fn rows_end_at_line_ends_outside_quotes() {
        let long = "x".repeat(MAX_LINE);
        for (text, expected) in [
            ("", vec![]),
            ("a,b", vec![(1, "a,b")]),
            ("a,b\n\nc,d\n", vec![(1, "a,b"), (2, ""), (3, "c,d")]),
            ("\u{feff}a\r\nb\r\n", vec![(1, "a"), (2, "b")]),
            ("\"a\nb\",c\nd", vec![(1, "\"a\nb\",c"), (3, "d")]),
            ("\"a\"\"\nb\",c\nd", vec![(1, "\"a\"\"\nb\",c"), (3, "d")]),
            ("a\"\nb,\"\"\nc", vec![(1, "a\""), (2, "b,\"\""), (3, "c")]),
            ("\"a\"b\"\nc", vec![(1, "\"a\"b\""), (2, "c")]),
            (
                "\"a\n\"\"b\"\"\",\"c\"d\ne",
                vec![(1, "\"a\n\"\"b\"\"\",\"c\"d"), (3, "e")],
            ),
            // A quote that is not closed costs its line only.
            (
                "\"a\nb,\"c\nd",
                vec![(1, "open: \"a"), (2, "open: b,\"c"), (3, "d")],
            ),
            ("a,\"b\nc\nd", vec![(1, "open: a,\"b"), (2, "c"), (3, "d")]),
            ("a\n\"b", vec![(1, "a"), (2, "open: \"b")]),
            (
                "\"a\n\"b\"\n\"c",
                vec![(1, "open: \"a"), (2, "\"b\""), (3, "open: \"c")],
            ),
            (
                &format!("\"a\n{long}\nc"),
                vec![(1, "open: \"a"), (2, "…"), (3, "c")],
            ),
            (
                &format!("\"a\n{long}\"\nc"),
                vec![(1, "open: \"a"), (2, "long: …"), (3, "c")],
            ),
            (&format!("{long}x\nc"), vec![(1, "long: …"), (2, "c")]),
            (
                &format!("\"{long}{long}{long}\",b\nc"),
                vec![(1, "long: …"), (2, "c")],
            ),
            (&format!("\"{long}{long}{long}"), vec![(1, "long: …")]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(n, row)| (n, row.to_owned()))
                .collect();
            // Each piece costs the time of a read.
            let smallest = if text.len() > 1_000 { 1_000 } else { 1 };
            for size in [smallest, 7 * smallest, 64 * 1024] {
                let pieces = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
                let shown: String = text.chars().take(20).collect();
                assert_eq!(rows(pieces), expected, "{shown:?}, {size} at a time");
            }
        }
    }

    proptest! {
        /// What the csv crate reads from a table whose quotes are closed, it reads from the rows one by one.
        #[test]
        fn rows_are_those_of_the_csv_crate(text in "(([ab]{0,3}|\"([ab,\n]|\"\"){0,4}\")(,|\n|\r\n)){0,12}", size in 1_usize..8) {
            let pieces = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
            let read = |text: &str| {
                let mut reader = csv::ReaderBuilder::new();
                let reader = reader.has_headers(false).flexible(true).from_reader(text.as_bytes());
                reader.into_records().map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
            };
            let one_by_one: Vec<_> = rows(pieces)
                .into_iter()
                .flat_map(|(_, row)| read(&row))
                .collect();
            prop_assert_eq!(one_by_one, read(&text));
        }
    }
}
