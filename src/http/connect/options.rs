//! What the user says about connections.

use std::path::PathBuf;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use url::Url;

use super::guard::Guard;
use super::resolver::Overrides;

/// How connections are made.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// Which root certificates the certificate of a server may lead to.
    pub trust: Trust,
    /// Whose certificates are verified.
    pub verification: Verification,
    /// The certificate for servers that ask for one.
    pub identity: Option<ClientIdentity>,
    /// Which addresses may be connected to.
    pub guard: Guard,
    /// Addresses of hosts that are not looked up (`--resolve`).
    pub overrides: Arc<Overrides>,
    /// Whether a redirect to `http://` is refused.
    pub https_only: bool,
    /// The socket that every connection goes to, whatever the host.
    pub unix_socket: Option<PathBuf>,
    /// The proxies. The first that fits a URL is used.
    pub proxies: Vec<reqwest::Proxy>,
    /// Tells which of the proxies is used for a URL.
    pub proxy_selector: ProxySelector,
}

/// Which certificates of servers are trusted.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those that the operating system trusts.
    #[default]
    Platform,
    /// Those in the file of `--cacert`, and those that lead to one of them.
    Given {
        /// The certificates as roots.
        roots: Arc<RootCertStore>,
        /// The certificates themselves: a server may show one of them as its own.
        certificates: Arc<[CertificateDer<'static>]>,
    },
}

/// Whose certificates are verified.
#[derive(Clone, Debug, Default)]
pub enum Verification {
    /// The certificates of all servers and proxies are verified.
    #[default]
    All,
    /// Only the certificates of these proxies are verified: `--insecure` is not meant for proxies. The TLS library
    /// knows its peer by name alone, so an origin that has the name of a proxy is verified, too.
    Proxies(Vec<ServerName<'static>>),
}

impl Verification {
    /// Whether the certificate of the server of this name is verified.
    pub(in crate::http) fn applies_to(&self, name: &ServerName<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Proxies(proxies) => proxies.contains(name),
        }
    }
}

/// A certificate that identifies the client, and its private key.
#[derive(Debug)]
pub struct ClientIdentity {
    /// The certificate, followed by those that lead to its root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key of the certificate.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for ClientIdentity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

/// Selects the proxy for a URL.
#[derive(Clone, Debug, Default)]
pub struct ProxySelector(pub Option<Arc<Matcher>>);

impl ProxySelector {
    /// Returns host and port of the proxy for `url`, or `None` where it is reached directly.
    pub(in crate::http) fn proxy(&self, url: &Url) -> Option<(String, u16)> {
        let proxy = self.intercept(url.as_str())?;
        Some((proxy.uri().host()?.to_owned(), proxy.uri().port_u16()?))
    }

    /// Returns the scheme of the proxy for `url`, or `None` where it is reached directly.
    pub(in crate::http) fn scheme(&self, url: &Url) -> Option<String> {
        let proxy = self.intercept(url.as_str())?;
        Some(proxy.uri().scheme_str()?.to_owned())
    }

    /// Whether the proxy for `url` is sent a name and a password.
    pub(in crate::http) fn has_login(&self, url: &Url) -> bool {
        let proxy = self.intercept(url.as_str());
        proxy.is_some_and(|proxy| proxy.basic_auth().is_some() || proxy.raw_auth().is_some())
    }

    /// Returns the proxy for `url` with its scheme and credentials.
    pub(in crate::http) fn intercept(&self, url: &str) -> Option<Intercept> {
        self.0.as_ref()?.intercept(&url.parse().ok()?)
    }
}
