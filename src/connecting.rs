//! Options and environment → how connections are made.

use std::env;
use std::path::Path;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::{Builder, Matcher};
use reqwest::{NoProxy, Proxy};
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::cli::{Cli, Override};
use crate::error::plain;
use crate::http::{Connecting, Family, Guard, Identity, Overrides, Trust, Via};

/// Options of connections that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectingError {
    /// A file of certificates or keys.
    #[error("{option}: {path}: {reason}")]
    Pem {
        /// The option.
        option: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A proxy, without what was given: it may hold a secret.
    #[error(
        "{0}: not a proxy; write http://, https://, socks4://, socks5:// or socks5h://HOST:PORT"
    )]
    Proxy(&'static str),
    /// Addresses that somebody else resolves cannot be checked.
    #[error("--block-private does not go with {0}: what is connected to is not decided here")]
    Unchecked(&'static str),
}

/// How connections are made, as `cli` and the environment say.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub fn connecting(cli: &Cli) -> Result<Connecting, ConnectingError> {
    let (proxies, via) = proxies(cli)?;
    if cli.block_private && !proxies.is_empty() {
        return Err(ConnectingError::Unchecked(
            "a proxy (-x '' uses none of the environment)",
        ));
    }
    if cli.block_private && cli.unix_socket.is_some() {
        return Err(ConnectingError::Unchecked("--unix-socket"));
    }
    Ok(Connecting {
        trust: trust(cli)?,
        identity: identity(cli)?,
        guard: Guard {
            family: match (cli.ipv4, cli.ipv6) {
                (true, _) => Some(Family::V4),
                (false, true) => Some(Family::V6),
                (false, false) => None,
            },
            block_private: cli.block_private,
        },
        overrides: Arc::new(overrides(&cli.resolve)),
        https_only: cli.https_only,
        unix_socket: cli.unix_socket.clone(),
        proxies,
        via,
    })
}

fn overrides(options: &[Override]) -> Overrides {
    let mut overrides = Overrides::new();
    for option in options {
        let key = (option.host.clone(), option.port);
        overrides.insert(key, option.addresses.clone());
    }
    overrides
}

fn trust(cli: &Cli) -> Result<Trust, ConnectingError> {
    let path = match &cli.cacert {
        _ if cli.insecure => return Ok(Trust::Anything),
        None => return Ok(Trust::Platform),
        Some(path) => path,
    };
    let given = certificates("--cacert", path)?;
    let mut roots = RootCertStore::empty();
    for certificate in &given {
        let added = roots.add(certificate.clone());
        added.map_err(|error| failed("--cacert", path, plain(&error)))?;
    }
    Ok(Trust::Given {
        roots: Arc::new(roots),
        certificates: given.into(),
    })
}

fn identity(cli: &Cli) -> Result<Option<Identity>, ConnectingError> {
    let Some(cert) = &cli.cert else {
        return Ok(None);
    };
    let (option, path) = match &cli.key {
        Some(key) => ("--key", key),
        None => ("--cert", cert),
    };
    let key = PrivateKeyDer::from_pem_file(path)
        .map_err(|error| failed(option, path, reason(&error, "no key in it")))?;
    Ok(Some(Identity {
        chain: certificates("--cert", cert)?,
        key,
    }))
}

fn certificates(
    option: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, ConnectingError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(failed(option, path, "no certificate in it".to_owned()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(failed(option, path, reason(&error, "no certificate in it"))),
    }
}

fn reason(error: &pem::Error, nothing: &str) -> String {
    match error {
        pem::Error::Io(error) => plain(error),
        pem::Error::NoItemsFound => nothing.to_owned(),
        _ => "not PEM".to_owned(),
    }
}

fn failed(option: &'static str, path: &Path, reason: String) -> ConnectingError {
    ConnectingError::Pem {
        option,
        path: path.display().to_string(),
        reason,
    }
}

/// `-x`, or what the environment says, as curl reads it: `http_proxy` counts in lower
/// case only, because a CGI script gets `HTTP_PROXY` from whoever asks it.
fn proxies(cli: &Cli) -> Result<(Vec<Proxy>, Via), ConnectingError> {
    let except = cli.noproxy.clone();
    let except = except.or_else(|| variable(&["no_proxy", "NO_PROXY"]));
    // curl takes blanks between the names as well, and brackets around addresses.
    let except = except.unwrap_or_default().replace(['[', ']'], "");
    let except = except.split_whitespace().collect::<Vec<_>>().join(",");
    if except == "*" || cli.proxy.as_deref() == Some("") {
        return Ok(Default::default());
    }
    let mut chosen = Chosen {
        except,
        proxies: Vec::new(),
        matcher: Matcher::builder(),
    };
    match &cli.proxy {
        Some(proxy) => chosen.add("--proxy", proxy, Proxy::all, Builder::all)?,
        // The socket is nearer than any proxy.
        None if cli.unix_socket.is_some() => {}
        None => {
            if let Some(proxy) = variable(&["http_proxy"]) {
                chosen.add("http_proxy", &proxy, Proxy::http, Builder::http)?;
            }
            if let Some(proxy) = variable(&["https_proxy", "HTTPS_PROXY"]) {
                chosen.add("https_proxy", &proxy, Proxy::https, Builder::https)?;
            }
            if let Some(proxy) = variable(&["all_proxy", "ALL_PROXY"]) {
                chosen.add("all_proxy", &proxy, Proxy::all, Builder::all)?;
            }
        }
    }
    let matcher = chosen.matcher.no(chosen.except).build();
    let via = Via((!chosen.proxies.is_empty()).then(|| Arc::new(matcher)));
    Ok((chosen.proxies, via))
}

/// Proxies as reqwest uses them, and as messages name them.
struct Chosen {
    except: String,
    proxies: Vec<Proxy>,
    matcher: Builder,
}

impl Chosen {
    fn add(
        &mut self,
        option: &'static str,
        proxy: &str,
        proxy_for: fn(String) -> reqwest::Result<Proxy>,
        matcher_for: fn(Builder, String) -> Builder,
    ) -> Result<(), ConnectingError> {
        let address = address(proxy).ok_or(ConnectingError::Proxy(option))?;
        let proxy = proxy_for(address.clone()).map_err(|_| ConnectingError::Proxy(option))?;
        let except = NoProxy::from_string(&self.except);
        self.proxies.push(proxy.no_proxy(except));
        self.matcher = matcher_for(std::mem::take(&mut self.matcher), address);
        Ok(())
    }
}

/// The first of these that is set, and to something.
fn variable(names: &[&str]) -> Option<String> {
    let values = names.iter().filter_map(|name| env::var(name).ok());
    values.into_iter().find(|value| !value.is_empty())
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
