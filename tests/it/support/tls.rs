//! Certificates and TLS configurations for the tests.

use std::sync::{Arc, LazyLock};

use p521::ecdsa::signature::Signer as _;
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ConfigBuilder, RootCertStore, ServerConfig, SignatureAlgorithm, SignatureScheme, WantsVerifier,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{WantsServerCert, WebPkiClientVerifier},
    sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey},
};

const HERE: &[&str] = &["127.0.0.1", "localhost"];
const HTTP1: &[&str] = &["http/1.1"];

static AUTHORITY: LazyLock<CertifiedIssuer<'static, KeyPair>> = LazyLock::new(|| {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "authority of the tests");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
});

/// The certificate of the authority of the tests, for `SSL_CERT_FILE`.
pub(crate) fn authority() -> String {
    AUTHORITY.pem()
}

/// The certificate of an authority that is not trusted by default.
pub(crate) fn stranger() -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let stranger = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    stranger.pem()
}

/// A certificate and its key, both as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Identity {
    /// The identity of a client, signed by the authority.
    pub(crate) fn new() -> Self {
        Self::named(&["client.test"])
    }

    /// An identity with these names, signed by the authority.
    pub(crate) fn named(names: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: named(names).signed_by(&key, &*AUTHORITY).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A self-signed identity.
    pub(crate) fn of_a_stranger() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["client.test".to_owned()]).unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// The parameters of a certificate with these names.
pub(crate) fn named(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

fn provided() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}

fn certified(
    builder: ConfigBuilder<ServerConfig, WantsServerCert>,
    params: &CertificateParams,
    protocols: &[&str],
) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &*AUTHORITY).unwrap();
    shown(builder, &certificate, &key, protocols)
}

fn shown(
    builder: ConfigBuilder<ServerConfig, WantsServerCert>,
    certificate: &Certificate,
    key: &KeyPair,
    protocols: &[&str],
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    Arc::new(config)
}

/// A server with these names and these ALPN protocols.
pub(crate) fn server(names: &[&str], protocols: &[&str]) -> Arc<ServerConfig> {
    signed(&named(names), protocols)
}

/// A server with a certificate of these parameters, signed by the authority.
pub(crate) fn signed(params: &CertificateParams, protocols: &[&str]) -> Arc<ServerConfig> {
    certified(provided().with_no_client_auth(), params, protocols)
}

/// A server with this certificate.
pub(crate) fn presenting(
    certificate: &Certificate,
    key: &KeyPair,
    protocols: &[&str],
) -> Arc<ServerConfig> {
    shown(
        provided().with_no_client_auth(),
        certificate,
        key,
        protocols,
    )
}

/// A server that shows this certificate without having its key.
pub(crate) fn with_the_key_of_another(certificate: CertificateDer<'static>) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    with_key(certificate, key)
}

/// As [`with_the_key_of_another`], with a P-521 key.
pub(crate) fn with_the_p521_key_of_another(
    certificate: CertificateDer<'static>,
) -> Arc<ServerConfig> {
    with_key(certificate, Arc::new(P521Key))
}

fn with_key(certificate: CertificateDer<'static>, key: Arc<dyn SigningKey>) -> Arc<ServerConfig> {
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    Arc::new(
        provided()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown)),
    )
}

/// A P-521 key, which rustls cannot sign with.
#[derive(Debug)]
struct P521Key;

impl SigningKey for P521Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&self.scheme())
            .then(|| Box::new(Self) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P521Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let key = p521::ecdsa::SigningKey::from_slice(&[1; 66]).unwrap();
        let signature: p521::ecdsa::DerSignature = key.sign(message);
        Ok(signature.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

/// A server for the names of this machine that speaks HTTP/1.1.
pub(crate) fn here() -> Arc<ServerConfig> {
    server(HERE, HTTP1)
}

/// As [`here`], with an expired certificate.
pub(crate) fn expired() -> Arc<ServerConfig> {
    let mut params = named(HERE);
    params.not_before = rcgen::date_time_ymd(2001, 1, 1);
    params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    signed(&params, HTTP1)
}

/// As [`here`], for clients with a certificate of the authority only.
pub(crate) fn demanding() -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(AUTHORITY.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let builder = provided().with_client_cert_verifier(verifier);
    certified(builder, &named(HERE), HTTP1)
}
