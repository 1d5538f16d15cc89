//! The signatures that can be verified: those of ring, and those of P-521 keys, which ring lacks and companies' own
//! authorities use.

use std::sync::LazyLock;

use p521::ecdsa::signature::hazmat::PrehashVerifier as _;
use p521::ecdsa::{Signature, VerifyingKey};
use rustls::SignatureScheme;
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// Signatures of P-521 keys. `openssl req` signs with SHA-256 whatever the key is.
static P521: [Algorithm; 3] = [
    &P521Algorithm {
        hash: |message| Sha512::digest(message).to_vec(),
        signature_alg_id: alg_id::ECDSA_SHA512,
    },
    &P521Algorithm {
        hash: |message| Sha384::digest(message).to_vec(),
        signature_alg_id: alg_id::ECDSA_SHA384,
    },
    &P521Algorithm {
        hash: |message| Sha256::digest(message).to_vec(),
        signature_alg_id: alg_id::ECDSA_SHA256,
    },
];

static ALL: LazyLock<Vec<Algorithm>> = LazyLock::new(|| {
    let ring = ring::default_provider().signature_verification_algorithms;
    ring.all.iter().copied().chain(P521).collect()
});

/// P-521 comes last, because some servers sign with any hash that is offered, and ring verifies signatures of smaller
/// keys with their own hashes only.
static MAPPING: LazyLock<Vec<(SignatureScheme, &[Algorithm])>> = LazyLock::new(|| {
    let ring = ring::default_provider().signature_verification_algorithms;
    let p521 = (SignatureScheme::ECDSA_NISTP521_SHA512, &P521[..1]);
    ring.mapping.iter().copied().chain([p521]).collect()
});

/// Returns the algorithms that verify certificates and handshakes.
pub(super) fn algorithms() -> WebPkiSupportedAlgorithms {
    WebPkiSupportedAlgorithms {
        all: &ALL,
        mapping: &MAPPING,
    }
}

/// ECDSA with a P-521 key.
#[derive(Debug)]
struct P521Algorithm {
    hash: fn(&[u8]) -> Vec<u8>,
    signature_alg_id: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for P521Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify_prehash(&(self.hash)(message), &signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature_alg_id
    }
}
