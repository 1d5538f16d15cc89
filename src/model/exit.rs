//! The exit codes and their meaning.

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every URL is ok or skipped.
    Success,
    /// The run finished, and some URL is not ok.
    SomeFailed,
    /// The options are wrong, or a source or file cannot be opened.
    Usage,
    /// The run could not continue: standard output, the disk or a source failed.
    CannotGoOn,
    /// SIGINT ended the run.
    Interrupted,
    /// SIGTERM ended the run.
    Terminated,
    /// The reader of standard output closed it.
    ReaderLeft,
}

impl Exit {
    /// Returns the exit code of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::SomeFailed => 1,
            Self::Usage => 2,
            Self::CannotGoOn => 3,
            Self::Interrupted => 130,
            Self::ReaderLeft => 141,
            Self::Terminated => 143,
        }
    }
}
