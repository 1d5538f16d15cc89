//! Options under the heading Retry.

use std::time::Duration;

use clap::Args;

use super::values::{Limit, count, duration, span};
use crate::model::status_set::StatusSet;

/// What is attempted again, and when.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retry")]
pub struct RetryArgs {
    /// Number of retries
    ///
    /// A failed attempt is retried if the failure is likely to be temporary: a failed connection, a timeout, a body that
    /// breaks off, a name that is not found (once), a proxy that refuses with a status of 500 or more or cannot reach
    /// the server, or a status of --retry-on. POST and PATCH are retried only if nothing was sent.
    ///
    /// Alias: --max-retries.
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        value_parser = count,
        allow_negative_numbers = true,
        alias = "max-retries"
    )]
    pub retry: u32,
    /// Longest wait before the first retry; doubles with each retry
    ///
    /// The wait is chosen at random between 0 and this value, so that clients do not return all at once.
    #[arg(
        long,
        value_name = "DUR",
        default_value = "1s",
        value_parser = span,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub retry_delay: Duration,
    /// Longest wait before any retry
    ///
    /// If a server asks for a longer wait with Retry-After, the URL fails at once.
    #[arg(
        long,
        value_name = "DUR",
        default_value = "60s",
        value_parser = duration,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub retry_max_delay: Limit,
    /// Statuses to retry
    #[arg(
        long,
        value_name = "STATUSES",
        default_value = "408,429,500,502,503,504",
        hide_short_help = true
    )]
    pub retry_on: StatusSet,
}
