//! What became of one input.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Version;
use reqwest::header::HeaderMap;
use url::Url;

use super::error::Failure;
use super::input::Input;
// Until every importer names the files that define these.
pub use super::saved_file::{PendingFile, SavedFile};
pub use super::status_set::{StatusSet, StatusSetError};

/// The one word for what became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answered whole, with an accepted status.
    Ok,
    /// Answered whole, with a status that is not accepted.
    HttpError,
    /// No whole answer.
    Error,
    /// It needed no request.
    Skipped,
    /// The run stopped before it.
    Cancelled,
}

impl Verdict {
    /// The name in records and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::HttpError => "http_error",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The last answer a server gave, as far as it came.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The protocol it was spoken in.
    pub version: Version,
    /// Who answered.
    pub remote_addr: Option<SocketAddr>,
    /// The header of that name.
    pub content_type: Option<String>,
    /// Bytes of the body, after decoding.
    pub size: u64,
    /// Of the body, where asked for.
    pub sha256: Option<[u8; 32]>,
    /// Where asked for.
    pub headers: Option<Box<HeaderMap>>,
    /// Where asked for.
    pub body: Option<Vec<u8>>,
    /// From the start of the attempt to the head of this answer, on the wire.
    pub ttfb: Duration,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The file that the body became.
    pub saved: Option<SavedFile>,
}

#[cfg(test)]
impl Answer {
    /// An empty answer, from nobody.
    pub(crate) fn of(status: u16) -> Self {
        Self {
            status,
            version: Version::HTTP_11,
            remote_addr: None,
            content_type: None,
            size: 0,
            sha256: None,
            headers: None,
            body: None,
            ttfb: Duration::ZERO,
            retry_after: None,
            saved: None,
        }
    }
}

/// One attempt at a request, redirects included.
#[derive(Debug)]
pub struct Attempt {
    /// The last answer, whole or not. Boxed: it is handed on many times.
    pub answer: Option<Box<Answer>>,
    /// Why there is no whole answer.
    pub failure: Option<Failure>,
    /// The URL of the last hop.
    pub final_url: Arc<Url>,
    /// How many redirects led there.
    pub redirects: u32,
    /// Some of it may have reached a server.
    pub sent: bool,
    /// Time on the wire.
    pub total: Duration,
}

/// What the record keeps of each attempt.
#[derive(Clone, Debug, Default)]
pub struct AttemptSummary {
    /// Of the last answer.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// Time on the wire.
    pub total: Duration,
    /// What was waited before it.
    pub delay: Duration,
}

/// What became of one input: the source of its one record.
#[derive(Debug)]
pub struct Outcome {
    /// What was asked. Boxed like the answer.
    pub input: Box<Input>,
    /// What became of it.
    pub verdict: Verdict,
    /// When the first attempt started.
    pub started: Option<SystemTime>,
    /// From there to the end, waiting included.
    pub elapsed: Option<Duration>,
    /// The last attempt took longer than `--slow`.
    pub slow: bool,
    /// Every attempt, in order.
    pub attempts: Vec<AttemptSummary>,
    /// The last attempt, where there was one.
    pub last: Option<Attempt>,
    /// Why it is not ok, unless the status says so.
    pub failure: Option<Failure>,
    /// The file it became, or already is.
    pub file: Option<Arc<str>>,
    /// Of a new file.
    pub pending_file: Option<Box<dyn PendingFile>>,
}

impl Outcome {
    /// The last answer, whole or not.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        self.last.as_ref()?.answer.as_deref()
    }
}
