//! Options under the heading Result.

use clap::{Args, ValueEnum};

use super::values::{Limit, duration};
use crate::model::status_set::StatusSet;

/// What a record contains and how it is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Result")]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct ResultArgs {
    /// Print text, jsonl, csv or tsv
    ///
    /// text prints status, time, size and URL, for people and for awk; jsonl prints one JSON object per line, with all
    /// keys; csv and tsv print a table with a header line. On a terminal, text is aligned and colored.
    ///
    /// Flags of text: DOWN is a status of 500 or more, FAIL another status that is not accepted, ERROR no complete
    /// response, SLOW a response that took longer than --slow, RETRIED the number of retries, SKIPPED that no request
    /// was needed.
    #[arg(
        long,
        value_name = "FORMAT",
        hide_possible_values = true,
        default_value = "text"
    )]
    pub format: FormatName,
    /// Same as --format jsonl
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Print each record with this template
    ///
    /// %{key} is replaced by a value of the record, %header{name} by a header of the response, \n by a newline and \t by a
    /// tab. Of the variables of curl, only those below exist. A value that is not known is empty. %{body} alone writes the
    /// body byte for byte. @FILE reads the template from a file.
    ///
    /// Keys of the record: index, source, line, id, meta, url, method, request_sha256, outcome, status, final_url,
    /// redirects, http_version, remote_addr, content_type, size, started, time_ttfb, time_total, time_elapsed, slow,
    /// attempts, file, sha256, error, headers, body, body_base64.
    ///
    /// Names from curl: http_code, response_code, url_effective, size_download, time_starttransfer, num_redirects,
    /// num_retries, errormsg, filename_effective, remote_ip, urlnum, json.
    #[arg(short, long, value_name = "TEMPLATE", conflicts_with_all = ["format", "json"])]
    pub write_out: Option<String>,
    /// Statuses counted as success
    #[arg(long, value_name = "STATUSES", default_value = "200..=299")]
    pub accept: StatusSet,
    /// Mark responses that take longer than this as slow
    #[arg(
        long,
        value_name = "DUR",
        default_value = "2s",
        value_parser = duration,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub slow: Limit,
    /// Add the headers of the response to the record
    ///
    /// They are shown by --format jsonl, --write-out and --journal, as are --body and --sha256.
    #[arg(long = "headers", id = "keep_headers", hide_short_help = true)]
    pub keep_headers: bool,
    /// Add the body to the record
    ///
    /// A body over 16 MiB is a failure, unless --max-filesize allows more.
    #[arg(long, hide_short_help = true)]
    pub body: bool,
    /// Add the SHA-256 of the body to the record
    #[arg(long, hide_short_help = true)]
    pub sha256: bool,
}

/// A value of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// Status, time, size and URL, for people and for awk
    Text,
    /// One JSON object per line, with all keys
    Jsonl,
    /// Comma-separated values (RFC 4180) with a header line
    Csv,
    /// Tab-separated values with a header line
    Tsv,
}
