//! The content of a request on its way out: a body that tells how much of it is left.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes given to the connection at a time.
const PIECE: usize = 64 * 1024;

/// Bytes that the connection has not taken yet.
#[derive(Clone, Debug)]
pub(super) struct Left(Arc<AtomicUsize>);

impl Left {
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body of `bytes`.
pub(super) struct Upload {
    bytes: Bytes,
    left: Left,
}

impl Upload {
    pub(super) fn new(bytes: Bytes) -> (Self, Left) {
        let left = Left(Arc::new(AtomicUsize::new(bytes.len())));
        let upload = Self {
            bytes,
            left: left.clone(),
        };
        (upload, left)
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
        self.left.0.store(self.bytes.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
