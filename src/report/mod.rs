//! Reports: every event, fanned out to lines, notes, progress and summary.
//!
//! A format is one file here and one arm of [`Format`]. [`format::record`] is what all
//! of them show, [`escape`] makes it safe, [`printer`] writes it.

mod escape;
mod format;
mod journal;
mod options;
mod pending_files;
mod printer;
mod progress;
mod reporter;
mod summary;

pub use format::choice::Format;
pub use format::table::Separator;
pub use format::template::{Template, TemplateError};
pub use format::text::TextStyle;
pub use journal::{Journal, JournalError, JournalIndex, PriorResult};
pub use options::{ReportOptions, Verbosity};
pub use pending_files::UnrecordedFiles;
pub use printer::{Gate, Outputs, PrintError, Printed, kind, printed, say};
pub use progress::InputCount;
pub use reporter::Reporter;
pub use summary::{Counts, ListRead, ResultsFile, ShardOf, Summary};
