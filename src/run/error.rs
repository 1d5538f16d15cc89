//! Why a run cannot start or go on, and the exit code that this means.

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::http;
use crate::input::ShardError;
use crate::model::error::plain;
use crate::model::exit::Exit;
use crate::report::{JournalError, PrintError};
use crate::save::FolderError;
use crate::sys::duplicate_stdout;

/// The name of standard output in messages.
pub(super) const STDOUT: &str = "standard output";

/// Why a run cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file that an option names cannot be created.
    #[error("{option}: {path}: {}", plain(.error))]
    OutputFile {
        /// The option.
        option: &'static str,
        /// The path of the file.
        path: String,
        /// What the system reports.
        error: io::Error,
    },
    /// The file of `--results` exists, and is not what this run would make.
    #[error("--results: {}: already exists, {why}; remove it or name another file", .path.display())]
    OtherResults {
        /// The path of the file.
        path: PathBuf,
        /// Why it is not that.
        why: String,
    },
    /// No HTTP client can be built from the options.
    #[error(transparent)]
    Client(#[from] http::ClientError),
    /// The folder of `--output-dir` cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be opened or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The limit of open files is too low.
    #[error(transparent)]
    Descriptors(#[from] http::FileLimitError),
    /// The records cannot be written to this output.
    #[error("{0}: {reason}", reason = plain(.1))]
    Output(String, io::Error),
    /// A source is not the table that `--input` asks for; the text names it.
    #[error("{0}")]
    NotATable(String),
    /// A summary cannot be merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The system provides no thread, no event loop or no signal handler.
    #[error("cannot start a thread, an event loop or a signal handler: {}", plain(.0))]
    System(io::Error),
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl RunError {
    /// Returns the exit code that the error leads to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Journal(JournalError::Write(..) | JournalError::Lost(..))
            | Self::Output(..)
            | Self::Descriptors(_)
            | Self::System(_) => Exit::CannotGoOn,
            Self::OutputFile { .. }
            | Self::OtherResults { .. }
            | Self::Client(_)
            | Self::Folder(_)
            | Self::Journal(_)
            | Self::NotATable(_)
            | Self::Merge(_) => Exit::Usage,
        }
    }
}

/// Why summaries cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A file cannot be read.
    #[error("--merge: {path}: {reason}", path = .0.display(), reason = plain(.1))]
    Read(PathBuf, io::Error),
    /// A file is not a summary.
    #[error("--merge: {path}: not a summary file", path = .0.display())]
    NotASummary(PathBuf),
    /// A summary names a shard that cannot exist.
    #[error("--merge: {path}: shard {1}/{2}: {3}", path = .0.display())]
    Shard(PathBuf, u32, u32, ShardError),
}

/// Returns the exit code that the end of writing to `output` leads to, or `None` where everything was
/// written.
pub(super) fn output_ended(
    written: Result<(), PrintError>,
    output: &str,
) -> Result<Option<Exit>, RunError> {
    match written {
        Ok(()) => Ok(None),
        Err(PrintError::Lines(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Some(Exit::ReaderLeft))
        }
        Err(PrintError::Lines(error)) => Err(RunError::Output(output.to_owned(), error)),
        Err(PrintError::Journal(error)) => Err(error.into()),
    }
}

/// Writes `text` to standard output. Returns the exit code if its reader left.
pub(super) fn write_to_stdout(text: &str) -> Result<Option<Exit>, RunError> {
    let written = duplicate_stdout().and_then(|mut stdout| stdout.write_all(text.as_bytes()));
    output_ended(written.map_err(PrintError::Lines), STDOUT)
}
