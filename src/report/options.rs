//! The options of the reports.

use super::format::choice::Format;
use crate::model::capture::Capture;

/// How records and messages are written.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// The format of the records.
    pub format: Format,
    /// Which parts of an answer (headers, body) the records include.
    pub capture: Capture,
    /// Which messages go to standard error.
    pub verbosity: Verbosity,
}

/// Which messages go to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// `--quiet`: errors of the run itself.
    Quiet,
    /// `--quiet --verbose`: errors, attempts, redirects and retries.
    Attempts,
    /// Errors, warnings and the summary.
    Normal,
    /// `--verbose`: everything.
    Verbose,
}

impl Verbosity {
    /// Whether attempts are shown, with their redirects and retries.
    pub(super) fn shows_attempts(self) -> bool {
        matches!(self, Self::Attempts | Self::Verbose)
    }

    /// Whether warnings and the summary are shown.
    pub(super) fn shows_summary(self) -> bool {
        matches!(self, Self::Normal | Self::Verbose)
    }
}
