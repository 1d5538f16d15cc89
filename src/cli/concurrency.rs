//! Options under the heading Concurrency.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::values::{Limit, count, duration, jobs, rate};

/// How many requests are in flight, and how fast they follow each other.
#[derive(Debug, Args)]
#[command(next_help_heading = "Concurrency")]
pub struct ConcurrencyArgs {
    /// Requests in flight at a time
    ///
    /// A URL that waits for a retry, for its host or for a rate does not count.
    ///
    /// Aliases: --parallel-max, --max-concurrency.
    #[arg(
        short,
        long,
        value_name = "N",
        default_value = "10",
        value_parser = jobs,
        allow_negative_numbers = true,
        aliases = ["parallel-max", "max-concurrency"]
    )]
    pub jobs: NonZeroUsize,
    /// Requests in flight to one host [default: as --jobs]
    ///
    /// A host is a name and a port.
    ///
    /// Alias: --parallel-max-host.
    #[arg(
        long,
        value_name = "N",
        value_parser = jobs,
        allow_negative_numbers = true,
        alias = "parallel-max-host"
    )]
    pub max_per_host: Option<NonZeroUsize>,
    /// Request rate: 10/s, 100/m or 1000/h
    ///
    /// The requests are evenly spaced.
    #[arg(long, value_name = "RATE", value_parser = rate, allow_hyphen_values = true)]
    pub rate: Option<Duration>,
    /// Requests per second, minute or hour to each host
    #[arg(
        long,
        value_name = "RATE",
        value_parser = rate,
        allow_hyphen_values = true,
        hide_short_help = true
    )]
    pub rate_per_host: Option<Duration>,
    /// Give a host up after N timeouts in a row; 0 = never
    ///
    /// Counts timeouts of the name, the connection and TLS, and of the response where the host never sent one. The other
    /// URLs of the host wait without holding a slot. One of them is tried after 30 s, 60 s and so on, and once more at the
    /// end. If that fails, too, they fail as host_down.
    #[arg(
        long,
        value_name = "N",
        default_value = "10",
        value_parser = count,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub host_timeouts: u32,
    /// Print the records in the order of the input
    ///
    /// A record waits until every earlier one is printed.
    #[arg(long)]
    pub ordered: bool,
    /// Stop the run at the first URL that is not ok
    ///
    /// URLs already read but not yet fetched are reported as cancelled.
    ///
    /// Alias: --fail-early.
    #[arg(long, alias = "fail-early", hide_short_help = true)]
    pub fail_fast: bool,
    /// Stop the run after this time
    ///
    /// URLs already read but not yet fetched are reported as cancelled.
    #[arg(
        long,
        value_name = "DUR",
        value_parser = duration,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub deadline: Option<Limit>,
}
