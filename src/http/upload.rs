//! The content of a request, as a body that tells how much of it is left to send.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_util::sync::ReusableBoxFuture;

use crate::model::lock::lock;

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
        lock(&self.0)
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
    /// Lets the connection look for a response between two pieces. A server that refuses the content responds, and then
    /// closes the connection; hyper would meet that first if it wrote on.
    pause: Option<ReusableBoxFuture<'static, ()>>,
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
            pause: None,
        };
        (upload, progress)
    }
}

/// Lets the runtime look for what has arrived, several times: of 40 responses that came before the end of an upload,
/// 10 were read without a pause between two pieces, 25 with one, and 37 with eight.
async fn yield_to_reads() {
    for _ in 0..8 {
        yield_now().await;
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.poll(cx));
            pause.set(yield_to_reads());
        } else {
            self.pause = Some(ReusableBoxFuture::new(yield_to_reads()));
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
