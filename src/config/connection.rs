//! Options and environment → how connections are made.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::proxies::proxies;
use crate::cli::{Cli, Override};
use crate::http::{ClientIdentity, ConnectOptions, Family, Guard, Overrides, Trust, Verification};
use crate::model::error::plain;

/// Options of connections that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionOptionError {
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
    /// One TLS configuration serves origins and proxies.
    #[error("--cert does not go with a https proxy ({0}), which would be shown it as well")]
    ShownToProxy(&'static str),
}

/// How connections are made, as `cli` and the environment say.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub(super) fn connecting(cli: &Cli) -> Result<ConnectOptions, ConnectionOptionError> {
    let proxies = proxies(cli)?;
    if cli.block_private && !proxies.all.is_empty() {
        return Err(ConnectionOptionError::Unchecked(
            "a proxy (-x '' uses none of the environment)",
        ));
    }
    if let Some(option) = proxies.over_tls.filter(|_| cli.cert.is_some()) {
        return Err(ConnectionOptionError::ShownToProxy(option));
    }
    if cli.block_private && cli.unix_socket.is_some() {
        return Err(ConnectionOptionError::Unchecked("--unix-socket"));
    }
    Ok(ConnectOptions {
        trust: trust(cli)?,
        verification: if cli.insecure {
            Verification::Proxies(proxies.names)
        } else {
            Verification::All
        },
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
        proxies: proxies.all,
        proxy_selector: proxies.via,
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

fn trust(cli: &Cli) -> Result<Trust, ConnectionOptionError> {
    let Some(path) = &cli.cacert else {
        return Ok(Trust::Platform);
    };
    let given = certificates("--cacert", path, &read("--cacert", path)?)?;
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

fn identity(cli: &Cli) -> Result<Option<ClientIdentity>, ConnectionOptionError> {
    let Some(cert) = &cli.cert else {
        return Ok(None);
    };
    let chain = read_cert(cert)?;
    let key = match &cli.key {
        Some(path) => key("--key", path, &read("--key", path)?)?,
        None => key("--cert", cert, &chain)?,
    };
    Ok(Some(ClientIdentity {
        chain: certificates("--cert", cert, &chain)?,
        key,
    }))
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, ConnectionOptionError> {
    fs::read(path).map_err(|error| failed(option, path, plain(&error)))
}

/// curl takes `FILE:PASSWORD` as well: what is no file may hold a secret.
fn read_cert(path: &Path) -> Result<Vec<u8>, ConnectionOptionError> {
    fs::read(path).map_err(|error| {
        let shown = path.to_string_lossy();
        match shown.split_once(':') {
            Some((file, _)) if path.symlink_metadata().is_err() => ConnectionOptionError::Pem {
                option: "--cert",
                path: format!("{file}:***"),
                reason: format!(
                    "{}; a password is not supported, the key must not be encrypted",
                    plain(&error)
                ),
            },
            _ => failed("--cert", path, plain(&error)),
        }
    })
}

fn key(
    option: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<PrivateKeyDer<'static>, ConnectionOptionError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        let reason = if is_encrypted(pem) {
            "the key is encrypted, and a password is not supported"
        } else {
            reason(&error, "no key in it")
        };
        failed(option, path, reason.to_owned())
    })
}

/// Whether it holds a key that a password opens (RFC 7468, section 11; RFC 1421).
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |words: &str| memchr::memmem::find(pem, words.as_bytes()).is_some();
    has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED")
}

fn certificates(
    option: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, ConnectionOptionError> {
    const NONE: &str = "no certificate in it";
    let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match read {
        Ok(certificates) if certificates.is_empty() => Err(failed(option, path, NONE.to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(failed(option, path, reason(&error, NONE).to_owned())),
    }
}

fn reason<'a>(error: &pem::Error, nothing: &'a str) -> &'a str {
    match error {
        pem::Error::NoItemsFound => nothing,
        _ => "not PEM",
    }
}

fn failed(option: &'static str, path: &Path, reason: String) -> ConnectionOptionError {
    ConnectionOptionError::Pem {
        option,
        path: path.display().to_string(),
        reason,
    }
}
