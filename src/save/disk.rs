//! The threads that write files.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::model::thread_pool::{PoolSize, ThreadPool};

/// How many files are written at the same time.
const THREADS: usize = 4;

/// The same with `--fsync`, where each thread mostly waits for the disk.
const THREADS_WITH_FSYNC: usize = 16;

/// How long the end of a run waits for writes in progress. A process that ends before they do
/// leaves their temporary files, so a slow disk is waited for. One that never responds, such as
/// that of an NFS server that is gone, must not keep the run from ending; the next run removes
/// its temporary files.
const HUNG: Duration = Duration::from_secs(60);

/// The threads that write. Dropping it waits until they have ended, or until a disk has not
/// responded for [`HUNG`].
pub struct Threads(ThreadPool);

impl Threads {
    /// Starts the first thread; the others start when there is work for them.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(fsync: bool) -> io::Result<Self> {
        let threads = if fsync { THREADS_WITH_FSYNC } else { THREADS };
        let size = PoolSize {
            most: threads,
            kept: threads,
            stack: None,
        };
        Ok(Self(ThreadPool::start("disk", size)?))
    }

    /// Returns a handle that gives work to the threads.
    #[must_use]
    pub fn disk(&self) -> Disk {
        Disk(self.0.clone())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.close(HUNG);
    }
}

/// A handle that gives work to the threads that write. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Disk(ThreadPool);

impl Disk {
    /// Has a thread do `work`. The receiver gets an error if the thread panics, or the run ends first.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        self.0.spawn(work)
    }
}
