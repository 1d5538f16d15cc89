//! Input: sources → lines → parsed inputs, read by a thread of its own.
//!
//! [`Source`] opens what was named, [`lines`] cuts bytes into lines, [`parse`]
//! makes an [`Input`](crate::model::input::Input) of a line, [`urls`] a URL of its
//! text; [`reader`] does this ahead of the engine, in bounded batches, and
//! leaves out what belongs to another [`shard`]; [`mod@survey`] says beforehand
//! what each shard will have.

mod lines;
mod parse;
mod reader;
mod shard;
mod source;
mod survey;
mod urls;

pub use parse::{Content, Defaults, basic};
#[cfg(test)]
pub(crate) use reader::inputs;
pub use reader::{Intake, ReadError, ShardFilter, Totals, count, read};
pub use shard::{By, HASH, Shard, ShardError};
pub use source::{Source, SourceError, open};
pub use survey::{ShardLoad, Survey, survey};
pub use urls::Scheme;
