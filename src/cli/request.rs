//! Options under the heading Request.

use clap::Args;

use super::values::{count, size};

/// What a request looks like.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct RequestArgs {
    /// Request method [default: GET, or POST with --data]
    ///
    /// Alias: --request.
    #[arg(
        short = 'X',
        long,
        value_name = "METHOD",
        alias = "request",
        conflicts_with = "head"
    )]
    pub method: Option<String>,
    /// Header to send, or a file of headers
    ///
    /// 'Name: value' sends the header, 'Name;' sends it without a value, and 'Name:' removes a header that fetch sends
    /// by itself. A file has one header per line. The option can be given several times.
    ///
    /// After a redirect to another origin, these headers are not sent.
    #[arg(short = 'H', long = "header", value_name = "K: V|@FILE")]
    pub headers: Vec<String>,
    /// Request body to send, or a file that holds it
    ///
    /// @- reads standard input. If the option is given several times, the values are joined with &.
    #[arg(short, long, value_name = "TEXT|@FILE", conflicts_with = "head")]
    pub data: Vec<String>,
    /// Send HEAD: fetch headers, but no body
    #[arg(short = 'I', long)]
    pub head: bool,
    /// User-Agent to send [default: fetch/VERSION]
    #[arg(short = 'A', long, value_name = "NAME", hide_short_help = true)]
    pub user_agent: Option<String>,
    /// Log in with Basic authentication
    ///
    /// After a redirect to another origin, the password is not sent.
    #[arg(short, long, value_name = "NAME:PASSWORD")]
    pub user: Option<String>,
    /// Redirects to follow per URL; 0 follows none
    #[arg(
        long,
        value_name = "N",
        default_value = "10",
        value_parser = count,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub max_redirs: u32,
    /// Request compressed content and decode it
    ///
    /// The encodings are gzip, deflate, br and zstd.
    #[arg(long)]
    pub compressed: bool,
    /// Largest body, after decoding; 0 means no limit
    ///
    /// A larger body is a failure. The default is no limit, and 16 MiB with --body.
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = size,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub max_filesize: Option<u64>,
    /// Use HTTP/1.1 only
    #[arg(
        long = "http1.1",
        overrides_with_all = ["http2", "http2_prior_knowledge"],
        hide_short_help = true
    )]
    pub http1: bool,
    /// Use HTTP/2 where the server offers it over TLS
    ///
    /// This is the default; the option cancels an earlier --http1.1 or --http2-prior-knowledge.
    #[arg(
        long,
        overrides_with_all = ["http1", "http2_prior_knowledge"],
        hide_short_help = true
    )]
    pub http2: bool,
    /// Use HTTP/2 without asking the server, for http:// too
    #[arg(
        long,
        overrides_with_all = ["http1", "http2"],
        hide_short_help = true
    )]
    pub http2_prior_knowledge: bool,
    /// Accepted for users of curl, without effect: redirects are always followed
    #[arg(short = 'L', long, hide = true)]
    pub location: bool,
    /// Accepted for users of curl, without effect: errors are always shown
    #[arg(short = 'S', long, hide = true)]
    pub show_error: bool,
    /// Accepted for users of curl, without effect: a status that is not ok is always a failure
    #[arg(short, long, hide = true)]
    pub fail: bool,
}
