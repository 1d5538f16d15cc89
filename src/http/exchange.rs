//! One exchange: a request on its way, and what its answer means.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HOST, HeaderMap, RANGE};
use reqwest::{Method, Response, StatusCode, Version};
use url::Url;

use super::attempt::AttemptState;
use super::body::BodyError;
use super::clock::ExchangeClock;
use super::connect::pool::MAX_HEAD;
use super::connect::streams::StreamPermit;
use super::connect::target::ConnectTarget;
use super::failure;
use super::options::{HttpOptions, Versions};
use super::redirect::{self, RedirectError};
use super::retry_after;
use crate::model::body_sink::BodyChecks;
use crate::model::error::{Failure, Kind, Phase};
use crate::model::outcome::Answer;
use crate::model::request::Request;

/// Why an exchange did not succeed.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// It failed by itself.
    Failed(Failure),
    /// The connection ended: perhaps because of the response to another request. The flag says whether the server has
    /// not processed this one.
    ConnectionBroken(Failure, bool),
    /// The connection was closed before the TLS handshake was over: perhaps because there were others.
    HandshakeLost(Failure),
    /// A limit ran out, and the server had long sent no answer at all on a connection that may be shared.
    ConnectionSilent(Failure),
}

impl From<Failure> for ExchangeError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What is known about an exchange while it runs.
pub(super) struct Exchange<'a> {
    pub(super) options: &'a HttpOptions,
    /// The request as asked.
    pub(super) request: &'a Request,
    /// The request as it stands after redirects.
    pub(super) state: &'a AttemptState,
    /// What the connector may connect to.
    pub(super) connect_target: &'a Rc<ConnectTarget>,
    pub(super) clock: &'a Rc<ExchangeClock>,
    /// Whether it gets a connection of its own.
    pub(super) unshared: bool,
    /// The permit for its stream, where the connection carries many. It is held until the exchange is over.
    pub(super) stream: &'a RefCell<Option<StreamPermit>>,
}

