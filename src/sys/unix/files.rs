//! Files: which one it is, who else has it open, what outlives a crash.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{FileType, FlockOperation, Stat, flock, fstat, stat};
use tempfile::NamedTempFile;

use crate::sys::{EntryMetadata, FileIdentity};

/// Something that holds a file open: a [`File`] or a standard stream.
pub use std::os::fd::AsFd as AsOpenFile;

impl FileIdentity {
    /// Identifies the file at `path`; links are followed (`stat(2)`). `None` where it cannot be told, for one
    /// because there is no file.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        Some(identity(&stat(path).ok()?))
    }

    /// Identifies an open file (`fstat(2)`).
    #[must_use]
    pub fn of(file: impl AsOpenFile) -> Option<Self> {
        Some(identity(&fstat(file).ok()?))
    }
}

fn identity(stat: &Stat) -> FileIdentity {
    // Device numbers are an i32 to macOS and a u64 to Linux.
    fn widen(number: impl Into<i128>) -> i128 {
        number.into()
    }
    FileIdentity {
        device: widen(stat.st_dev),
        number: stat.st_ino.into(),
    }
}

pub(super) fn entry_metadata(stat: &Stat) -> EntryMetadata {
    // Counts are of a different width in every system.
    fn count(number: impl TryInto<u64>) -> u64 {
        number.try_into().unwrap_or_default()
    }
    EntryMetadata {
        is_file: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
        length: count(stat.st_size),
        links: count(stat.st_nlink),
        identity: identity(stat),
    }
}

/// Locks `file` exclusively without waiting, until it is closed (`flock(2)`). The lock is advisory: it keeps out only
/// those who ask for one. The system releases it when the process dies.
///
/// # Errors
///
/// [`io::ErrorKind::WouldBlock`] if another process holds it; other errors where the file system has no locks.
pub fn try_lock(file: &File) -> io::Result<()> {
    Ok(flock(file, FlockOperation::NonBlockingLockExclusive)?)
}

/// Counts the names (hard links) of `file` (`fstat(2)`); 0 once the last is removed.
///
/// # Errors
///
/// The system cannot tell.
pub fn link_count(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.nlink())
}

/// Reads from `file` at `offset` and returns how many bytes (`pread(2)`). What is appended to the file meanwhile
/// still goes to its end.
///
/// # Errors
///
/// The file cannot be read.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// Writes `bytes` to `file` at `offset` (`pwrite(2)`).
///
/// # Errors
///
/// They cannot be written. Some of them may have been.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Waits until the names in the directory at `path` are on the disk: without it, a loss of power may
/// undo a rename or a creation (`fsync(2)`, on macOS `F_FULLFSYNC`).
///
/// # Errors
///
/// The names cannot be written, or the file system cannot sync a directory ([`io::ErrorKind::InvalidInput`]).
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Creates a file in `directory` whose name is six random characters between `prefix` and `suffix`. It is removed when
/// it is dropped before it got its final name. Unlike the temporary files of [`tempfile`], which nobody else may
/// read, it has the permissions of any new file: mode 0666 less the umask.
///
/// # Errors
///
/// It cannot be created.
pub fn create_temporary(
    directory: &Path,
    prefix: &OsStr,
    suffix: &str,
) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(prefix)
        .suffix(suffix)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)
}

/// Returns a text that changes whenever the system starts, where the system has one: what was written but not synced
/// before that may be lost. Only Linux has it (`/proc/sys/kernel/random/boot_id`).
#[must_use]
pub fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_file_is_identified_by_path_and_by_descriptor() {
        let (file, other) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        let identity = FileIdentity::of(file.as_file());
        assert!(identity.is_some());
        assert_eq!(identity, FileIdentity::at(file.path()));
        assert_ne!(identity, FileIdentity::of(other.as_file()));
        assert_eq!(FileIdentity::at(Path::new("/nonexistent")), None);
    }

    #[test]
    fn a_lock_is_busy_until_its_file_is_closed() {
        let file = NamedTempFile::new().unwrap();
        let first = file.reopen().unwrap();
        try_lock(&first).unwrap();
        let busy = try_lock(file.as_file()).unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        try_lock(file.as_file()).unwrap();
    }

    #[test]
    fn reading_at_an_offset_leaves_appending_alone() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        let mut buffer = [0; 4];
        assert_eq!(read_at(&file, &mut buffer, 1).unwrap(), 2);
        assert_eq!(&buffer, b"bc\0\0");
        file.write_all(b"d").unwrap();
        assert_eq!(read_at(&file, &mut buffer, 0).unwrap(), 4);
        assert_eq!(&buffer, b"abcd");
    }

    #[test]
    fn writing_at_an_offset_replaces_what_is_there_and_makes_the_file_longer() {
        let file = tempfile::tempfile().unwrap();
        write_at(&file, b"abc", 0).unwrap();
        write_at(&file, b"xyz", 2).unwrap();
        let mut buffer = [0; 6];
        assert_eq!(read_at(&file, &mut buffer, 0).unwrap(), 5);
        assert_eq!(&buffer, b"abxyz\0");
    }

    #[test]
    fn a_temporary_file_is_named_as_asked_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let file = create_temporary(folder.path(), OsStr::new("a."), ".partial").unwrap();
        let name = file.path().file_name().unwrap().to_str().unwrap();
        assert!(
            name.starts_with("a.") && name.ends_with(".partial"),
            "{name}"
        );
        assert_eq!(link_count(file.as_file()).unwrap(), 1);
        fs::remove_file(file.path()).unwrap();
        assert_eq!(link_count(file.as_file()).unwrap(), 0);
    }
}
