//! Options of the requests.

use clap::Args;

use super::values::size;

/// Options of the requests.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct RequestArgs {
    /// Method of every request [default: GET; POST with --data]
    #[arg(
        short = 'X',
        long,
        value_name = "METHOD",
        visible_alias = "request",
        conflicts_with = "head"
    )]
    pub method: Option<String>,
    /// Send a header, or the lines of a file as headers; `K;` sends it empty, `K:` leaves out what fetch sends
    #[arg(short = 'H', long = "header", value_name = "K: V|@FILE")]
    pub headers: Vec<String>,
    /// Send this content, or that of a file; several are joined with &
    #[arg(short, long, value_name = "TEXT|@FILE", conflicts_with = "head")]
    pub data: Vec<String>,
    /// Ask for the head only
    #[arg(short = 'I', long)]
    pub head: bool,
    /// User-Agent to send [default: fetch/VERSION]
    #[arg(short = 'A', long, value_name = "NAME")]
    pub user_agent: Option<String>,
    /// Log in with Basic authentication
    #[arg(short, long, value_name = "NAME:PASSWORD")]
    pub user: Option<String>,
    /// Redirects to follow; 0 follows none
    #[arg(long, value_name = "N", default_value = "10")]
    pub max_redirs: u32,
    /// Ask for compressed answers (gzip, deflate, br, zstd) and decode them
    #[arg(long)]
    pub compressed: bool,
    /// Largest body, after decoding; 0 is no limit
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_filesize: Option<u64>,
    /// HTTP/1.1 only
    #[arg(long = "http1.1", overrides_with_all = ["http2", "http2_prior_knowledge"])]
    pub http1: bool,
    /// HTTP/2 where the server offers it over TLS: the default, and the way back to it
    #[arg(long, overrides_with_all = ["http1", "http2_prior_knowledge"])]
    pub http2: bool,
    /// HTTP/2 at once, without asking
    #[arg(long, overrides_with_all = ["http1", "http2"])]
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
}
