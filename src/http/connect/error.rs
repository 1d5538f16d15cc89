//! Errors of connections: the causes behind one, and why no client can be made of the options.

use std::error::Error;
use std::io;

/// Returns `error` and its causes, outermost first. What an [`io::Error`] wraps is a cause, too.
pub(in crate::http) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref());
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// The options cannot be used for connections.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS library cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The TLS library rejects the client certificate.
    #[error(
        "--cert, --key: the key cannot be used; RSA, ECDSA (P-256, P-384) and Ed25519 are supported"
    )]
    Identity,
    /// The client certificate has another key.
    #[error("--cert, --key: the key does not belong to the certificate")]
    KeyMismatch,
    /// The HTTP library cannot be set up.
    #[error("HTTP cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}
