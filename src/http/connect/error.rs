//! Why no client can be made of the options.

/// The options cannot be used for connections.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS library cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The TLS library rejects the client certificate.
    #[error("--cert, --key: the key cannot be used: {0}")]
    Identity(rustls::Error),
    /// The client certificate has another key.
    #[error("--cert, --key: the key does not belong to the certificate")]
    KeyMismatch,
    /// The HTTP library cannot be set up.
    #[error("HTTP cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}
