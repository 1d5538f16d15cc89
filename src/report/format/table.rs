//! `--format csv` (RFC 4180) and `--format tsv`.

use std::borrow::Cow;

use super::formatter::Formatter;
use super::record::Record;
use super::value::seconds;
use crate::model::outcome::Outcome;
use crate::report::escape::escape;

const COLUMNS: [&str; 11] = [
    "index",
    "url",
    "outcome",
    "status",
    "time_total",
    "size",
    "attempts",
    "final_url",
    "file",
    "error_kind",
    "error_message",
];

/// A buffer that most rows fit in, in bytes.
const ROW_SIZE: usize = 512;

/// The character between two cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// CSV.
    Comma,
    /// TSV. Tabs in cells are escaped, so no cell needs quotes.
    Tab,
}

/// Writes the names of the columns, then a row for each record.
pub(in crate::report) struct Table(pub(in crate::report) Separator);

impl Formatter for Table {
    fn begin(&mut self, out: &mut Vec<u8>) {
        write_row(self.0, &COLUMNS.map(Cow::Borrowed), out);
    }

    fn record(&mut self, record: Record<'_>, out: &mut Vec<u8>) {
        write_record(self.0, record.outcome, out);
    }
}

fn write_record(separator: Separator, outcome: &Outcome, to: &mut Vec<u8>) {
    fn number(number: Option<impl ToString>) -> Cow<'static, str> {
        number
            .map(|number| number.to_string())
            .unwrap_or_default()
            .into()
    }
    let (answer, last) = (outcome.answer(), outcome.last.as_ref());
    let failure = outcome.failure.as_ref();
    let row = [
        number(Some(outcome.input.index)),
        cell(&outcome.input.display_url),
        outcome.verdict.name().into(),
        number(answer.map(|answer| answer.status)),
        number(last.map(|attempt| seconds(attempt.total))),
        number(answer.map(|answer| answer.size)),
        number(Some(outcome.attempts.len())),
        cell(last.map_or("", |attempt| attempt.final_url.as_str())),
        cell(outcome.file.as_deref().unwrap_or_default()),
        failure.map_or("", |failure| failure.kind.name()).into(),
        cell(failure.map_or("", |failure| &failure.message)),
    ];
    write_row(separator, &row, to);
}

/// Escapes `text`, and prefixes `'` to what a spreadsheet would run as a formula.
fn cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t']) {
        return format!("'{}", escape(text)).into();
    }
    escape(text)
}

fn write_row(separator: Separator, row: &[Cow<'_, str>; 11], to: &mut Vec<u8>) {
    match separator {
        Separator::Tab => {
            to.extend_from_slice(row.join("\t").as_bytes());
            to.push(b'\n');
        }
        Separator::Comma => {
            let mut writer = csv::WriterBuilder::new()
                .buffer_capacity(ROW_SIZE)
                .from_writer(to);
            // Writing to memory does not fail, and all rows have the same number of cells.
            let _ = writer.write_record(row.iter().map(|cell| cell.as_bytes()));
            let _ = writer.flush();
        }
    }
}
