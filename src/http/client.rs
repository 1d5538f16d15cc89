//! Sends the request of one exchange, reads the response to its end, and saves the body.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, RANGE};
use reqwest::{Response, StatusCode, Version};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::attempt::{AttemptState, ExchangeResult};
use super::body::{self, BodyError, ReceivedBody};
use super::clock::{ExchangeClock, Timing};
use super::connect::error::ClientError;
use super::connect::pool::{PoolLimits, SharedParts};
use super::connect::target::ConnectTarget;
use super::exchange::{Exchange, ExchangeError, check_head};
use super::options::HttpOptions;
use super::range;
use super::redirect;
use super::resend::ResendLimiter;
use super::send::Sender;
use crate::model::body_sink::{BodySink, BodyStore, PartialBody, Representation};
use crate::model::captured_body::BodyBudget;
use crate::model::error::{Failure, Kind, Phase};
use crate::model::live::LiveCounts;
use crate::model::origin::OriginId;
use crate::model::outcome::Answer;
use crate::model::request::{Request, is_repeatable};
use crate::model::saved_file::SaveTarget;

/// How long a server may take to notice that the client closed connections.
const PAUSE: Duration = Duration::from_millis(20);

/// How the answer of an exchange that did not fail ended.
enum AnswerEnd {
    /// The response arrived in full.
    Complete,
    /// The response is a redirect to follow, with these headers; its body is not read.
    Redirect(StatusCode, Arc<Url>, HeaderMap),
}

/// An exchange that has ended, and that may have to be made once more.
struct TriedExchange {
    result: ExchangeResult,
    /// Whether it failed because the connection ended, perhaps because of another response.
    connection_broken: bool,
    /// Whether the server has not processed the request.
    is_unprocessed: bool,
}

/// The head of a response.
struct ResponseHead {
    response: Box<Response>,
    /// The part of the file that an earlier attempt left.
    part: Option<Box<dyn PartialBody>>,
    /// The length of the whole body, where the response continues that part.
    full_length: Option<u64>,
}

/// A response whose body is still to be read.
struct UnreadBody {
    response: Box<Response>,
    /// The length of the whole body, where the response continues an earlier part.
    full_length: Option<u64>,
    /// Whether the status is an accepted one.
    accepted: bool,
}

/// An answer as far as it has come. It outlives an exchange that is cut off.
struct PartialAnswer {
    answer: Option<Box<Answer>>,
    received: ReceivedBody,
}

impl PartialAnswer {
    /// Adds to the answer what was received of its body.
    fn into_answer(self) -> Option<Box<Answer>> {
        let mut answer = self.answer?;
        answer.size = self.received.size;
        answer.sha256 = answer.sha256.or_else(|| self.received.sha256());
        answer.body = self.received.into_captured();
        Some(answer)
    }
}

/// Carries exchanges, one at a time or many at once, on the runtime of its thread.
pub(super) struct Client {
    options: HttpOptions,
    sender: Sender,
    store: Option<Arc<dyn BodyStore>>,
    budget: BodyBudget,
    live: LiveCounts,
    resends: ResendLimiter,
}

impl Client {
    /// Returns a client without connections. Bodies of requests with a save target go to `store`, and those that
    /// are captured take from `budget`. All of them are counted in `live`.
    ///
    /// # Errors
    ///
    /// The libraries below reject the options.
    pub(super) fn new(
        options: HttpOptions,
        pool: PoolLimits,
        store: Option<Arc<dyn BodyStore>>,
        shared: SharedParts,
        budget: BodyBudget,
        live: LiveCounts,
    ) -> Result<Self, ClientError> {
        let sender = Sender::new(options.clone(), pool, shared)?;
        Ok(Self {
            options,
            sender,
            store,
            budget,
            live,
            resends: ResendLimiter::default(),
        })
    }

