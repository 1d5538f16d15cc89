//! Options of saved bodies.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::error::UsageError;
use crate::cli::{ExistingName, SaveArgs};
use crate::save::{IfExists, NameTemplate, SaveOptions};
use crate::sys::folder_of;

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
    /// What to warn about: the name of the folder may be meant for the file.
    pub warning: Option<String>,
}

/// Returns how bodies are saved, or `None` without `--output-dir`. `sources` are those of the list.
pub(super) fn save(
    args: &SaveArgs,
    jobs: NonZeroUsize,
    sources: &[String],
) -> Result<Option<SaveConfig>, UsageError> {
    let Some(folder) = args.output_dir.clone() else {
        if args.fsync && args.journal.is_none() {
            return Err(UsageError::NothingToSync);
        }
        return Ok(None);
    };
    if folder.as_os_str() == "-" {
        return Err(UsageError::NotAStream(
            "--output-dir",
            "write -w '%{body}' to print a body, or ./- for a directory of this name",
        ));
    }
    if let Some(advice) = file_advice(&folder) {
        let folder = folder.display().to_string();
        return Err(UsageError::NotADirectory(folder, advice));
    }
    Ok(Some(SaveConfig {
        warning: file_warning(&folder, sources),
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

/// Returns what to write where `folder` is a file, as after `-o` of curl.
fn file_advice(folder: &Path) -> Option<&'static str> {
    match folder.to_str() {
        Some("/dev/null") => Some("leave -o out, without it no body is kept"),
        Some("/dev/stdout") => Some("write -w '%{body}' to print a body"),
        _ => (folder.exists() && !folder.is_dir())
            .then_some("write -o DIR --name NAME, or -w '%{body}' > FILE for one body"),
    }
}

/// Returns a warning where `folder` looks like the name of the one file that will be saved, as after `-o` of curl.
fn file_warning(folder: &Path, sources: &[String]) -> Option<String> {
    let is_one_url = matches!(sources, [source] if source.contains("://"));
    let extension = folder.extension()?.to_str()?;
    let is_name = extension.contains(|letter: char| letter.is_ascii_alphabetic());
    let name = folder.file_name()?.to_str()?;
    (is_one_url && is_name && !folder.exists()).then(|| {
        format!(
            "--output-dir: {folder} is made as a directory; for a file of this name, write -o {parent} --name {name}",
            folder = folder.display(),
            parent = folder_of(folder).display(),
        )
    })
}
