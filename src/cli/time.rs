//! Options under the heading Time.

use clap::Args;

use super::values::{Limit, duration};

/// Time limits of an attempt.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct TimeArgs {
    /// Time limit for one attempt, body included
    ///
    /// It includes all redirects that are followed.
    ///
    /// Aliases: -m, --max-time.
    #[arg(
        short,
        long,
        short_alias = 'm',
        alias = "max-time",
        value_name = "DUR",
        default_value = "60s",
        value_parser = duration,
        allow_negative_numbers = true
    )]
    pub timeout: Limit,
    /// Time limit for name lookup, connection and TLS handshake
    #[arg(
        long,
        value_name = "DUR",
        default_value = "10s",
        value_parser = duration,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub connect_timeout: Limit,
    /// Longest time to wait for the next data from the server
    #[arg(
        long,
        value_name = "DUR",
        default_value = "30s",
        value_parser = duration,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub read_timeout: Limit,
}
