//! Files of bodies: whole or absent, under names that are safe, in one folder.
//!
//! [`Names`] gives every input its name, in the order of the input. A
//! [`writer`] takes a body as it comes and hands it, in pieces, to a [`unfinished`],
//! which writes on a thread of the [`Disk`]: the network waits only where the
//! disk is behind, and then the clock of the wire stands. The [`Folder`] is
//! opened once, and everything in it is reached through that.
//!
//! How a file comes about, so that a process may die anywhere:
//!
//! 1. The body goes to `.fetch-*.tmp` (with `--continue`, to `NAME.part`, see [`part_file`]).
//! 2. A hard link gives it its name, unless something has that name.
//! 3. The record is written.
//! 4. The temporary name goes ([`PendingFile`](crate::model::saved_file::PendingFile)).
//!
//! So a file with a temporary name beside its own has no record: the next run
//! that opens the folder knows that it may be fetched again.

mod disk;
mod error;
mod folder;
mod names;
mod options;
mod part_file;
mod store;
mod unfinished;
mod writer;

pub use disk::{Disk, Threads};
pub use error::SaveError;
pub use folder::{Entry, Folder, FolderError, folder_of};
pub use names::{NameRequest, NameTemplate, NameTemplateError, Names, is_legal};
pub use options::SaveOptions;
pub use part_file::PART;
pub use store::Store;
