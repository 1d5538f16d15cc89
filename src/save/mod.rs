//! Files of bodies: whole or absent, under names that are safe, in one folder.
//!
//! [`Names`] gives every input its name, in the order of the input. A
//! [`Writer`] takes a body as it comes and hands it, in pieces, to a [`unfinished`],
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

mod folder;
mod names;
mod part_file;
mod unfinished;
mod writer;

pub use folder::{Entry, Folder, FolderError, folder_of};
pub use names::{NameRequest, NameTemplate, NameTemplateError, Names, is_legal};
pub use part_file::{PART, PartFile, Representation};
pub use unfinished::{BodyChecks, BodyStart, SavedBody};
pub use writer::{Disk, Threads, Writer};

use std::io;
use std::sync::Arc;

use crate::model::error::{Failure, Kind, Phase, plain};

/// How files are made.
#[derive(Clone, Copy, Debug)]
pub struct SaveOptions {
    /// Files and folder are synced before the record is written.
    pub fsync: bool,
    /// Bodies that break off are kept, and continued.
    pub resume: bool,
    /// Bytes of each body that are handed to the disk at a time.
    pub batch: usize,
}

/// The folder, and how files are made in it. Every clone is cheap.
#[derive(Clone)]
pub struct Store {
    /// Where.
    pub folder: Arc<Folder>,
    /// How.
    pub options: SaveOptions,
    /// Who writes.
    pub disk: Disk,
}

/// Why a body did not become a file.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// What the system says of a path.
    #[error("{0}: {reason}", reason = plain(.1))]
    Io(String, io::Error),
    /// The name is taken.
    #[error("{0}: is there already (--existing)")]
    Exists(String),
    /// The name is taken, and the journal says nothing of it.
    #[error("{0}: is there already, with other content (--existing)")]
    Differs(String),
    /// The name is taken by a link, a folder, a device.
    #[error("{0}: is there already, and is no file to be replaced")]
    NotAFile(String),
    /// The name is that of a file that the run itself reads or writes.
    #[error("{0}: the run itself reads or writes that file")]
    Own(String),
    /// `NAME.part` is not ours.
    #[error("{0}: is there already, and not from this download")]
    NotOurs(String),
    /// `NAME.part` is another process's.
    #[error("{0}: another process is writing it")]
    Busy(String),
    /// The body is not the expected one.
    #[error("the SHA-256 of the body is {0}, not the expected one")]
    Checksum(String),
    /// The thread that wrote it failed, or somebody else took it.
    #[error("what was written is gone")]
    Lost,
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Self {
        let (kind, phase) = match error {
            SaveError::Checksum(_) => (Kind::Checksum, Phase::Body),
            _ => (Kind::Io, Phase::Save),
        };
        Self::new(kind, phase, error.to_string())
    }
}
