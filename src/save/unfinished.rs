//! A body on its way into a file. Everything here blocks.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::error::SaveError;
use super::folder::{Entry, Folder};
use super::options::SaveOptions;
use super::part_file::PartFile;
use crate::model::body_sink::{BodyChecks, Representation, SavedBody};
use crate::model::saved_file::{Existing, PendingFile, SaveTarget, SavedFile};

/// How much is compared at a time.
const PIECE: usize = 64 * 1024;

/// Where a body begins.
#[derive(Debug)]
pub(super) enum BodyStart {
    /// At its first byte. What an earlier attempt left is of no use.
    Anew {
        /// What an earlier attempt left.
        part: Option<PartFile>,
        /// What the body is, where it could be continued if it breaks off.
        of: Option<Representation>,
    },
    /// Where an earlier attempt broke off.
    At(PartFile),
}

/// A file that is not whole yet.
#[derive(Debug)]
pub(super) struct UnfinishedFile {
    folder: Arc<Folder>,
    options: SaveOptions,
    place: SaveTarget,
    checks: BodyChecks,
    hash: Option<Sha256>,
    state: UnfinishedState,
}

#[derive(Debug)]
enum UnfinishedState {
    /// No file was made yet.
    Starting(BodyStart),
    Temporary(TemporaryFile),
    Part(PartFile),
    /// Nothing is left.
    Ended,
}

impl UnfinishedFile {
    pub(super) fn new(
        folder: Arc<Folder>,
        options: SaveOptions,
        place: SaveTarget,
        checks: BodyChecks,
        start: BodyStart,
    ) -> Self {
        let hashes = checks.sha256 || checks.expected.is_some();
        Self {
            folder,
            options,
            place,
            checks,
            hash: hashes.then(Sha256::new),
            state: UnfinishedState::Starting(start),
        }
    }

    /// Appends `pieces`; more will come.
    pub(super) fn write(&mut self, pieces: &[Bytes]) -> Result<(), SaveError> {
        self.start(true)?;
        self.append(pieces)
    }

    /// Appends `pieces`, the last, and gives the file its name.
    pub(super) fn finish(mut self, pieces: &[Bytes]) -> Result<SavedBody, SaveError> {
        self.start(false)?;
        self.append(pieces)?;
        let sha256: Option<[u8; 32]> = self.hash.take().map(|hash| hash.finalize().into());
        if let Some(sha256) = sha256
            && let Err(error) = self.checks.verify(sha256)
        {
            self.discard();
            return Err(error.into());
        }
        if self.options.fsync {
            let synced = self.file().and_then(|file| file.sync_all());
            synced.map_err(|error| self.failed(error))?;
        }
        let temporary = self.take_temporary()?;
        let saved = temporary.publish(&self.place)?;
        if self.options.fsync {
            let synced = self.folder.sync();
            synced.map_err(|error| self.failed(error))?;
        }
        Ok(SavedBody { saved, sha256 })
    }

    /// Appends `pieces` and leaves it for another attempt, if one could continue it.
    pub(super) fn keep(mut self, pieces: &[Bytes]) {
        let is_worth_it = match &self.state {
            UnfinishedState::Starting(BodyStart::Anew { of, .. }) => {
                of.is_some() && !pieces.is_empty()
            }
            UnfinishedState::Starting(BodyStart::At(_)) | UnfinishedState::Part(_) => true,
            UnfinishedState::Temporary(_) | UnfinishedState::Ended => false,
        };
        if !is_worth_it {
            return self.discard();
        }
        // What could not be written does not make what was written useless.
        let _ = self.write(pieces);
        if let UnfinishedState::Part(part) = mem::replace(&mut self.state, UnfinishedState::Ended) {
            let _ = part.keep(&self.folder);
        }
    }

    /// Removes it.
    pub(super) fn discard(&mut self) {
        match mem::replace(&mut self.state, UnfinishedState::Ended) {
            UnfinishedState::Part(part)
            | UnfinishedState::Starting(
                BodyStart::At(part)
                | BodyStart::Anew {
                    part: Some(part), ..
                },
            ) => part.remove(&self.folder),
            UnfinishedState::Starting(BodyStart::Anew { part: None, .. })
            | UnfinishedState::Temporary(_)
            | UnfinishedState::Ended => {}
        }
    }

    /// Makes the file, if there is none: one that lasts if `more` will come and it could be continued.
    fn start(&mut self, more: bool) -> Result<(), SaveError> {
        let start = match mem::replace(&mut self.state, UnfinishedState::Ended) {
            UnfinishedState::Starting(start) => start,
            other => {
                self.state = other;
                return Ok(());
            }
        };
        self.state = match start {
            BodyStart::At(mut part) => {
                let resumed = part.resume(self.hash.as_mut());
                resumed.map_err(|error| self.failed(error))?;
                UnfinishedState::Part(part)
            }
            BodyStart::Anew {
                part: Some(mut part),
                of: Some(of),
            } => {
                part.restart(&self.folder, of)?;
                UnfinishedState::Part(part)
            }
            BodyStart::Anew {
                part: None,
                of: Some(of),
            } if more => {
                UnfinishedState::Part(PartFile::create(&self.folder, &self.place.name, of)?)
            }
            BodyStart::Anew { part, .. } => {
                if let Some(part) = part {
                    part.remove(&self.folder);
                }
                UnfinishedState::Temporary(TemporaryFile::create(&self.folder, &self.place.name)?)
            }
        };
        Ok(())
    }

