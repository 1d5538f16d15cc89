//! Options of what is read.

use clap::{Args, ValueEnum};

use crate::input::Shard;

/// Options of what is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// A file with one URL a line, `-` for standard input (so does none), or a URL (it contains `://`)
    #[arg(value_name = "SOURCE", help_heading = None)]
    pub sources: Vec<String>,
    /// Scheme of lines without `://`
    #[arg(
        long,
        value_name = "https|http",
        hide_possible_values = true,
        default_value = "https"
    )]
    pub default_scheme: SchemeName,
    /// Take the inputs of one of N shards only; K counts from 0
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
    /// What stays in one shard: all of a host, or only what has the same URL
    #[arg(
        long,
        value_name = "host|url",
        hide_possible_values = true,
        default_value = "host",
        requires = "shard"
    )]
    pub shard_by: ShardBy,
    /// Read and count the input, send nothing; with --shard, show what each shard has and the heaviest hosts
    #[arg(long, conflicts_with_all = ["results", "summary_file"])]
    pub dry_run: bool,
}

/// The schemes by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemeName {
    /// https://
    Https,
    /// http://
    Http,
}

/// What keeps inputs together, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShardBy {
    /// The host
    Host,
    /// The URL
    Url,
}
