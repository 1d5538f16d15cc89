//! `NAME.part`: a body that broke off, and what must be known to continue it.
//!
//! Beside it, in `.NAME.part.json`, stands what it is a part of. A `NAME.part`
//! with something in it and without that is somebody else's.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::SaveError;
use super::folder::{Entry, Folder};
use super::names::beside;
use crate::model::body_sink::Representation;
use crate::sys::{boot_id, link_count, try_lock};

/// What stands behind the name of a file that is not whole yet.
pub const PART: &str = ".part";

/// Bytes of what stands beside a part, at most: a URL and a validator.
const MAX_SIDECAR: u64 = 1024 * 1024;

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
pub(super) struct PartFile {
    name: String,
    sidecar: String,
    file: File,
    of: Option<Representation>,
    /// Bytes of it that can be relied upon.
    length: u64,
}

impl PartFile {
    /// The part of `name`, if an earlier attempt left one.
    pub(super) fn open(folder: &Folder, name: &str) -> Result<Option<Self>, SaveError> {
        let (name, sidecar) = names(name);
        let not_ours = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidInput => SaveError::NotOurs(folder.shown(&name)),
            _ => folder.failed(&name, error),
        };
        if folder.entry(&name)? == Entry::Own {
            return Err(SaveError::Own(folder.shown(&name)));
        }
        let Some(file) = folder.open_regular(&name, true).map_err(not_ours)? else {
            return Ok(None);
        };
        lock(folder, &name, &file)?;
        let metadata = file.metadata().map_err(not_ours)?;
        let links = link_count(&file).map_err(not_ours)?;
        let (of, length) = match (read_sidecar(folder, &sidecar), metadata.len()) {
            // Another name of the same file would change with it.
            _ if links != 1 => return Err(SaveError::NotOurs(folder.shown(&name))),
            (Some(beside), length) if beside.boot.is_some() && beside.boot == boot_id() => {
                (Some(beside.of), length)
            }
            (Some(beside), length) => (Some(beside.of), length.min(beside.synced)),
            // Made, and not yet more than that.
            (None, 0) => (None, 0),
            (None, _) => return Err(SaveError::NotOurs(folder.shown(&name))),
        };
        Ok(Some(Self {
            name,
            sidecar,
            file,
            of,
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
        let file = folder.create(&name).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => SaveError::NotOurs(folder.shown(&name)),
            _ => folder.failed(&name, error),
        })?;
        lock(folder, &name, &file)?;
        let written = write_sidecar(folder, &sidecar, &of, 0);
        written.inspect_err(|_| {
            let _ = folder.remove(&name);
        })?;
        Ok(Self {
            name,
            sidecar,
            file,
            of: Some(of),
            length: 0,
        })
    }

    /// What it is a part of, where that is known.
    pub(super) fn of(&self) -> Option<&Representation> {
        self.of.as_ref()
    }

    /// Where to go on. The last byte of all is asked for again, so that there is something to ask for.
    pub(super) fn offset(&self) -> u64 {
        let length = self.of.as_ref().and_then(|of| of.length);
        let last = length.map(|length| length.saturating_sub(1));
        last.map_or(self.length, |last| self.length.min(last))
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Cuts it to [`PartFile::offset`], and puts what it has into `hash` first.
    pub(super) fn resume(&mut self, hash: Option<&mut Sha256>) -> io::Result<()> {
        let offset = self.offset();
        if let Some(hash) = hash {
            self.file.rewind()?;
            let mut reader = BufReader::new((&self.file).take(offset));
            while let piece @ [_, ..] = reader.fill_buf()? {
                hash.update(piece);
                let length = piece.len();
                reader.consume(length);
            }
        }
        self.file.set_len(offset)?;
        self.file.seek(SeekFrom::Start(offset)).map(drop)
    }

    /// Empties it, and makes it a part of something else.
    pub(super) fn restart(&mut self, folder: &Folder, of: Representation) -> Result<(), SaveError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| folder.failed(&self.name, error))?;
        write_sidecar(folder, &self.sidecar, &of, 0)?;
        (self.of, self.length) = (Some(of), 0);
        Ok(())
    }

    /// Leaves it for the next attempt, also for one after a loss of power.
    pub(super) fn keep(self, folder: &Folder) -> Result<(), SaveError> {
        let synced = self.file.sync_all().and_then(|()| self.file.metadata());
        let length = synced
            .map_err(|error| folder.failed(&self.name, error))?
            .len();
        match &self.of {
            Some(of) => write_sidecar(folder, &self.sidecar, of, length),
            None => Ok(()),
        }
    }

    /// Makes an ordinary temporary file of it, under the name that is given back.
    pub(super) fn into_temporary(self, folder: &Folder) -> Result<(String, File), SaveError> {
        let name = Folder::temporary_name();
        folder
            .rename(&self.name, &name)
            .map_err(|error| folder.failed(&self.name, error))?;
        let _ = folder.remove(&self.sidecar);
        Ok((name, self.file))
    }

    /// Removes it.
    pub(super) fn remove(self, folder: &Folder) {
        let _ = folder.remove(&self.name);
        let _ = folder.remove(&self.sidecar);
    }
}

/// No other process may write it. Where locks are not to be had, the user sees to that.
fn lock(folder: &Folder, name: &str, file: &File) -> Result<(), SaveError> {
    match try_lock(file) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(SaveError::Busy(folder.shown(name)))
        }
        Ok(()) | Err(_) => Ok(()),
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
        boot: boot_id(),
        synced,
    };
    let failed = |error: io::Error| folder.failed(name, error);
    if folder.entry(name)? != Entry::Nothing && read_sidecar(folder, name).is_none() {
        return Err(SaveError::NotOurs(folder.shown(name)));
    }
    let text = serde_json::to_vec(&sidecar).map_err(|error| failed(error.into()))?;
    let (temporary, mut file) = folder.create_temporary().map_err(failed)?;
    let written = file
        .write_all(&text)
        .and_then(|()| if synced > 0 { file.sync_all() } else { Ok(()) })
        .and_then(|()| folder.rename(&temporary, name));
    written.map_err(|error| {
        let _ = folder.remove(&temporary);
        failed(error)
    })
}
