//! A file whose body is still arriving. All functions block, so they run on the disk threads.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::error::SaveError;
use super::folder::{Folder, NameUse};
use super::options::SaveOptions;
use super::part_file::PartFile;
use crate::model::body_sink::{BodyChecks, Representation, SavedBody};
use crate::model::saved_file::{Existing, PendingFile, SaveTarget, SavedFile};

/// The number of bytes that are compared at a time.
const COMPARED: usize = 64 * 1024;

/// Where the body to be written begins.
#[derive(Debug)]
pub(super) enum BodyStart {
    /// At its first byte.
    Whole {
        /// The part file of an earlier attempt, which is replaced.
        leftover: Option<PartFile>,
        /// What the body is, if it can be resumed after it breaks off.
        representation: Option<Representation>,
    },
    /// Where an earlier attempt left off, in this part file.
    Resumed(PartFile),
}

/// A file whose body is still arriving.
#[derive(Debug)]
pub(super) struct UnfinishedFile {
    folder: Arc<Folder>,
    options: SaveOptions,
    target: SaveTarget,
    checks: BodyChecks,
    hash: Option<Sha256>,
    state: UnfinishedState,
}

#[derive(Debug)]
enum UnfinishedState {
    /// No file has been created yet.
    Starting(BodyStart),
    Temporary(TemporaryFile),
    Part(PartFile),
    /// The file was finished, kept or removed.
    Ended,
}

impl UnfinishedFile {
    pub(super) fn new(
        folder: Arc<Folder>,
        options: SaveOptions,
        target: SaveTarget,
        checks: BodyChecks,
        start: BodyStart,
    ) -> Self {
        let hashes = checks.sha256 || checks.expected.is_some();
        Self {
            folder,
            options,
            target,
            checks,
            hash: hashes.then(Sha256::new),
            state: UnfinishedState::Starting(start),
        }
    }

    /// Appends `pieces`, which are not the last.
    pub(super) fn write(&mut self, pieces: &[Bytes]) -> Result<(), SaveError> {
        self.start(true)?;
        self.append(pieces)
    }

