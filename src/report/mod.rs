//! Turns the events of a run into everything that a user reads: records, messages,
//! the progress bar, the journal and the summary.
//!
//! [`Reporter`] takes each event, formats it ([`format`](mod@format)) and adds it to the [`Summary`].
//! The [`printer`] thread writes the result to standard output or the file of `--results`, to
//! standard error and to the [`Journal`]. [`escape`] keeps text from servers and lists from
//! controlling a terminal.

mod escape;
mod format;
mod hold_up;
mod journal;
mod options;
mod pending_files;
mod printer;
mod progress;
mod reporter;
mod status;
mod summary;

pub use format::choice::Format;
pub use format::table::Separator;
pub use format::template::{Template, TemplateError};
pub use format::text::TextStyle;
pub use journal::{Journal, JournalError, JournalIndex, PriorResult};
pub use options::{ReportOptions, Verbosity};
pub use pending_files::UnrecordedFiles;
pub use printer::{
    Gate, Outputs, PrintError, PrinterHandle, StatusLine, print_message, printer_result,
};
pub use progress::{InputCount, ProgressStyle};
pub use reporter::Reporter;
pub use summary::{Counts, ListInfo, ResultsFile, ShardInfo, Summary};
