//! Options of retries.

use std::time::Duration;

use clap::Args;

use super::values::{Limit, duration, span};
use crate::model::outcome::StatusSet;

/// Options of retries.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retry")]
pub struct RetryArgs {
    /// Attempts after the first, for what may pass: connect, timeout, body, dns (once), --retry-on
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        visible_alias = "max-retries"
    )]
    pub retry: u32,
    /// Back-off before the second attempt; doubles each time, and anything from 0 to that is waited
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = span)]
    pub retry_delay: Duration,
    /// Longest back-off, and longest Retry-After that is waited for
    #[arg(long, value_name = "DUR", default_value = "60s", value_parser = duration)]
    pub retry_max_delay: Limit,
    /// Statuses that are tried again
    #[arg(long, value_name = "LIST", default_value = "408,429,500,502,503,504")]
    pub retry_on: StatusSet,
}
