//! The errors of saving a body.

use std::io;

use crate::model::body_sink::ChecksumError;
use crate::model::error::{Failure, Kind, Phase, plain};

/// Why a body could not be saved. Most variants name the path of the file.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The system reported an error.
    #[error("{0}: {reason}", reason = plain(.1))]
    Io(String, io::Error),
    /// The file already exists.
    #[error("{0}: already exists; use --existing skip or --existing overwrite")]
    Exists(String),
    /// The file already exists, and the journal does not know it.
    #[error("{0}: already exists with different content; --existing overwrite replaces it")]
    Differs(String),
    /// A link, a folder or a device has the name of the file.
    #[error("{0}: already exists and is not a regular file")]
    NotAFile(String),
    /// The run itself reads or writes the file, as a source or a journal for example.
    #[error("{0}: the run itself reads or writes this file; choose another --output-dir")]
    InUse(String),
    /// `NAME.part` exists, but no earlier attempt at this download made it.
    #[error("{0}: already exists and is not from this download; remove or rename it")]
    NotOurs(String),
    /// Another process has locked `NAME.part`.
    #[error("{0}: another process is writing to it")]
    Busy(String),
    /// The body does not have the expected checksum.
    #[error(transparent)]
    Checksum(#[from] ChecksumError),
    /// The temporary file was removed by somebody else, or the thread that wrote it failed.
    #[error(
        "the temporary file is gone: another process removed or replaced it, or writing it failed"
    )]
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
