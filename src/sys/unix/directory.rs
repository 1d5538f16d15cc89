//! A directory that stays the same one when its path changes.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, flock, linkat, openat, renameat, statat,
    unlinkat,
};
use rustix::io::Errno;

use super::files::entry_metadata;
use crate::sys::{EntryMetadata, FileIdentity};

/// An open directory. What is done with a name in it is done in this directory,
/// even if its path leads elsewhere by then.
///
/// A name is the name of an entry, without separators. The calls are those of POSIX that end in `at`.
#[derive(Debug)]
pub struct Directory(File);

impl Directory {
    /// Opens the directory at `path`; symbolic links are followed.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if nothing exists there; other errors of `openat(2)`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(openat(CWD, path, flags, Mode::empty())?.into()))
    }

    /// Returns the identity of the directory itself.
    #[must_use]
    pub fn identity(&self) -> Option<FileIdentity> {
        FileIdentity::of(&self.0)
    }

    /// Locks the directory exclusively without waiting, until this is dropped or locked otherwise (`flock(2)`).
    /// The lock is advisory: it keeps out only those who ask for one.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if another process holds a lock; other errors where the file system has none.
    pub fn try_lock(&self) -> io::Result<()> {
        super::files::try_lock(&self.0)
    }

    /// Locks the directory, shared with others who do so, in place of the lock it has; waits for an exclusive lock to
    /// end (`flock(2)`).
    ///
    /// # Errors
    ///
    /// The file system has no locks.
    pub fn lock_shared(&self) -> io::Result<()> {
        Ok(flock(&self.0, FlockOperation::LockShared)?)
    }

    /// Lists the entries, in no order (`getdents(2)`, `readdir(3)`). `.` and `..` are among them;
    /// an entry that is made or removed meanwhile may be.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<DirectoryEntry>> + use<>> {
        let entries = Dir::read_from(&self.0)?;
        Ok(entries.map(|entry| Ok(DirectoryEntry(entry?))))
    }

    /// Describes the entry `name` itself, not what a symbolic link leads to (`fstatat(2)`).
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is none.
    pub fn metadata(&self, name: &str) -> io::Result<EntryMetadata> {
        let stat = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(entry_metadata(&stat))
    }

    /// Creates the file `name` for reading and writing (`openat(2)` with `O_EXCL`): the call fails if anything has that
    /// name, a dangling link included. The umask decides who may read it.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if the name is taken.
    pub fn create_new(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    /// Opens the regular file `name` for reading and, if `write`, for writing. Neither follows a link
    /// nor waits for the other end of a pipe.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is none, [`io::ErrorKind::InvalidInput`] if it is no regular file.
    pub fn open_regular(&self, name: &str, write: bool) -> io::Result<File> {
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            // Links are ELOOP, to FreeBSD EMLINK; pipes and sockets ENXIO, to macOS EOPNOTSUPP.
            Err(Errno::LOOP | Errno::MLINK | Errno::NXIO | Errno::OPNOTSUPP | Errno::ISDIR) => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            Err(error) => return Err(error.into()),
        };
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// Gives the file `from` the second name `to` (`linkat(2)`), atomically.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if `to` is taken, [`io::ErrorKind::Unsupported`] where the file system
    /// gives the file no further name.
    pub fn hard_link(&self, from: &str, to: &str) -> io::Result<()> {
        match linkat(&self.0, from, &self.0, to, AtFlags::empty()) {
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                Err(io::ErrorKind::Unsupported.into())
            }
            linked => Ok(linked?),
        }
    }

    /// Renames `from` to `to` and replaces what had that name, atomically (`renameat(2)`).
    ///
    /// # Errors
    ///
    /// What `renameat(2)` says.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// Renames `from` to `to` unless that name is taken, atomically: `renameat2(2)` with `RENAME_NOREPLACE`,
    /// on macOS `renameatx_np(2)` with `RENAME_EXCL`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if `to` is taken, [`io::ErrorKind::Unsupported`] where the system or
    /// the file system has no such call.
    pub fn rename_no_replace(&self, from: &str, to: &str) -> io::Result<()> {
        match rename_no_replace(&self.0, from, to) {
            Err(Errno::INVAL) => Err(Errno::OPNOTSUPP.into()),
            renamed => Ok(renamed?),
        }
    }

    /// Removes the name `name` of a file (`unlinkat(2)`). No directory is removed.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is none.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Waits until the names in the directory are on the disk (`fsync(2)`, on macOS `F_FULLFSYNC`).
    ///
    /// # Errors
    ///
    /// They are not, or the file system cannot say ([`io::ErrorKind::InvalidInput`]).
    pub fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_no_replace(directory: &File, from: &str, to: &str) -> rustix::io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};
    renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE)
}

