//! Saves bodies to files in one folder: each file is whole or absent, and its name is safe.
//!
//! [`Names`] assigns every input its name, in the order of the input. A [`Store`] hands out
//! sinks for bodies; each is a [`writer`], which gathers the pieces of a body and passes them
//! to an [`unfinished`] file on a thread of the [`Disk`]. The network waits only while the disk
//! is behind, and the clock of the exchange stands still meanwhile. The [`Folder`] is opened
//! once, and everything in it is reached through that.
//!
//! A new file is made in these steps, so that the process may be killed at any moment:
//!
//! 1. The body goes to `.fetch-*.tmp` (with `--continue`, to `NAME.part`, see [`part_file`]).
//! 2. A hard link gives it its name, unless that name exists.
//! 3. The record is written.
//! 4. The temporary name is removed ([`PendingFile`](crate::model::saved_file::PendingFile)).
//!
//! So a file that still has a temporary name has no record, and the next run that opens the
//! folder knows that it may be fetched again.
//!
//! Step 2 is a rename where the file replaces another one (`--existing overwrite`, or a file that was cut
//! off), and where the file system has no hard links; a body that equals the existing file leaves that as it
//! is. None of these has a temporary name afterwards, so without a record they stay, and the next run cannot
//! tell.

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
pub use folder::{Folder, FolderError, NameUse};
pub use names::{NameRequest, NameTemplate, NameTemplateError, Names, is_legal};
pub use options::{IfExists, SaveOptions};
pub use part_file::PART;
pub use store::Store;
