//! Options of the run as a whole.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// Options of the run as a whole.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct RunArgs {
    /// Write the records to a file, which appears when the run is over
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// Only records and errors; with -v, attempts and redirects too
    #[arg(short, long, visible_short_alias = 's', alias = "silent")]
    pub quiet: bool,
    /// No progress bar
    #[arg(long)]
    pub no_progress: bool,
    /// Colour the text format
    #[arg(
        long,
        value_name = "auto|always|never",
        hide_possible_values = true,
        default_value = "auto"
    )]
    pub color: When,
    /// Write the summary to a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub summary_file: Option<PathBuf>,
    /// Check that the summaries of all shards are there and fit together, and print the sum of them
    #[arg(long, value_name = "SUMMARY", num_args = 1.., exclusive = true)]
    pub merge: Vec<PathBuf>,
    /// Exit with 0 although some URL is not ok
    #[arg(long)]
    pub exit_zero: bool,
    /// Tell attempts and redirects on standard error
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub verbose: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
