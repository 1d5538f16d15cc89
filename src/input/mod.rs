//! Input: sources → lines → parsed inputs, read by a thread of its own.
//!
//! [`Source`] opens what was named, [`lines`] cuts bytes into lines, [`parse`]
//! makes an [`Input`](crate::request::Input) of a line, [`reader`] does this
//! ahead of the engine, in bounded batches.

mod lines;
mod parse;
mod reader;
mod source;

pub use parse::{Content, Defaults, Scheme, basic};
#[cfg(test)]
pub(crate) use reader::inputs;
pub use reader::{Intake, ReadError, Totals, count, read};
pub use source::{Source, SourceError, open};
