//! A folder for `-o` that outlives the runs, inside another folder that can be inspected.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    Fetch, PATIENCE,
    output::{assert_no_canary_below, tree},
    text::assert_same,
};

/// A folder `out` in a folder of its own.
pub(crate) struct Folder {
    around: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let around = TempDir::new().unwrap();
        fs::create_dir(around.path().join("out")).unwrap();
        Self { around }
    }

    /// A run with JSONL records that saves here.
    pub(crate) fn fetch(&self) -> Fetch {
        Fetch::jsonl().arg("-o").arg(self.beside("out"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.beside("out").join(name)
    }

    /// A path next to the folder, where nothing may be saved.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.around.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name))
            .unwrap_or_else(|error| panic!("{name}: {error}; there is {:?}", self.tree()))
    }

    #[track_caller]
    pub(crate) fn assert_content(&self, name: &str, content: impl AsRef<[u8]>) {
        assert_same(self.read(name), content);
    }

    /// All names in it, sorted.
    #[track_caller]
    pub(crate) fn tree(&self) -> Vec<String> {
        tree(&self.beside("out"))
    }

    #[track_caller]
    pub(crate) fn assert_empty(&self) {
        assert!(self.tree().is_empty(), "left: {:?}", self.tree());
    }

    /// The temporary files, which bodies are written to until they are complete.
    pub(crate) fn temporaries(&self) -> Vec<String> {
        self.tree()
            .into_iter()
            .filter(|name| {
                name.strip_prefix(".fetch-")
                    .and_then(|rest| rest.strip_suffix(".tmp"))
                    .is_some_and(|random| random.len() == 16)
            })
            .collect()
    }

    /// Waits until a temporary file holds a part of a body.
    #[track_caller]
    pub(crate) fn wait_for_temporary(&self) {
        self.wait_until(|| {
            self.temporaries()
                .iter()
                .any(|name| fs::metadata(self.path(name)).is_ok_and(|file| file.len() > 0))
        });
    }

    /// Waits until `so` is true. There is no portable event for changes of a folder, so it polls.
    #[track_caller]
    pub(crate) fn wait_until(&self, mut so: impl FnMut() -> bool) {
        let began = Instant::now();
        while !so() {
            assert!(began.elapsed() < PATIENCE, "there is {:?}", self.tree());
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_no_canary_below(self.around.path(), &[]);
        }
    }
}
