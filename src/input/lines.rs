//! Splits bytes into lines in bounded memory, and returns each line as soon as it is complete.

use std::io::{self, ErrorKind, Read};

use crate::sys::wait_readable;

/// The length limit of a line in bytes.
pub(super) const MAX_LINE: usize = 64 * 1024;

/// The number of bytes to read from the source at a time.
const READ_SIZE: usize = 64 * 1024;

/// The number of bytes that are kept of a line longer than [`MAX_LINE`], for the record.
pub(super) const KEPT_PREFIX: usize = 1024;

/// A byte order mark.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Where a line stands in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinePosition {
    /// The position of its first byte, which means nothing for a line that is too long.
    pub(super) offset: u64,
    /// Its number, counted from 1; for a row of a table, of its first line.
    pub(super) number: u64,
}

/// One line, or a row of a table, without its line end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// The whole line.
    Whole(&'a [u8]),
    /// The beginning of a line that is longer than [`MAX_LINE`].
    TooLong(&'a [u8]),
    /// The first line of a row of a table with a quote that is not closed in time.
    OpenQuote(&'a [u8]),
    /// The first line of a row of a table with text between a closing quote and the end of its cell.
    TextAfterQuote(&'a [u8]),
}

impl Line<'_> {
    /// Whether the line is an input, that is, neither blank nor a comment.
    #[must_use]
    pub(super) fn is_input(&self) -> bool {
        !matches!(trim_start(self.bytes()).first(), None | Some(b'#'))
    }

    /// Returns the line, as far as it was kept.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(bytes)
            | Self::TooLong(bytes)
            | Self::OpenQuote(bytes)
            | Self::TextAfterQuote(bytes) => bytes,
        }
    }
}

/// Removes white space from the beginning, as far as the bytes are UTF-8.
fn trim_start(bytes: &[u8]) -> &[u8] {
    let valid = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    &bytes[valid.len() - valid.trim_start().len()..]
}

/// Reads once, and adds what was read to `buffer`. Returns the number of bytes, 0 at the end.
///
/// # Errors
///
/// The source cannot be read.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let old = buffer.len();
    buffer.resize(old + READ_SIZE, 0);
    let read = loop {
        match reader.read(&mut buffer[old..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // Standard input is shared: another process may have made it non-blocking.
                wait_readable(io::stdin())?;
            }
            other => break other,
        }
    };
    buffer.truncate(old + *read.as_ref().unwrap_or(&0));
    read
}

/// Splits the bytes of a reader into lines.
pub(super) struct Lines<R> {
    reader: R,
    /// The byte that ends a line.
    end: u8,
    buffer: Vec<u8>,
    /// Whether the line in `buffer` is longer than [`MAX_LINE`]; the rest of it is dropped.
    overlong: bool,
    started: bool,
    /// The number of bytes that were read from the source.
    consumed: u64,
    /// The number of lines that were returned.
    returned: u64,
}

impl<R: Read> Lines<R> {
    /// Splits the bytes of `reader` into lines that end with `end`.
    pub(super) fn new(reader: R, end: u8) -> Self {
        Self {
            reader,
            end,
            buffer: Vec::new(),
            overlong: false,
            started: false,
            consumed: 0,
            returned: 0,
        }
    }