impl Exchange<'_> {
    /// Returns the part of the record that the head of `response` fills.
    pub(super) fn answer(&self, response: &Response, ttfb: Duration) -> Answer {
        let (status, headers) = (response.status(), response.headers());
        let leads_to = redirect::is_redirect(status)
            .then(|| redirect::target(&self.state.url, status, headers, false).ok());
        Answer {
            status: status.as_u16(),
            version: response.version(),
            remote_addr: response.remote_addr(),
            content_type: headers
                .get(CONTENT_TYPE)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            leads_to: leads_to.flatten().map(String::from),
            size: 0,
            sha256: None,
            headers: self
                .options
                .capture
                .headers
                .then(|| Box::new(headers.clone())),
            body: None,
            ttfb,
            retry_after: retry_after::delay(status, headers, SystemTime::now),
            saved: None,
        }
    }

    /// Returns the URL that the redirect `response` leads to.
    pub(super) fn redirect_target(&self, response: &Response) -> Result<Url, Failure> {
        let followed = if self.state.redirects >= self.options.max_redirects {
            Err(RedirectError::TooMany(self.options.max_redirects))
        } else {
            let https_only = self.options.connecting.https_only;
            let (status, headers) = (response.status(), response.headers());
            redirect::target(&self.state.url, status, headers, https_only)
        };
        followed.map_err(|error| Failure::new(Kind::Redirect, Phase::Headers, error.to_string()))
    }

    /// Whether the request has a Host header of its own, which the stack can send over HTTP/1.1 only: over HTTP/2 it would
    /// stand beside the `:authority` of the URL (RFC 9113, section 8.3.1, forbids that they differ).
    pub(super) fn has_host_header(&self) -> bool {
        !self.state.left_origin
            && self.request.headers.contains_key(HOST)
            && self.options.versions.may_be_http2(&self.state.url)
    }

    /// Refuses a request that cannot be sent as it is asked for.
    pub(super) fn check_request(&self) -> Result<(), Failure> {
        if self.options.versions == Versions::Http2 && self.has_host_header() {
            let message = "a custom Host header cannot be sent over HTTP/2; leave out --http2-prior-knowledge";
            return Err(Failure::new(Kind::InvalidInput, Phase::Input, message));
        }
        self.options.connecting.guard.check_url(&self.state.url)
    }

    /// Returns what is computed and checked of the body.
    pub(super) fn checks(&self) -> BodyChecks {
        BodyChecks {
            sha256: self.options.capture.sha256,
            expected: self.request.sha256,
        }
    }

    /// Whether `response` has content, which depends on the method and the status only (RFC 9110, section 6.4.1).
    pub(super) fn has_content(&self, response: &Response) -> bool {
        self.state.method != Method::HEAD
            && !matches!(
                response.status(),
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            )
    }

    /// Whether the rest of a body that breaks off could be requested later.
    pub(super) fn is_resumable(&self) -> bool {
        !self.request.headers.contains_key(RANGE)
            && self.state.method == Method::GET
            && self.state.body.is_none()
    }

    /// Refuses a body that is known to be too large before any of it is read. `offset` is the number
    /// of bytes that an earlier attempt left.
    pub(super) fn check_length(&self, response: &Response, offset: u64) -> Result<(), BodyError> {
        let has_body = self.state.method != Method::HEAD && !self.options.decode;
        match (response.content_length(), self.options.max_size) {
            (Some(length), Some(limit))
                if has_body && length.saturating_add(offset) > limit.bytes =>
            {
                Err(BodyError::TooLarge(limit))
            }
            _ => Ok(()),
        }
    }

    /// Returns what an error of the connection means for the exchange.
    pub(super) fn connection_error(&self, error: &reqwest::Error) -> ExchangeError {
        let proxies = &self.options.connecting.proxy_selector;
        let destination = failure::Destination {
            url: &self.state.url,
            proxy: proxies.proxy(&self.state.url),
            proxy_scheme: proxies.scheme(&self.state.url),
            has_proxy_login: proxies.has_login(&self.state.url),
            socket: self.options.connecting.unix_socket.as_deref(),
            assumes_http2: self.options.versions == Versions::Http2,
        };
        let phase = self.clock.phase();
        let mut failure = failure::classify(error, &destination, phase, &self.options.limits);
        if failure::lost_in_handshake(error) {
            if !self.unshared {
                return ExchangeError::HandshakeLost(failure);
            }
            // Other connections to this server were established: it has nothing against TLS.
            failure.kind = Kind::Connect;
        }
        let shared = self.shares_connection() && failure::ended_connection(error);
        if shared || failure::broke_connection(error) {
            let is_unprocessed = phase != Phase::Body && failure::is_sent_away(error);
            ExchangeError::ConnectionBroken(failure, is_unprocessed)
        } else {
            ExchangeError::Failed(failure)
        }
    }

    /// Notes an answer. Returns whether it is the first of a connection that carries many requests.
    pub(super) fn note_answer(&self, version: Version) -> bool {
        let at = self.clock.last_activity();
        let stream = self.stream.borrow();
        stream.as_ref().is_none_or(|it| it.note_answer(version, at))
    }

    /// Notes that connections to the server carry one request at a time.
    pub(super) fn note_http1(&self) {
        if let Some(stream) = &*self.stream.borrow() {
            stream.note_http1();
        }
    }

    /// Returns what it means for the exchange that a limit ran out. A connection that went silent meanwhile gets no
    /// other requests.
    pub(super) fn timed_out(&self, failure: Failure) -> ExchangeError {
        if self.clock.negotiated_http1() {
            self.note_http1();
        }
        // Those in flight when it went silent set out before the last answer.
        let since = self.clock.midpoint();
        let may_be_silent = self.clock.last_activity() <= since
            && !matches!(failure.phase, Phase::Resolve | Phase::Connect);
        match &*self.stream.borrow() {
            Some(stream) if may_be_silent && stream.give_up_if_silent(since) => {
                ExchangeError::ConnectionSilent(failure)
            }
            _ => failure.into(),
        }
    }

    /// Whether other requests may be, or have been, in flight on the connection.
    fn shares_connection(&self) -> bool {
        let stream = self.stream.borrow();
        stream.as_ref().is_some_and(StreamPermit::is_shared)
    }

    /// Returns what an error of the body means for the exchange.
    pub(super) fn body_error(&self, error: BodyError) -> ExchangeError {
        // Perhaps the server ended the whole connection in good order. hyper takes either for the end of the body.
        let may_be_connection = matches!(error, BodyError::Cut) && self.shares_connection();
        let kind = match error {
            BodyError::Read(error) => return self.connection_error(&error),
            BodyError::Checksum(error) => return Failure::from(error).into(),
            BodyError::Save(failure) => return failure.into(),
            BodyError::Decode(..)
            | BodyError::Coded(_)
            | BodyError::Trailing(_)
            | BodyError::Coding(_)
            | BodyError::Transfer(_)
            | BodyError::Cut => Kind::Body,
            BodyError::Length => Kind::Protocol,
            BodyError::TooLarge(_) => Kind::TooLarge,
        };
        let failure = Failure::new(kind, Phase::Body, error.to_string());
        if may_be_connection {
            ExchangeError::ConnectionBroken(failure, false)
        } else {
            failure.into()
        }
    }
}

/// Refuses an answer whose head is too large.
pub(super) fn check_head(headers: &HeaderMap) -> Result<(), Failure> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    if size > MAX_HEAD as usize {
        let message = "the response has too many headers (limit: 5,000 fields, 256 KiB)";
        return Err(Failure::new(Kind::Protocol, Phase::Headers, message));
    }
    Ok(())
}
