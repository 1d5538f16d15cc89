//! The file that a body is saved to.

use std::fmt::Debug;
use std::sync::Arc;

/// The file that a body becomes.
#[derive(Clone, Debug)]
pub struct SaveTarget {
    /// The name below the folder.
    pub name: Arc<str>,
    /// What becomes of a file that has the name by then.
    pub existing: Existing,
}

/// What becomes of a file that stands where another is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the other is not saved.
    Keep,
    /// It stays; if it has the same content, that is as good as saved.
    KeepSame,
    /// The journal knows it longer: it is replaced if it is the beginning of the other.
    ReplaceBeginning,
    /// It is replaced.
    Replace,
}

/// A file that is whole, and whose record is not written yet.
#[derive(Debug)]
pub struct SavedFile {
    /// Its name below the folder.
    pub name: Arc<str>,
    /// What is left to do once its record is written.
    pub pending_file: Box<dyn PendingFile>,
}

/// Stands for a file without a record. Dropped as it is, it takes the file back:
/// what no record tells of does not count.
pub trait PendingFile: Debug + Send {
    /// The record is written: the file stays.
    fn recorded(self: Box<Self>);
}
