//! The output of a run, checked for what must hold for every run.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    record,
    text::{assert_harmless, assert_no_canary},
};

/// The output and the end of a run.
pub(crate) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) screen: String,
    pub(crate) elapsed: Duration,
    pub(super) folder: TempDir,
}

impl Output {
    /// Whether SIGKILL ended it.
    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(Signal::KILL.as_raw())
    }

    /// Asserts that it ended by itself and did not panic, and that its output is harmless.
    #[track_caller]
    pub(crate) fn assert_sane(&self) {
        assert!(
            self.status.signal().is_none(),
            "killed: {} {}",
            self.status,
            self.stderr
        );
        assert_ne!(self.status.code(), Some(101), "a panic: {}", self.stderr);
        assert!(
            !self.stderr.contains("panicked at"),
            "a panic in a thread: {}",
            self.stderr
        );
    }

    #[track_caller]
    pub(super) fn check(&self, coloured: bool) {
        self.assert_sane();
        if !coloured {
            assert_harmless("stdout", &self.stdout);
            assert_harmless("stderr", &self.stderr);
        }
    }

    /// Asserts that the secret is in no output and no file, except for the files that were `given`.
    #[track_caller]
    pub(super) fn assert_no_canary(&self, given: &[PathBuf]) {
        assert_no_canary("stdout", &self.stdout);
        assert_no_canary("stderr", &self.stderr);
        assert_no_canary("the screen", &self.screen);
        assert_no_canary_below(self.folder.path(), given);
    }

    /// Asserts the exit code, and shows the output if it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code(),
            code,
            "exit code; stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self
    }

    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap()
    }

    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    pub(crate) fn stderr(&self) -> &str {
        &self.stderr
    }

    pub(crate) fn screen(&self) -> &str {
        &self.screen
    }

    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// All records, in output order.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<Value> {
        assert!(
            self.stdout.is_empty() || self.stdout.ends_with('\n'),
            "the last line is cut off: {}",
            self.stdout
        );
        let records: Vec<Value> = self.stdout.lines().map(record::parse).collect();
        let mut indices: Vec<_> = records
            .iter()
            .map(|record| record["index"].as_u64().unwrap())
            .collect();
        indices.sort_unstable();
        assert!(
            indices.iter().copied().eq(0..records.len() as u64),
            "lost or doubled: {indices:?}"
        );
        records
    }

    /// All records, in input order.
    #[track_caller]
    pub(crate) fn in_order(&self) -> Vec<Value> {
        let mut records = self.records();
        records.sort_by_key(|record| record["index"].as_u64());
        records
    }

    #[track_caller]
    pub(crate) fn record(&self) -> Value {
        let mut records = self.records();
        assert_eq!(
            records.len(),
            1,
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        records.remove(0)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name))
            .unwrap_or_else(|error| panic!("{name}: {error}; stderr: {}", self.stderr))
    }

    /// The sorted names of the files in the folder of the run.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = files(self.folder.path())
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// All names in a subfolder, including those that begin with a dot.
    #[track_caller]
    pub(crate) fn tree(&self, name: &str) -> Vec<String> {
        tree(&self.path(name))
    }
}

/// All names in a folder, sorted.
#[track_caller]
pub(super) fn tree(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Asserts that the secret is in no name below the folder, and in no file but those that were `given`.
#[track_caller]
pub(super) fn assert_no_canary_below(folder: &Path, given: &[PathBuf]) {
    for path in below(folder).iter().filter(|path| !given.contains(path)) {
        assert_no_canary("a name", &path.display().to_string());
        // A file that was removed meanwhile holds nothing.
        let bytes = if path.is_file() {
            fs::read(path)
        } else {
            continue;
        };
        let text = bytes.unwrap_or_default();
        assert_no_canary(&path.display().to_string(), &String::from_utf8_lossy(&text));
    }
}

/// Everything in the folder and in the folders in it.
pub(super) fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(below(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect()
}