    /// Sends the next request of `state`, which belongs to `request`, and reads the response. Where
    /// limits are set, this ends whatever the server does. Returns `None` if `abort` ended it.
    ///
    /// Where one response broke or ended a shared connection, each of its requests goes out again on a connection of
    /// its own, so that the failure is that of one request. A retry of that one gets a connection of its own, too, and so does a
    /// retry where a shared connection went silent.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        state: &mut AttemptState,
        abort: &CancellationToken,
    ) -> Option<ExchangeResult> {
        let unshared = state.unshared;
        let tried = self.exchange_once(request, state, abort, unshared).await?;
        // While requests are sent again, the server may close one connection too many.
        let was_crowded_out =
            || tried.is_unprocessed && self.resends.is_busy(OriginId::of(&state.url));
        if unshared || !tried.connection_broken && !was_crowded_out() {
            return Some(tried.result);
        }
        state.unshared = true;
        if !is_repeatable(&state.method) && !tried.is_unprocessed {
            return Some(tried.result);
        }
        drop(tried);
        Box::pin(self.exchange_again(request, state, abort)).await
    }

    /// As [`Self::exchange_once`], on a connection of its own, which waits while others do the same.
    async fn exchange_again(
        &self,
        request: &Request,
        state: &mut AttemptState,
        abort: &CancellationToken,
    ) -> Option<ExchangeResult> {
        let origin = OriginId::of(&state.url);
        let permit = self.resends.acquire(origin);
        let permit = abort.run_until_cancelled(permit).await?;
        let mut tried = self.exchange_once(request, state, abort, true).await?;
        if has_timed_out(&tried.result) {
            self.resends.release(origin);
        }
        // Perhaps the server takes fewer connections at a time.
        if is_lost(&tried.result)
            && (is_repeatable(&state.method) || !state.timing.is_some_and(Timing::has_sent))
        {
            drop((tried, permit));
            let permit = async {
                let permit = self.resends.acquire_all(origin).await;
                sleep(PAUSE).await;
                permit
            };
            let _permit = abort.run_until_cancelled(permit).await?;
            tried = self.exchange_once(request, state, abort, true).await?;
        }
        state.unshared = matches!(tried.result, ExchangeResult::Ended(_, Some(_)));
        Some(tried.result)
    }

    /// As [`Self::exchange`], but only once; with `unshared`, on a connection of its own.
    async fn exchange_once(
        &self,
        request: &Request,
        state: &mut AttemptState,
        abort: &CancellationToken,
        unshared: bool,
    ) -> Option<TriedExchange> {
        let proxy = self.options.connecting.proxy_selector.proxy(&state.url);
        let proxy_port = proxy.map(|(_, port)| port);
        let through_proxy = proxy_port.is_some();
        let connect_target = Rc::new(ConnectTarget::new(&state.url, proxy_port));
        let clock = Rc::new(ExchangeClock::start());
        let mut capture = self.options.capture;
        capture.sha256 |= request.sha256.is_some();
        let mut partial = PartialAnswer {
            answer: None,
            received: ReceivedBody::new(capture, self.options.max_size, &self.budget, &self.live),
        };
        let stream = RefCell::default();
        let exchange = Exchange {
            options: &self.options,
            request,
            state,
            connect_target: &connect_target,
            clock: &clock,
            unshared,
            stream: &stream,
        };
        let result = tokio::select! {
            biased;
            result = self.send_and_receive(&exchange, &mut partial) => Some(result),
            failure = clock.expired(&self.options.limits, state.spent) => Some(Err(exchange.timed_out(failure))),
            () = abort.cancelled() => None,
        };
        state.timing = Some(clock.timing());
        Some(end_exchange(result?, state, partial, through_proxy).await)
    }

    async fn send_and_receive(
        &self,
        exchange: &Exchange<'_>,
        partial: &mut PartialAnswer,
    ) -> Result<AnswerEnd, ExchangeError> {
        let options = exchange.options;
        exchange.check_request()?;
        let head = self.send_resumable(exchange).await?;
        let pending = match self.begin(exchange, head, partial)? {
            ControlFlow::Continue(pending) => pending,
            ControlFlow::Break(end) => return Ok(end),
        };
        let uploaded = exchange.state.body.is_some();
        let received = &mut partial.received;
        // h2 takes an empty end of a stream for an error where the head has the length of what is left out.
        if exchange.has_content(&pending.response) || pending.response.version() != Version::HTTP_2
        {
            body::receive(
                pending.response,
                options.decode,
                uploaded,
                exchange.clock,
                received,
            )
            .await
            .map_err(|error| exchange.body_error(error))?;
        }
        if pending
            .full_length
            .is_some_and(|length| length != received.size)
        {
            return Err(exchange.body_error(BodyError::Length));
        }
        if pending.accepted {
            finish(exchange, partial)
                .await
                .map_err(|error| exchange.body_error(error))?;
        }
        Ok(AnswerEnd::Complete)
    }

    /// Evaluates the head of the response: whether a body is to be read, and where it goes.
    fn begin(
        &self,
        exchange: &Exchange<'_>,
        mut head: ResponseHead,
        partial: &mut PartialAnswer,
    ) -> Result<ControlFlow<AnswerEnd, UnreadBody>, ExchangeError> {
        let clock = exchange.clock;
        let ttfb = exchange.state.spent + clock.time_to_last_activity();
        let (status, full_length) = (head.response.status(), head.full_length);
        partial.answer = Some(Box::new(exchange.answer(&head.response, ttfb)));
        check_head(head.response.headers())?;
        if redirect::is_redirect(status) && self.options.max_redirects > 0 {
            let target = Arc::new(exchange.redirect_target(&head.response)?);
            let headers = std::mem::take(head.response.headers_mut());
            return Ok(ControlFlow::Break(AnswerEnd::Redirect(
                status, target, headers,
            )));
        }
        clock.set_phase(Phase::Body);
        let accepted = self.options.accept.contains(status.as_u16());
        let response = if accepted {
            self.save(exchange, head, &mut partial.received)?
        } else {
            head.response
        };
        exchange
            .check_length(&response, partial.received.size)
            .and_then(|()| body::check_transfer_encoding(response.headers()))
            .map_err(|error| exchange.body_error(error))?;
        Ok(ControlFlow::Continue(UnreadBody {
            response,
            full_length,
            accepted,
        }))
    }

    /// Opens the file for the body of an accepted response, if the request has a save target.
    fn save(
        &self,
        exchange: &Exchange<'_>,
        head: ResponseHead,
        received: &mut ReceivedBody,
    ) -> Result<Box<Response>, Failure> {
        let ResponseHead {
            response,
            part,
            full_length,
        } = head;
        let Some((store, target)) = self.target(exchange.request) else {
            return Ok(response);
        };
        let is_partial = response.status() == StatusCode::PARTIAL_CONTENT && full_length.is_none();
        if is_partial && !exchange.request.headers.contains_key(RANGE) {
            let message = "206 Partial Content, although the whole was requested";
            return Err(Failure::new(Kind::Protocol, Phase::Headers, message));
        }
        let checks = exchange.checks();
        let (sink, offset) = match part {
            Some(part) if full_length.is_some() => {
                let offset = part.offset();
                (part.resume(checks), offset)
            }
            part => {
                let representation = self.representation(exchange, &response);
                let sink = match part {
                    Some(part) => part.restart(checks, representation),
                    None => store.start(target, checks, representation),
                };
                (sink, 0)
            }
        };
        received.save(sink, offset);
        Ok(response)
    }

    /// Returns the store and the save target for the body of a response to `request`.
    fn target<'a>(&'a self, request: &'a Request) -> Option<(&'a dyn BodyStore, &'a SaveTarget)> {
        Some((self.store.as_deref()?, request.save_target.as_ref()?))
    }

    /// Requests the rest of what an earlier attempt left. Requests the whole if there is nothing, or if
    /// the response does not continue it.
    async fn send_resumable(&self, exchange: &Exchange<'_>) -> Result<ResponseHead, ExchangeError> {
        let part = if self.is_resumable(exchange) {
            Box::pin(self.open_partial(exchange)).await?
        } else {
            None
        };
        let resumed = part.as_deref().filter(|part| {
            let url = exchange.request.url.as_str();
            let partial_content = StatusCode::PARTIAL_CONTENT.as_u16();
            let representation = part.representation();
            representation.is_some_and(|representation| representation.url == url)
                && part.offset() > 0
                && self.options.accept.contains(partial_content)
        });
        let sent = self.sender.send(exchange, resumed).await;
        let mut response = sent.map_err(|error| exchange.connection_error(&error))?;
        let mut full_length = None;
        if let (Some(part), 206 | 416) = (resumed, response.status().as_u16()) {
            full_length = range::full_length(part, &response);
            if full_length.is_none() {
                // Gives the connection back before another one is needed.
                drop((response, exchange.stream.take()));
                let sent = Box::pin(self.sender.send(exchange, None)).await;
                response = sent.map_err(|error| exchange.connection_error(&error))?;
            }
        }
        Ok(ResponseHead {
            response,
            part,
            full_length,
        })
    }

    /// Opens what an earlier attempt left of the file.
    async fn open_partial(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<Option<Box<dyn PartialBody>>, Failure> {
        match self.target(exchange.request) {
            Some((store, target)) => exchange.clock.excluding(store.open_partial(target)).await,
            None => Ok(None),
        }
    }

    fn is_resumable(&self, exchange: &Exchange<'_>) -> bool {
        let resumes = |store: &dyn BodyStore| store.keeps_partial_bodies();
        self.store.as_deref().is_some_and(resumes) && exchange.is_resumable()
    }

    /// Returns what the body of `response` is, if it could be continued should it break off.
    fn representation(
        &self,
        exchange: &Exchange<'_>,
        response: &Response,
    ) -> Option<Representation> {
        let length = response.content_length();
        range::representation(&exchange.request.url, response.headers(), length)
            .filter(|_| self.is_resumable(exchange))
    }
}

