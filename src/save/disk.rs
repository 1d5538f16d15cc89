//! The threads that write files.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

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
pub struct Threads(Option<Runtime>);

impl Threads {
    /// Prepares the threads; each starts when there is work for it.
    ///
    /// # Errors
    ///
    /// The runtime that owns them cannot be created.
    pub fn start(fsync: bool) -> io::Result<Self> {
        let threads = if fsync { THREADS_WITH_FSYNC } else { THREADS };
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(threads)
            .thread_name("disk")
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Returns a handle that gives work to the threads; `None` once they have ended.
    #[must_use]
    pub fn disk(&self) -> Option<Disk> {
        Some(Disk(self.0.as_ref()?.handle().clone()))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(HUNG);
        }
    }
}

/// A handle that gives work to the threads that write. Cloning it is cheap.
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
