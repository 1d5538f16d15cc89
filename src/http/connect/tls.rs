//! TLS: the provider, the roots, and which protocols are offered.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use crate::http::{ClientError, ConnectOptions, Versions};

/// Which certificates of servers are believed.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those that the platform believes.
    #[default]
    Platform,
    /// These, and those that lead to one of them.
    Given {
        /// To lead to.
        roots: Arc<RootCertStore>,
        /// Themselves.
        certificates: Arc<[CertificateDer<'static>]>,
    },
}

/// Whose certificates are checked.
#[derive(Clone, Debug, Default)]
pub enum Verification {
    /// Everybody's.
    #[default]
    All,
    /// Theirs: `--insecure` is not meant for proxies. Whom it talks to, TLS knows by the
    /// name only, so an origin that has the name of a proxy is checked like that.
    Proxies(Vec<ServerName<'static>>),
}

impl Verification {
    fn contains(&self, name: &ServerName<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Proxies(proxies) => proxies.contains(name),
        }
    }
}

/// A certificate with what leads to its root, and its key.
#[derive(Debug)]
pub struct ClientIdentity {
    /// Its own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its secret.
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

/// The configuration of every TLS connection.
///
/// # Errors
///
/// The provider does not support any version of TLS, or cannot use the identity.
pub(in crate::http) fn config(
    versions: Versions,
    connecting: &ConnectOptions,
) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    let authority = TrustSource::new(&connecting.trust, &provider)?;
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(CertificateVerifier {
            algorithms: provider.signature_verification_algorithms,
            authority,
            checked: connecting.checked.clone(),
        }));
    let mut config = match connecting.identity.clone() {
        Some(ClientIdentity { chain, key }) => builder
            .with_client_auth_cert(chain, key)
            .map_err(ClientError::Identity)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = match versions {
        Versions::Negotiated => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Versions::Http1 => vec![b"http/1.1".to_vec()],
        Versions::Http2 => vec![b"h2".to_vec()],
    };
    Ok(config)
}

/// Believes whom the authority believes; the handshake itself must be right.
#[derive(Debug)]
struct CertificateVerifier {
    algorithms: WebPkiSupportedAlgorithms,
    authority: TrustSource,
    checked: Verification,
}

/// Who says which certificates are believed.
#[derive(Debug)]
enum TrustSource {
    /// The platform. Its verifier is made when the first certificate comes: loading
    /// the roots takes longer than a whole run over `http://`.
    Platform {
        provider: Arc<CryptoProvider>,
        loaded: OnceLock<Result<Verifier, Error>>,
    },
    /// `--cacert`
    Given {
        verifier: Arc<WebPkiServerVerifier>,
        certificates: Arc<[CertificateDer<'static>]>,
    },
}

impl TrustSource {
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

    /// Whether the user gave this very certificate: then it needs no issuer.
    fn has(&self, certificate: &CertificateDer<'_>) -> bool {
        matches!(self, Self::Given { certificates, .. } if certificates.contains(certificate))
    }
}

/// Whether the certificate is in order, as far as it can be without an issuer. A
/// self-signed one is mostly a CA's, which webpki tells in words only.
fn is_unknown_issuer(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            format!("{other:?}").contains("CaUsedAsEndEntity")
        }
        _ => false,
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
        if !self.checked.contains(server_name) {
            return Ok(ServerCertVerified::assertion());
        }
        let authority: &dyn ServerCertVerifier = match &self.authority {
            TrustSource::Given { verifier, .. } => verifier.as_ref(),
            TrustSource::Platform { provider, loaded } => loaded
                .get_or_init(|| Verifier::new(provider.clone()))
                .as_ref()
                .map_err(Clone::clone)?,
        };
        let verified = authority.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(error) if is_unknown_issuer(&error) => {
                if self.authority.has(end_entity) {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(CertificateError::UnknownIssuer.into())
                }
            }
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