    /// Reads once, and calls `line` with every line that is complete by then; at the end of
    /// the source also with a last line without a line end. Returns false at the end.
    ///
    /// # Errors
    ///
    /// The source cannot be read. `line` may have been called before.
    pub(super) fn read(
        &mut self,
        mut line: impl FnMut(Line<'_>, LinePosition),
    ) -> io::Result<bool> {
        let old = self.buffer.len();
        let read = fill(&mut self.reader, &mut self.buffer)?;
        if read == 0 {
            if !self.buffer.is_empty() {
                self.skip_bom();
                if !self.buffer.is_empty() {
                    let position = self.next_position(0);
                    line(to_line(&self.buffer, self.overlong), position);
                }
                self.buffer.clear();
            }
            return Ok(false);
        }
        self.consumed += read as u64;
        self.split_lines(old, line);
        Ok(true)
    }

    /// Returns the position of the next line, which begins at `index` in the buffer.
    fn next_position(&mut self, index: usize) -> LinePosition {
        self.returned += 1;
        LinePosition {
            // From the end, because bytes are removed from the beginning.
            offset: self.consumed - (self.buffer.len() - index) as u64,
            number: self.returned,
        }
    }

    fn split_lines(&mut self, unsearched: usize, mut line: impl FnMut(Line<'_>, LinePosition)) {
        let mut from = unsearched;
        if !self.started && (self.buffer.len() >= BOM.len() || self.buffer.contains(&self.end)) {
            self.skip_bom();
            from = 0;
        }
        let mut start = 0;
        while let Some(length) = memchr::memchr(self.end, &self.buffer[from..]) {
            let end = from + length;
            let position = self.next_position(start);
            line(to_line(&self.buffer[start..end], self.overlong), position);
            self.overlong = false;
            start = end + 1;
            from = start;
        }
        self.buffer.drain(..start);
        if self.overlong || self.buffer.len() > MAX_LINE + 1 {
            self.overlong = true;
            let blanks = self.buffer.len() - trim_start(&self.buffer).len();
            self.buffer.drain(..blanks);
            self.buffer.truncate(KEPT_PREFIX);
        }
    }

    /// Removes a byte order mark at the beginning of the source.
    fn skip_bom(&mut self) {
        if !std::mem::replace(&mut self.started, true) && self.buffer.starts_with(BOM) {
            self.buffer.drain(..BOM.len());
        }
    }
}

/// Returns the line without its line end, or the beginning of one that is too long.
pub(super) fn to_line(line: &[u8], overlong: bool) -> Line<'_> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if overlong || line.len() > MAX_LINE {
        let line = trim_start(line);
        Line::TooLong(&line[..line.len().min(KEPT_PREFIX)])
    } else {
        Line::Whole(line)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns one chunk per call.
    pub(in crate::input) struct ChunkedReader(pub(in crate::input) std::vec::IntoIter<Vec<u8>>);

    impl Read for ChunkedReader {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.find(|piece| !piece.is_empty()).unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    /// Splits `pieces` into lines. Checks that each whole line is where its position says.
    fn lines(pieces: Vec<Vec<u8>>) -> Vec<Result<Vec<u8>, usize>> {
        let source = pieces.concat();
        let mut lines = Lines::new(ChunkedReader(pieces.into_iter()), b'\n');
        let mut all = Vec::new();
        let copy = |line: Line<'_>| match line {
            Line::Whole(line) => Ok(line.to_vec()),
            line => Err(line.bytes().len()),
        };
        let mut take = |line: Line<'_>, LinePosition { offset, number }| {
            if let Line::Whole(line) = line {
                let rest = &source[usize::try_from(offset).unwrap()..];
                assert!(rest.starts_with(line), "{offset}");
                let end = &rest[line.len()..];
                let is_end =
                    end.is_empty() || [&b"\n"[..], b"\r"].iter().any(|e| end.starts_with(e));
                assert!(is_end, "{offset}");
            }
            all.push(copy(line));
            assert_eq!(number, all.len() as u64);
        };
        while lines.read(&mut take).unwrap() {}
        all
    }

    #[test]
    fn line_ends_marks_and_last_lines() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a\n", vec!["a"]),
            ("a\r\nb\n\nc", vec!["a", "b", "", "c"]),
            ("\u{feff}a\n\u{feff}b", vec!["a", "\u{feff}b"]),
            ("\u{feff}", vec![]),
            ("\n", vec![""]),
        ] {
            let expected: Vec<_> = expected.iter().map(|l| Ok(l.as_bytes().to_vec())).collect();
            assert_eq!(lines(vec![text.into()]), expected, "{text:?} at once");
            let bytes = text.bytes().map(|byte| vec![byte]).collect();
            assert_eq!(lines(bytes), expected, "{text:?} byte by byte");
        }
    }

    #[test]
    fn a_line_at_the_bound_is_whole_and_one_past_it_is_not() {
        let line = |length: usize, end: &str| {
            let text = format!("{}{end}z", "x".repeat(length));
            text.as_bytes()
                .chunks(READ_SIZE)
                .map(<[u8]>::to_vec)
                .collect()
        };
        for end in ["\n", "\r\n"] {
            let whole = lines(line(MAX_LINE, end));
            assert_eq!(whole, [Ok(vec![b'x'; MAX_LINE]), Ok(b"z".to_vec())]);
            let cut = lines(line(MAX_LINE + 1, end));
            assert_eq!(cut, [Err(KEPT_PREFIX), Ok(b"z".to_vec())]);
            let cut = lines(line(10 * MAX_LINE, end));
            assert_eq!(cut, [Err(KEPT_PREFIX), Ok(b"z".to_vec())]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_one_also_where_it_begins_with_blanks() {
        for blanks in [1, KEPT_PREFIX, READ_SIZE, MAX_LINE, 3 * MAX_LINE] {
            for length in [1, READ_SIZE] {
                let text = format!("{}{}\nz", " ".repeat(MAX_LINE + blanks), "x".repeat(length));
                let pieces = text
                    .as_bytes()
                    .chunks(READ_SIZE)
                    .map(<[u8]>::to_vec)
                    .collect();
                let found = lines(pieces);
                assert_eq!(
                    found,
                    [Err(length.min(KEPT_PREFIX)), Ok(b"z".to_vec())],
                    "{blanks}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_the_bytes_arrive(
            pieces in prop::collection::vec(prop::collection::vec(prop::sample::select(b"a\r\n\xef\xbb\xbf".to_vec()), 0..8), 0..20)
        ) {
            let whole = pieces.concat();
            prop_assert_eq!(lines(pieces), lines(vec![whole]));
        }
    }
}
