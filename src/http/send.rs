//! Sends a request: which fields it has, which client carries it, and when another client has to.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue,
};
use reqwest::{Method, Response, StatusCode, Version};
use tokio::time::sleep;
use url::{Position, Url};

use super::clock::scope;
use super::connect::pool::{ChosenClient, Clients, PoolLimits, SharedParts};
use super::exchange::Exchange;
use super::failure;
use super::options::{HttpOptions, Versions};
use super::range;
use super::upload::Upload;
use crate::model::body_sink::PartialBody;
use crate::model::error::Phase;
use crate::model::request::is_repeatable;

/// How often a request that the server refused unprocessed (RFC 9113, section 8.7) is sent again on a
/// shared connection. A server that takes few requests per connection refuses all but these.
const REFUSALS: u32 = 8;

/// How many of these times the request is sent again at once.
const REFUSALS_AT_ONCE: u32 = 3;

/// How often a request is sent on another connection because the server sent something before the request was sent.
/// hyper gives the connection up then, although it may have been the response. Whether the request is faster is a race.
const EARLY_RESPONSES: u32 = 3;

/// By how much each pause exceeds the one before.
const PAUSE: Duration = Duration::from_millis(10);

/// Sends requests until one is answered.
pub(super) struct Sender {
    /// The header fields for every origin.
    headers: Arc<HeaderMap>,
    /// The same after an empty `Host`, to be filled in. `None` with HTTP/2 only.
    headers_with_host: Option<HeaderMap>,
    clients: Clients,
}

impl Sender {
    /// Returns a sender without connections.
    ///
    /// # Errors
    ///
    /// The libraries below reject the options.
    pub(super) fn new(
        options: HttpOptions,
        pool: PoolLimits,
        shared: SharedParts,
    ) -> reqwest::Result<Self> {
        let headers = options.headers.clone();
        let headers_with_host = || {
            // A full map would grow when hyper looks for a `Host`.
            let mut with_host = HeaderMap::with_capacity(headers.len() + 2);
            with_host.insert(HOST, HeaderValue::from_static(""));
            with_host.extend(HeaderMap::clone(&headers));
            with_host
        };
        Ok(Self {
            headers_with_host: (options.versions != Versions::Http2).then(headers_with_host),
            headers,
            clients: Clients::new(options, pool, shared)?,
        })
    }

    /// Sends the request of `exchange`; with `part`, requests only the rest of it. Returns the head of
    /// the response, and leaves the permit for its stream with `exchange` where the connection carries many.
    ///
    /// Sends the request again, which is no attempt of its own, where
    ///
    /// - the server refused it unprocessed: up to [`REFUSALS`] times on a shared connection, and then on one of
    ///   its own;
    /// - the server sent something before the request was sent: up to [`EARLY_RESPONSES`] times;
    /// - a kept connection was idle for too long, says a 408, and the method allows it; or
    ///   [`Self::alternative`] knows a client that may do better: the server closed a kept connection as the
    ///   request left (RFC 9112, section 9.3.1), the head of the response has too many fields, or the server
    ///   demands HTTP/1.1. One of these, once.
    ///
    /// # Errors
    ///
    /// There is no response.
    pub(super) async fn send(
        &self,
        exchange: &Exchange<'_>,
        part: Option<&dyn PartialBody>,
    ) -> reqwest::Result<Box<Response>> {
        let (url, clock) = (&exchange.state.url, exchange.clock);
        let mut chosen = self.choose_client(exchange)?;
        exchange.stream.replace(chosen.permit.take());
        let mut client = if exchange.has_host_header() {
            self.own_connection(exchange)?
        } else {
            chosen.client.clone()
        };
        let mut refusals = 0;
        let mut early_responses = 0;
        let mut used_alternative = false;
        loop {
            let sent = self.execute(&client, exchange, part).await;
            let error = match sent.map(Box::new) {
                Ok(response) if Self::is_idle_timeout(&response, exchange) && !used_alternative => {
                    client = self.own_connection(exchange)?;
                    used_alternative = true;
                    continue;
                }
                Ok(response) => {
                    clock.advance(Phase::Headers);
                    let version = response.version();
                    // Other answers on a kept connection tell nothing new.
                    let is_first = exchange.note_answer(version);
                    if clock.opened_connection() || version == Version::HTTP_2 && is_first {
                        chosen.answered.insert(url, version);
                    }
                    return Ok(response);
                }
                Err(error) => error,
            };
            if failure::is_refused(&error) && refusals <= REFUSALS {
                refusals += 1;
                Box::pin(sleep(PAUSE * refusals.saturating_sub(REFUSALS_AT_ONCE))).await;
                client = self.client_after_refusal(refusals, &chosen, exchange)?;
                continue;
            }
            // The request was not sent, so any method may be sent again.
            if failure::came_before_request(&error) && early_responses < EARLY_RESPONSES {
                early_responses += 1;
                client = self.own_connection(exchange)?;
                continue;
            }
            match self.alternative(&error, &chosen, exchange)? {
                Some(alternative) if !used_alternative => client = alternative,
                _ => {
                    if chosen.answered.over_http1(url) || clock.negotiated_http1() {
                        exchange.note_http1();
                    }
                    return Err(error);
                }
            }
            used_alternative = true;
        }
    }

    /// Returns the client to try first. A request that cannot be sent again gets the room for all header fields at
    /// once.
    fn choose_client(&self, exchange: &Exchange<'_>) -> reqwest::Result<ChosenClient> {
        let url = &exchange.state.url;
        if exchange.unshared {
            self.clients.without_pool()
        } else if is_repeatable(&exchange.state.method) {
            self.clients.with_few_headers(url)
        } else {
            self.clients.with_many_headers(url)
        }
    }

