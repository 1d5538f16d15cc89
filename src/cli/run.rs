//! Options under the heading Run.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// The output and the exit of the run as a whole.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct RunArgs {
    /// Write the records to this file
    ///
    /// Standard output then stays empty. The file appears when the run is over. If it already exists, nothing is fetched and
    /// the exit code is that of the run that made it; remove the file to run again. It is an error if the list or the
    /// options are not those of that run.
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// Print records and errors only
    ///
    /// With --verbose, also attempts and redirects.
    ///
    /// Aliases: -s, --silent.
    #[arg(short, long, short_alias = 's', alias = "silent")]
    pub quiet: bool,
    /// Do not show progress
    ///
    /// A terminal shows a bar. Where standard error is something else, such as a log, there is a line a minute. SIGUSR1 (and
    /// Ctrl-T, where the system has it) prints such a line at once.
    #[arg(long, hide_short_help = true)]
    pub no_progress: bool,
    /// When to color the text format: auto, always or never
    ///
    /// auto means on a terminal, unless the variable NO_COLOR is set.
    #[arg(
        long,
        value_name = "WHEN",
        hide_possible_values = true,
        default_value = "auto",
        hide_short_help = true
    )]
    pub color: When,
    /// Write the summary to this file, as JSON
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub summary_file: Option<PathBuf>,
    /// Merge the summary files of all shards, and print the total
    ///
    /// It is an error if a shard is missing or incomplete, or if the files do not belong together. No other option can
    /// be given, except --quiet, which leaves out warnings.
    #[arg(long, value_name = "SUMMARY", num_args = 1.., hide_short_help = true)]
    pub merge: Vec<PathBuf>,
    /// Exit with 0 even if any URL is not ok
    ///
    /// A run that --fail-fast or --deadline stopped early still exits with 1.
    #[arg(long, hide_short_help = true)]
    pub exit_zero: bool,
    /// Print attempts and redirects on standard error
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub verbose: bool,
}

/// A value of `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Even where the output is not a terminal
    Always,
    /// Without any color
    Never,
}
