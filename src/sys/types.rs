//! Types that mean the same on every system.

/// Identifies a file, whichever of its names it was reached by.
///
/// Two are equal where they are the same file. A file that is deleted may pass its identity on to a new one, so it
/// only means something while the file exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// The file system. Signed in some systems and unsigned in others, hence wider than either.
    pub(super) device: i128,
    /// The file within its file system. Windows has numbers of 128 bits.
    pub(super) number: u128,
}

impl FileIdentity {
    /// Returns the number of the file within its file system (on Unix, its inode),
    /// which [`DirectoryEntry::file_number`](super::DirectoryEntry::file_number) tells without opening the file.
    #[must_use]
    pub fn file_number(&self) -> u128 {
        self.number
    }
}

/// Describes an entry of a [`Directory`](super::Directory); of a symbolic link, the link itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryMetadata {
    /// Whether it is a regular file: no link, directory, pipe or device.
    pub is_file: bool,
    /// Its size in bytes.
    pub length: u64,
    /// How many names (hard links) it has.
    pub links: u64,
    /// Which file it is.
    pub identity: FileIdentity,
}

/// Tells what a standard stream is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A pipe, with or without a name.
    Pipe,
    /// A socket.
    Socket,
    /// A file, a terminal, another device, or nothing at all.
    Other,
}

/// Asks the process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopRequest {
    /// From the terminal: `SIGINT`, Ctrl-C.
    Interrupt,
    /// From another program: `SIGTERM`.
    Terminate,
}
