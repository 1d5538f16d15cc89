//! Options of saved bodies.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::error::UsageError;
use crate::cli::{ExistingName, SaveArgs};
use crate::save::{IfExists, NameTemplate, SaveOptions};

/// Memory for bodies on their way to the disk. Each request in flight has two buffers: one that is being written and
/// one that is being filled.
const BUFFERS: usize = 32 * 1024 * 1024;

/// How bodies are saved.
#[derive(Clone, Debug)]
pub struct SaveConfig {
    /// The folder of the files.
    pub folder: PathBuf,
    /// The template of their names.
    pub names: NameTemplate,
    /// What to do if a file already exists.
    pub if_exists: IfExists,
    /// How the files are written.
    pub options: SaveOptions,
}

/// Returns how bodies are saved, or `None` without `--output-dir`.
pub(super) fn save(args: &SaveArgs, jobs: NonZeroUsize) -> Result<Option<SaveConfig>, UsageError> {
    let Some(folder) = args.output_dir.clone() else {
        if args.fsync && args.journal.is_none() {
            return Err(UsageError::NothingToSync);
        }
        return Ok(None);
    };
    Ok(Some(SaveConfig {
        folder,
        names: args.name.as_deref().unwrap_or("{basename}").parse()?,
        if_exists: match args.existing {
            Some(ExistingName::Skip) => IfExists::Skip,
            None | Some(ExistingName::Fail) => IfExists::Fail,
            Some(ExistingName::Overwrite) => IfExists::Overwrite,
        },
        options: SaveOptions {
            fsync: args.fsync,
            resume: args.resume,
            write_size: (BUFFERS / (2 * jobs.get())).clamp(16 * 1024, 256 * 1024),
        },
    }))
}
