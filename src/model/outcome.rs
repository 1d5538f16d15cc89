//! The outcome of one input.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Version;
use reqwest::header::HeaderMap;
use url::Url;

use super::captured_body::CapturedBody;
use super::error::Failure;
use super::input::Input;
use super::saved_file::{PendingFile, SavedFile};

/// The outcome of an input in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole answer arrived, with an accepted status.
    Ok,
    /// The whole answer arrived, with a status that is not accepted.
    HttpError,
    /// No whole answer arrived.
    Error,
    /// No request was needed.
    Skipped,
    /// The run stopped before the input was done.
    Cancelled,
}

impl Verdict {
    /// Returns the name in records and messages.
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

/// The last answer of a server, as far as it arrived.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The version of HTTP.
    pub version: Version,
    /// The address of the server, or of the proxy in front of it.
    pub remote_addr: Option<SocketAddr>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// Where it leads, if it is a redirect.
    pub leads_to: Option<String>,
    /// The size of the body in bytes, after decoding.
    pub size: u64,
    /// The SHA-256 of the body, if it was asked for.
    pub sha256: Option<[u8; 32]>,
    /// The header fields, if they were asked for.
    pub headers: Option<Box<HeaderMap>>,
    /// The body, if it was asked for.
    pub body: Option<CapturedBody>,
    /// The time from the start of the attempt to the head of this answer, without pauses
    /// of our own.
    pub ttfb: Duration,
    /// The pause that the server asks for with `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The file that the body was saved to.
    pub saved: Option<SavedFile>,
}

#[cfg(test)]
impl Answer {
    /// Creates an empty answer.
    pub(crate) fn of(status: u16) -> Self {
        Self {
            status,
            version: Version::HTTP_11,
            remote_addr: None,
            content_type: None,
            leads_to: None,
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

/// One attempt at a request, including its redirects.
#[derive(Debug)]
pub struct Attempt {
    /// The last answer, whole or not. Boxed, because it is moved many times.
    pub answer: Option<Box<Answer>>,
    /// Why no whole answer arrived, if it did not.
    pub failure: Option<Failure>,
    /// The URL of the last request, after redirects.
    pub final_url: Arc<Url>,
    /// The number of redirects that were followed.
    pub redirects: u32,
    /// Whether some request of the attempt may have reached a server.
    pub sent: bool,
    /// Whether it lost a connection that may have been shared. Another attempt had better not share one.
    pub lost_connection: bool,
    /// The time in flight.
    pub total: Duration,
}

/// What the record keeps of each attempt.
#[derive(Clone, Debug, Default)]
pub struct AttemptSummary {
    /// The status of the last answer.
    pub status: Option<u16>,
    /// The failure of the attempt.
    pub error: Option<Failure>,
    /// The time in flight.
    pub total: Duration,
    /// The time waited before the attempt.
    pub delay: Duration,
}

/// The outcome of one input, from which its one record is made.
#[derive(Debug)]
pub struct Outcome {
    /// The input. Boxed, because it is moved many times.
    pub input: Box<Input>,
    /// The outcome in one word.
    pub verdict: Verdict,
    /// The start of the first attempt.
    pub started: Option<SystemTime>,
    /// The time from there to the end, including the time spent waiting.
    pub elapsed: Option<Duration>,
    /// Whether the last attempt took longer than `--slow`.
    pub slow: bool,
    /// All attempts, in order.
    pub attempts: Vec<AttemptSummary>,
    /// The last attempt, if there was one.
    pub last: Option<Attempt>,
    /// Why the input is not ok, unless it is because of the status.
    pub failure: Option<Failure>,
    /// The name of the file that the body was saved to, or that already existed.
    pub file: Option<Arc<str>>,
    /// The new file, which waits for its record.
    pub pending_file: Option<Box<dyn PendingFile>>,
}

impl Outcome {
    /// Returns the last answer, whole or not.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        self.last.as_ref()?.answer.as_deref()
    }

    /// Takes the body of the last answer, where it was captured.
    pub fn take_body(&mut self) -> Option<CapturedBody> {
        self.last.as_mut()?.answer.as_mut()?.body.take()
    }
}
