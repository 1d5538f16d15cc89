//! Carries a body from the network to the disk: pieces are gathered while the ones before
//! them are written.

use std::mem;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::disk::Disk;
use super::error::SaveError;
use super::unfinished::UnfinishedFile;
use crate::model::body_sink::{BodySink, SavedBody};
use crate::model::error::Failure;

/// Pieces smaller than this are copied into one buffer, because each may keep a network
/// buffer of many times its size alive.
const SMALL: usize = 4 * 1024;

/// Writes one body to its file.
#[derive(Debug)]
pub(super) struct Writer {
    disk: Disk,
    write_size: usize,
    file: FileState,
    pieces: Vec<Bytes>,
    /// Small pieces, gathered into the next entry of `pieces`.
    small: BytesMut,
    bytes: usize,
}

#[derive(Debug)]
enum FileState {
    /// Nothing is being written.
    Idle(Box<UnfinishedFile>),
    /// A thread of the disk is writing to it.
    Writing(oneshot::Receiver<Result<Box<UnfinishedFile>, SaveError>>),
    Gone,
}

impl Writer {
    /// Writes to `file` in pieces of about `write_size` bytes.
    pub(super) fn new(disk: Disk, write_size: usize, file: UnfinishedFile) -> Self {
        Self {
            disk,
            write_size,
            file: FileState::Idle(Box::new(file)),
            pieces: Vec::new(),
            small: BytesMut::new(),
            bytes: 0,
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

    /// Takes the file out of `self`, once what was handed to the disk is written.
    async fn take_file(&mut self) -> Result<Box<UnfinishedFile>, SaveError> {
        match mem::replace(&mut self.file, FileState::Gone) {
            FileState::Idle(file) => Ok(file),
            FileState::Writing(writing) => writing.await.map_err(|_| SaveError::Lost)?,
            FileState::Gone => Err(SaveError::Lost),
        }
    }
}

impl BodySink for Writer {
    fn write(&mut self, piece: Bytes) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.bytes += piece.len();
            if piece.len() < SMALL {
                self.small.extend_from_slice(&piece);
            } else {
                self.gather();
                self.pieces.push(piece);
            }
            if self.bytes >= self.write_size {
                let mut file = self.take_file().await?;
                let pieces = self.take_pieces();
                let write = move || file.write(&pieces).map(|()| file);
                self.file = FileState::Writing(self.disk.spawn(write));
            }
            Ok(())
        })
    }

    fn finish(mut self: Box<Self>) -> BoxFuture<'static, Result<SavedBody, Failure>> {
        Box::pin(async move {
            let file = self.take_file().await?;
            let pieces = self.take_pieces();
            let finished = self.disk.spawn(move || file.finish(&pieces)).await;
            Ok(finished.map_err(|_| SaveError::Lost)??)
        })
    }

    fn keep_partial(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Ok(file) = self.take_file().await {
                let pieces = self.take_pieces();
                let _ = self.disk.spawn(move || file.keep_partial(&pieces)).await;
            }
        })
    }

    fn discard(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Ok(mut file) = self.take_file().await {
                let _ = self.disk.spawn(move || file.discard()).await;
            }
        })
    }
}
