//! TLS: the provider, the roots, and which protocols are offered.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::{ClientError, Connecting, Versions};

/// Which certificates of servers are believed.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those that the platform believes.
    #[default]
    Platform,
    /// Those that lead to one of these.
    Roots(Arc<RootCertStore>),
    /// All: whoever answers could be anybody.
    Anything,
}

/// A certificate with what leads to its root, and its key.
#[derive(Debug)]
pub struct Identity {
    /// Its own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its secret.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
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
pub(super) fn config(
    versions: Versions,
    connecting: &Connecting,
) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    let verified_by = |platform| {
        Arc::new(CertificateVerifier {
            algorithms: provider.signature_verification_algorithms,
            platform,
        })
    };
    let builder = match &connecting.trust {
        Trust::Roots(roots) => builder.with_root_certificates(roots.clone()),
        Trust::Platform => builder
            .dangerous()
            .with_custom_certificate_verifier(verified_by(Some(Platform {
                provider: provider.clone(),
                loaded: OnceLock::new(),
            }))),
        Trust::Anything => builder
            .dangerous()
            .with_custom_certificate_verifier(verified_by(None)),
    };
    let mut config = match connecting.identity.clone() {
        Some(Identity { chain, key }) => builder
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

/// Believes what the platform believes, or everything; the handshake itself must be right.
#[derive(Debug)]
struct CertificateVerifier {
    algorithms: WebPkiSupportedAlgorithms,
    /// None for `--insecure`.
    platform: Option<Platform>,
}

/// The platform's own verifier, made when the first certificate comes: loading
/// the roots takes longer than a whole run over `http://`.
#[derive(Debug)]
struct Platform {
    provider: Arc<CryptoProvider>,
    loaded: OnceLock<Result<Verifier, Error>>,
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
        let Some(Platform { provider, loaded }) = &self.platform else {
            return Ok(ServerCertVerified::assertion());
        };
        loaded
            .get_or_init(|| Verifier::new(provider.clone()))
            .as_ref()
            .map_err(Clone::clone)?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
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
