//! `NAME.part`: the beginning of a body that broke off, and what is needed to resume it.
//!
//! The sidecar `.NAME.part.json` says which body it is the beginning of. A `NAME.part` that
//! has content but no sidecar was made by another program and is left alone.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::SaveError;
use super::folder::{Folder, NameUse};
use super::names::companion_name;
use crate::model::body_sink::Representation;
use crate::sys::{boot_id, link_count, try_lock};

/// The suffix of a file that holds the beginning of a body.
pub const PART: &str = ".part";

/// The size limit for a sidecar, which holds a URL and a validator.
const MAX_SIDECAR: u64 = 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Sidecar {
    #[serde(flatten)]
    representation: Representation,
    /// Identifies the boot of the system that wrote the part file. After another boot, only
    /// synced bytes can be trusted.
    boot: Option<String>,
    /// The number of bytes that were synced to the disk.
    synced: u64,
}

/// An open `NAME.part`, locked against other processes.
#[derive(Debug)]
pub(super) struct PartFile {
    name: String,
    sidecar: String,
    file: File,
    representation: Option<Representation>,
    /// The number of bytes that can be trusted.
    length: u64,
}

impl PartFile {
    /// Opens the part file of `name`, if an earlier attempt left one.
    pub(super) fn open(folder: &Folder, name: &str) -> Result<Option<Self>, SaveError> {
        let (name, sidecar) = part_names(name);
        let not_ours = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidInput => SaveError::NotOurs(folder.display_path(&name)),
            _ => folder.failed(&name, error),
        };
        if folder.name_use(&name)? == NameUse::InUse {
            return Err(SaveError::InUse(folder.display_path(&name)));
        }
        let Some(file) = folder.open_regular(&name, true).map_err(not_ours)? else {
            return Ok(None);
        };
        lock(folder, &name, &file)?;
        let metadata = file.metadata().map_err(not_ours)?;
        let links = link_count(&file).map_err(not_ours)?;
        let (representation, length) = match (read_sidecar(folder, &sidecar), metadata.len()) {
            // A file with a second name would change under that name, too.
            _ if links != 1 => return Err(SaveError::NotOurs(folder.display_path(&name))),
            (Some(found), length) if found.boot.is_some() && found.boot == boot_id() => {
                (Some(found.representation), length)
            }
            (Some(found), length) => (Some(found.representation), length.min(found.synced)),
            // Created, but nothing was written yet.
            (None, 0) => (None, 0),
            (None, _) => return Err(SaveError::NotOurs(folder.display_path(&name))),
        };
        Ok(Some(Self {
            name,
            sidecar,
            file,
            representation,
            length,
        }))
    }

    /// Creates an empty part file for `name`.
    pub(super) fn create(
        folder: &Folder,
        name: &str,
        representation: Representation,
    ) -> Result<Self, SaveError> {
        let (name, sidecar) = part_names(name);
        let file = folder.create(&name).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => SaveError::NotOurs(folder.display_path(&name)),
            _ => folder.failed(&name, error),
        })?;
        lock(folder, &name, &file)?;
        let written = write_sidecar(folder, &sidecar, &representation, 0);
        written.inspect_err(|_| {
            let _ = folder.remove(&name);
        })?;
        Ok(Self {
            name,
            sidecar,
            file,
            representation: Some(representation),
            length: 0,
        })
    }

    /// What the body is, if that is known.
    pub(super) fn representation(&self) -> Option<&Representation> {
        self.representation.as_ref()
    }

    /// The position from which to resume the body. If all of it arrived, the last byte is
    /// requested again, because a range cannot be empty.
    pub(super) fn offset(&self) -> u64 {
        let length = self
            .representation
            .as_ref()
            .and_then(|representation| representation.length);
        let last = length.map(|length| length.saturating_sub(1));
        last.map_or(self.length, |last| self.length.min(last))
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Truncates the file to [`PartFile::offset`], after feeding its content to `hash`.
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

    /// Empties the file for another body.
    pub(super) fn restart(
        &mut self,
        folder: &Folder,
        representation: Representation,
    ) -> Result<(), SaveError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| folder.failed(&self.name, error))?;
        write_sidecar(folder, &self.sidecar, &representation, 0)?;
        (self.representation, self.length) = (Some(representation), 0);
        Ok(())
    }

    /// Syncs the file and closes it, so that a later attempt can resume it, even after a
    /// power loss.
    pub(super) fn keep_for_resume(self, folder: &Folder) -> Result<(), SaveError> {
        let synced = self.file.sync_all().and_then(|()| self.file.metadata());
        let length = synced
            .map_err(|error| folder.failed(&self.name, error))?
            .len();
        match &self.representation {
            Some(representation) => write_sidecar(folder, &self.sidecar, representation, length),
            None => Ok(()),
        }
    }

    /// Turns it into an ordinary temporary file, and returns that file and its name.
    pub(super) fn into_temporary(self, folder: &Folder) -> Result<(String, File), SaveError> {
        let name = Folder::temporary_name();
        folder
            .rename(&self.name, &name)
            .map_err(|error| folder.failed(&self.name, error))?;
        let _ = folder.remove(&self.sidecar);
        Ok((name, self.file))
    }

    /// Removes the file and its sidecar.
    pub(super) fn remove(self, folder: &Folder) {
        let _ = folder.remove(&self.name);
        let _ = folder.remove(&self.sidecar);
    }
}

/// Locks the file against other processes. If the file system has no locks, the user has to
/// see to it that only one run writes the file.
fn lock(folder: &Folder, name: &str, file: &File) -> Result<(), SaveError> {
    match try_lock(file) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(SaveError::Busy(folder.display_path(name)))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Returns the names of the part file of `name` and of its sidecar.
fn part_names(name: &str) -> (String, String) {
    (
        companion_name(name, PART),
        companion_name(&format!(".{name}"), ".part.json"),
    )
}

fn read_sidecar(folder: &Folder, name: &str) -> Option<Sidecar> {
    let file = folder.open_regular(name, false).ok()??;
    let mut text = Vec::new();
    file.take(MAX_SIDECAR).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Writes a sidecar: the whole of it or nothing.
fn write_sidecar(
    folder: &Folder,
    name: &str,
    representation: &Representation,
    synced: u64,
) -> Result<(), SaveError> {
    let sidecar = Sidecar {
        representation: representation.clone(),
        boot: boot_id(),
        synced,
    };
    let failed = |error: io::Error| folder.failed(name, error);
    if folder.name_use(name)? != NameUse::Nothing && read_sidecar(folder, name).is_none() {
        return Err(SaveError::NotOurs(folder.display_path(name)));
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
