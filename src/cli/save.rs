//! Options of files and the journal.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of files and the journal.
#[derive(Debug, Args)]
#[command(next_help_heading = "Save")]
pub struct SaveArgs {
    /// Save the body of every ok answer as a file in this folder
    #[arg(short, long, value_name = "DIR", conflicts_with = "head")]
    pub output_dir: Option<PathBuf>,
    /// Name of each file, made of text, {basename} {host} {path} {stem} {ext} {index} {id} {hash} [default: {basename}]
    #[arg(long, value_name = "TEMPLATE", requires = "output_dir")]
    pub name: Option<String>,
    /// What to do where a file has the name already [default: fail]
    #[arg(
        long,
        value_name = "skip|fail|overwrite",
        hide_possible_values = true,
        requires = "output_dir"
    )]
    pub existing: Option<IfExists>,
    /// Keep a body that breaks off as NAME.part, and ask for its rest only
    #[arg(
        short = 'c',
        long = "continue",
        requires = "output_dir",
        conflicts_with = "compressed"
    )]
    pub resume: bool,
    /// Have files and journal on the disk before a record is shown, for a machine that may lose power
    #[arg(long)]
    pub fsync: bool,
    /// Append every record to this file, and skip what it says is done: run it again, and it goes on
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}

/// What to do where a file has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IfExists {
    /// Skip the input
    Skip,
    /// The input fails
    Fail,
    /// Replace the file
    Overwrite,
}
