//! The command line, as clap sees it.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};

use crate::input::Shard;
use crate::model::outcome::StatusSet;

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
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct Cli {
    /// A file with one URL a line, `-` for standard input (so does none), or a URL (it contains `://`)
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,

    /// Scheme of lines without `://`
    #[arg(
        long,
        value_name = "https|http",
        hide_possible_values = true,
        default_value = "https",
        help_heading = "Input"
    )]
    pub default_scheme: SchemeName,
    /// Take the inputs of one of N shards only; K counts from 0
    #[arg(long, value_name = "K/N", help_heading = "Input")]
    pub shard: Option<Shard>,
    /// What stays in one shard: all of a host, or only what has the same URL
    #[arg(
        long,
        value_name = "host|url",
        hide_possible_values = true,
        default_value = "host",
        requires = "shard",
        help_heading = "Input"
    )]
    pub shard_by: ShardBy,
    /// Read and count the input, send nothing; with --shard, show what each shard has and the heaviest hosts
    #[arg(long, conflicts_with_all = ["results", "summary_file"], help_heading = "Input")]
    pub dry_run: bool,

    /// Requests on the wire at a time
    #[arg(
        short,
        long,
        value_name = "N",
        default_value = "10",
        value_parser = jobs,
        visible_aliases = ["parallel-max", "max-concurrency"],
        help_heading = "Concurrency"
    )]
    pub jobs: NonZeroUsize,
    /// Requests on the wire to one host (name and port) at a time [default: as --jobs]
    #[arg(
        long,
        value_name = "N",
        value_parser = jobs,
        visible_alias = "parallel-max-host",
        help_heading = "Concurrency"
    )]
    pub max_per_host: Option<NonZeroUsize>,
    /// Requests a second, minute or hour, evenly spread
    #[arg(long, value_name = "N/s|m|h", value_parser = rate, help_heading = "Concurrency")]
    pub rate: Option<Duration>,
    /// The same for each host
    #[arg(long, value_name = "N/s|m|h", value_parser = rate, help_heading = "Concurrency")]
    pub rate_per_host: Option<Duration>,
    /// Results in the order of the input
    #[arg(long, help_heading = "Concurrency")]
    pub ordered: bool,
    /// End the run with the first URL that is not ok
    #[arg(long, visible_alias = "fail-early", help_heading = "Concurrency")]
    pub fail_fast: bool,
    /// End the run after this
    #[arg(long, value_name = "DUR", value_parser = duration, help_heading = "Concurrency")]
    pub deadline: Option<Limit>,

    /// Method of every request [default: GET; POST with --data]
    #[arg(
        short = 'X',
        long,
        value_name = "METHOD",
        visible_alias = "request",
        conflicts_with = "head",
        help_heading = "Request"
    )]
    pub method: Option<String>,
    /// Send a header, or the lines of a file as headers; `K;` sends it empty, `K:` leaves out what fetch sends
    #[arg(
        short = 'H',
        long = "header",
        value_name = "K: V|@FILE",
        help_heading = "Request"
    )]
    pub headers: Vec<String>,
    /// Send this content, or that of a file; several are joined with &
    #[arg(
        short,
        long,
        value_name = "TEXT|@FILE",
        conflicts_with = "head",
        help_heading = "Request"
    )]
    pub data: Vec<String>,
    /// Ask for the head only
    #[arg(short = 'I', long, help_heading = "Request")]
    pub head: bool,
    /// User-Agent to send [default: fetch/VERSION]
    #[arg(short = 'A', long, value_name = "NAME", help_heading = "Request")]
    pub user_agent: Option<String>,
    /// Log in with Basic authentication
    #[arg(short, long, value_name = "NAME:PASSWORD", help_heading = "Request")]
    pub user: Option<String>,
    /// Redirects to follow; 0 follows none
    #[arg(long, value_name = "N", default_value = "10", help_heading = "Request")]
    pub max_redirs: u32,
    /// Ask for compressed answers (gzip, deflate, br, zstd) and decode them
    #[arg(long, help_heading = "Request")]
    pub compressed: bool,
    /// Largest body, after decoding; 0 is no limit
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Request")]
    pub max_filesize: Option<u64>,
    /// HTTP/1.1 only
    #[arg(long = "http1.1", overrides_with_all = ["http2", "http2_prior_knowledge"], help_heading = "Request")]
    pub http1: bool,
    /// HTTP/2 where the server offers it over TLS: the default, and the way back to it
    #[arg(long, overrides_with_all = ["http1", "http2_prior_knowledge"], help_heading = "Request")]
    pub http2: bool,
    /// HTTP/2 at once, without asking
    #[arg(long, overrides_with_all = ["http1", "http2"], help_heading = "Request")]
    pub http2_prior_knowledge: bool,
    /// Accepted, and without effect: redirects are followed anyway
    #[arg(short = 'L', long, hide = true)]
    pub location: bool,
    /// Accepted, and without effect: errors are shown anyway
    #[arg(short = 'S', long, hide = true)]
    pub show_error: bool,
    /// Accepted, and without effect: a status that is not ok is a failure anyway
    #[arg(short, long, hide = true)]
    pub fail: bool,

    /// Believe every certificate but a proxy's: whoever answers could be anybody
    #[arg(short = 'k', long, help_heading = "Connection")]
    pub insecure: bool,
    /// Believe certificates that lead to those in this file (PEM), and no others
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub cacert: Option<PathBuf>,
    /// Certificate to show to servers that ask (PEM, the key may be in it, not encrypted)
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub cert: Option<PathBuf>,
    /// Key of that certificate (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "cert",
        help_heading = "Connection"
    )]
    pub key: Option<PathBuf>,
    /// Proxy: http, https, socks4, socks5 (names are resolved here) or socks5h (there) [default: from the environment]
    #[arg(short = 'x', long, value_name = "URL", help_heading = "Connection")]
    pub proxy: Option<String>,
    /// Hosts that are reached without a proxy: names with their subdomains, addresses, networks, *
    #[arg(long, value_name = "LIST", help_heading = "Connection")]
    pub noproxy: Option<String>,
    /// Connect to these addresses for this host (* for any name) and port
    #[arg(
        long,
        value_name = "HOST:PORT:ADDR[,ADDR]",
        value_parser = override_,
        help_heading = "Connection"
    )]
    pub resolve: Vec<Override>,
    /// IPv4 only
    #[arg(
        short = '4',
        long,
        overrides_with = "ipv6",
        help_heading = "Connection"
    )]
    pub ipv4: bool,
    /// IPv6 only
    #[arg(
        short = '6',
        long,
        overrides_with = "ipv4",
        help_heading = "Connection"
    )]
    pub ipv6: bool,
    /// Connect to this socket, whatever the host
    #[arg(long, value_name = "PATH", help_heading = "Connection")]
    pub unix_socket: Option<PathBuf>,
    /// Connect to public addresses only
    #[arg(long, help_heading = "Connection")]
    pub block_private: bool,
    /// Neither http:// in the list nor a redirect to it
    #[arg(long, help_heading = "Connection")]
    pub https_only: bool,

    /// Limit for one attempt, redirects and body included
    #[arg(
        short,
        long,
        visible_short_alias = 'm',
        visible_alias = "max-time",
        value_name = "DUR",
        default_value = "60s",
        value_parser = duration,
        help_heading = "Time"
    )]
    pub timeout: Limit,
    /// Limit for name, connection and TLS handshake
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = duration, help_heading = "Time")]
    pub connect_timeout: Limit,
    /// Limit for silence of the server
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = duration, help_heading = "Time")]
    pub read_timeout: Limit,

    /// Attempts after the first, for what may pass: connect, timeout, body, dns (once), --retry-on
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        visible_alias = "max-retries",
        help_heading = "Retry"
    )]
    pub retry: u32,
    /// Back-off before the second attempt; doubles each time, and anything from 0 to that is waited
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = span, help_heading = "Retry")]
    pub retry_delay: Duration,
    /// Longest back-off, and longest Retry-After that is waited for
    #[arg(long, value_name = "DUR", default_value = "60s", value_parser = duration, help_heading = "Retry")]
    pub retry_max_delay: Limit,
    /// Statuses that are tried again
    #[arg(
        long,
        value_name = "LIST",
        default_value = "408,429,500,502,503,504",
        help_heading = "Retry"
    )]
    pub retry_on: StatusSet,

    /// How a record is written
    #[arg(
        long,
        value_name = "text|jsonl|csv|tsv",
        hide_possible_values = true,
        default_value = "text",
        help_heading = "Result"
    )]
    pub format: FormatName,
    /// Same as --format jsonl
    #[arg(long, conflicts_with = "format", help_heading = "Result")]
    pub json: bool,
    /// Write records as this, with %{key} for every key of the jsonl record and curl's names for the same
    #[arg(short, long, value_name = "TEMPLATE", conflicts_with_all = ["format", "json"], help_heading = "Result")]
    pub write_out: Option<String>,
    /// Statuses that are ok: 200, 200..=299, 200-299, 2xx, with commas between
    #[arg(
        long,
        value_name = "LIST",
        default_value = "200..=299",
        help_heading = "Result"
    )]
    pub accept: StatusSet,
    /// What takes longer is marked as slow
    #[arg(long, value_name = "DUR", default_value = "2s", value_parser = duration, help_heading = "Result")]
    pub slow: Limit,
    /// Put the header fields of the answer into the record
    #[arg(long = "headers", id = "keep_headers", help_heading = "Result")]
    pub keep_headers: bool,
    /// Put the body into the record; unless --max-filesize says more, up to 16 MiB
    #[arg(long, help_heading = "Result")]
    pub body: bool,
    /// Put the SHA-256 of the body into the record
    #[arg(long, help_heading = "Result")]
    pub sha256: bool,

    /// Save the body of every ok answer as a file in this folder
    #[arg(
        short,
        long,
        value_name = "DIR",
        conflicts_with = "head",
        help_heading = "Save"
    )]
    pub output_dir: Option<PathBuf>,
    /// Name of each file, made of text, {basename} {host} {path} {stem} {ext} {index} {id} {hash} [default: {basename}]
    #[arg(
        long,
        value_name = "TEMPLATE",
        requires = "output_dir",
        help_heading = "Save"
    )]
    pub name: Option<String>,
    /// What to do where a file has the name already [default: fail]
    #[arg(
        long,
        value_name = "skip|fail|overwrite",
        hide_possible_values = true,
        requires = "output_dir",
        help_heading = "Save"
    )]
    pub existing: Option<IfExists>,
    /// Keep a body that breaks off as NAME.part, and ask for its rest only
    #[arg(
        short = 'c',
        long = "continue",
        requires = "output_dir",
        conflicts_with = "compressed",
        help_heading = "Save"
    )]
    pub resume: bool,
    /// Have files and journal on the disk before a record is shown, for a machine that may lose power
    #[arg(long, help_heading = "Save")]
    pub fsync: bool,
    /// Append every record to this file, and skip what it says is done: run it again, and it goes on
    #[arg(long, value_name = "FILE", help_heading = "Save")]
    pub journal: Option<PathBuf>,

    /// Write the records to a file, which appears when the run is over
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub results: Option<PathBuf>,
    /// Only records and errors; with -v, attempts and redirects too
    #[arg(
        short,
        long,
        visible_short_alias = 's',
        alias = "silent",
        help_heading = "Run"
    )]
    pub quiet: bool,
    /// No progress bar
    #[arg(long, help_heading = "Run")]
    pub no_progress: bool,
    /// Colour the text format
    #[arg(
        long,
        value_name = "auto|always|never",
        hide_possible_values = true,
        default_value = "auto",
        help_heading = "Run"
    )]
    pub color: When,
    /// Write the summary to a file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub summary_file: Option<PathBuf>,
    /// Check that the summaries of all shards are there and fit together, and print the sum of them
    #[arg(long, value_name = "SUMMARY", num_args = 1.., exclusive = true, help_heading = "Run")]
    pub merge: Vec<PathBuf>,
    /// Exit with 0 although some URL is not ok
    #[arg(long, help_heading = "Run")]
    pub exit_zero: bool,
    /// Tell attempts and redirects on standard error
    #[arg(short, long, action = ArgAction::SetTrue, help_heading = "Run")]
    pub verbose: bool,
}

