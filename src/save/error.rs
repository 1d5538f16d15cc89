//! Why a body is not saved.

use std::io;

use crate::model::body_sink::ChecksumError;
use crate::model::error::{Failure, Kind, Phase, plain};

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
    #[error(transparent)]
    Checksum(#[from] ChecksumError),
    /// The thread that wrote it failed, or somebody else took it.
    #[error("what was written is gone")]
    Lost,
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Checksum(error) => error.into(),
            error => Self::new(Kind::Io, Phase::Save, error.to_string()),
        }
    }
}
