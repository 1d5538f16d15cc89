//! The mark of a run: a file beside its results that says which list and options they are of, and how the run ended.
//!
//! A run that finds its results does nothing. Without the mark it could not tell results of its own from those of
//! another list, nor a run that went well from one with failures. The mark is a file of its own, because whoever reads
//! the results expects nothing in them but records.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::RunError;
use crate::sys::{create_temporary, folder_of};

/// What is known about the run that made some results.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunMark {
    /// The SHA-256 of the list, in hex.
    pub(super) list: String,
    /// The options that the records depend on.
    pub(super) options: BTreeMap<String, String>,
    /// Whether some URL was not ok.
    pub(super) has_failures: bool,
}

impl RunMark {
    /// Reads the mark of the results at `path`. `None` if there is none that can be read.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let file = File::open(mark_path(path)?).ok()?;
        serde_json::from_reader(io::BufReader::new(file)).ok()
    }

    /// Writes the mark of the results at `path`, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<(), RunError> {
        let failed =
            |error: io::Error| RunError::Output(format!("--results: {}", path.display()), error);
        let Some(mark) = mark_path(path) else {
            return Ok(());
        };
        let written = || -> io::Result<()> {
            let name = mark.file_name().unwrap_or_default();
            let mut file = create_temporary(folder_of(&mark), name, ".tmp")?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.as_file().sync_all()?;
            file.persist(&mark).map_err(|error| error.error)?;
            Ok(())
        };
        written().map_err(failed)
    }

    /// Returns why results with this mark are not those of a run with `options`: the first option that differs.
    pub(super) fn differing_option(&self, options: &BTreeMap<String, String>) -> Option<String> {
        let names = self.options.keys().chain(options.keys());
        let mut differing = names.filter(|name| self.options.get(*name) != options.get(*name));
        differing.next().cloned()
    }
}

/// Returns `.NAME.run.json` beside `path`; beside its target, if `path` is a symbolic link.
fn mark_path(path: &Path) -> Option<PathBuf> {
    let path = if path.is_symlink() {
        fs::canonicalize(path).ok()?
    } else {
        path.to_owned()
    };
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name()?);
    name.push(".run.json");
    Some(path.with_file_name(name))
}

/// Returns the name of the mark of the results at `path`, for messages.
pub(super) fn mark_name(path: &Path) -> String {
    mark_path(path).map_or_else(String::new, |mark| mark.display().to_string())
}