/// The formats by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// `STATUS  TIME  SIZE  URL  [FLAG] message`
    Text,
    /// One JSON object a line
    Jsonl,
    /// RFC 4180
    Csv,
    /// Tabs between the cells
    Tsv,
}

/// What to do where a file has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IfExists {
    /// Skip the input
    Skip,
    /// The input fails
    Fail,
    /// Replace the file
    Overwrite,
}

/// What keeps inputs together, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShardBy {
    /// The host
    Host,
    /// The URL
    Url,
}

/// The schemes by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemeName {
    /// https://
    Https,
    /// http://
    Http,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A duration, or none: clap would read an `Option` as an option that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

/// Where a host is, whatever the system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Lower case, without a dot at its end; `*` is any.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

fn override_(text: &str) -> Result<Override, String> {
    let bad = || format!("{text:?} is not HOST:PORT:ADDR[,ADDR]");
    // What curl lets expire lasts for the run here.
    let entry = text.strip_prefix('+').unwrap_or(text);
    let (host, rest) = entry.split_once(':').ok_or_else(bad)?;
    let (port, addresses) = rest.split_once(':').ok_or_else(bad)?;
    let address = |text: &str| match text.strip_prefix('[') {
        None => text.parse().map_err(|_| bad()),
        Some(text) => {
            let bare = text.strip_suffix(']').ok_or_else(bad)?;
            let address: Ipv6Addr = bare.parse().map_err(|_| bad())?;
            Ok(address.into())
        }
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    url::Host::parse(&host).map_err(|_| bad())?;
    Ok(Override {
        host,
        port: port.parse().map_err(|_| bad())?,
        addresses: addresses
            .split(',')
            .map(address)
            .collect::<Result<_, _>>()?,
    })
}

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "write a number from 1 on".to_owned())
}

