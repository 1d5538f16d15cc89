//! `NAME.part`: a body that broke off, and what must be known to continue it.
//!
//! Beside it, in `.NAME.part.json`, stands what it is a part of. That is
//! written first: a `NAME.part` without it is somebody else's.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::names::beside;
use super::{Folder, SaveError};

/// What stands behind the name of a file that is not whole yet.
pub const PART: &str = ".part";

/// Bytes of what stands beside a part, at most: a URL and a validator.
const MAX_SIDECAR: u64 = 1024 * 1024;

/// What a body is: equal means that bytes of one continue bytes of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Representation {
    /// Where it was asked for.
    pub url: String,
    /// A strong validator (RFC 9110, section 8.8.1), as `If-Range` takes it.
    pub validator: String,
    /// Bytes in all, where the server said so.
    pub length: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sidecar {
    #[serde(flatten)]
    of: Representation,
    /// The start of the system that wrote it: what it had not synced is lost with it.
    boot: Option<String>,
    /// Bytes that are on the disk for good.
    synced: u64,
}

/// An open `NAME.part`, which no other process has open.
#[derive(Debug)]
pub struct Part {
    name: String,
    sidecar: String,
    file: File,
    of: Representation,
    /// Bytes of it that can be relied upon.
    length: u64,
}

impl Part {
    /// The part of `name`, if an earlier attempt left one.
    pub(super) fn open(folder: &Folder, name: &str) -> Result<Option<Self>, SaveError> {
        let (name, sidecar) = names(name);
        let not_ours = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidInput => SaveError::NotOurs(folder.shown(&name)),
            _ => folder.failed(&name, error),
        };
        let Some(file) = folder.open_regular(&name, true).map_err(not_ours)? else {
            folder
                .remove(&*sidecar)
                .map_err(|error| folder.failed(&sidecar, error))?;
            return Ok(None);
        };
        // Where locks are not to be had, the user sees to it.
        if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(SaveError::Busy(folder.shown(&name)));
        }
        let metadata = file.metadata().map_err(not_ours)?;
        let beside = read_sidecar(folder, &sidecar);
        // Another name of the same file would change with it.
        let (1, Some(beside)) = (metadata.nlink(), beside) else {
            return Err(SaveError::NotOurs(folder.shown(&name)));
        };
        let length = if beside.boot.is_some() && beside.boot == boot() {
            metadata.len()
        } else {
            metadata.len().min(beside.synced)
        };
        Ok(Some(Self {
            name,
            sidecar,
            file,
            of: beside.of,
            length,
        }))
    }

    /// A new part of `name`, with nothing in it.
    pub(super) fn create(
        folder: &Folder,
        name: &str,
        of: Representation,
    ) -> Result<Self, SaveError> {
        let (name, sidecar) = names(name);
        write_sidecar(folder, &sidecar, &of, 0)?;
        let file = folder.create(&name).map_err(|error| {
            let _ = folder.remove(&*sidecar);
            match error {
                Errno::EXIST => SaveError::NotOurs(folder.shown(&name)),
                error => folder.failed(&name, error),
            }
        })?;
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self {
            name,
            sidecar,
            file,
            of,
            length: 0,
        })
    }

    /// What it is a part of.
    #[must_use]
    pub fn of(&self) -> &Representation {
        &self.of
    }

    /// Where to go on. The last byte of all is asked for again, so that there is something to ask for.
    #[must_use]
    pub fn offset(&self) -> u64 {
        let last = self.of.length.map(|length| length.saturating_sub(1));
        last.map_or(self.length, |last| self.length.min(last))
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Cuts it to [`Part::offset`], and gives what it has to `read` first.
    pub(super) fn resume(&mut self, mut read: impl FnMut(&[u8])) -> io::Result<()> {
        let mut left = self.offset();
        let mut piece = vec![0; 64 * 1024];
        self.file.seek(SeekFrom::Start(0))?;
        while left > 0 {
            let length = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.file.read_exact(&mut piece[..length])?;
            read(&piece[..length]);
            left -= length as u64;
        }
        self.file.set_len(self.offset())
    }

    /// Empties it, and makes it a part of something else.
    pub(super) fn restart(&mut self, folder: &Folder, of: Representation) -> Result<(), SaveError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| folder.failed(&self.name, error))?;
        write_sidecar(folder, &self.sidecar, &of, 0)?;
        (self.of, self.length) = (of, 0);
        Ok(())
    }

    /// Leaves it for the next attempt, also for one after a loss of power.
    pub(super) fn keep(self, folder: &Folder) -> Result<(), SaveError> {
        let synced = self.file.sync_all().and_then(|()| self.file.metadata());
        let length = synced
            .map_err(|error| folder.failed(&self.name, error))?
            .len();
        write_sidecar(folder, &self.sidecar, &self.of, length)
    }

    /// Makes an ordinary temporary file of it, under the name that is given back.
    pub(super) fn into_temporary(self, folder: &Folder) -> Result<(String, File), SaveError> {
        let name = Folder::temporary_name();
        folder
            .rename(&self.name, &name)
            .map_err(|error| folder.failed(&self.name, error))?;
        let _ = folder.remove(&*self.sidecar);
        Ok((name, self.file))
    }

    /// Removes it.
    pub(super) fn remove(self, folder: &Folder) {
        let _ = folder.remove(&*self.name);
        let _ = folder.remove(&*self.sidecar);
    }
}

/// The part of `name`, and what stands beside it.
fn names(name: &str) -> (String, String) {
    (
        beside(name, PART),
        beside(&format!(".{name}"), ".part.json"),
    )
}

fn read_sidecar(folder: &Folder, name: &str) -> Option<Sidecar> {
    let file = folder.open_regular(name, false).ok()??;
    let mut text = Vec::new();
    file.take(MAX_SIDECAR).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whole or not at all.
fn write_sidecar(
    folder: &Folder,
    name: &str,
    of: &Representation,
    synced: u64,
) -> Result<(), SaveError> {
    let sidecar = Sidecar {
        of: of.clone(),
        boot: boot(),
        synced,
    };
    let failed = |error: io::Error| folder.failed(name, error);
    let text = serde_json::to_vec(&sidecar).map_err(|error| failed(error.into()))?;
    let (temporary, mut file) = folder
        .create_temporary()
        .map_err(|error| failed(error.into()))?;
    let written = file
        .write_all(&text)
        .and_then(|()| if synced > 0 { file.sync_all() } else { Ok(()) })
        .and_then(|()| Ok(folder.rename(&temporary, name)?));
    written.map_err(|error| {
        let _ = folder.remove(&*temporary);
        failed(error)
    })
}

/// Something that is another after every start of the system, where that can be known.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}
