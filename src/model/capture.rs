//! The parts of an answer that are kept for its record.

/// The parts of an answer that are kept beyond what every record shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Capture {
    /// Whether to keep the header fields.
    pub headers: bool,
    /// Whether to keep the body.
    pub body: bool,
    /// Whether to compute the SHA-256 of the body.
    pub sha256: bool,
}
