//! Options of proxies, from the command line or the environment.

use std::env;
use std::net::IpAddr;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::{Builder, Matcher};
use reqwest::{NoProxy, Proxy};
use rustls::pki_types::ServerName;
use url::Url;

use super::error::ConnectionOptionError;
use crate::cli::ConnectionArgs;
use crate::http::ProxySelector;

/// The proxies of a run.
#[derive(Default)]
pub(super) struct Proxies {
    /// The proxies as reqwest takes them; the first one that matches a URL is used.
    pub(super) all: Vec<Proxy>,
    /// Tells which proxy reqwest uses for a URL, for error messages.
    pub(super) via: ProxySelector,
    /// The names that https proxies must have in their certificates.
    pub(super) names: Vec<ServerName<'static>>,
    /// The option or variable that names the first https proxy.
    pub(super) over_tls: Option<&'static str>,
}

/// Returns the proxies of `--proxy`, or else of the environment, which is read as curl reads it: `HTTP_PROXY` in upper
/// case is ignored, because a CGI script receives the header `Proxy` of a request under that name.
pub(super) fn proxies(args: &ConnectionArgs) -> Result<Proxies, ConnectionOptionError> {
    if let Some(list) = &args.noproxy {
        check_exceptions(list)?;
    }
    let except = args.noproxy.clone();
    let except = except.or_else(|| Some(variable(&["no_proxy", "NO_PROXY"])?.1));
    let except = except.unwrap_or_default();
    if except.trim() == "*" || args.proxy.as_deref() == Some("") {
        return Ok(Proxies::default());
    }
    let mut builder = ProxyBuilder {
        except: exceptions(&except),
        proxies: Vec::new(),
        names: Vec::new(),
        over_tls: None,
        matcher: Matcher::builder(),
    };
    match &args.proxy {
        Some(proxy) => builder.add("--proxy", proxy, Proxy::all, Builder::all)?,
        // The proxies of the environment do not apply to a Unix socket.
        None if args.unix_socket.is_some() => {}
        None => {
            if let Some((name, proxy)) = variable(&["http_proxy"]) {
                builder.add(name, &proxy, Proxy::http, Builder::http)?;
            }
            if let Some((name, proxy)) = variable(&["https_proxy", "HTTPS_PROXY"]) {
                builder.add(name, &proxy, Proxy::https, Builder::https)?;
            }
            if let Some((name, proxy)) = variable(&["all_proxy", "ALL_PROXY"]) {
                builder.add(name, &proxy, Proxy::all, Builder::all)?;
            }
        }
    }
    let matcher = builder.matcher.no(builder.except).build();
    let via = ProxySelector((!builder.proxies.is_empty()).then(|| Arc::new(matcher)));
    Ok(Proxies {
        all: builder.proxies,
        via,
        names: builder.names,
        over_tls: builder.over_tls,
    })
}

/// Returns the entries of `--noproxy` as reqwest takes them. curl allows blanks between them and brackets around
/// addresses; reqwest does not. A name and the same with a dot at its end are one host, but two for reqwest.
fn exceptions(list: &str) -> String {
    let list = list.replace(['[', ']'], "");
    let entries = list.split(|between: char| between == ',' || between.is_whitespace());
    entries
        .map(|entry| entry.strip_suffix('.').unwrap_or(entry))
        .filter(|entry| !entry.is_empty())
        .flat_map(|entry| [entry.to_owned(), format!("{entry}.")])
        .collect::<Vec<_>>()
        .join(",")
}

/// Checks that each entry of `--noproxy` can fit a host. The variable is not checked: other programs read it, too.
fn check_exceptions(list: &str) -> Result<(), ConnectionOptionError> {
    let can_fit = |entry: &str| match entry.split_once('/') {
        None => true,
        Some((address, prefix)) => {
            let bits = address
                .parse()
                .map(|address: IpAddr| if address.is_ipv4() { 32 } else { 128 });
            bits.is_ok_and(|bits| prefix.parse().is_ok_and(|prefix: u8| prefix <= bits))
        }
    };
    let entries = exceptions(list);
    let mut entries = entries.split(',').map(|entry| entry.trim_end_matches('.'));
    match entries.find(|entry| !can_fit(entry)) {
        Some(bad) => Err(ConnectionOptionError::NoProxy(bad.to_owned())),
        None => Ok(()),
    }
}

/// Collects the proxies.
struct ProxyBuilder {
    except: String,
    proxies: Vec<Proxy>,
    names: Vec<ServerName<'static>>,
    over_tls: Option<&'static str>,
    matcher: Builder,
}

impl ProxyBuilder {
    /// Adds the proxy that `option` names; the two functions say for which URLs.
    fn add(
        &mut self,
        option: &'static str,
        proxy: &str,
        proxy_for: fn(String) -> reqwest::Result<Proxy>,
        matcher_for: fn(Builder, String) -> Builder,
    ) -> Result<(), ConnectionOptionError> {
        let address = address(proxy).ok_or(ConnectionOptionError::Proxy(option))?;
        let proxy = proxy_for(address.clone()).map_err(|_| ConnectionOptionError::Proxy(option))?;
        if address.starts_with("https://") {
            self.names.extend(tls_name(&address));
            self.over_tls = self.over_tls.or(Some(option));
        }
        let except = NoProxy::from_string(&self.except);
        self.proxies.push(proxy.no_proxy(except));
        self.matcher = matcher_for(std::mem::take(&mut self.matcher), address);
        Ok(())
    }
}

/// Returns the name that a proxy must have in its certificate. reqwest derives it in the same way.
fn tls_name(address: &str) -> Option<ServerName<'static>> {
    let url = Url::parse(address).ok()?;
    let bare = url
        .host_str()?
        .trim_start_matches('[')
        .trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).ok()
}

/// Returns name and value of the first of these environment variables that is set and not empty.
fn variable(names: &[&'static str]) -> Option<(&'static str, String)> {
    let set = names
        .iter()
        .filter_map(|&name| Some((name, env::var(name).ok()?)));
    set.into_iter().find(|(_, value)| !value.is_empty())
}

/// Returns the URL of a proxy. As in curl, the default scheme is http, and the default port is 443 for https and 1080
/// for all others.
fn address(proxy: &str) -> Option<String> {
    const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
    let (scheme, rest) = proxy.split_once("://").unwrap_or(("http", proxy));
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if !SCHEMES.contains(&scheme.as_str()) || host.is_empty() {
        return None;
    }
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.contains(']'));
    let port = match scheme.as_str() {
        _ if has_port => "",
        "https" => ":443",
        _ => ":1080",
    };
    Some(format!("{scheme}://{authority}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_proxies() {
        for (proxy, url) in [
            ("h", Some("http://h:1080")),
            ("h:3128", Some("http://h:3128")),
            ("u:p@h:3128", Some("http://u:p@h:3128")),
            ("HTTP://h:3128/", Some("http://h:3128")),
            ("https://h", Some("https://h:443")),
            ("socks5h://u:p@[::1]", Some("socks5h://u:p@[::1]:1080")),
            ("socks5://[::1]:9", Some("socks5://[::1]:9")),
            ("", None),
            ("http://", None),
            ("ftp://h", None),
        ] {
            assert_eq!(address(proxy).as_deref(), url, "{proxy}");
        }
    }
}
