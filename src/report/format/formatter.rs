//! What every output format does.

use super::record::Record;
use crate::report::summary::RunTotals;

/// Writes the records of a run in one format.
///
/// A format that has no header or no footer leaves out [`begin`](Self::begin) or
/// [`end`](Self::end). What a call appends to `out` are whole lines: the printer may
/// write them at once.
pub(in crate::report) trait Formatter {
    /// Appends what stands before the first record.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// Appends one record. This runs once per URL, so it should be cheap.
    fn record(&mut self, record: Record<'_>, out: &mut Vec<u8>);

    /// Appends what stands after the last record. This also runs when the run stopped
    /// early (a signal, `--fail-fast`, `--deadline`), but not when the output cannot
    /// be written any more.
    fn end(&mut self, _totals: &RunTotals<'_>, _out: &mut Vec<u8>) {}
}
