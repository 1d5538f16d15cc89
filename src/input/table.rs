//! Reads the header and the cells of a table.

use crate::model::columns::{Column, Columns};
use crate::model::mask::is_name;

use super::lines::{Line, MAX_LINE};
use super::source_hint::{SourceHint, has_lone_carriage_return, pipe_stdin};

/// How many columns an error names.
const MAX_NAMED: usize = 10;

/// How a source holds its inputs (`--input`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// One URL or JSON object on each line.
    Lines,
    /// The URLs of the command line, with NULs between them: a line end is a part of an argument.
    Arguments,
    /// A table with commas between the cells.
    Csv,
    /// A table with tabs between the cells.
    Tsv,
}

impl ListFormat {
    /// Returns the character between two cells; `None` where there are none.
    pub(super) const fn delimiter(self) -> Option<u8> {
        match self {
            Self::Lines | Self::Arguments => None,
            Self::Csv => Some(b','),
            Self::Tsv => Some(b'\t'),
        }
    }

    /// Returns the options that say so, as they follow others of a command.
    const fn options(self) -> &'static str {
        match self {
            Self::Lines | Self::Arguments => "",
            Self::Csv => " --input csv",
            Self::Tsv => " --input tsv",
        }
    }
}

/// Why a row is not the header of a table of inputs. Cells that may hold secrets are not quoted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("the header is not UTF-8")]
    NotUtf8,
    #[error("the header is longer than {MAX_LINE} bytes")]
    TooLong,
    #[error("a quote in the header is not closed")]
    OpenQuote,
    #[error("text after a closing quote in the header; double the quotes inside a cell")]
    TextAfterQuote,
    #[error(
        "a carriage return inside the header, which ends no line; convert the table: tr '\\r' '\\n'"
    )]
    CarriageReturn,
    #[error(
        "the table has no header; write the names of its columns on the first line, one of them url"
    )]
    Data,
    #[error("no column 'url': the cells are separated by ';'")]
    Semicolons,
    #[error("no column 'url': the cells are separated by {0}; {1}")]
    Delimiter(&'static str, &'static str),
    #[error("no column 'url'; the columns are {0}; rename one to url")]
    NoUrl(String),
    #[error("two columns have the name {0}; rename one")]
    Twice(String),
}

impl HeaderError {
    /// Words the error for the header of `source`, which stands on this line. A source that begins with `first` may
    /// be something else than a table.
    pub(super) fn describe(
        &self,
        source: &str,
        line: u64,
        format: ListFormat,
        first: &[u8],
    ) -> String {
        match (SourceHint::of(first), self) {
            (None | Some(SourceHint::Table(_)), Self::Semicolons) => {
                let command = pipe_stdin(r"tr ';' '\t'", source, ListFormat::Tsv.options());
                format!("{source}:{line}: {self}; {command}")
            }
            (None | Some(SourceHint::Table(_)), _) => format!("{source}:{line}: {self}"),
            (Some(hint), _) => hint.describe(source, format.options()),
        }
    }
}

/// Whether all cells of a row are empty, which spreadsheets leave at the end of a table.
pub(super) fn is_blank(row: &[u8], delimiter: u8) -> bool {
    let is_nothing = |&byte: &u8| byte == delimiter || byte == b'"' || byte.is_ascii_whitespace();
    row.iter().all(is_nothing)
}

/// Reads the header of a table.
pub(super) fn header(line: &Line<'_>, delimiter: u8) -> Result<Columns, HeaderError> {
    let row = match line {
        Line::Whole(row) => str::from_utf8(row).map_err(|_| HeaderError::NotUtf8)?,
        Line::TooLong(_) => return Err(HeaderError::TooLong),
        Line::OpenQuote(_) => return Err(HeaderError::OpenQuote),
        Line::TextAfterQuote(_) => return Err(HeaderError::TextAfterQuote),
    };
    if has_lone_carriage_return(row.as_bytes()) {
        return Err(HeaderError::CarriageReturn);
    }
    let mut cells = Cells::default();
    cells.split(row.as_bytes(), delimiter);
    let names: Vec<&str> = cells.iter().map(str::trim).collect();
    for (at, name) in names.iter().enumerate() {
        if !name.is_empty() && names[..at].contains(name) {
            return Err(HeaderError::Twice(shown(name)));
        }
    }
    if !names.contains(&"url") {
        return Err(without_url(row, &names, delimiter));
    }
    let columns = (1..).zip(names).map(|(number, name)| match name {
        "url" => Column::Url,
        "method" => Column::Method,
        "headers" => Column::Headers,
        "body" => Column::Body,
        "id" => Column::Id,
        "name" => Column::Name,
        "sha256" => Column::Sha256,
        "" => Column::Meta(format!("column {number}").into()),
        name => Column::Meta(name.into()),
    });
    Ok(Columns {
        delimiter,
        columns: columns.collect(),
    })
}

/// Returns the error of a header that has no column `url`.
fn without_url(row: &str, names: &[&str], delimiter: u8) -> HeaderError {
    let has_url_with = |other: char| {
        let mut names = row.split(other).map(|name| name.trim().trim_matches('"'));
        u32::from(other) != u32::from(delimiter)
            && row.contains(other)
            && names.any(|name| name == "url")
    };
    if row.contains("://") {
        HeaderError::Data
    } else if has_url_with(';') {
        HeaderError::Semicolons
    } else if has_url_with('\t') {
        HeaderError::Delimiter("tabs", "use --input tsv")
    } else if has_url_with(',') {
        HeaderError::Delimiter("commas", "use --input csv")
    } else {
        let mut list: Vec<_> = names
            .iter()
            .take(MAX_NAMED)
            .map(|name| shown(name))
            .collect();
        if names.len() > MAX_NAMED {
            list.push("…".to_owned());
        }
        HeaderError::NoUrl(list.join(", "))
    }
}

