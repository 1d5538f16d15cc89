//! The content of a request, as a body that tells how much of it is left to send.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// How many bytes the connection gets at a time.
const PIECE: usize = 64 * 1024;

/// How much of a body the connection has taken.
#[derive(Debug)]
struct Taken {
    left: usize,
    last: Option<Instant>,
}

/// Shows how much of a body the connection has taken, while it does.
#[derive(Clone, Debug)]
pub(super) struct Progress(Arc<Mutex<Taken>>);

impl Progress {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of bytes that the connection has not taken yet.
    pub(super) fn left(&self) -> usize {
        self.taken().left
    }

    /// Returns when the connection last took some.
    pub(super) fn last(&self) -> Option<Instant> {
        self.taken().last
    }
}

/// A request body held in memory.
pub(super) struct Upload {
    bytes: Bytes,
    progress: Progress,
}

impl Upload {
    pub(super) fn new(bytes: Bytes) -> (Self, Progress) {
        let progress = Progress(Arc::new(Mutex::new(Taken {
            left: bytes.len(),
            last: None,
        })));
        let upload = Self {
            bytes,
            progress: progress.clone(),
        };
        (upload, progress)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.bytes.len().min(PIECE);
        let piece = self.bytes.split_to(length);
        *self.progress.taken() = Taken {
            left: self.bytes.len(),
            last: Some(Instant::now()),
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