/// Other systems have nothing that does so in one step.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_no_replace(_: &File, _: &str, _: &str) -> rustix::io::Result<()> {
    Err(Errno::OPNOTSUPP)
}

/// An entry of a [`Directory`], as its listing gives it.
#[derive(Debug)]
pub struct DirectoryEntry(rustix::fs::DirEntry);

impl DirectoryEntry {
    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        OsStr::from_bytes(self.0.file_name().to_bytes())
    }

    /// Returns what [`FileIdentity::file_number`] is of that file.
    #[must_use]
    pub fn file_number(&self) -> u128 {
        self.0.ino().into()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{ErrorKind, Write as _};
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    fn open() -> (tempfile::TempDir, Directory) {
        let path = tempfile::tempdir().unwrap();
        let directory = Directory::open(path.path()).unwrap();
        (path, directory)
    }

    #[test]
    fn a_directory_stays_the_same_one_when_its_path_changes() {
        let (path, directory) = open();
        let (old, new) = (path.path().join("old"), path.path().join("new"));
        fs::create_dir(&old).unwrap();
        let inner = Directory::open(&old).unwrap();
        fs::rename(&old, &new).unwrap();
        inner.create_new("a").unwrap();
        assert!(new.join("a").is_file());
        assert_eq!(inner.identity(), FileIdentity::at(&new));
        assert_ne!(inner.identity(), directory.identity());
    }

    #[test]
    fn an_error_tells_a_taken_name_from_a_missing_one() {
        let (_path, directory) = open();
        directory.create_new("a").unwrap();
        directory.create_new("b").unwrap();
        for taken in [
            directory.create_new("a").map(drop),
            directory.hard_link("a", "b"),
            directory.rename_no_replace("a", "b"),
        ] {
            assert_eq!(taken.unwrap_err().kind(), ErrorKind::AlreadyExists);
        }
        for missing in [
            directory.metadata("c").map(drop),
            directory.open_regular("c", false).map(drop),
            directory.hard_link("c", "d"),
            directory.rename("c", "d"),
            directory.remove_file("c"),
            Directory::open(Path::new("/nonexistent")).map(drop),
        ] {
            assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
        }
    }

    #[test]
    fn names_of_one_file_are_told_from_copies() {
        let (_path, directory) = open();
        directory.create_new("a").unwrap().write_all(b"1").unwrap();
        directory.create_new("b").unwrap().write_all(b"1").unwrap();
        directory.hard_link("a", "c").unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| directory.metadata(name).unwrap());
        assert_eq!(a, c);
        assert_ne!(a.identity, b.identity);
        assert_eq!((a.is_file, a.length, a.links, b.links), (true, 1, 2, 1));
        directory.rename_no_replace("c", "d").unwrap();
        directory.rename("d", "b").unwrap();
        assert_eq!(directory.metadata("b").unwrap(), a);
        directory.remove_file("a").unwrap();
        assert_eq!(directory.metadata("b").unwrap().links, 1);
    }

    #[test]
    fn only_a_regular_file_is_opened_as_one() {
        let (path, directory) = open();
        directory.create_new("file").unwrap();
        symlink("file", path.path().join("link")).unwrap();
        fs::create_dir(path.path().join("directory")).unwrap();
        let _socket = UnixListener::bind(path.path().join("socket")).unwrap();
        for write in [false, true] {
            assert!(directory.open_regular("file", write).is_ok());
            for name in ["link", "directory", "socket"] {
                let refused = directory.open_regular(name, write).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{name}");
            }
        }
        assert!(!directory.metadata("link").unwrap().is_file);
    }

    #[test]
    fn entries_have_the_numbers_of_their_files() {
        let (_path, directory) = open();
        directory.create_new("a").unwrap();
        let entries = directory.entries().unwrap().map(Result::unwrap);
        let numbers: Vec<_> = entries
            .filter(|entry| entry.name() == "a")
            .map(|entry| entry.file_number())
            .collect();
        let identity = directory.metadata("a").unwrap().identity;
        assert_eq!(numbers, [identity.file_number()]);
    }

    #[test]
    fn a_shared_lock_keeps_an_exclusive_one_out() {
        let (path, directory) = open();
        let other = Directory::open(path.path()).unwrap();
        directory.try_lock().unwrap();
        assert_eq!(other.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock);
        directory.lock_shared().unwrap();
        other.lock_shared().unwrap();
        assert_eq!(other.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(directory);
        other.try_lock().unwrap();
    }
}