/// Verifies the body of an accepted response, and gives its file its name.
async fn finish(exchange: &Exchange<'_>, partial: &mut PartialAnswer) -> Result<(), BodyError> {
    let Some(sink) = partial.received.sink.take() else {
        if let Some(sha256) = partial.received.sha256() {
            exchange.checks().verify(sha256)?;
        }
        return Ok(());
    };
    let made = exchange.clock.excluding(sink.finish()).await;
    let made = made.map_err(BodyError::Save)?;
    if let Some(answer) = &mut partial.answer {
        answer.sha256 = made.sha256;
        answer.saved = Some(made.saved);
    }
    Ok(())
}

/// Makes the result of an exchange that ended in this way, and leaves in `state` what the next one has to know.
async fn end_exchange(
    end: Result<AnswerEnd, ExchangeError>,
    state: &mut AttemptState,
    mut partial: PartialAnswer,
    through_proxy: bool,
) -> TriedExchange {
    let (mut connection_broken, mut is_unprocessed) = (false, false);
    let failure = match end {
        Ok(AnswerEnd::Redirect(status, target, headers)) => {
            state.cookies.store(&state.url, &headers);
            return TriedExchange {
                result: ExchangeResult::Redirected(status, target),
                connection_broken,
                is_unprocessed,
            };
        }
        Ok(AnswerEnd::Complete) => None,
        Err(ExchangeError::Failed(failure)) => Some(failure),
        Err(ExchangeError::HandshakeLost(failure)) => {
            is_unprocessed = true;
            Some(failure)
        }
        Err(ExchangeError::ConnectionSilent(failure)) => {
            state.unshared = true;
            Some(failure)
        }
        Err(ExchangeError::ConnectionBroken(failure, unprocessed)) => {
            (connection_broken, is_unprocessed) = (true, unprocessed);
            Some(failure)
        }
    };
    let failure = failure.map(|failure| Failure {
        through_proxy,
        ..failure
    });
    if let (Some(failure), Some(sink)) = (&failure, partial.received.sink.take()) {
        keep_or_discard(sink, failure).await;
    }
    TriedExchange {
        result: ExchangeResult::Ended(partial.into_answer(), failure),
        connection_broken,
        is_unprocessed,
    }
}

/// Whether the exchange ended without an answer because a time limit ran out.
fn has_timed_out(result: &ExchangeResult) -> bool {
    matches!(result, ExchangeResult::Ended(None, Some(failure)) if failure.kind == Kind::Timeout)
}

/// Whether there was no connection, or it ended before an answer.
fn is_lost(result: &ExchangeResult) -> bool {
    matches!(result, ExchangeResult::Ended(None, Some(failure)) if failure.kind == Kind::Connect)
}

/// Keeps a body that broke off for a later attempt, unless the rest could not make it valid.
async fn keep_or_discard(sink: Box<dyn BodySink>, failure: &Failure) {
    match failure.kind {
        Kind::TooLarge | Kind::Checksum | Kind::Protocol => sink.discard().await,
        _ => sink.keep_partial().await,
    }
}
