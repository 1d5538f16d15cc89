//! The threads that write files.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

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
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.0.spawn_blocking(work)
    }
}
