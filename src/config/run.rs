//! What concerns the run as a whole.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use rustix::fs::FileType;

use super::terminal::is_dumb;
use crate::cli::{RunArgs, SaveArgs};
use crate::report;

/// What concerns the run as a whole.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct Run {
    /// Count, and send nothing.
    pub dry_run: bool,
    /// Records go here instead of standard output.
    pub results: Option<PathBuf>,
    /// The summary goes here too.
    pub summary_file: Option<PathBuf>,
    /// Records are appended here, and what is done is known from here.
    pub journal: Option<PathBuf>,
    /// What options said was read from here.
    pub read: Vec<PathBuf>,
    /// What is written lasts before it is told.
    pub fsync: bool,
    /// Draw a bar.
    pub bar: bool,
    /// Lines and bar are on one terminal.
    pub shared: bool,
    /// Some URL that is not ok is no reason to exit with 1.
    pub exit_zero: bool,
}

/// The options of the run: `read` are the files that options named.
pub(super) fn run(args: &RunArgs, save: &SaveArgs, dry_run: bool, read: Vec<PathBuf>) -> Run {
    // Behind a pipe there may be another program on the same terminal: `| less`.
    let piped = matches!(
        report::kind(io::stdout()),
        Some(FileType::Fifo | FileType::Socket)
    );
    let alone = args.results.is_some() || !piped;
    let bar = !args.quiet
        && !args.no_progress
        && !dry_run
        && !is_dumb()
        && alone
        && io::stderr().is_terminal();
    Run {
        dry_run,
        results: args.results.clone(),
        summary_file: args.summary_file.clone(),
        journal: save.journal.clone(),
        read,
        fsync: save.fsync,
        bar,
        shared: bar && args.results.is_none() && io::stdout().is_terminal(),
        exit_zero: args.exit_zero,
    }
}
