//! Reads sources on a thread of their own, and parses their lines into inputs.
//!
//! [`source`] opens what the command line names, [`lines`] splits bytes into lines and [`rows`] into the rows
//! of a [`table`], [`parse`]
//! turns a line into an [`Input`](crate::model::input::Input), and [`urls`] its text into a
//! URL, unless [`plain_line`] finds something else on it. Of a line that is no request, records show what
//! [`bad_line`] leaves. [`walk`] does all of this from the first line to the last. [`reader`] runs it ahead of
//! the engine, in bounded batches, and leaves out inputs of other shards ([`shard`]); the
//! engine takes inputs from the [`intake`]. An input that waits for long is [`parked`]: only the
//! [`place`] of its line is kept, and it is read again ([`recall`]) from its file, or from a copy
//! ([`spill`]) if it came from a pipe. [`source_hint`] recognizes sources that are no lists. [`mod@survey`] counts the load of each shard for
//! `--dry-run`.

mod bad_line;
mod intake;
mod lines;
mod parked;
mod parse;
mod place;
mod plain_line;
mod reader;
mod recall;
mod records;
mod rows;
mod shard;
mod shard_filter;
mod source;
mod source_hint;
mod spill;
mod survey;
mod table;
mod url_error;
mod urls;
mod walk;

#[cfg(test)]
pub(crate) use intake::tests::{inputs, inputs_in_file};
pub use intake::{Intake, Totals};
pub use parked::ParkedInput;
pub use parse::{Content, Defaults};
pub use reader::read;
pub use recall::Recalled;
pub use shard::{HASH, Shard, ShardError, ShardKey};
pub use shard_filter::ShardFilter;
pub use source::{Source, SourceError, open};
pub use survey::{ShardLoad, Survey, survey};
pub use table::ListFormat;
pub use urls::Scheme;
pub use walk::{ReadError, count};
