//! The exit codes, each with its meaning.

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every URL is ok or skipped.
    Success,
    /// The run finished, some URL is not ok.
    SomeFailed,
    /// Options, a source or a file that cannot be opened.
    Usage,
    /// The run could not go on: standard output, a disk, a source.
    CannotGoOn,
    /// SIGINT stopped the run.
    Interrupted,
    /// SIGTERM stopped the run.
    Terminated,
    /// The reader of standard output left.
    ReaderLeft,
}

impl Exit {
    /// The number the shell sees.
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
