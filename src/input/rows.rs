//! Splits bytes into the rows of a table (RFC 4180) in bounded memory, and returns each row as soon as it is complete.

use std::io::{self, Read};

use super::lines::{BOM, KEPT_PREFIX, Line, LinePosition, MAX_LINE, fill, to_line};

/// Splits the bytes of a reader into rows, which end at line ends outside quotes.
///
/// A quote that is not closed would swallow what follows: the rest of the table, or all up to the quote of another row.
/// If a row is longer than a line may be, the table ends in it, or something follows a closing quote before its cell ends,
/// only its first line is given up, and the next one begins a row.
pub(super) struct Rows<R> {
    reader: R,
    delimiter: u8,
    /// The row that is not complete, from its beginning, and what follows it.
    buffer: Vec<u8>,
    /// Up to where `buffer` was scanned, and what was found there.
    scanned: usize,
    state: CellState,
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
    /// After CRs that follow a closing quote: the line ends.
    AfterCr,
    /// After something else that follows a closing quote.
    Broken,
}

impl CellState {
    /// Returns the state after `byte`, which is not a line end, except in quotes.
    fn after(self, byte: u8, delimiter: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::AfterQuote,
            (Self::Start | Self::AfterQuote, b'"') | (Self::Quoted, _) => Self::Quoted,
            (Self::AfterQuote | Self::AfterCr, b'\r') => Self::AfterCr,
            (Self::AfterCr | Self::Broken, _) => Self::Broken,
            (_, byte) if byte == delimiter => Self::Start,
            (Self::AfterQuote, _) => Self::Broken,
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
    given_up: Option<GivenUp>,
}

/// Why only the first line of a row is taken.
#[derive(Clone, Copy)]
enum GivenUp {
    OpenQuote,
    TextAfterQuote,
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
            let line = to_line(&self.buffer[start..found.end], self.overlong);
            let line = match (line, found.given_up) {
                (Line::Whole(line), Some(GivenUp::OpenQuote)) => Line::OpenQuote(line),
                (Line::Whole(line), Some(GivenUp::TextAfterQuote)) => Line::TextAfterQuote(line),
                (line, _) => line,
            };
            let position = LinePosition {
                // From the end, because bytes are removed from the beginning.
                offset: self.consumed - (self.buffer.len() - start) as u64,
                number: self.lines_before + 1,
            };
            row(line, position);
            let lines = memchr::memchr_iter(b'\n', &self.buffer[start..found.next]).count();
            self.lines_before += lines as u64;
            self.state = CellState::Start;
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
        let row_end = self.find_end();
        let length = row_end.unwrap_or(self.buffer.len()) - start;
        if row_end.is_none() && length == 0 {
            return None;
        }
        let is_open = row_end.is_none() && is_end && self.state == CellState::Quoted;
        // A CR before the line end does not count.
        let given_up = if self.state == CellState::Broken {
            Some(self.after_quote(start))
        } else if self.overlong || length > MAX_LINE + 1 || is_open {
            Some(GivenUp::OpenQuote)
        } else {
            None
        };
        let end = match given_up {
            Some(_) => memchr::memchr(b'\n', &self.buffer[start..]).map(|length| start + length),
            None => row_end,
        };
        let (end, next) = match end {
            Some(end) => (end, end + 1),
            None if is_end => (self.buffer.len(), self.buffer.len()),
            None => {
                self.overlong |= length > MAX_LINE + 1;
                return None;
            }
        };
        Some(FoundRow {
            end,
            next,
            given_up,
        })
    }

    /// Returns why a row that begins at `start` is given up if something follows a closing quote in it. A quote that
    /// closes on another line may be that of another row.
    fn after_quote(&self, start: usize) -> GivenUp {
        if self.buffer[start..self.scanned].contains(&b'\n') {
            GivenUp::OpenQuote
        } else {
            GivenUp::TextAfterQuote
        }
    }

    /// Returns the position of the line end that ends the row, and scans up to it, or up to what follows a closing
    /// quote.
    fn find_end(&mut self) -> Option<usize> {
        let mut state = self.state;
        let rest = &self.buffer[self.scanned..];
        let end = rest.iter().position(|&byte| {
            let is_end = byte == b'\n' && !matches!(state, CellState::Quoted | CellState::Broken);
            if !is_end {
                state = state.after(byte, self.delimiter);
            }
            is_end || state == CellState::Broken
        });
        self.state = state;
        let end = end.map(|length| self.scanned + length);
        self.scanned = end.unwrap_or(self.buffer.len());
        end.filter(|_| state != CellState::Broken)
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
                Line::TextAfterQuote(_) => "after: ",
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
            ("\"a\"\r\nb", vec![(1, "\"a\""), (2, "b")]),
            ("a,\"b\"\r", vec![(1, "a,\"b\"")]),
            // What follows a closing quote costs its line only.
            ("\"a\"b\"\nc", vec![(1, "after: \"a\"b\""), (2, "c")]),
            ("\"a\" b", vec![(1, "after: \"a\" b")]),
            ("\"a\" \nb", vec![(1, "after: \"a\" "), (2, "b")]),
            ("\"a\"\rb\nc", vec![(1, "after: \"a\"\rb"), (2, "c")]),
            (
                "\"a\"b,\"c\nd\ne,\"f\n\",g",
                vec![(1, "after: \"a\"b,\"c"), (2, "d"), (3, "e,\"f\n\",g")],
            ),
            (
                "\"a\n\"\"b\"\"\",\"c\"d\ne",
                vec![(1, "open: \"a"), (2, "after: \"\"b\"\"\",\"c\"d"), (3, "e")],
            ),
            (&format!("\"a\"{long}\nc"), vec![(1, "long: …"), (2, "c")]),
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
        /// Each line of a table belongs to one row, wherever its quotes are.
        #[test]
        fn no_line_is_lost(text in "[ab\",\r\n ]{0,40}", size in 1_usize..8) {
            let pieces = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
            let mut next = 1;
            for (number, row) in rows(pieces) {
                prop_assert_eq!(number, next);
                next += 1 + memchr::memchr_iter(b'\n', row.as_bytes()).count() as u64;
                prop_assert!(!row.contains(": ") || !row.contains('\n'), "one line is given up: {row:?}");
            }
            prop_assert_eq!(next, text.lines().count() as u64 + 1);
        }

        /// What a program writes as a table is read as it was.
        #[test]
        fn every_table_of_a_writer_is_whole(cells in prop::collection::vec(["[ab\",\r\n\t ]{0,6}", "[ab\",\r\n\t ]{0,6}"], 1..6), is_crlf: bool) {
            let terminator = if is_crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
            for row in &cells {
                writer.write_record(row).unwrap();
            }
            let mut read = Vec::new();
            let mut splitter = crate::input::table::Cells::default();
            let table = writer.into_inner().unwrap();
            for (_, row) in rows(vec![table]) {
                splitter.split(row.as_bytes(), b',');
                read.push(splitter.iter().map(str::to_owned).collect::<Vec<_>>());
            }
            prop_assert_eq!(read, cells.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
        }

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
