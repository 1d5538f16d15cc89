//! A socket in the file system that leads to a server.

use std::{
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tempfile::TempDir;

use super::{
    Server,
    tunnel::{carry, dial},
};

pub(crate) struct Door {
    folder: TempDir,
    closed: Arc<AtomicBool>,
}

impl Door {
    pub(crate) fn to(server: &Server) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("door")).unwrap();
        let closed = Arc::<AtomicBool>::default();
        let (seen, port) = (Arc::clone(&closed), server.port());
        thread::spawn(move || {
            while let Ok((mut client, _)) = listener.accept() {
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                thread::spawn(move || {
                    if let Some(mut server) = dial(port) {
                        carry(&mut client, &mut server);
                    }
                });
            }
        });
        Self { folder, closed }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("door")
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = UnixStream::connect(self.path());
    }
}