/// A duration of which 0 is no limit.
fn duration(text: &str) -> Result<Limit, String> {
    // Later than this is never; a clock cannot add more.
    let never = Duration::from_secs(100 * 365 * 24 * 3600);
    let is_limit = |span: &Duration| !span.is_zero() && *span < never;
    span(text).map(|span| Limit(Some(span).filter(is_limit)))
}

fn span(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a duration; write 5 (seconds), 1.5, 500ms, 2m or 1h");
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let unit = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(bad()),
    };
    let number = decimal(number).ok_or_else(bad)?;
    let span = Duration::try_from_secs_f64(number * unit).map_err(|_| bad())?;
    // What is too short to be told from 0 is not the same as 0.
    let least = Duration::from_nanos(u64::from(number > 0.0));
    Ok(span.max(least))
}

/// `N/s`, `N/m` or `N/h` as the time from one to the next.
fn rate(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a rate; write 10/s, 100/m or 1000/h");
    let (number, unit) = text.split_once('/').ok_or_else(bad)?;
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(bad()),
    };
    let number = decimal(number)
        .filter(|number| *number > 0.0)
        .ok_or_else(bad)?;
    Duration::try_from_secs_f64(unit / number).map_err(|_| bad())
}

fn size(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a size; write 4096, 10M or 1GiB");
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let unit: u32 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err(bad()),
    };
    if let Ok(number) = number.parse::<u64>() {
        return number.checked_mul(1024_u64.pow(unit)).ok_or_else(bad);
    }
    let bytes = decimal(number).ok_or_else(bad)? * 1024_f64.powi(unit.cast_signed());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked"
    )]
    if (0.0..1e18).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(bad())
    }
}

/// Digits with at most one point: not `inf`, `1e9` or `-1`.
fn decimal(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn durations() {
        for (text, millis) in [
            ("5", 5_000),
            ("1.5", 1_500),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0.25s", 250),
        ] {
            assert_eq!(
                duration(text),
                Ok(Limit(Some(Duration::from_millis(millis)))),
                "{text}"
            );
        }
        assert_eq!(duration("0"), Ok(Limit(None)));
        assert_eq!(duration("0ms"), Ok(Limit(None)));
        assert_eq!(duration("9999999999999h"), Ok(Limit(None)));
        for bad in [
            "", "-1", "x", "5x", "1e3", "inf", "nan", "1.2.3", "5 s", "ms",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates() {
        for (text, millis) in [
            ("10/s", 100),
            ("0.5/s", 2_000),
            ("120/m", 500),
            ("1/h", 3_600_000),
        ] {
            assert_eq!(rate(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "10", "0/s", "-1/s", "x/s", "10/d", "/s", "10/"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("10M", 10 << 20),
            ("1GiB", 1 << 30),
            ("1.5k", 1536),
            ("2kB", 2048),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "-1", "x", "5x", "1e3", "99999999999T", "1..5"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
