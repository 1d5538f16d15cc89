//! Options under the heading Input.

use clap::{Args, ValueEnum};

use crate::input::Shard;

/// What to read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// File with one URL per line, - for standard input, or a URL
    ///
    /// An argument that contains :// is a URL. Several sources are read one after the other. Without any, URLs are
    /// read from standard input.
    #[arg(value_name = "SOURCE", help_heading = None)]
    pub sources: Vec<String>,
    /// What a file or standard input holds: lines, or a table as csv or tsv
    ///
    /// A table begins with a header. The column url is required; columns named method, headers, body, id, name and
    /// sha256 are what these keys of a JSON line are; all others become the meta of the record. Cells may be quoted.
    #[arg(
        long,
        value_name = "FORMAT",
        hide_possible_values = true,
        default_value = "lines",
        hide_short_help = true
    )]
    pub input: InputFormatName,
    /// Scheme for lines that have none: https or http
    #[arg(
        long,
        value_name = "SCHEME",
        hide_possible_values = true,
        default_value = "https",
        hide_short_help = true
    )]
    pub default_scheme: SchemeName,
    /// Fetch only shard K of N; K counts from 0
    ///
    /// Every input is in exactly one shard, chosen by its host (see --shard-by). N runs with --shard 0/N, 1/N and so on,
    /// on any machines, together fetch the whole list.
    #[arg(long, value_name = "K/N", hide_short_help = true)]
    pub shard: Option<Shard>,
    /// What a shard keeps together: host or url [default: host]
    ///
    /// With host, all URLs of a host are in one shard. With url, the URLs of a host are spread over all shards, and
    /// only equal URLs are kept together.
    #[arg(
        long,
        value_name = "WHAT",
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub shard_by: Option<ShardBy>,
    /// Read and count the input, but send nothing
    ///
    /// Prints the heaviest hosts and, with --rate, --rate-per-host or --max-per-host, the least time that the list takes.
    /// With --shard, prints the size of every shard.
    #[arg(
        long,
        conflicts_with_all = ["results", "summary_file"],
        hide_short_help = true
    )]
    pub dry_run: bool,
}

/// A value of `--input`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputFormatName {
    /// A URL or a JSON object on each line
    Lines,
    /// A table with commas between the cells
    Csv,
    /// A table with tabs between the cells
    Tsv,
}

/// A value of `--default-scheme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemeName {
    /// Lines without a scheme are https URLs
    Https,
    /// Lines without a scheme are http URLs
    Http,
}

/// A value of `--shard-by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShardBy {
    /// All URLs of a host are in one shard
    Host,
    /// Only equal URLs are in one shard
    Url,
}
