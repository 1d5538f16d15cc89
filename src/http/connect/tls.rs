//! TLS: the cryptography provider, the verification of certificates, and the protocols that are offered.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::error::ClientError;
use super::options::{ClientIdentity, ConnectOptions, Trust, Verification};
use super::signatures;
use crate::http::options::Versions;

/// Returns the configuration of every TLS connection.
///
/// # Errors
///
/// The TLS library cannot use the roots or the client certificate.
pub(in crate::http) fn config(
    versions: Versions,
    connecting: &ConnectOptions,
) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(CryptoProvider {
        signature_verification_algorithms: signatures::algorithms(),
        ..ring::default_provider()
    });
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    let roots = Roots::new(&connecting.trust, &provider)?;
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(CertificateVerifier {
            algorithms: provider.signature_verification_algorithms,
            roots,
            verification: connecting.verification.clone(),
        }));
    let mut config =
        match connecting.identity.clone() {
            Some(ClientIdentity { chain, key }) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| match error {
                    Error::InconsistentKeys(_) => ClientError::KeyMismatch,
                    _ => ClientError::Identity,
                })?,
            None => builder.with_no_client_auth(),
        };
    config.alpn_protocols = match versions {
        Versions::Negotiated => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Versions::Http1 => vec![b"http/1.1".to_vec()],
        Versions::Http2 => vec![b"h2".to_vec()],
    };
    Ok(config)
}

/// Verifies certificates against the trusted roots, and the signature of the handshake.
#[derive(Debug)]
struct CertificateVerifier {
    algorithms: WebPkiSupportedAlgorithms,
    roots: Roots,
    verification: Verification,
}

/// The trusted roots.
#[derive(Debug)]
enum Roots {
    /// Those of the platform. They are loaded when the first certificate arrives, because that takes
    /// longer than a whole run over `http://`.
    Platform {
        provider: Arc<CryptoProvider>,
        loaded: OnceLock<Result<Verifier, Error>>,
    },
    /// Those of `--cacert`.
    Given {
        verifier: Arc<WebPkiServerVerifier>,
        certificates: Arc<[CertificateDer<'static>]>,
    },
}

impl Roots {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        Ok(match trust {
            Trust::Given {
                roots,
                certificates,
            } => Self::Given {
                verifier: WebPkiServerVerifier::builder_with_provider(
                    roots.clone(),
                    provider.clone(),
                )
                .build()
                .map_err(|error| Error::General(error.to_string()))?,
                certificates: certificates.clone(),
            },
            Trust::Platform => Self::Platform {
                provider: provider.clone(),
                loaded: OnceLock::new(),
            },
        })
    }

    /// Whether the user gave this very certificate. Then it needs no issuer.
    fn has(&self, certificate: &CertificateDer<'_>) -> bool {
        matches!(self, Self::Given { certificates, .. } if certificates.contains(certificate))
    }
}

/// Whether `error` only says that the issuer is not trusted. Most self-signed certificates are those of a
/// CA, which webpki shows in its text only.
fn is_unknown_issuer(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            format!("{other:?}").contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}

/// How a server with a key for RSA-PSS alone signs (RFC 8446, section 4.2.3). Only TLS 1.3 takes them from the TLS
/// library.
const RSA_PSS_ONLY: [SignatureScheme; 3] = [
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
];

impl CertificateVerifier {
    /// Whether the server with this certificate has to prove that it holds the key. Where it is not known who answers, the
    /// proof is worth nothing, and the key may be of a kind that cannot be verified.
    ///
    /// The handshake does not tell the name of the server, so every certificate that has a name to verify counts.
    fn must_prove(&self, certificate: &CertificateDer<'_>) -> bool {
        match &self.verification {
            Verification::All => true,
            Verification::Proxies(proxies) => {
                ParsedCertificate::try_from(certificate).is_ok_and(|certificate| {
                    let is_for = |name| verify_server_name(&certificate, name).is_ok();
                    proxies.iter().any(is_for)
                })
            }
        }
    }
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.verification.applies_to(server_name) {
            return Ok(ServerCertVerified::assertion());
        }
        let verifier: &dyn ServerCertVerifier = match &self.roots {
            Roots::Given { verifier, .. } => verifier.as_ref(),
            Roots::Platform { provider, loaded } => loaded
                .get_or_init(|| Verifier::new(provider.clone()))
                .as_ref()
                .map_err(Clone::clone)?,
        };
        let result =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match result {
            Err(error) if is_unknown_issuer(&error) => {
                if self.roots.has(end_entity) {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(CertificateError::UnknownIssuer.into())
                }
            }
            _ => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if !self.must_prove(cert) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if !self.must_prove(cert) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        if matches!(self.verification, Verification::Proxies(_)) {
            schemes.push(SignatureScheme::ED448);
            schemes.extend(RSA_PSS_ONLY);
        }
        schemes
    }
}
