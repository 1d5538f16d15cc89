//! Options of the run as a whole.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use super::terminal::is_dumb;
use crate::cli::{Cli, RunArgs, SaveArgs};
use crate::input::Content;
use crate::model::text::hex;
use crate::report::ProgressStyle;
use crate::sys::{StreamKind, stream_kind};

/// The files and the output of a run.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct RunOptions {
    /// Whether the input is only read and counted.
    pub dry_run: bool,
    /// The file for the records, instead of standard output.
    pub results: Option<PathBuf>,
    /// The file for the summary.
    pub summary_file: Option<PathBuf>,
    /// The options that the records depend on, for the mark of the results.
    pub record_options: BTreeMap<String, String>,
    /// The journal, which is read first and then appended to.
    pub journal: Option<PathBuf>,
    /// Files that options have read, and that must not be overwritten.
    pub read: Vec<PathBuf>,
    /// Whether files are synced to the disk before a record is printed.
    pub fsync: bool,
    /// How the progress is shown.
    pub progress: ProgressStyle,
    /// Whether records and progress bar share a terminal.
    pub shared: bool,
    /// Whether the exit code is 0 even if some URL is not ok.
    pub exit_zero: bool,
}

impl RunOptions {
    /// Whether the digest of the list is needed: summaries are merged with it, and results are known by it.
    pub(super) fn needs_digest(&self) -> bool {
        self.summary_file.is_some() || self.results.is_some()
    }
}

/// Returns the options that the records depend on. `content` is what `--data` says; of it only a checksum is kept.
pub(super) fn record_options(cli: &Cli, content: Option<&Content>) -> BTreeMap<String, String> {
    let mut options = cli.given.clone();
    if let Some(content) = content {
        options.insert("--data".to_owned(), hex(content.sha256()));
    }
    options
}

/// Returns the options of the run. `read` are the files that other options have read.
pub(super) fn run(
    args: &RunArgs,
    save: &SaveArgs,
    dry_run: bool,
    read: Vec<PathBuf>,
    record_options: BTreeMap<String, String>,
) -> RunOptions {
    // The program behind a pipe may use the same terminal, as in `| less`; a bar would spoil its screen.
    let piped = matches!(
        stream_kind(io::stdout()),
        StreamKind::Pipe | StreamKind::Socket
    );
    let alone = args.results.is_some() || !piped;
    let progress = match io::stderr().is_terminal() {
        _ if args.quiet || args.no_progress || dry_run => ProgressStyle::Hidden,
        true if alone && !is_dumb() => ProgressStyle::Bar,
        true => ProgressStyle::Hidden,
        false => ProgressStyle::Lines,
    };
    let bar = progress == ProgressStyle::Bar;
    RunOptions {
        dry_run,
        results: args.results.clone(),
        record_options,
        summary_file: args.summary_file.clone(),
        journal: save.journal.clone(),
        read,
        fsync: save.fsync,
        progress,
        shared: bar && args.results.is_none() && io::stdout().is_terminal(),
        exit_zero: args.exit_zero,
    }
}
