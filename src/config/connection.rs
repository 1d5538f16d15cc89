//! Options of connections: certificates, addresses and proxies.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;

use super::error::ConnectionOptionError;
use super::proxies::proxies;
use crate::cli::{ConnectionArgs, Override};
use crate::http::{ClientIdentity, ConnectOptions, Family, Guard, Overrides, Trust, Verification};
use crate::model::error::plain;

/// Returns how connections are made.
pub(super) fn options(args: &ConnectionArgs) -> Result<ConnectOptions, ConnectionOptionError> {
    if args.unix_socket.is_some() && args.proxy.as_ref().is_some_and(|proxy| !proxy.is_empty()) {
        return Err(ConnectionOptionError::SocketWithProxy);
    }
    let proxies = proxies(args)?;
    if args.block_private && !proxies.all.is_empty() {
        return Err(ConnectionOptionError::BlockPrivateWithProxy(
            match args.proxy {
                Some(_) => "leave out --proxy",
                None => "-x '' ignores the environment",
            },
        ));
    }
    if let Some(option) = proxies.over_tls.filter(|_| args.cert.is_some()) {
        return Err(ConnectionOptionError::CertWithProxy(option));
    }
    if args.block_private && args.unix_socket.is_some() {
        return Err(ConnectionOptionError::BlockPrivateWithSocket);
    }
    Ok(ConnectOptions {
        trust: trust(args)?,
        verification: if args.insecure {
            Verification::Proxies(proxies.names)
        } else {
            Verification::All
        },
        identity: identity(args)?,
        guard: Guard {
            family: match (args.ipv4, args.ipv6) {
                (true, _) => Some(Family::V4),
                (false, true) => Some(Family::V6),
                (false, false) => None,
            },
            block_private: args.block_private,
        },
        overrides: Arc::new(overrides(&args.resolve)),
        https_only: args.https_only,
        unix_socket: args.unix_socket.clone(),
        proxies: proxies.all,
        proxy_selector: proxies.via,
    })
}

/// Returns the files of certificates and keys.
pub(super) fn files(args: &ConnectionArgs) -> Vec<PathBuf> {
    let pem = [&args.cacert, &args.cert, &args.key].into_iter().flatten();
    pem.cloned().collect()
}

/// Maps each host and port of `--resolve` to its addresses. The last one counts.
fn overrides(options: &[Override]) -> Overrides {
    let mut overrides = Overrides::new();
    for option in options {
        let key = (option.host.clone(), option.port);
        overrides.insert(key, option.addresses.clone());
    }
    overrides
}

/// Returns the certificates that are trusted: those of `--cacert`, or else those of the platform.
fn trust(args: &ConnectionArgs) -> Result<Trust, ConnectionOptionError> {
    let Some(path) = &args.cacert else {
        return Ok(Trust::Platform);
    };
    let given = certificates("--cacert", path, &read("--cacert", path)?)?;
    let mut roots = RootCertStore::empty();
    for certificate in &given {
        let added = roots.add(certificate.clone());
        added.map_err(|_| {
            let reason = "contains a certificate that cannot be read; check it with openssl x509";
            failed("--cacert", path, reason.to_owned())
        })?;
    }
    Ok(Trust::Given {
        roots: Arc::new(roots),
        certificates: given.into(),
    })
}

/// Returns the client certificate of `--cert` with its key.
fn identity(args: &ConnectionArgs) -> Result<Option<ClientIdentity>, ConnectionOptionError> {
    let Some(cert) = &args.cert else {
        return Ok(None);
    };
    let pem = read_cert(cert)?;
    let has_certificate = memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----").is_some();
    if !has_certificate {
        certificates("--cert", cert, &pem)?;
    }
    let key = match &args.key {
        Some(path) => key("--key", path, &read("--key", path)?)?,
        None => key("--cert", cert, &pem)?,
    };
    let chain = certificates("--cert", cert, &pem)?;
    // The TLS library takes what it cannot read for a certificate of another key.
    if chain
        .first()
        .is_some_and(|leaf| ParsedCertificate::try_from(leaf).is_err())
    {
        return Err(failed("--cert", cert, "not a certificate".to_owned()));
    }
    Ok(Some(ClientIdentity { chain, key }))
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, ConnectionOptionError> {
    fs::read(path).map_err(|error| failed(option, path, plain(&error)))
}

/// Reads the file of `--cert`. curl accepts `FILE:PASSWORD` too, so the message about a file that does not exist leaves
/// out what stands after a colon.
fn read_cert(path: &Path) -> Result<Vec<u8>, ConnectionOptionError> {
    fs::read(path).map_err(|error| {
        let shown = path.to_string_lossy();
        match shown.split_once(':') {
            Some((file, _)) if path.symlink_metadata().is_err() => ConnectionOptionError::Pem {
                option: "--cert",
                path: format!("{file}:***"),
                reason: format!(
                    "{}; a password after the name is not supported: use a key without one",
                    plain(&error)
                ),
            },
            _ => failed("--cert", path, plain(&error)),
        }
    })
}

/// Parses the first private key in a PEM file.
fn key(
    option: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<PrivateKeyDer<'static>, ConnectionOptionError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        let reason = if is_encrypted(pem) {
            "the key is encrypted, which is not supported; decrypt it with openssl pkey"
        } else {
            reason(&error, "contains no private key in PEM format")
        };
        failed(option, path, reason.to_owned())
    })
}

/// Whether the file contains an encrypted key (RFC 7468, section 11, or RFC 1421).
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |words: &str| memchr::memmem::find(pem, words.as_bytes()).is_some();
    has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED")
}

/// Parses all certificates in a PEM file, of which there must be at least one.
fn certificates(
    option: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, ConnectionOptionError> {
    const NONE: &str = "contains no certificate in PEM format";
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
        _ => "not a valid PEM file",
    }
}

fn failed(option: &'static str, path: &Path, reason: String) -> ConnectionOptionError {
    ConnectionOptionError::Pem {
        option,
        path: path.display().to_string(),
        reason,
    }
}