    /// Returns the client for a request that the server has refused unprocessed so many times.
    fn client_after_refusal(
        &self,
        refusals: u32,
        chosen: &ChosenClient,
        exchange: &Exchange<'_>,
    ) -> reqwest::Result<reqwest::Client> {
        if refusals <= REFUSALS {
            Ok(chosen.client.clone())
        } else {
            self.own_connection(exchange)
        }
    }

    /// Returns a client that opens a connection for the request.
    fn own_connection(&self, exchange: &Exchange<'_>) -> reqwest::Result<reqwest::Client> {
        if exchange.has_host_header() {
            self.clients.http1()
        } else {
            self.clients.unpooled()
        }
    }

    /// Whether `response` is that of a server that closes an idle connection, and does not know the request yet
    /// (RFC 9110, section 15.5.9).
    fn is_idle_timeout(response: &Response, exchange: &Exchange<'_>) -> bool {
        response.status() == StatusCode::REQUEST_TIMEOUT
            && response.version() != Version::HTTP_2
            && is_repeatable(&exchange.state.method)
            && Self::was_kept(response, exchange)
    }

    /// Whether `response` came on a connection that this exchange did not open.
    fn was_kept(response: &Response, exchange: &Exchange<'_>) -> bool {
        let clock = exchange.clock;
        let used = response.extensions().get::<HttpInfo>();
        match (clock.opened_from(), used.map(HttpInfo::local_addr)) {
            (Some(opened), Some(used)) => opened != used,
            _ => !clock.opened_connection(),
        }
    }

    /// Returns the client to try once more with, where a kept connection or the version of HTTP is
    /// to blame for `error`.
    fn alternative(
        &self,
        error: &reqwest::Error,
        chosen: &ChosenClient,
        exchange: &Exchange<'_>,
    ) -> reqwest::Result<Option<reqwest::Client>> {
        let (url, clock) = (&exchange.state.url, exchange.clock);
        if failure::wants_http1(error) {
            return self.clients.http1().map(Some);
        }
        let was_kept = || !clock.opened_connection() || chosen.answered.contains(url);
        let was_closed = || failure::lost_before_answer(error) && was_kept();
        if failure::is_sent_away(error) {
            return Ok(Some(chosen.client.clone()));
        }
        if !is_repeatable(&exchange.state.method)
            || !failure::head_too_large(error) && !was_closed()
        {
            Ok(None)
        } else if chosen.answered.over_http2(url) {
            // The pool has no other connection to this origin that could have been closed, too.
            Ok(Some(chosen.client.clone()))
        } else {
            self.own_connection(exchange).map(Some)
        }
    }

    /// Sends the request once. Where that takes a connection whose name waits to be looked up, waits for that first:
    /// the time limit of connecting is for the connection, and names that never resolve may be in front.
    async fn execute(
        &self,
        client: &reqwest::Client,
        exchange: &Exchange<'_>,
        part: Option<&dyn PartialBody>,
    ) -> reqwest::Result<Response> {
        let clock = exchange.clock;
        loop {
            let mut message = self.message(exchange);
            if let Some(part) = part {
                range::request_rest(part, message.headers_mut());
            }
            let target = exchange.connect_target.clone();
            let sent = target.scope(scope(clock.clone(), client.execute(message)));
            let error = match sent.await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let Some(look_up) = failure::queued_look_up(&error) else {
                return Err(error);
            };
            drop(error);
            clock.set_phase(Phase::Resolve);
            Box::pin(look_up.begun()).await;
            clock.advance(Phase::Headers);
        }
    }

    /// Returns the header fields that every request gets, whatever its URL. `Host` comes first (RFC 9110,
    /// section 7.2) where HTTP/1.1 is certain; hyper would put it last.
    fn headers(&self, url: &Url) -> HeaderMap {
        let with_host = self.headers_with_host.as_ref();
        let Some(with_host) = with_host.filter(|_| url.scheme() == "http") else {
            return HeaderMap::clone(&self.headers);
        };
        let mut headers = with_host.clone();
        match HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]) {
            Ok(host) => headers.insert(HOST, host),
            Err(_) => headers.remove(HOST),
        };
        headers
    }

    /// Builds the request. What is meant for the origin that was asked goes to no other.
    fn message(&self, exchange: &Exchange<'_>) -> reqwest::Request {
        let (request, state) = (exchange.request, exchange.state);
        let mut message = reqwest::Request::new(state.method.clone(), Url::clone(&state.url));
        let mut headers = self.headers(&state.url);
        if !state.left_origin {
            for name in request.headers.keys() {
                headers.remove(name);
            }
            for (name, value) in request.headers.iter() {
                headers.append(name, value.clone());
            }
            if let Some(authorization) = &request.authorization {
                headers.insert(AUTHORIZATION, authorization.clone());
            }
        }
        if let Some(cookie) = state.cookies.header(&state.url, headers.get(COOKIE)) {
            headers.insert(COOKIE, cookie);
        }
        if let Some(body) = &state.body {
            if let Some(content_type) = &body.content_type {
                headers.insert(CONTENT_TYPE, content_type.clone());
            }
            let (upload, progress) = Upload::new(body.bytes.clone());
            *message.body_mut() = Some(reqwest::Body::wrap(upload));
            exchange.clock.watch_upload(progress);
        }
        // hyper does not send the length of empty content where content is expected
        // (RFC 9110, section 8.6).
        let expects_content = matches!(state.method, Method::POST | Method::PUT | Method::PATCH);
        if expects_content || state.body.is_some() {
            let length = state.body.as_ref().map_or(0, |body| body.bytes.len());
            headers.insert(CONTENT_LENGTH, length.into());
        }
        *message.headers_mut() = headers;
        message
    }
}
