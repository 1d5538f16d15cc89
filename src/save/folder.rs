//! The folder of the files: opened once; what is made, is made beneath it.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::SaveError;
use super::names::fingerprint;
use crate::model::error::plain;
use crate::sys::{Directory, FileIdentity, sync_directory};

/// What a temporary file is called: these, and 16 hexadecimal digits between them.
const TEMPORARY: (&str, &str) = (".fetch-", ".tmp");

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("--output-dir: {path}: {reason}", path = .0.display(), reason = plain(.1))]
pub struct FolderError(PathBuf, io::Error);

/// What has a name in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Nothing,
    /// A file of so many bytes.
    File(u64),
    /// A file that the run itself reads or writes, or will.
    Own,
    /// A link, a folder, a device.
    Other,
}

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    directory: Directory,
    own: Vec<FileIdentity>,
    /// Fingerprints of the names that files of the run's own will have.
    own_names: Vec<u64>,
    /// Files that a run left without a record, with their temporary names.
    unrecorded: Mutex<HashMap<OsString, String>>,
}

impl Folder {
    /// Opens the folder at `path`, made where there is none, and clears away what
    /// runs that died left in it, unless another run is at work there.
    ///
    /// # Errors
    ///
    /// It cannot be made or opened.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |error: io::Error| FolderError(path.to_owned(), error);
        let directory = match Directory::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(path).map_err(failed)?;
                // Its own name is to last as well; not every file system can do that.
                let _ = sync_directory(folder_of(path));
                Directory::open(path)
            }
            opened => opened,
        };
        let folder = Self {
            path: path.to_owned(),
            directory: directory.map_err(failed)?,
            own: Vec::new(),
            own_names: Vec::new(),
            unrecorded: Mutex::default(),
        };
        let alone = folder.directory.try_lock().is_ok();
        if alone {
            folder.sweep().map_err(failed)?;
        }
        // Who sweeps is waited for. Where locks are not to be had, nobody sweeps.
        let _ = folder.directory.lock_shared();
        Ok(folder)
    }

    /// The same folder, where the files `own` are the run's itself, and so is what will
    /// be at `coming`: they count as no files.
    #[must_use]
    pub fn with_own<'a>(
        self,
        own: Vec<FileIdentity>,
        coming: impl IntoIterator<Item = &'a Path>,
    ) -> Self {
        let here = self.directory.identity();
        let coming = coming.into_iter();
        let own_names = coming
            .filter(|path| FileIdentity::at(folder_of(path)) == here)
            .filter_map(Path::file_name)
            .map(|name| fingerprint(&name.to_string_lossy()))
            .collect();
        Self {
            own,
            own_names,
            ..self
        }
    }

    /// Removes temporary files, except those that show which files have no record.
    fn sweep(&self) -> io::Result<()> {
        let mut linked = HashMap::new();
        for entry in self.directory.entries()? {
            let entry = entry?;
            let Some(name) = temporary(entry.name()) else {
                continue;
            };
            let metadata = self.directory.metadata(name)?;
            if !metadata.is_file {
                continue;
            }
            if metadata.links > 1 {
                linked.insert(metadata.identity.file_number(), name.to_owned());
            } else {
                // What cannot be removed is in nobody's way.
                let _ = self.remove(name);
            }
        }
        if linked.is_empty() {
            return Ok(());
        }
        let mut unrecorded = self.unrecorded();
        for entry in self.directory.entries()? {
            let entry = entry?;
            if temporary(entry.name()).is_none()
                && let Some(temporary) = linked.remove(&entry.file_number())
            {
                unrecorded.insert(entry.name().to_owned(), temporary);
            }
        }
        Ok(())
    }

    fn unrecorded(&self) -> MutexGuard<'_, HashMap<OsString, String>> {
        self.unrecorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The file `name` has a record after all.
    pub fn confirm(&self, name: &str) {
        let temporary = self.unrecorded().remove(OsStr::new(name));
        if let Some(temporary) = temporary {
            let _ = self.remove(&temporary);
        }
    }

    /// Whether a run that died left the file `name` without a record.
    #[must_use]
    pub fn is_unrecorded(&self, name: &str) -> bool {
        self.unrecorded().contains_key(OsStr::new(name))
    }

    /// What is there under `name`; a link is not followed.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn entry(&self, name: &str) -> Result<Entry, SaveError> {
        if !self.own_names.is_empty() && self.own_names.contains(&fingerprint(name)) {
            return Ok(Entry::Own);
        }
        match self.directory.metadata(name) {
            Ok(metadata) if self.own.contains(&metadata.identity) => Ok(Entry::Own),
            Ok(metadata) if metadata.is_file => Ok(Entry::File(metadata.length)),
            Ok(_) => Ok(Entry::Other),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Entry::Nothing),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// How messages name a file of the folder.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    pub(super) fn failed(&self, name: &str, error: io::Error) -> SaveError {
        SaveError::Io(self.shown(name), error)
    }

    /// A new file under a temporary name.
    pub(super) fn create_temporary(&self) -> io::Result<(String, File)> {
        loop {
            let name = Self::temporary_name();
            match self.create(&name) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return Ok((name, made?)),
            }
        }
    }

    pub(super) fn temporary_name() -> String {
        let (before, after) = TEMPORARY;
        format!("{before}{:016x}{after}", fastrand::u64(..))
    }

    /// A new file, to be read and written; its mode is the umask's.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        self.directory.create_new(name)
    }

    /// A regular file that is there, to be read and, if `write`, written; `None` where
    /// nothing is there, an error of kind `InvalidInput` where something else is.
    pub(super) fn open_regular(&self, name: &str, write: bool) -> io::Result<Option<File>> {
        match self.directory.open_regular(name, write) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// The file of that name, not what a link leads to.
    fn identity(&self, name: &str) -> Option<FileIdentity> {
        let metadata = self.directory.metadata(name);
        metadata.ok().map(|metadata| metadata.identity)
    }

    /// Whether `name` is still the name of `file`.
    pub(super) fn is_name_of(&self, name: &str, file: &File) -> bool {
        let named = self.identity(name);
        named.is_some() && named == FileIdentity::of(file)
    }

    /// Gives the file `from` the second name `to`, which nothing may have. False
    /// where the file system has no second names, and `from` is gone then.
    pub(super) fn link(&self, from: &str, to: &str) -> io::Result<bool> {
        match self.directory.hard_link(from, to) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let renamed = self.directory.rename_no_replace(from, to);
                renamed.map(|()| false)
            }
            linked => linked.map(|()| true),
        }
    }

    /// Gives `from` the name `to`, whatever had it.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.directory.rename(from, to)
    }

    /// Removes a name. Once more where that fails: nobody will come back for it.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match self.directory.remove_file(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => self.directory.remove_file(name),
            _ => Ok(()),
        }
    }

    /// Removes the file `name` if a run that died left it without a record.
    pub(super) fn take_back_unrecorded(&self, name: &str) {
        let temporary = self.unrecorded().remove(OsStr::new(name));
        if let Some(temporary) = temporary {
            self.take_back(name, &temporary);
        }
    }

    /// Removes both names of a file that no record tells of; what took the place
    /// of `name` since stays.
    pub(super) fn take_back(&self, name: &str, temporary: &str) {
        let named = self.identity(name);
        if named.is_some() && named == self.identity(temporary) {
            let _ = self.remove(name);
        }
        let _ = self.remove(temporary);
    }

    /// Makes the names in it last.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.directory.sync()
    }
}

/// The folder that `path` is in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    let folder = path.parent();
    folder
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The name, if it is that of a temporary file.
fn temporary(name: &OsStr) -> Option<&str> {
    let (before, after) = TEMPORARY;
    let name = name.to_str()?;
    let digits = name.strip_prefix(before)?.strip_suffix(after)?;
    let is_ours = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_ours.then_some(name)
}
