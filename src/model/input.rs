//! One input: a line of the list, and what is to be done about it.

use std::fs::File;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::columns::Columns;
use super::error::Failure;
use super::request::Request;

/// One input: its position in the list, how it is displayed, and its request.
#[derive(Debug)]
pub struct Input {
    /// The 0-based number of the input in the whole list, across all shards.
    pub index: u64,
    /// The 0-based number of the input among the inputs of this run.
    pub position: u64,
    /// The source of the line: a file name, `-` or `args`.
    pub source: Arc<str>,
    /// The 1-based line number in the source; of a row of a table, that of its first line.
    pub line: u64,
    /// The URL as records show it: as it stands on the line, with its userinfo masked.
    pub display_url: String,
    /// The `id` of a JSON line or of a row of a table.
    pub id: Option<Box<str>>,
    /// The `meta` of a JSON line, copied to the record unchanged, or the other columns of a row.
    pub meta: Option<Box<RawValue>>,
    /// The request, or why the line holds none.
    pub request: Result<Arc<Request>, Failure>,
    /// What is to be done about the request.
    pub decision: Decision,
    /// Where the line can be read again; `None` if it cannot.
    pub place: Option<Place>,
}

impl Input {
    /// Whether there is a request, and it is to be sent.
    #[must_use]
    pub fn is_to_send(&self) -> bool {
        self.request.is_ok() && matches!(self.decision, Decision::Send)
    }
}

/// Where the line of an input can be read again. It keeps the file open.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file that holds the line.
    pub file: Arc<LineFile>,
    /// The position of its first byte in the file.
    pub offset: u64,
    /// The length in bytes, without the line end.
    pub length: u32,
    /// A hash of the bytes, which tells whether they were changed.
    pub check: u32,
}

/// A file that lines of a source, or rows of a table, can be read from again.
#[derive(Debug)]
pub struct LineFile {
    /// The name of the source in records: a file name, or `-`.
    pub source: Arc<str>,
    /// The columns, if the source is a table.
    pub columns: Option<Arc<Columns>>,
    /// The open file.
    pub file: Arc<File>,
    /// Whether it is a temporary file, which holds lines of a source that can be read only once.
    pub is_temporary: bool,
}

/// What is to be done about the request of an input.
#[derive(Debug, Default)]
pub enum Decision {
    /// Send it.
    #[default]
    Send,
    /// Skip it.
    Skip {
        /// The reason.
        why: Skip,
        /// The existing file that stands for the result, if there is one.
        file: Option<Arc<str>>,
    },
    /// Fail it without sending it.
    Refuse(Failure),
}

/// Why a request is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The journal says that an earlier run completed it.
    Recorded,
    /// Its file already exists.
    Exists,
    /// With a journal: an earlier line of the list is the same input.
    Repeated,
}