    /// Appends `pieces`, which are the last, and gives the file its name.
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
        let saved = temporary.publish(&self.target)?;
        if self.options.fsync {
            let synced = self.folder.sync();
            synced.map_err(|error| self.failed(error))?;
        }
        Ok(SavedBody { saved, sha256 })
    }

    /// Appends `pieces`, and keeps the file if a later attempt can resume it.
    pub(super) fn keep_partial(mut self, pieces: &[Bytes]) {
        let is_resumable = match &self.state {
            UnfinishedState::Starting(BodyStart::Whole { representation, .. }) => {
                representation.is_some() && !pieces.is_empty()
            }
            UnfinishedState::Starting(BodyStart::Resumed(_)) | UnfinishedState::Part(_) => true,
            UnfinishedState::Temporary(_) | UnfinishedState::Ended => false,
        };
        if !is_resumable {
            return self.discard();
        }
        // If this fails, what was written before is still of use.
        let _ = self.write(pieces);
        if let UnfinishedState::Part(part) = mem::replace(&mut self.state, UnfinishedState::Ended) {
            let _ = part.keep_for_resume(&self.folder);
        }
    }

    /// Removes the file.
    pub(super) fn discard(&mut self) {
        match mem::replace(&mut self.state, UnfinishedState::Ended) {
            UnfinishedState::Part(part)
            | UnfinishedState::Starting(
                BodyStart::Resumed(part)
                | BodyStart::Whole {
                    leftover: Some(part),
                    ..
                },
            ) => part.remove(&self.folder),
            UnfinishedState::Starting(BodyStart::Whole { leftover: None, .. })
            | UnfinishedState::Temporary(_)
            | UnfinishedState::Ended => {}
        }
    }

    /// Creates the file, unless that was done: a part file if `more` pieces will follow and
    /// the body can be resumed, else a temporary file.
    fn start(&mut self, more: bool) -> Result<(), SaveError> {
        let start = match mem::replace(&mut self.state, UnfinishedState::Ended) {
            UnfinishedState::Starting(start) => start,
            other => {
                self.state = other;
                return Ok(());
            }
        };
        self.state = match start {
            BodyStart::Resumed(mut part) => {
                let resumed = part.resume(self.hash.as_mut());
                resumed.map_err(|error| self.failed(error))?;
                UnfinishedState::Part(part)
            }
            BodyStart::Whole {
                leftover: Some(mut part),
                representation: Some(representation),
            } => {
                part.restart(&self.folder, representation)?;
                UnfinishedState::Part(part)
            }
            BodyStart::Whole {
                leftover: None,
                representation: Some(representation),
            } if more => UnfinishedState::Part(PartFile::create(
                &self.folder,
                &self.target.name,
                representation,
            )?),
            BodyStart::Whole { leftover, .. } => {
                if let Some(part) = leftover {
                    part.remove(&self.folder);
                }
                UnfinishedState::Temporary(TemporaryFile::create(&self.folder, &self.target.name)?)
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
        self.folder.failed(&self.target.name, error)
    }
}

/// A file with a temporary name, which is removed on drop.
#[derive(Debug)]
struct TemporaryFile {
    folder: Arc<Folder>,
    name: Option<String>,
    file: File,
}

impl TemporaryFile {
    /// Creates a file that will be called `name`; error messages use that name.
    fn create(folder: &Arc<Folder>, name: &str) -> Result<Self, SaveError> {
        let created = folder.create_temporary();
        let (temporary, file) = created.map_err(|error| folder.failed(name, error))?;
        Ok(Self {
            folder: folder.clone(),
            name: Some(temporary),
            file,
        })
    }

    /// Gives the file its final name.
    fn publish(mut self, target: &SaveTarget) -> Result<SavedFile, SaveError> {
        let folder = self.folder.clone();
        let failed = |error: io::Error| folder.failed(&target.name, error);
        let Some(temporary) = self.name.clone() else {
            return Err(SaveError::Lost);
        };
        if !folder.is_name_of(&temporary, &self.file) {
            return Err(SaveError::Lost);
        }
        folder.retract_unrecorded(&target.name);
        let linked = match folder.link(&temporary, &target.name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.publish_over(&temporary, target)?
            }
            linked => linked.map_err(failed)?,
        };
        self.name = None;
        let published = PublishedFile {
            temporary: linked.then_some(temporary),
            name: target.name.clone(),
            folder,
        };
        Ok(SavedFile {
            name: target.name.clone(),
            pending_file: Box::new(published),
        })
    }

    /// Gives the file a name that already exists, as far as `--existing` allows. Returns
    /// whether it has kept its temporary name, too.
    fn publish_over(&mut self, temporary: &str, target: &SaveTarget) -> Result<bool, SaveError> {
        let name = &*target.name;
        let folder = self.folder.clone();
        let failed = |error: io::Error| folder.failed(name, error);
        match folder.name_use(name)? {
            NameUse::File(_) => {}
            NameUse::InUse => return Err(SaveError::InUse(folder.display_path(name))),
            NameUse::Nothing | NameUse::Other => {
                return Err(SaveError::NotAFile(folder.display_path(name)));
            }
        }
        match target.existing {
            Existing::Keep => Err(SaveError::Exists(folder.display_path(name))),
            Existing::Replace => self.replace(temporary, name),
            Existing::KeepSame | Existing::ReplaceBeginning => {
                match (target.existing, self.compare(name)?) {
                    (_, Comparison::Same) => {
                        folder.remove(temporary).map_err(failed)?;
                        Ok(false)
                    }
                    (Existing::ReplaceBeginning, Comparison::Beginning) => {
                        self.replace(temporary, name)
                    }
                    _ => Err(SaveError::Differs(folder.display_path(name))),
                }
            }
        }
    }

    fn replace(&self, temporary: &str, name: &str) -> Result<bool, SaveError> {
        let renamed = self.folder.rename(temporary, name);
        renamed.map_err(|error| self.folder.failed(name, error))?;
        Ok(false)
    }

    /// Compares the existing file `name` with this one.
    fn compare(&mut self, name: &str) -> Result<Comparison, SaveError> {
        let folder = &self.folder;
        let failed = |error: io::Error| folder.failed(name, error);
        let other = folder.open_regular(name, false).map_err(failed)?;
        let Some(mut other) = other else {
            return Ok(Comparison::Different);
        };
        let lengths = other
            .metadata()
            .and_then(|other| Ok((other.len(), self.file.metadata()?.len())));
        let (length, new_length) = lengths.map_err(failed)?;
        let is_beginning =
            length <= new_length && is_beginning(&mut other, &mut self.file).map_err(failed)?;
        Ok(match is_beginning {
            true if length == new_length => Comparison::Same,
            true => Comparison::Beginning,
            false => Comparison::Different,
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

/// How an existing file compares with the new one.
enum Comparison {
    Same,
    /// The new file begins with all of it.
    Beginning,
    Different,
}

/// Whether `whole` begins with all of `part`.
fn is_beginning(part: &mut File, whole: &mut File) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; COMPARED], vec![0; COMPARED]);
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

/// A file that has its final name.
#[derive(Debug)]
struct PublishedFile {
    folder: Arc<Folder>,
    name: Arc<str>,
    /// The second name of a new file until its record is written, so that a later run can tell that it has
    /// none. `None` where a rename gave the file its name, and where an existing file has the same content.
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
            self.folder.retract(&self.name, &temporary);
        }
    }
}
