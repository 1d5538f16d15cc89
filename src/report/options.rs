//! What the part needs to know.

use super::format::choice::Format;
use crate::http::Capture;

/// What the part needs to know.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// How a record is written.
    pub format: Format,
    /// What a record shows on top.
    pub keep: Capture,
    /// How much is said on standard error.
    pub notes: Verbosity,
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Attempts and redirects.
    Steps,
    /// Warnings and the summary.
    Normal,
    /// All of that.
    Verbose,
}

impl Verbosity {
    pub(super) fn shows_steps(self) -> bool {
        matches!(self, Self::Steps | Self::Verbose)
    }

    pub(super) fn shows_run(self) -> bool {
        matches!(self, Self::Normal | Self::Verbose)
    }
}
