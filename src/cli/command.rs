//! The whole command line.

use clap::Parser;

use super::concurrency::ConcurrencyArgs;
use super::connection::ConnectionArgs;
use super::input::InputArgs;
use super::request::RequestArgs;
use super::result::ResultArgs;
use super::retry::RetryArgs;
use super::run::RunArgs;
use super::save::SaveArgs;
use super::time::TimeArgs;

/// Fetch a list of URLs concurrently; print one record for each, as it completes.
#[derive(Debug, Parser)]
#[command(
    name = "fetch",
    version,
    about,
    max_term_width = 100,
    args_override_self = true,
    after_help = "\
Durations: 5 (seconds), 1.5, 500ms, 2m, 1h; 0 is no limit. Sizes: 4096, 10M, 1GiB.

Keys for --write-out: index source line id meta url method request_sha256 outcome status
  final_url redirects http_version remote_addr content_type size started time_ttfb time_total
  time_elapsed slow attempts file sha256 error headers body body_base64, and as in curl http_code
  response_code url_effective size_download time_starttransfer num_redirects num_retries errormsg
  filename_effective remote_ip urlnum json. \\n and \\t are what they are in curl.

Exit codes: 0 all ok, 1 some URL is not, 2 usage, 3 the run could not go on, 130 and 143 stopped
  by a signal, 141 the reader left."
)]
pub struct Cli {
    /// Options of what is read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Options of how many requests run at a time, and how fast.
    #[command(flatten)]
    pub concurrency: ConcurrencyArgs,
    /// Options of the requests.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Options of how connections are made.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Time limits of one attempt.
    #[command(flatten)]
    pub time: TimeArgs,
    /// Options of retries.
    #[command(flatten)]
    pub retry: RetryArgs,
    /// Options of what a record shows.
    #[command(flatten)]
    pub result: ResultArgs,
    /// Options of files and the journal.
    #[command(flatten)]
    pub save: SaveArgs,
    /// Options of the run as a whole.
    #[command(flatten)]
    pub run: RunArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
