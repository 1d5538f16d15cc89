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
    Steps,
    /// Errors, warnings and the summary.
    Normal,
    /// `--verbose`: everything.
    Verbose,
}

impl Verbosity {
    /// Whether attempts, redirects and retries are shown.
    pub(super) fn shows_steps(self) -> bool {
        matches!(self, Self::Steps | Self::Verbose)
    }

    /// Whether warnings and the summary are shown.
    pub(super) fn shows_run(self) -> bool {
        matches!(self, Self::Normal | Self::Verbose)
    }
}
