//! Where the bodies of answers go: the interface between the HTTP client and the storage.
//!
//! The client asks a [`BodyStore`] for a [`BodySink`], hands it the body piece by piece, and
//! then finishes, keeps or discards it. Files in a folder (`save`) are one kind of store.

use std::fmt::Debug;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::error::{Failure, Kind, Phase};
use super::saved_file::{SaveTarget, SavedFile};
use super::text::hex;

/// Stores the bodies of answers.
pub trait BodyStore: Debug + Send + Sync {
    /// Whether bodies that break off are kept so that a later attempt can resume them.
    fn keeps_partial_bodies(&self) -> bool;

    /// Opens what an earlier attempt left of the body for `target`. Fails where something
    /// else stands in its place.
    fn open_partial<'a>(
        &'a self,
        target: &'a SaveTarget,
    ) -> BoxFuture<'a, Result<Option<Box<dyn PartialBody>>, Failure>>;

    /// Starts a sink for a whole body. `representation` says what the body is, if it can
    /// be resumed after it breaks off.
    fn start(
        &self,
        target: &SaveTarget,
        checks: BodyChecks,
        representation: Option<Representation>,
    ) -> Box<dyn BodySink>;
}

/// The beginning of a body that an earlier attempt left.
pub trait PartialBody: Debug + Send {
    /// The position in the body from which to resume it.
    fn offset(&self) -> u64;

    /// What the body is, if that is known.
    fn representation(&self) -> Option<&Representation>;

    /// Starts a sink for the rest of the body, from [`offset`](Self::offset) on.
    fn resume(self: Box<Self>, checks: BodyChecks) -> Box<dyn BodySink>;

    /// Starts a sink for a whole body, which replaces this beginning.
    fn restart(
        self: Box<Self>,
        checks: BodyChecks,
        representation: Option<Representation>,
    ) -> Box<dyn BodySink>;
}

/// Takes one body. Dropped before it is finished, it stores no whole body; what can be resumed may stay.
pub trait BodySink: Debug + Send {
    /// Takes the next piece; waits only while the storage is behind. Fails if an earlier
    /// piece could not be written.
    fn write(&mut self, piece: Bytes) -> BoxFuture<'_, Result<(), Failure>>;

    /// Ends a body that arrived whole. It is stored once the future has completed.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<SavedBody, Failure>>;

    /// Ends a body that broke off, and keeps what can be resumed.
    fn keep_partial(self: Box<Self>) -> BoxFuture<'static, ()>;

    /// Ends a body that is of no use, and removes what was written of it.
    fn discard(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// A body that was stored.
#[derive(Debug)]
pub struct SavedBody {
    /// The file that holds it.
    pub saved: SavedFile,
    /// The SHA-256 of all of it, if [`BodyChecks`] asked for it.
    pub sha256: Option<[u8; 32]>,
}

/// Identifies a version of a body. Parts of the same version can be joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Representation {
    /// The URL of the request.
    pub url: String,
    /// A strong validator (RFC 9110, section 8.8.1), as `If-Range` takes it.
    pub validator: String,
    /// The length of the whole body, if the server gave it.
    pub length: Option<u64>,
}

/// What is computed and checked of a body while it is stored.
#[derive(Clone, Copy, Debug)]
pub struct BodyChecks {
    /// Whether the record shows the SHA-256.
    pub sha256: bool,
    /// The SHA-256 that the body must have.
    pub expected: Option<[u8; 32]>,
}

impl BodyChecks {
    /// Checks the SHA-256 of a whole body.
    ///
    /// # Errors
    ///
    /// It is not the expected one.
    pub fn verify(&self, sha256: [u8; 32]) -> Result<(), ChecksumError> {
        match self.expected {
            Some(expected) if expected != sha256 => Err(ChecksumError(sha256)),
            _ => Ok(()),
        }
    }
}

/// The SHA-256 of a body, which is not the expected one.
#[derive(Debug, thiserror::Error)]
#[error("the SHA-256 of the body is {}, not the expected one", hex(.0))]
pub struct ChecksumError([u8; 32]);

impl From<ChecksumError> for Failure {
    fn from(error: ChecksumError) -> Self {
        Self::new(Kind::Checksum, Phase::Body, error.to_string())
    }
}
