//! The parts of an answer that are kept for its record.

/// The parts of an answer that are kept beyond what every record shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Capture {
    /// The header fields.
    pub headers: bool,
    /// The body.
    pub body: bool,
    /// The SHA-256 of the body.
    pub sha256: bool,
}
