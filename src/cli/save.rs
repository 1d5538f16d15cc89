//! Options under the heading Save.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Which files are written for the bodies, and the journal.
#[derive(Debug, Args)]
#[command(next_help_heading = "Save")]
pub struct SaveArgs {
    /// Save the body of every ok response in this directory
    ///
    /// A file appears when its body is complete.
    #[arg(short, long, value_name = "DIR", conflicts_with = "head")]
    pub output_dir: Option<PathBuf>,
    /// Template of the file names [default: {basename}]
    ///
    /// It consists of text and the fields {basename} {host} {path} {stem} {ext} {index} {id} {hash}.
    #[arg(long, value_name = "TEMPLATE", hide_short_help = true)]
    pub name: Option<String>,
    /// If a file exists: skip|fail|overwrite [default: fail]
    ///
    /// skip does not fetch the URL, fail reports an error for it, and overwrite replaces the file.
    #[arg(long, value_name = "HOW", hide_possible_values = true)]
    pub existing: Option<ExistingName>,
    /// Keep incomplete bodies, and continue them
    ///
    /// The beginning of a body is kept as NAME.part. The next attempt, of this run or of a later one, requests only
    /// what is missing.
    #[arg(
        short = 'c',
        long = "continue",
        conflicts_with = "compressed",
        hide_short_help = true
    )]
    pub resume: bool,
    /// Sync files and journal to the disk before a record is printed
    ///
    /// For machines that may lose power.
    #[arg(long, hide_short_help = true)]
    pub fsync: bool,
    /// Append records here; later runs skip what is done
    ///
    /// After an interruption, the same command continues the run: inputs whose last record in this file is ok are
    /// skipped.
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}

/// A value of `--existing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExistingName {
    /// Do not fetch the URL
    Skip,
    /// Report an error for the URL
    Fail,
    /// Replace the file
    Overwrite,
}
