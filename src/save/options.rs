//! The options of saving.

/// How files are written.
#[derive(Clone, Copy, Debug)]
pub struct SaveOptions {
    /// Whether the file and the folder are synced before the record is written.
    pub fsync: bool,
    /// Whether bodies that break off are kept, and resumed.
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
