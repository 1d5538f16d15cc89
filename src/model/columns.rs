//! The columns of a table of inputs.

/// The columns of a table, in order, as its header names them.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    /// The character between two cells.
    pub delimiter: u8,
    /// What each column holds.
    pub columns: Vec<Column>,
}

/// What a column holds: a key of a JSON line, or something that is copied to the record.
#[derive(Debug, PartialEq, Eq)]
pub enum Column {
    /// The URL.
    Url,
    /// The method.
    Method,
    /// The headers, as a JSON object.
    Headers,
    /// The content to send.
    Body,
    /// The `id` of the record.
    Id,
    /// The file name under `--output-dir`.
    Name,
    /// The expected checksum.
    Sha256,
    /// An entry of `meta` in the record, by its name.
    Meta(Box<str>),
}
