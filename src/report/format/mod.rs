//! The formats of records.

pub(in crate::report) mod jsonl;
pub(in crate::report) mod record;
pub(in crate::report) mod table;
pub(in crate::report) mod template;
pub(in crate::report) mod text;
