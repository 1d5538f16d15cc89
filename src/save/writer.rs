//! The way of a body from the network to the disk: pieces are gathered while
//! those before them are written.

use std::io;
use std::mem;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use super::part_file::PartFile;
use super::unfinished::{BodyChecks, BodyStart, SavedBody, UnfinishedFile};
use super::{SaveError, Store};
use crate::model::saved_file::SaveTarget;

/// Smaller pieces are gathered in one: each may pin a buffer many times its size.
const SMALL: usize = 4 * 1024;

/// Files that are written at a time.
const THREADS: usize = 4;

/// The same where each waits for its disk.
const THREADS_WITH_FSYNC: usize = 16;

/// How long the end of a run waits for a disk.
const PATIENCE: Duration = Duration::from_secs(2);

/// The threads that write. When this is dropped, they have ended, or a disk does not answer.
pub struct Threads(Option<Runtime>);

impl Threads {
    /// Threads that come when there is something to do.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn start(fsync: bool) -> io::Result<Self> {
        let threads = if fsync { THREADS_WITH_FSYNC } else { THREADS };
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(threads)
            .thread_name("disk")
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Who hands them work; `None` after the end.
    #[must_use]
    pub fn disk(&self) -> Option<Disk> {
        Some(Disk(self.0.as_ref()?.handle().clone()))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}

/// Hands work to the threads that write.
#[derive(Clone, Debug)]
pub struct Disk(Handle);

impl Disk {
    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.0.spawn_blocking(work)
    }
}

impl Store {
    /// What an earlier attempt left of the file at `place`.
    ///
    /// # Errors
    ///
    /// Something else has the name that it would have.
    pub async fn part(&self, place: &SaveTarget) -> Result<Option<PartFile>, SaveError> {
        let (folder, name) = (self.folder.clone(), place.name.clone());
        let opened = self
            .disk
            .spawn(move || PartFile::open(&folder, &name))
            .await;
        opened.map_err(|_| SaveError::Lost)?
    }

    /// A file at `place` for a body that begins at `start`.
    #[must_use]
    pub fn writer(&self, place: SaveTarget, checks: BodyChecks, start: BodyStart) -> Writer {
        let draft = UnfinishedFile::new(self.folder.clone(), self.options, place, checks, start);
        Writer {
            disk: self.disk.clone(),
            batch: self.options.batch,
            draft: FileState::Here(Box::new(draft)),
            pieces: Vec::new(),
            small: BytesMut::new(),
            bytes: 0,
        }
    }
}

/// A body that becomes a file. Dropped before it is finished, it becomes none.
#[derive(Debug)]
pub struct Writer {
    disk: Disk,
    batch: usize,
    draft: FileState,
    pieces: Vec<Bytes>,
    /// The last of the pieces, while it is small.
    small: BytesMut,
    bytes: usize,
}

#[derive(Debug)]
enum FileState {
    Here(Box<UnfinishedFile>),
    Writing(JoinHandle<Result<Box<UnfinishedFile>, SaveError>>),
    Gone,
}

impl Writer {
    /// Takes the next piece. Waits only where the disk is behind.
    ///
    /// # Errors
    ///
    /// An earlier piece could not be written.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), SaveError> {
        self.bytes += piece.len();
        if piece.len() < SMALL {
            self.small.extend_from_slice(&piece);
        } else {
            self.gather();
            self.pieces.push(piece);
        }
        if self.bytes >= self.batch {
            let mut draft = self.draft().await?;
            let pieces = self.take_pieces();
            self.draft = FileState::Writing(
                self.disk
                    .spawn(move || draft.write(&pieces).map(|()| draft)),
            );
        }
        Ok(())
    }

    /// The body is whole: so is the file, under its name, when this comes back.
    ///
    /// # Errors
    ///
    /// There is no file of that body.
    pub async fn finish(mut self) -> Result<SavedBody, SaveError> {
        let draft = self.draft().await?;
        let pieces = self.take_pieces();
        let finished = self.disk.spawn(move || draft.finish(&pieces)).await;
        finished.map_err(|_| SaveError::Lost)?
    }

    /// The body broke off: what there is, is kept if it can be continued.
    pub async fn keep(mut self) {
        if let Ok(draft) = self.draft().await {
            let pieces = self.take_pieces();
            let _ = self.disk.spawn(move || draft.keep(&pieces)).await;
        }
    }

    /// The body is of no use.
    pub async fn discard(mut self) {
        if let Ok(mut draft) = self.draft().await {
            let _ = self.disk.spawn(move || draft.discard()).await;
        }
    }

    fn gather(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(self.small.split().freeze());
        }
    }

    fn take_pieces(&mut self) -> Vec<Bytes> {
        self.gather();
        self.bytes = 0;
        mem::take(&mut self.pieces)
    }

    async fn draft(&mut self) -> Result<Box<UnfinishedFile>, SaveError> {
        match mem::replace(&mut self.draft, FileState::Gone) {
            FileState::Here(draft) => Ok(draft),
            FileState::Writing(writing) => writing.await.map_err(|_| SaveError::Lost)?,
            FileState::Gone => Err(SaveError::Lost),
        }
    }
}
