//! How bodies become files.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::error::UsageError;
use crate::cli::{IfExists, SaveArgs};
use crate::save::{NameTemplate, SaveOptions};

/// Bytes of bodies that may wait for the disk: of each, what is written and what gathers.
const BUFFERS: usize = 32 * 1024 * 1024;

/// How bodies become files.
#[derive(Clone, Debug)]
pub struct Save {
    /// Where.
    pub folder: PathBuf,
    /// Under which names.
    pub names: NameTemplate,
    /// What becomes of files that are there.
    pub if_exists: IfExists,
    /// How.
    pub options: SaveOptions,
}

/// Where bodies go, if they are saved.
pub(super) fn save(args: &SaveArgs, jobs: NonZeroUsize) -> Result<Option<Save>, UsageError> {
    let Some(folder) = args.output_dir.clone() else {
        if args.fsync && args.journal.is_none() {
            return Err(UsageError::NothingToSync);
        }
        return Ok(None);
    };
    Ok(Some(Save {
        folder,
        names: args.name.as_deref().unwrap_or("{basename}").parse()?,
        if_exists: args.existing.unwrap_or(IfExists::Fail),
        options: SaveOptions {
            fsync: args.fsync,
            resume: args.resume,
            batch: (BUFFERS / (2 * jobs.get())).clamp(16 * 1024, 256 * 1024),
        },
    }))
}
