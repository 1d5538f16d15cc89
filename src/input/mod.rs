//! Input: sources → lines → parsed inputs, read by a thread of its own.
//!
//! [`Source`] opens what was named, [`lines`] cuts bytes into lines, [`parse`]
//! makes an [`Input`](crate::model::input::Input) of a line, [`urls`] a URL of its
//! text; [`reader`] does this ahead of the engine, in bounded batches, and
//! leaves out what belongs to another [`shard`]; [`mod@survey`] says beforehand
//! what each shard will have.

mod intake;
mod lines;
mod parse;
mod reader;
mod shard;
mod shard_filter;
mod source;
mod survey;
mod urls;
mod walk;

#[cfg(test)]
pub(crate) use intake::tests::inputs;
pub use intake::{Intake, Totals};
pub use parse::{Content, Defaults, basic};
pub use reader::read;
pub use shard::{By, HASH, Shard, ShardError};
pub use shard_filter::ShardFilter;
pub use source::{Source, SourceError, open};
pub use survey::{ShardLoad, Survey, survey};
pub use urls::Scheme;
pub use walk::{ReadError, count};
