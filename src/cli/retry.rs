//! Options under the heading Retry.

use std::time::Duration;

use clap::Args;

use super::values::{Limit, count, duration, span};
use crate::model::status_set::StatusSet;

/// What is attempted again, and when.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retry")]
pub struct RetryArgs {
    /// Attempts after the first one
    ///
    /// A failed attempt is followed by another one if the failure may pass: a failed connection, a timeout, a body that
    /// breaks off, a name that is not found (once), or a status of --retry-on. POST and PATCH are attempted again only
    /// if nothing was sent.
    ///
    /// Alias: --max-retries.
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        value_parser = count,
        alias = "max-retries"
    )]
    pub retry: u32,
    /// Longest wait before the second attempt; doubles with each further one
    ///
    /// The wait is chosen at random between 0 and this value, so that clients do not return all at once.
    #[arg(
        long,
        value_name = "DUR",
        default_value = "1s",
        value_parser = span,
        hide_short_help = true
    )]
    pub retry_delay: Duration,
    /// Longest wait before a further attempt
    ///
    /// If a server asks for a longer one with Retry-After, the URL fails.
    #[arg(
        long,
        value_name = "DUR",
        default_value = "60s",
        value_parser = duration,
        hide_short_help = true
    )]
    pub retry_max_delay: Limit,
    /// Statuses that are worth another attempt
    #[arg(
        long,
        value_name = "STATUSES",
        default_value = "408,429,500,502,503,504",
        hide_short_help = true
    )]
    pub retry_on: StatusSet,
}
