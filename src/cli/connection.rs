//! Options under the heading Connection.

use std::path::PathBuf;

use clap::Args;

use super::values::{Override, override_};

/// How connections are made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct ConnectionArgs {
    /// Do not verify the certificates of servers
    ///
    /// Without the check, an attacker on the network can read the request and forge the response. The certificate of an
    /// https proxy is still verified.
    #[arg(short = 'k', long)]
    pub insecure: bool,
    /// Verify certificates against those in this file only
    ///
    /// The file is in PEM format. Its certificates replace those of the system, also for an https proxy.
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Client certificate for servers that request one (PEM)
    ///
    /// The file may contain the private key as well, which must not be encrypted. The option cannot be used with an
    /// https proxy.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub cert: Option<PathBuf>,
    /// Private key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub key: Option<PathBuf>,
    /// Proxy for all requests [default: from the environment]
    ///
    /// The scheme is http, https, socks4, socks5 (fetch resolves the names) or socks5h (the proxy resolves them).
    ///
    /// Without this option, the variables http_proxy, https_proxy and all_proxy apply. An empty value, -x '', uses no
    /// proxy at all.
    #[arg(short = 'x', long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Hosts to reach without a proxy [default: from the environment]
    ///
    /// A list of names (their subdomains are included), addresses and networks such as 10.0.0.0/8, with commas between
    /// them; * stands for every host. Without this option, the variable no_proxy applies.
    #[arg(long, value_name = "LIST", hide_short_help = true)]
    pub noproxy: Option<String>,
    /// Connect to these addresses for a host and port
    ///
    /// The name is not looked up. As HOST, * stands for every name.
    #[arg(
        long,
        value_name = "HOST:PORT:ADDR[,ADDR]",
        value_parser = override_,
        allow_hyphen_values = true,
        hide_short_help = true
    )]
    pub resolve: Vec<Override>,
    /// Connect to IPv4 addresses only
    #[arg(short = '4', long, overrides_with = "ipv6", hide_short_help = true)]
    pub ipv4: bool,
    /// Connect to IPv6 addresses only
    #[arg(short = '6', long, overrides_with = "ipv4", hide_short_help = true)]
    pub ipv6: bool,
    /// Connect to this Unix socket, whatever the host of the URL
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub unix_socket: Option<PathBuf>,
    /// Connect to public addresses only
    ///
    /// Loopback, private, link-local, multicast and cloud metadata addresses are refused, after the name is resolved
    /// and on every redirect.
    #[arg(long, hide_short_help = true)]
    pub block_private: bool,
    /// Refuse http:// in the list and in redirects
    #[arg(long, hide_short_help = true)]
    pub https_only: bool,
}
