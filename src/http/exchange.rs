//! One hop: a request, its answer, and where that leads.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::HttpOptions;
use super::body::{self, BodyError, Received};
use super::clock::{ExchangeClock, Timing};
use super::connect::pool::{Pool, Shared};
use super::connect::streams::StreamPermit;
use super::failure;
use super::range;
use super::redirect::{self, RedirectError};
use super::retry_after;
use super::send::Sender;
use crate::model::body_sink::{BodyChecks, BodySink, BodyStore, PartialBody, Representation};
use crate::model::error::{Failure, Kind, Phase};
use crate::model::outcome::{Answer, Attempt};
use crate::model::request::{Body, Request};
use crate::model::saved_file::SaveTarget;

/// Bytes in the head of an answer at most.
const MAX_HEAD: usize = 256 * 1024;

/// No client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS library refuses.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// It refuses what is to be shown to servers.
    #[error("--cert and --key do not fit: {0}")]
    Identity(rustls::Error),
    /// The HTTP library refuses.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

/// One attempt under way: the request as it stands after the redirects so far.
#[derive(Debug)]
pub struct AttemptState {
    pub(super) url: Arc<Url>,
    pub(super) method: Method,
    pub(super) body: Option<Arc<Body>>,
    /// Some redirect led to another origin; what is for the first one only stays behind for good.
    pub(super) left_origin: bool,
    redirects: u32,
    /// Some hop before the last one was sent.
    sent: bool,
    /// On the wire, before the last hop.
    spent: Duration,
    /// The last hop.
    timing: Option<Timing>,
}

impl AttemptState {
    /// The first hop of an attempt at `request`.
    #[must_use]
    pub fn new(request: &Request) -> Self {
        Self {
            url: request.url.clone(),
            method: request.method.clone(),
            body: request.body.clone(),
            left_origin: false,
            redirects: 0,
            sent: false,
            spent: Duration::ZERO,
            timing: None,
        }
    }

    /// Where the next hop goes, or the last one went.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How far it has come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.timing.map_or(Phase::Request, |timing| timing.phase)
    }

    /// The attempt as it ended.
    #[must_use]
    pub fn end(self, answer: Option<Box<Answer>>, failure: Option<Failure>) -> Attempt {
        Attempt {
            answer,
            failure,
            sent: self.sent || self.timing.is_some_and(Timing::has_sent),
            total: self.spent + self.timing.map_or(Duration::ZERO, |timing| timing.elapsed),
            final_url: self.url,
            redirects: self.redirects,
        }
    }

    /// The next hop goes to `target`, as an answer with `status` said.
    pub fn follow(&mut self, status: StatusCode, target: Arc<Url>) {
        let method = redirect::method(status, &self.method);
        if method != self.method {
            self.body = None;
        }
        self.method = method;
        self.left_origin |= self.url.origin() != target.origin();
        self.url = target;
        self.redirects += 1;
        self.sent = true;
        self.spent += self
            .timing
            .take()
            .map_or(Duration::ZERO, |timing| timing.elapsed);
    }
}

/// What a hop led to.
#[derive(Debug)]
pub enum ExchangeResult {
    /// Elsewhere: [`AttemptState::follow`] it.
    Redirected(StatusCode, Arc<Url>),
    /// To the end of the attempt, with the last answer as far as it came.
    Ended(Option<Box<Answer>>, Option<Failure>),
}

/// What came of an exchange that did not fail.
enum Exchanged {
    Whole,
    Redirect(StatusCode, Arc<Url>),
}

/// An answer to what was asked.
struct ResponseHead {
    response: Box<Response>,
    /// What an earlier attempt left.
    part: Option<Box<dyn PartialBody>>,
    /// Bytes in all, where the answer continues that.
    whole: Option<u64>,
}

/// An answer whose body is to come.
struct PendingBody {
    response: Box<Response>,
    /// Bytes that it must have in all.
    whole: Option<u64>,
    /// Its status is one that succeeds.
    accepted: bool,
}

/// An answer as far as it has come.
struct PartialAnswer {
    answer: Option<Box<Answer>>,
    received: Received,
}

/// Sends requests.
pub(super) struct Client {
    options: HttpOptions,
    sender: Sender,
    store: Option<Arc<dyn BodyStore>>,
}

