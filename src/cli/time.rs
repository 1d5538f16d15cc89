//! Time limits of one attempt.

use clap::Args;

use super::values::{Limit, duration};

/// Time limits of one attempt.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct TimeArgs {
    /// Limit for one attempt, redirects and body included
    #[arg(
        short,
        long,
        visible_short_alias = 'm',
        visible_alias = "max-time",
        value_name = "DUR",
        default_value = "60s",
        value_parser = duration)]
    pub timeout: Limit,
    /// Limit for name, connection and TLS handshake
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = duration)]
    pub connect_timeout: Limit,
    /// Limit for silence of the server
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = duration)]
    pub read_timeout: Limit,
}
