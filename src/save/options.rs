//! The options of saving.

/// How files are written.
#[derive(Clone, Copy, Debug)]
pub struct SaveOptions {
    /// Sync the file and the folder before the record is written.
    pub fsync: bool,
    /// Keep bodies that break off, and resume them.
    pub resume: bool,
    /// The number of bytes of a body that are handed to the disk at a time.
    pub write_size: usize,
}

/// What to do about an input whose file already exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Do not fetch it.
    Skip,
    /// Report an error for it.
    Fail,
    /// Replace the file.
    Overwrite,
}
