//! `-x` and the environment → through what connections go.

use std::env;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::{Builder, Matcher};
use reqwest::{NoProxy, Proxy};
use rustls::pki_types::ServerName;
use url::Url;

use super::error::ConnectionOptionError;
use crate::cli::ConnectionArgs;
use crate::http::ProxySelector;

/// Through what connections go.
#[derive(Default)]
pub(crate) struct Proxies {
    /// As reqwest uses them.
    pub(crate) all: Vec<Proxy>,
    /// As messages name them.
    pub(crate) via: ProxySelector,
    /// What those that speak TLS are called there.
    pub(crate) names: Vec<ServerName<'static>>,
    /// What named the first of those.
    pub(crate) over_tls: Option<&'static str>,
}

/// `-x`, or what the environment says, as curl reads it: `http_proxy` counts in lower
/// case only, because a CGI script gets `HTTP_PROXY` from whoever asks it.
pub(crate) fn proxies(args: &ConnectionArgs) -> Result<Proxies, ConnectionOptionError> {
    let except = args.noproxy.clone();
    let except = except.or_else(|| Some(variable(&["no_proxy", "NO_PROXY"])?.1));
    // curl takes blanks between the names as well, and brackets around addresses.
    let except = except.unwrap_or_default().replace(['[', ']'], "");
    let except = except.split_whitespace().collect::<Vec<_>>().join(",");
    if except == "*" || args.proxy.as_deref() == Some("") {
        return Ok(Proxies::default());
    }
    let mut chosen = Chosen {
        except,
        proxies: Vec::new(),
        names: Vec::new(),
        over_tls: None,
        matcher: Matcher::builder(),
    };
    match &args.proxy {
        Some(proxy) => chosen.add("--proxy", proxy, Proxy::all, Builder::all)?,
        // The socket is nearer than any proxy.
        None if args.unix_socket.is_some() => {}
        None => {
            if let Some((name, proxy)) = variable(&["http_proxy"]) {
                chosen.add(name, &proxy, Proxy::http, Builder::http)?;
            }
            if let Some((name, proxy)) = variable(&["https_proxy", "HTTPS_PROXY"]) {
                chosen.add(name, &proxy, Proxy::https, Builder::https)?;
            }
            if let Some((name, proxy)) = variable(&["all_proxy", "ALL_PROXY"]) {
                chosen.add(name, &proxy, Proxy::all, Builder::all)?;
            }
        }
    }
    let matcher = chosen.matcher.no(chosen.except).build();
    let via = ProxySelector((!chosen.proxies.is_empty()).then(|| Arc::new(matcher)));
    Ok(Proxies {
        all: chosen.proxies,
        via,
        names: chosen.names,
        over_tls: chosen.over_tls,
    })
}

/// Proxies as reqwest uses them, and as messages name them.
struct Chosen {
    except: String,
    proxies: Vec<Proxy>,
    names: Vec<ServerName<'static>>,
    over_tls: Option<&'static str>,
    matcher: Builder,
}

impl Chosen {
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

/// What TLS calls the proxy at `address`: as reqwest, which parses it like this, has it.
fn tls_name(address: &str) -> Option<ServerName<'static>> {
    let url = Url::parse(address).ok()?;
    let bare = url
        .host_str()?
        .trim_start_matches('[')
        .trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).ok()
}

/// The first of these that is set, and to something: its name and its value.
fn variable(names: &[&'static str]) -> Option<(&'static str, String)> {
    let set = names
        .iter()
        .filter_map(|&name| Some((name, env::var(name).ok()?)));
    set.into_iter().find(|(_, value)| !value.is_empty())
}

/// The URL of a proxy; without a scheme it is an HTTP proxy, and without a port it has curl's.
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
