//! The folder of the files: opened once; what is made, is made beneath it.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, RawMode, RenameFlags, Stat, flock,
    fstat, fsync, linkat, openat, renameat, renameat_with, stat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::path::Arg;

use super::error::SaveError;
use super::names::fingerprint;
use crate::model::error::plain;

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

/// One file, whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity(u64, u64);

impl FileIdentity {
    fn of(stat: &Stat) -> Self {
        Self(stat.st_dev, stat.st_ino)
    }

    /// Which file that is.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        Some(Self::of(&stat(path).ok()?))
    }

    /// Which file is open there.
    #[must_use]
    pub fn open(file: impl AsFd) -> Option<Self> {
        Some(Self::of(&fstat(file).ok()?))
    }
}

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    fd: OwnedFd,
    own: Vec<FileIdentity>,
    /// Fingerprints of the names that files of the run's own will have.
    own_names: Vec<u64>,
    /// Files that a run left without a record, with their temporary names.
    unrecorded: Mutex<HashMap<Box<[u8]>, CString>>,
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
        let open = || {
            openat(
                CWD,
                path,
                OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        let fd = match open() {
            Err(Errno::NOENT) => {
                fs::create_dir_all(path).map_err(failed)?;
                // Its own name is to last as well; not every file system can do that.
                let _ = File::open(folder_of(path)).and_then(|above| above.sync_all());
                open()
            }
            opened => opened,
        };
        let fd = fd.map_err(|error| failed(error.into()))?;
        let folder = Self {
            path: path.to_owned(),
            fd,
            own: Vec::new(),
            own_names: Vec::new(),
            unrecorded: Mutex::default(),
        };
        let alone = flock(&folder.fd, FlockOperation::NonBlockingLockExclusive).is_ok();
        if alone {
            folder.sweep().map_err(|error| failed(error.into()))?;
        }
        // Who sweeps is waited for. Where locks are not to be had, nobody sweeps.
        let _ = flock(&folder.fd, FlockOperation::LockShared);
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
        let here = FileIdentity::open(&self.fd);
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
    fn sweep(&self) -> rustix::io::Result<()> {
        let mut linked = HashMap::new();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            if !is_temporary(entry.file_name().to_bytes()) {
                continue;
            }
            let stat = statat(&self.fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            if !is_regular(stat.st_mode) {
                continue;
            }
            if stat.st_nlink > 1 {
                linked.insert(stat.st_ino, entry.file_name().to_owned());
            } else {
                // What cannot be removed is in nobody's way.
                let _ = self.remove(entry.file_name());
            }
        }
        if linked.is_empty() {
            return Ok(());
        }
        let mut unrecorded = self.unrecorded();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !is_temporary(name)
                && let Some(temporary) = linked.remove(&entry.ino())
            {
                unrecorded.insert(name.into(), temporary);
            }
        }
        Ok(())
    }

    fn unrecorded(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, CString>> {
        self.unrecorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The file `name` has a record after all.
    pub fn confirm(&self, name: &str) {
        let temporary = self.unrecorded().remove(name.as_bytes());
        if let Some(temporary) = temporary {
            let _ = self.remove(&*temporary);
        }
    }

    /// Whether a run that died left the file `name` without a record.
    #[must_use]
    pub fn is_unrecorded(&self, name: &str) -> bool {
        self.unrecorded().contains_key(name.as_bytes())
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
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if self.own.contains(&FileIdentity::of(&stat)) => Ok(Entry::Own),
            Ok(stat) if is_regular(stat.st_mode) => {
                Ok(Entry::File(stat.st_size.try_into().unwrap_or_default()))
            }
            Ok(_) => Ok(Entry::Other),
            Err(Errno::NOENT) => Ok(Entry::Nothing),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// How messages name a file of the folder.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    pub(super) fn failed(&self, name: &str, error: impl Into<io::Error>) -> SaveError {
        SaveError::Io(self.shown(name), error.into())
    }

    /// A new file under a temporary name.
    pub(super) fn create_temporary(&self) -> rustix::io::Result<(String, File)> {
        loop {
            let name = Self::temporary_name();
            match self.create(&name) {
                Err(Errno::EXIST) => {}
                made => return Ok((name, made?)),
            }
        }
    }

    pub(super) fn temporary_name() -> String {
        let (before, after) = TEMPORARY;
        format!("{before}{:016x}{after}", fastrand::u64(..))
    }

    /// A new file, to be read and written; its mode is the umask's.
    pub(super) fn create(&self, name: &str) -> rustix::io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        openat(&self.fd, name, flags, Mode::from_raw_mode(0o666)).map(File::from)
    }

    /// A regular file that is there, to be read and, if `write`, written; `None` where
    /// nothing is there, an error of kind `InvalidInput` where something else is.
    pub(super) fn open_regular(&self, name: &str, write: bool) -> io::Result<Option<File>> {
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        // A pipe that nobody writes to must not hold us up.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            Err(error) => return Err(error.into()),
        };
        if file.metadata()?.is_file() {
            Ok(Some(file))
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// The file of that name, not what a link leads to.
    fn identity(&self, name: impl Arg) -> Option<FileIdentity> {
        let stat = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.ok().as_ref().map(FileIdentity::of)
    }

    /// Whether `name` is still the name of `file`.
    pub(super) fn is_name_of(&self, name: &str, file: &File) -> bool {
        let named = self.identity(name);
        named.is_some() && named == FileIdentity::open(file)
    }

    /// Gives the file `from` the second name `to`, which nothing may have. False
    /// where the file system has no second names, and `from` is gone then.
    pub(super) fn link(&self, from: &str, to: &str) -> rustix::io::Result<bool> {
        match linkat(&self.fd, from, &self.fd, to, AtFlags::empty()) {
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                let renamed = renameat_with(&self.fd, from, &self.fd, to, RenameFlags::NOREPLACE);
                match renamed {
                    // The file system has neither.
                    Err(Errno::INVAL) => Err(Errno::OPNOTSUPP),
                    renamed => renamed.map(|()| false),
                }
            }
            linked => linked.map(|()| true),
        }
    }

    /// Gives `from` the name `to`, whatever had it.
    pub(super) fn rename(&self, from: &str, to: &str) -> rustix::io::Result<()> {
        renameat(&self.fd, from, &self.fd, to)
    }

    /// Removes a name. Once more where that fails: nobody will come back for it.
    pub(super) fn remove(&self, name: impl Arg + Copy) -> rustix::io::Result<()> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(_) => unlinkat(&self.fd, name, AtFlags::empty()),
        }
    }

    /// Removes the file `name` if a run that died left it without a record.
    pub(super) fn take_back_unrecorded(&self, name: &str) {
        let temporary = self.unrecorded().remove(name.as_bytes());
        if let Some(temporary) = temporary {
            self.take_back(name, &*temporary);
        }
    }

    /// Removes both names of a file that no record tells of; what took the place
    /// of `name` since stays.
    pub(super) fn take_back(&self, name: &str, temporary: impl Arg + Copy) {
        let named = self.identity(name);
        if named.is_some() && named == self.identity(temporary) {
            let _ = self.remove(name);
        }
        let _ = self.remove(temporary);
    }

    /// Makes the names in it last.
    pub(super) fn sync(&self) -> rustix::io::Result<()> {
        fsync(&self.fd)
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

fn is_regular(mode: RawMode) -> bool {
    FileType::from_raw_mode(mode) == FileType::RegularFile
}

fn is_temporary(name: &[u8]) -> bool {
    let (before, after) = TEMPORARY;
    name.strip_prefix(before.as_bytes())
        .and_then(|rest| rest.strip_suffix(after.as_bytes()))
        .is_some_and(|digits| digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit))
}
