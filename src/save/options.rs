//! How files are made.

/// How files are made.
#[derive(Clone, Copy, Debug)]
pub struct SaveOptions {
    /// Files and folder are synced before the record is written.
    pub fsync: bool,
    /// Bodies that break off are kept, and continued.
    pub resume: bool,
    /// Bytes of each body that are handed to the disk at a time.
    pub batch: usize,
}
