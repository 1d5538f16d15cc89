//! Options under the heading Time.

use clap::Args;

use super::values::{Limit, duration};

/// Time limits of an attempt.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct TimeArgs {
    /// Limit for one attempt, body included
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
        value_parser = duration
    )]
    pub timeout: Limit,
    /// Limit for name lookup, connection and TLS handshake
    #[arg(
        long,
        value_name = "DUR",
        default_value = "10s",
        value_parser = duration,
        hide_short_help = true
    )]
    pub connect_timeout: Limit,
    /// Limit for the time during which a server sends nothing
    #[arg(
        long,
        value_name = "DUR",
        default_value = "30s",
        value_parser = duration,
        hide_short_help = true
    )]
    pub read_timeout: Limit,
}
