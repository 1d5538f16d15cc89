//! Which parts of an answer are kept for its record.

/// What to keep of an answer, beyond what every record shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Capture {
    /// The header fields.
    pub headers: bool,
    /// The body.
    pub body: bool,
    /// Its SHA-256.
    pub sha256: bool,
}
