//! Options of how connections are made.

use std::path::PathBuf;

use clap::Args;

use super::values::{Override, override_};

/// Options of how connections are made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct ConnectionArgs {
    /// Believe every certificate but a proxy's: whoever answers could be anybody
    #[arg(short = 'k', long)]
    pub insecure: bool,
    /// Believe certificates that lead to those in this file (PEM), and no others
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Certificate to show to servers that ask (PEM, the key may be in it, not encrypted)
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Proxy: http, https, socks4, socks5 (names are resolved here) or socks5h (there) [default: from the environment]
    #[arg(short = 'x', long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Hosts that are reached without a proxy: names with their subdomains, addresses, networks, *
    #[arg(long, value_name = "LIST")]
    pub noproxy: Option<String>,
    /// Connect to these addresses for this host (* for any name) and port
    #[arg(
        long,
        value_name = "HOST:PORT:ADDR[,ADDR]",
        value_parser = override_)]
    pub resolve: Vec<Override>,
    /// IPv4 only
    #[arg(short = '4', long, overrides_with = "ipv6")]
    pub ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long, overrides_with = "ipv4")]
    pub ipv6: bool,
    /// Connect to this socket, whatever the host
    #[arg(long, value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,
    /// Connect to public addresses only
    #[arg(long)]
    pub block_private: bool,
    /// Neither http:// in the list nor a redirect to it
    #[arg(long)]
    pub https_only: bool,
}
