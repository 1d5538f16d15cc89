//! Options of how many requests run at a time, and how fast.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::values::{Limit, duration, jobs, rate};

/// Options of how many requests run at a time, and how fast.
#[derive(Debug, Args)]
#[command(next_help_heading = "Concurrency")]
pub struct ConcurrencyArgs {
    /// Requests on the wire at a time
    #[arg(
        short,
        long,
        value_name = "N",
        default_value = "10",
        value_parser = jobs,
        visible_aliases = ["parallel-max", "max-concurrency"])]
    pub jobs: NonZeroUsize,
    /// Requests on the wire to one host (name and port) at a time [default: as --jobs]
    #[arg(
        long,
        value_name = "N",
        value_parser = jobs,
        visible_alias = "parallel-max-host")]
    pub max_per_host: Option<NonZeroUsize>,
    /// Requests a second, minute or hour, evenly spread
    #[arg(long, value_name = "N/s|m|h", value_parser = rate)]
    pub rate: Option<Duration>,
    /// The same for each host
    #[arg(long, value_name = "N/s|m|h", value_parser = rate)]
    pub rate_per_host: Option<Duration>,
    /// Results in the order of the input
    #[arg(long)]
    pub ordered: bool,
    /// End the run with the first URL that is not ok
    #[arg(long, visible_alias = "fail-early")]
    pub fail_fast: bool,
    /// End the run after this
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub deadline: Option<Limit>,
}
