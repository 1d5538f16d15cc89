//! Options of what a record shows.

use clap::{Args, ValueEnum};

use super::values::{Limit, duration};
use crate::model::outcome::StatusSet;

/// Options of what a record shows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Result")]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct ResultArgs {
    /// How a record is written
    #[arg(
        long,
        value_name = "text|jsonl|csv|tsv",
        hide_possible_values = true,
        default_value = "text"
    )]
    pub format: FormatName,
    /// Same as --format jsonl
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Write records as this, with %{key} for every key of the jsonl record and curl's names for the same
    #[arg(short, long, value_name = "TEMPLATE", conflicts_with_all = ["format", "json"])]
    pub write_out: Option<String>,
    /// Statuses that are ok: 200, 200..=299, 200-299, 2xx, with commas between
    #[arg(long, value_name = "LIST", default_value = "200..=299")]
    pub accept: StatusSet,
    /// What takes longer is marked as slow
    #[arg(long, value_name = "DUR", default_value = "2s", value_parser = duration)]
    pub slow: Limit,
    /// Put the header fields of the answer into the record
    #[arg(long = "headers", id = "keep_headers")]
    pub keep_headers: bool,
    /// Put the body into the record; unless --max-filesize says more, up to 16 MiB
    #[arg(long)]
    pub body: bool,
    /// Put the SHA-256 of the body into the record
    #[arg(long)]
    pub sha256: bool,
}

/// The formats by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// `STATUS  TIME  SIZE  URL  [FLAG] message`
    Text,
    /// One JSON object a line
    Jsonl,
    /// RFC 4180
    Csv,
    /// Tabs between the cells
    Tsv,
}
