//! The folder that files are saved to. It is opened once, and all files are reached through
//! the open folder.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::error::SaveError;
use super::names::name_hash;
use crate::model::error::plain;
use crate::model::lock::lock;
use crate::sys::{Directory, FileIdentity, folder_of, sync_directory};

/// The name of a temporary file begins and ends with these; 16 hexadecimal digits stand
/// between them.
const TEMPORARY: (&str, &str) = (".fetch-", ".tmp");

/// The folder of `--output-dir` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("--output-dir: {path}: {reason}", path = .0.display(), reason = plain(.1))]
pub struct FolderError(PathBuf, io::Error);

/// What a name in the folder is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameUse {
    /// Nothing.
    Nothing,
    /// A regular file of this many bytes.
    File(u64),
    /// A file that the run itself reads or writes, now or later.
    InUse,
    /// A link, a folder, a device or the like.
    Other,
}

/// The open folder of `--output-dir`.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    directory: Directory,
    files_in_use: Vec<FileIdentity>,
    /// Hashes of the names of files that the run itself will write.
    names_in_use: Vec<u64>,
    /// Files that an earlier run left without a record: name and temporary name.
    unrecorded: Mutex<HashMap<OsString, String>>,
}

impl Folder {
    /// Opens the folder at `path`, creates it if it does not exist, and removes the
    /// temporary files of runs that were killed, unless another run uses the folder.
    ///
    /// # Errors
    ///
    /// The folder cannot be created or opened.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |error: io::Error| FolderError(path.to_owned(), error);
        let directory = match Directory::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(path).map_err(failed)?;
                // The name of the folder itself should survive a power loss, too; not every
                // file system can sync a folder.
                let _ = sync_directory(folder_of(path));
                Directory::open(path)
            }
            opened => opened,
        };
        let folder = Self {
            path: path.to_owned(),
            directory: directory.map_err(failed)?,
            files_in_use: Vec::new(),
            names_in_use: Vec::new(),
            unrecorded: Mutex::default(),
        };
        let is_alone = folder.directory.try_lock().is_ok();
        if is_alone {
            folder.sweep().map_err(failed)?;
        }
        // Waits for a run that is removing files. If the file system has no locks, no run
        // removes any.
        let _ = folder.directory.lock_shared();
        Ok(folder)
    }

    /// Marks files that the run itself reads or writes, so that no body replaces them:
    /// `files_in_use` exist, and the files at `future_paths` will be written later.
    #[must_use]
    pub fn with_files_in_use<'a>(
        self,
        files_in_use: Vec<FileIdentity>,
        future_paths: impl IntoIterator<Item = &'a Path>,
    ) -> Self {
        let this_folder = self.directory.identity();
        let names_in_use = future_paths
            .into_iter()
            .filter(|path| FileIdentity::at(folder_of(path)) == this_folder)
            .filter_map(Path::file_name)
            .map(|name| name_hash(&name.to_string_lossy()))
            .collect();
        Self {
            files_in_use,
            names_in_use,
            ..self
        }
    }

    /// Removes temporary files. A temporary file that has a second name marks that file as
    /// one without a record; it is kept and noted in `unrecorded`.
    fn sweep(&self) -> io::Result<()> {
        let mut linked = HashMap::new();
        for entry in self.directory.entries()? {
            let entry = entry?;
            let Some(name) = as_temporary(entry.name()) else {
                continue;
            };
            let metadata = self.directory.metadata(name)?;
            if !metadata.is_file {
                continue;
            }
            if metadata.links > 1 {
                linked.insert(metadata.identity.file_number(), name.to_owned());
            } else {
                // A file that cannot be removed does no harm.
                let _ = self.remove(name);
            }
        }
        if linked.is_empty() {
            return Ok(());
        }
        let mut unrecorded = self.unrecorded();
        for entry in self.directory.entries()? {
            let entry = entry?;
            if as_temporary(entry.name()).is_none()
                && let Some(temporary) = linked.remove(&entry.file_number())
            {
                unrecorded.insert(entry.name().to_owned(), temporary);
            }
        }
        Ok(())
    }

    fn unrecorded(&self) -> MutexGuard<'_, HashMap<OsString, String>> {
        lock(&self.unrecorded)
    }

    /// Notes that the file `name` has a record after all.
    pub fn confirm(&self, name: &str) {
        let temporary = self.unrecorded().remove(OsStr::new(name));
        if let Some(temporary) = temporary {
            let _ = self.remove(&temporary);
        }
    }

    /// Whether a run that was killed left the file `name` without a record.
    #[must_use]
    pub fn is_unrecorded(&self, name: &str) -> bool {
        self.unrecorded().contains_key(OsStr::new(name))
    }

    /// Returns what `name` is used for. Links are not followed.
    ///
    /// # Errors
    ///
    /// The system cannot tell, for example without permission.
    pub fn name_use(&self, name: &str) -> Result<NameUse, SaveError> {
        if !self.names_in_use.is_empty() && self.names_in_use.contains(&name_hash(name)) {
            return Ok(NameUse::InUse);
        }
        match self.directory.metadata(name) {
            Ok(metadata) if self.files_in_use.contains(&metadata.identity) => Ok(NameUse::InUse),
            Ok(metadata) if metadata.is_file => Ok(NameUse::File(metadata.length)),
            Ok(_) => Ok(NameUse::Other),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(NameUse::Nothing),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// Returns the path of the file `name` for messages.
    #[must_use]
    pub fn display_path(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    pub(super) fn failed(&self, name: &str, error: io::Error) -> SaveError {
        SaveError::Io(self.display_path(name), error)
    }

    /// Creates a file with a temporary name.
    pub(super) fn create_temporary(&self) -> io::Result<(String, File)> {
        loop {
            let name = Self::temporary_name();
            match self.create(&name) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return Ok((name, created?)),
            }
        }
    }

    pub(super) fn temporary_name() -> String {
        let (prefix, suffix) = TEMPORARY;
        format!("{prefix}{:016x}{suffix}", fastrand::u64(..))
    }

    /// Creates a file for reading and writing, whose mode follows the umask.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        self.directory.create_new(name)
    }

    /// Opens a regular file for reading and, if `write` is set, for writing. Returns `None`
    /// if it does not exist, and an error of kind `InvalidInput` if it is not a regular file.
    pub(super) fn open_regular(&self, name: &str, write: bool) -> io::Result<Option<File>> {
        match self.directory.open_regular(name, write) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Returns the identity of the file `name`. Links are not followed.
    fn identity(&self, name: &str) -> Option<FileIdentity> {
        let metadata = self.directory.metadata(name);
        metadata.ok().map(|metadata| metadata.identity)
    }

    /// Whether `name` still refers to `file`.
    pub(super) fn is_name_of(&self, name: &str, file: &File) -> bool {
        let named = self.identity(name);
        named.is_some() && named == FileIdentity::of(file)
    }

    /// Gives the file `from` the second name `to`, which must not exist. Returns false if
    /// the file system has no hard links: the file is renamed then.
    pub(super) fn link(&self, from: &str, to: &str) -> io::Result<bool> {
        match self.directory.hard_link(from, to) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let renamed = self.directory.rename_no_replace(from, to);
                renamed.map(|()| false)
            }
            linked => linked.map(|()| true),
        }
    }

    /// Renames `from` to `to`, and replaces an existing file.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.directory.rename(from, to)
    }

    /// Removes a name. Tries twice, because nobody will come back for it later.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match self.directory.remove_file(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => self.directory.remove_file(name),
            _ => Ok(()),
        }
    }

    /// Removes the file `name` if a run that was killed left it without a record.
    pub(super) fn retract_unrecorded(&self, name: &str) {
        let temporary = self.unrecorded().remove(OsStr::new(name));
        if let Some(temporary) = temporary {
            self.retract(name, &temporary);
        }
    }

    /// Removes both names of a file without a record. If another file has taken the place
    /// of `name` since, that file is kept.
    pub(super) fn retract(&self, name: &str, temporary: &str) {
        let named = self.identity(name);
        if named.is_some() && named == self.identity(temporary) {
            let _ = self.remove(name);
        }
        let _ = self.remove(temporary);
    }

    /// Syncs the folder, so that the names of its files survive a power loss.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.directory.sync()
    }
}

/// Returns the name if it is that of a temporary file.
fn as_temporary(name: &OsStr) -> Option<&str> {
    let (prefix, suffix) = TEMPORARY;
    let name = name.to_str()?;
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let is_ours = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_ours.then_some(name)
}