    fn append(&mut self, pieces: &[Bytes]) -> Result<(), SaveError> {
        for bytes in pieces {
            let written = self.file().and_then(|file| file.write_all(bytes));
            written.map_err(|error| self.failed(error))?;
            if let Some(hash) = &mut self.hash {
                hash.update(bytes);
            }
        }
        Ok(())
    }

    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.state {
            UnfinishedState::Temporary(temporary) => Ok(&mut temporary.file),
            UnfinishedState::Part(part) => Ok(part.file()),
            UnfinishedState::Starting(_) | UnfinishedState::Ended => {
                Err(io::ErrorKind::NotFound.into())
            }
        }
    }

    fn take_temporary(&mut self) -> Result<TemporaryFile, SaveError> {
        match mem::replace(&mut self.state, UnfinishedState::Ended) {
            UnfinishedState::Temporary(temporary) => Ok(temporary),
            UnfinishedState::Part(part) => {
                let (name, file) = part.into_temporary(&self.folder)?;
                Ok(TemporaryFile {
                    folder: self.folder.clone(),
                    name: Some(name),
                    file,
                })
            }
            UnfinishedState::Starting(_) | UnfinishedState::Ended => Err(SaveError::Lost),
        }
    }

    fn failed(&self, error: io::Error) -> SaveError {
        self.folder.failed(&self.place.name, error)
    }
}

/// A file under a temporary name, which goes when this is dropped.
#[derive(Debug)]
struct TemporaryFile {
    folder: Arc<Folder>,
    name: Option<String>,
    file: File,
}

impl TemporaryFile {
    /// One that will be called `name`.
    fn create(folder: &Arc<Folder>, name: &str) -> Result<Self, SaveError> {
        let created = folder.create_temporary();
        let (temporary, file) = created.map_err(|error| folder.failed(name, error))?;
        Ok(Self {
            folder: folder.clone(),
            name: Some(temporary),
            file,
        })
    }

    /// Gives it its name.
    fn publish(mut self, place: &SaveTarget) -> Result<SavedFile, SaveError> {
        let folder = self.folder.clone();
        let failed = |error: io::Error| folder.failed(&place.name, error);
        let Some(temporary) = self.name.clone() else {
            return Err(SaveError::Lost);
        };
        if !folder.is_name_of(&temporary, &self.file) {
            return Err(SaveError::Lost);
        }
        folder.take_back_unrecorded(&place.name);
        let linked = match folder.link(&temporary, &place.name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.publish_over(&temporary, place)?
            }
            linked => linked.map_err(failed)?,
        };
        self.name = None;
        let unrecorded = PublishedFile {
            temporary: linked.then_some(temporary),
            name: place.name.clone(),
            folder,
        };
        Ok(SavedFile {
            name: place.name.clone(),
            pending_file: Box::new(unrecorded),
        })
    }

    /// Gives it a name that something else has; whether it still has its temporary one too.
    fn publish_over(&mut self, temporary: &str, place: &SaveTarget) -> Result<bool, SaveError> {
        let name = &*place.name;
        let folder = self.folder.clone();
        let failed = |error: io::Error| folder.failed(name, error);
        match folder.entry(name)? {
            Entry::File(_) => {}
            Entry::Own => return Err(SaveError::Own(folder.shown(name))),
            Entry::Nothing | Entry::Other => {
                return Err(SaveError::NotAFile(folder.shown(name)));
            }
        }
        match place.existing {
            Existing::Keep => Err(SaveError::Exists(folder.shown(name))),
            Existing::Replace => self.replace(temporary, name),
            Existing::KeepSame | Existing::ReplaceBeginning => {
                match (place.existing, self.compare(name)?) {
                    (_, Likeness::Same) => {
                        folder.remove(temporary).map_err(failed)?;
                        Ok(false)
                    }
                    (Existing::ReplaceBeginning, Likeness::Beginning) => {
                        self.replace(temporary, name)
                    }
                    _ => Err(SaveError::Differs(folder.shown(name))),
                }
            }
        }
    }

    fn replace(&self, temporary: &str, name: &str) -> Result<bool, SaveError> {
        let renamed = self.folder.rename(temporary, name);
        renamed.map_err(|error| self.folder.failed(name, error))?;
        Ok(false)
    }

    /// How the file `name` is like this one.
    fn compare(&mut self, name: &str) -> Result<Likeness, SaveError> {
        let folder = &self.folder;
        let failed = |error: io::Error| folder.failed(name, error);
        let other = folder.open_regular(name, false).map_err(failed)?;
        let Some(mut other) = other else {
            return Ok(Likeness::None);
        };
        let lengths = other
            .metadata()
            .and_then(|other| Ok((other.len(), self.file.metadata()?.len())));
        let (length, own) = lengths.map_err(failed)?;
        let is_beginning =
            length <= own && is_beginning(&mut other, &mut self.file).map_err(failed)?;
        Ok(match is_beginning {
            true if length == own => Likeness::Same,
            true => Likeness::Beginning,
            false => Likeness::None,
        })
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            let _ = self.folder.remove(&name);
        }
    }
}

/// How one file is like another.
enum Likeness {
    Same,
    Beginning,
    None,
}

/// Whether `whole` begins with all of `part`.
fn is_beginning(part: &mut File, whole: &mut File) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; PIECE], vec![0; PIECE]);
    io::Seek::rewind(whole)?;
    loop {
        let read = part.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        match whole.read_exact(&mut right[..read]) {
            Ok(()) if left[..read] == right[..read] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// A file with its name, whose temporary name shows that it has no record yet.
#[derive(Debug)]
struct PublishedFile {
    folder: Arc<Folder>,
    name: Arc<str>,
    temporary: Option<String>,
}

impl PendingFile for PublishedFile {
    fn recorded(mut self: Box<Self>) {
        if let Some(temporary) = self.temporary.take() {
            let _ = self.folder.remove(&temporary);
        }
    }
}

impl Drop for PublishedFile {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            self.folder.take_back(&self.name, &temporary);
        }
    }
}
