//! The files that bodies are saved to.

use std::fmt::Debug;
use std::sync::Arc;

/// The file to save a body to.
#[derive(Clone, Debug)]
pub struct SaveTarget {
    /// The file name in the folder of `--output-dir`.
    pub name: Arc<str>,
    /// What to do if a file of that name exists by then.
    pub existing: Existing,
}

/// What to do if the file to save already exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Keep it, and do not save the body.
    Keep,
    /// Keep it; the body counts as saved if the content is the same.
    KeepSame,
    /// Replace it if the new content begins with all of it: the journal says that the file
    /// was longer, so it has been cut off.
    ReplaceBeginning,
    /// Replace it.
    Replace,
}

/// A file that is complete, but whose record is not written yet.
#[derive(Debug)]
pub struct SavedFile {
    /// The file name in the folder of `--output-dir`.
    pub name: Arc<str>,
    /// Has to be told when the record is written; dropped before that, it may remove the file.
    pub pending_file: Box<dyn PendingFile>,
}

/// A file that waits for its record.
///
/// Dropped before the record is written, it removes the file if this run created it with a second,
/// temporary name, because a file without a record does not count as fetched. A file that replaced
/// another, equals an existing one, or was renamed (where there are no hard links) stays.
pub trait PendingFile: Debug + Send {
    /// Keeps the file, now that its record is written.
    fn recorded(self: Box<Self>);
}