/// Returns the name of a column as messages show it. What does not look like a name may be a secret.
fn shown(name: &str) -> String {
    if is_name(&name.replace(' ', "_")) {
        format!("'{name}'")
    } else {
        "'…'".to_owned()
    }
}

/// The cells of a row.
#[derive(Default)]
pub(super) struct Cells {
    reader: Option<(u8, csv_core::Reader)>,
    text: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Cells {
    /// Splits `row`, which has no line end outside quotes, at `delimiter`.
    pub(super) fn split(&mut self, row: &[u8], delimiter: u8) {
        let reader = match &mut self.reader {
            Some((old, reader)) if *old == delimiter => reader,
            slot => &mut slot.insert((delimiter, cell_reader(delimiter))).1,
        };
        reader.reset();
        // A row has no more cells than bytes and one, and no longer ones.
        self.text.resize(row.len() + 1, 0);
        self.ends.resize(row.len() + 1, 0);
        let (_, _, text, ends) = reader.read_record(row, &mut self.text, &mut self.ends);
        // The empty input is the end of the table.
        let (_, _, _, last) =
            reader.read_record(&[], &mut self.text[text..], &mut self.ends[ends..]);
        self.count = ends + last;
    }

    /// Returns the number of cells.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Returns the cells. The row was UTF-8.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let ends = &self.ends[..self.count];
        let starts = std::iter::once(&0).chain(ends);
        starts
            .zip(ends)
            .map(|(&start, &end)| str::from_utf8(&self.text[start..end]).unwrap_or_default())
    }
}

fn cell_reader(delimiter: u8) -> csv_core::Reader {
    let mut reader = csv_core::ReaderBuilder::new();
    // A CR in a cell belongs to it.
    let terminator = csv_core::Terminator::Any(b'\n');
    reader.delimiter(delimiter).terminator(terminator).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_row() {
        let mut cells = Cells::default();
        for (row, delimiter, expected) in [
            ("a,b", b',', &["a", "b"][..]),
            ("a,b", b'\t', &["a,b"]),
            ("a,", b',', &["a", ""]),
            (",", b',', &["", ""]),
            ("\"a,\n\"\"b\"\"\",\u{e9} ", b',', &["a,\n\"b\"", "\u{e9} "]),
            ("a \"b\",c", b',', &["a \"b\"", "c"]),
            ("a\tb,c", b'\t', &["a", "b,c"]),
            ("a", b',', &["a"]),
        ] {
            cells.split(row.as_bytes(), delimiter);
            assert_eq!(cells.iter().collect::<Vec<_>>(), expected, "{row:?}");
            assert_eq!(cells.len(), expected.len());
        }
    }

    #[test]
    fn a_header_without_a_url_says_what_is_there() {
        for (row, delimiter, expected) in [
            (
                "link,source",
                b',',
                "no column 'url'; the columns are 'link', 'source'; rename one to url",
            ),
            (
                "URL,my source",
                b',',
                "no column 'url'; the columns are 'URL', 'my source'; rename one to url",
            ),
            (
                "p@ssword,x",
                b',',
                "no column 'url'; the columns are '…', 'x'; rename one to url",
            ),
            (
                "url;name",
                b',',
                "no column 'url': the cells are separated by ';'",
            ),
            (
                "\"url\"\tname",
                b',',
                "no column 'url': the cells are separated by tabs; use --input tsv",
            ),
            (
                "name,url",
                b'\t',
                "no column 'url': the cells are separated by commas; use --input csv",
            ),
            (
                "http://u:p@a.example/,x",
                b',',
                "the table has no header; write the names of its columns on the first line, one of them url",
            ),
            ("url,a,a", b',', "two columns have the name 'a'; rename one"),
            (
                "url,cap\rhttp://a.example/1,a",
                b',',
                "a carriage return inside the header, which ends no line; convert the table: tr '\\r' '\\n'",
            ),
        ] {
            let error =
                header(&Line::Whole(row.as_bytes()), delimiter).map_err(|error| error.to_string());
            assert_eq!(error, Err(expected.to_owned()), "{row}");
        }
    }

    #[test]
    fn columns_are_keys_or_meta() {
        let row = "id, url ,Name,name,,method,sha256,headers,body,meta";
        let columns = header(&Line::Whole(row.as_bytes()), b',').map(|header| header.columns);
        let meta = |name: &str| Column::Meta(name.into());
        let expected = vec![
            Column::Id,
            Column::Url,
            meta("Name"),
            Column::Name,
            meta("column 5"),
            Column::Method,
            Column::Sha256,
            Column::Headers,
            Column::Body,
            meta("meta"),
        ];
        assert_eq!(columns, Ok(expected));
    }

    #[test]
    fn rows_without_content_are_blank() {
        for (row, expected) in [
            ("", true),
            (" \r", true),
            (",,\"\", ", true),
            (",a", false),
            ("#", false),
        ] {
            assert_eq!(is_blank(row.as_bytes(), b','), expected, "{row:?}");
        }
    }
}