impl Client {
    /// A client that opens nothing yet. Bodies that have a place go to `store`.
    ///
    /// # Errors
    ///
    /// The libraries below refuse the options.
    pub(super) fn new(
        options: HttpOptions,
        pool: Pool,
        store: Option<Arc<dyn BodyStore>>,
        shared: Shared,
    ) -> Result<Self, ClientError> {
        let sender = Sender::new(options.clone(), pool, shared)?;
        Ok(Self {
            options,
            sender,
            store,
        })
    }

    /// Sends the next request of `state`, made for `request`, and reads the
    /// answer. It ends, whatever the server does, where limits are set; `None`
    /// where `abort` ended it.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        state: &mut AttemptState,
        abort: &CancellationToken,
    ) -> Option<ExchangeResult> {
        let proxy = self.options.connecting.via.proxy(&state.url);
        let clock = Rc::new(ExchangeClock::start(
            &state.url,
            proxy.map(|(_, port)| port),
        ));
        let mut keep = self.options.keep;
        keep.sha256 |= request.sha256.is_some();
        let mut arriving = PartialAnswer {
            answer: None,
            received: Received::new(keep, self.options.max_size),
        };
        let exchange = self.send_and_receive(request, state, &clock, &mut arriving);
        let result = tokio::select! {
            biased;
            result = exchange => Some(result),
            failure = clock.run_out(&self.options.limits, state.spent) => Some(Err(failure)),
            () = abort.cancelled() => None,
        };
        state.timing = Some(clock.timing());
        let result = result?;
        if let (Err(failure), Some(sink)) = (&result, arriving.received.sink.take()) {
            leave(sink, failure).await;
        }
        let failure = match result {
            Ok(Exchanged::Redirect(status, target)) => {
                return Some(ExchangeResult::Redirected(status, target));
            }
            Ok(Exchanged::Whole) => None,
            Err(failure) => Some(failure),
        };
        let answer = arriving.answer.map(|mut answer| {
            answer.size = arriving.received.size;
            answer.sha256 = answer.sha256.or_else(|| arriving.received.sha256());
            answer.body = arriving.received.finish();
            answer
        });
        Some(ExchangeResult::Ended(answer, failure))
    }

    async fn send_and_receive(
        &self,
        request: &Request,
        state: &AttemptState,
        clock: &Rc<ExchangeClock>,
        arriving: &mut PartialAnswer,
    ) -> Result<Exchanged, Failure> {
        self.options.connecting.guard.check_url(&state.url)?;
        let (asked, _stream) = self.ask(request, state, clock).await?;
        let coming = match self.begin(request, state, asked, clock, arriving)? {
            ControlFlow::Continue(coming) => coming,
            ControlFlow::Break(exchanged) => return Ok(exchanged),
        };
        let (decode, uploaded) = (self.options.decode, state.body.is_some());
        let received = &mut arriving.received;
        body::receive(coming.response, decode, uploaded, clock, received)
            .await
            .map_err(|error| self.body_failure(error, state, clock))?;
        if coming.whole.is_some_and(|whole| whole != received.size) {
            return Err(self.body_failure(BodyError::Length, state, clock));
        }
        if coming.accepted {
            self.conclude(request, clock, arriving)
                .await
                .map_err(|error| self.body_failure(error, state, clock))?;
        }
        Ok(Exchanged::Whole)
    }

    /// The head of an answer is there: what it says, and whether a body is to come.
    fn begin(
        &self,
        request: &Request,
        state: &AttemptState,
        asked: ResponseHead,
        clock: &ExchangeClock,
        arriving: &mut PartialAnswer,
    ) -> Result<ControlFlow<Exchanged, PendingBody>, Failure> {
        clock.reached(Phase::Headers);
        let ttfb = state.spent + clock.until_heard();
        let (status, whole) = (asked.response.status(), asked.whole);
        arriving.answer = Some(Box::new(self.answer(&asked.response, ttfb)));
        check_head(asked.response.headers())?;
        if redirect::is_redirect(status) && self.options.max_redirects > 0 {
            return self
                .redirect(state, &asked.response)
                .map(|target| ControlFlow::Break(Exchanged::Redirect(status, Arc::new(target))))
                .map_err(|dead| Failure::new(Kind::Redirect, Phase::Headers, dead.to_string()));
        }
        clock.enters(Phase::Body);
        let accepted = self.options.accept.contains(status.as_u16());
        let response = if accepted {
            self.save(request, state, asked, &mut arriving.received)?
        } else {
            asked.response
        };
        self.check_length(state, &response, arriving.received.size)
            .and_then(|()| body::check_transfer(response.headers()))
            .map_err(|error| self.body_failure(error, state, clock))?;
        Ok(ControlFlow::Continue(PendingBody {
            response,
            whole,
            accepted,
        }))
    }

    /// The body of this accepted answer becomes a file, if it has a place.
    fn save(
        &self,
        request: &Request,
        state: &AttemptState,
        asked: ResponseHead,
        received: &mut Received,
    ) -> Result<Box<Response>, Failure> {
        let ResponseHead {
            response,
            part,
            whole,
        } = asked;
        let Some((store, place)) = self.place(request) else {
            return Ok(response);
        };
        let is_part = response.status() == StatusCode::PARTIAL_CONTENT && whole.is_none();
        if is_part && !request.headers.contains_key(RANGE) {
            let message = "206 Partial Content, although all was asked for";
            return Err(Failure::new(Kind::Protocol, Phase::Headers, message));
        }
        let checks = self.checks(request);
        let (sink, offset) = match part {
            Some(part) if whole.is_some() => {
                let offset = part.offset();
                (part.resume(checks), offset)
            }
            part => {
                let representation = self.representation(request, state, &response);
                let sink = match part {
                    Some(part) => part.restart(checks, representation),
                    None => store.start(place, checks, representation),
                };
                (sink, 0)
            }
        };
        received.save(sink, offset);
        Ok(response)
    }

    fn checks(&self, request: &Request) -> BodyChecks {
        BodyChecks {
            sha256: self.options.keep.sha256,
            expected: request.sha256,
        }
    }

    /// The body of an accepted answer is there: checks it, and makes it a file.
    async fn conclude(
        &self,
        request: &Request,
        clock: &ExchangeClock,
        arriving: &mut PartialAnswer,
    ) -> Result<(), BodyError> {
        let Some(sink) = arriving.received.sink.take() else {
            let checks = self.checks(request);
            let sha256 = arriving.received.sha256();
            return Ok(sha256.map_or(Ok(()), |sha256| checks.verify(sha256))?);
        };
        let made = clock.aside(sink.finish()).await.map_err(BodyError::Save)?;
        if let Some(answer) = &mut arriving.answer {
            answer.sha256 = made.sha256;
            answer.saved = Some(made.saved);
        }
        Ok(())
    }

    /// Where the body of an answer to `request` goes.
    fn place<'a>(&'a self, request: &'a Request) -> Option<(&'a dyn BodyStore, &'a SaveTarget)> {
        Some((self.store.as_deref()?, request.place.as_ref()?))
    }

    /// Asks for what an earlier attempt left undone, or for all; for all too where
    /// the answer does not continue what there is. Its place in a connection for
    /// many is to be kept to the end of the answer.
    async fn ask(
        &self,
        request: &Request,
        state: &AttemptState,
        clock: &Rc<ExchangeClock>,
    ) -> Result<(ResponseHead, Option<StreamPermit>), Failure> {
        let part = if self.is_resumable(request, state) {
            Box::pin(self.part(request, clock)).await?
        } else {
            None
        };
        let rest = part.as_deref().filter(|part| {
            let is_accepted = |status: StatusCode| self.options.accept.contains(status.as_u16());
            part.representation()
                .is_some_and(|of| of.url == request.url.as_str())
                && part.offset() > 0
                && is_accepted(StatusCode::PARTIAL_CONTENT)
        });
        let sent = self.sender.send(request, state, rest, clock).await;
        let (mut response, mut stream) =
            sent.map_err(|error| self.wire_failure(&error, state, clock))?;
        let mut whole = None;
        if let (Some(part), 206 | 416) = (rest, response.status().as_u16()) {
            whole = range::whole_length(part, &response);
            if whole.is_none() {
                // One connection at a time.
                drop((response, stream));
                let sent = Box::pin(self.sender.send(request, state, None, clock)).await;
                (response, stream) =
                    sent.map_err(|error| self.wire_failure(&error, state, clock))?;
            }
        }
        let asked = ResponseHead {
            response,
            part,
            whole,
        };
        Ok((asked, stream))
    }

    /// What an earlier attempt left of the file that is asked for.
    async fn part(
        &self,
        request: &Request,
        clock: &ExchangeClock,
    ) -> Result<Option<Box<dyn PartialBody>>, Failure> {
        match self.place(request) {
            Some((store, place)) => clock.aside(store.open_partial(place)).await,
            None => Ok(None),
        }
    }

    fn is_resumable(&self, request: &Request, state: &AttemptState) -> bool {
        let resume = |store: &dyn BodyStore| store.keeps_partial_bodies();
        self.store.as_deref().is_some_and(resume)
            && !request.headers.contains_key(RANGE)
            && state.method == Method::GET
            && state.body.is_none()
    }

    /// What the body of `response` is, where it could be continued if it breaks off.
    fn representation(
        &self,
        request: &Request,
        state: &AttemptState,
        response: &Response,
    ) -> Option<Representation> {
        let length = response.content_length();
        let of = range::representation(&request.url, response.headers(), length);
        of.filter(|_| self.is_resumable(request, state))
    }

    fn answer(&self, response: &Response, ttfb: Duration) -> Answer {
        let headers = response.headers();
        Answer {
            status: response.status().as_u16(),
            version: response.version(),
            remote_addr: response.remote_addr(),
            content_type: headers
                .get(CONTENT_TYPE)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            size: 0,
            sha256: None,
            headers: self.options.keep.headers.then(|| Box::new(headers.clone())),
            body: None,
            ttfb,
            retry_after: retry_after::asked_for(response.status(), headers, SystemTime::now),
            saved: None,
        }
    }

    fn redirect(&self, state: &AttemptState, response: &Response) -> Result<Url, RedirectError> {
        if state.redirects >= self.options.max_redirects {
            return Err(RedirectError::TooMany(self.options.max_redirects));
        }
        let https_only = self.options.connecting.https_only;
        let (status, headers) = (response.status(), response.headers());
        redirect::target(&state.url, status, headers, https_only)
    }

    fn wire_failure(
        &self,
        error: &reqwest::Error,
        state: &AttemptState,
        clock: &ExchangeClock,
    ) -> Failure {
        let proxy = self.options.connecting.via.proxy(&state.url);
        let place = failure::Destination::new(&state.url, proxy);
        failure::classify(error, &place, clock, &self.options.limits)
    }

    fn body_failure(
        &self,
        error: BodyError,
        state: &AttemptState,
        clock: &ExchangeClock,
    ) -> Failure {
        let kind = match error {
            BodyError::Read(error) => return self.wire_failure(&error, state, clock),
            BodyError::Checksum(error) => return error.into(),
            BodyError::Save(failure) => return failure,
            BodyError::Decode(..)
            | BodyError::Trailing(_)
            | BodyError::Coding(_)
            | BodyError::Transfer(_)
            | BodyError::Cut => Kind::Body,
            BodyError::Length => Kind::Protocol,
            BodyError::TooLarge(_) => Kind::TooLarge,
        };
        Failure::new(kind, Phase::Body, error.to_string())
    }

    /// A body that says how large it is need not be read to know that it is too large.
    fn check_length(
        &self,
        state: &AttemptState,
        response: &Response,
        offset: u64,
    ) -> Result<(), BodyError> {
        let has_body = state.method != Method::HEAD && !self.options.decode;
        match (response.content_length(), self.options.max_size) {
            (Some(length), Some(limit))
                if has_body && length.saturating_add(offset) > limit.bytes =>
            {
                Err(BodyError::TooLarge(limit))
            }
            _ => Ok(()),
        }
    }
}

/// What becomes of a body that is not whole.
async fn leave(sink: Box<dyn BodySink>, failure: &Failure) {
    match failure.kind {
        // More of the same would not make it right.
        Kind::TooLarge | Kind::Checksum | Kind::Protocol => sink.discard().await,
        _ => sink.keep_partial().await,
    }
}

fn check_head(headers: &HeaderMap) -> Result<(), Failure> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    if size > MAX_HEAD {
        let message = format!("the head of the answer is larger than {MAX_HEAD} bytes");
        return Err(Failure::new(Kind::Protocol, Phase::Headers, message));
    }
    Ok(())
}
