//! The formats of records: one file each, behind the trait [`Formatter`](formatter::Formatter).
//!
//! [`record`] is the table of keys that all formats take their values from, [`value`] what such a
//! value can be, [`json`] how it is written as JSON. To add a format: a file here that implements
//! the trait, a variant of [`choice::Format`], and a snapshot in `tests.rs`.

pub(in crate::report) mod choice;
pub(in crate::report) mod formatter;
mod json;
mod jsonl;
pub(in crate::report) mod record;
pub(in crate::report) mod table;
pub(in crate::report) mod template;
pub(in crate::report) mod text;
pub(in crate::report) mod value;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(in crate::report) mod tests;
