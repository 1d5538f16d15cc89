//! A request on its way out: what stands in it, which client carries it, and when another one has to.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use reqwest::{Method, Response, Version};
use tokio::time::sleep;
use url::{Position, Url};

use super::clock::{ExchangeClock, watched};
use super::connect::pool::{Clients, Pool, PooledClient, Shared};
use super::connect::streams::StreamPermit;
use super::exchange::AttemptState;
use super::failure;
use super::range;
use super::upload::Upload;
use super::{HttpOptions, Versions};
use crate::model::body_sink::PartialBody;
use crate::model::request::Request;

/// How often a server may say that it has not looked at a request, and get it again on a
/// connection that others use: one that takes few requests on each says so to all but these.
const REFUSALS: u32 = 8;

/// So many times it gets it at once.
const REFUSALS_AT_ONCE: u32 = 3;

/// After these, the pauses grow by this each time.
const PAUSE: Duration = Duration::from_millis(10);

/// Sends requests until one is answered.
pub(super) struct Sender {
    /// Sent to every origin.
    headers: Arc<HeaderMap>,
    /// The same behind a `Host` that is still to be filled in, where that is ours to send.
    after_host: Option<HeaderMap>,
    clients: Clients,
}

impl Sender {
    /// A sender that opens nothing yet.
    ///
    /// # Errors
    ///
    /// The libraries below refuse the options.
    pub(super) fn new(options: HttpOptions, pool: Pool, shared: Shared) -> reqwest::Result<Self> {
        let headers = options.headers.clone();
        let after_host = || {
            // A full map would grow when hyper looks whether there is a `Host`.
            let mut after_host = HeaderMap::with_capacity(headers.len() + 2);
            after_host.insert(HOST, HeaderValue::from_static(""));
            after_host.extend(HeaderMap::clone(&headers));
            after_host
        };
        Ok(Self {
            after_host: (options.versions != Versions::Http2).then(after_host),
            headers,
            clients: Clients::new(options, pool, shared)?,
        })
    }

    /// Sends what `state` asks for next, with `part` only the rest of it. Gives the head of the
    /// answer, and its place where the connection is for many.
    ///
    /// Sends it again where the server says that it has not looked at it, in the end on
    /// a connection of its own, and once where [`Self::another`] client may help: the
    /// server closed a kept connection as the request left (RFC 9112, section 9.3.1),
    /// the head of the answer needs the room, or HTTP/1.1 is wanted.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub(super) async fn send(
        &self,
        request: &Request,
        state: &AttemptState,
        part: Option<&dyn PartialBody>,
        clock: &Rc<ExchangeClock>,
    ) -> reqwest::Result<(Box<Response>, Option<StreamPermit>)> {
        let pooled = if state.method.is_idempotent() {
            self.clients.quick(&state.url)?
        } else {
            self.clients.roomy(&state.url)?
        };
        let mut client = pooled.client.clone();
        let mut refusals = 0;
        let mut is_last = false;
        loop {
            let sent = self.execute(&client, request, state, part, clock).await;
            let error = match sent.map(Box::new) {
                Ok(response) => {
                    // Who got a kept connection has nothing new to tell.
                    if clock.connected() || response.version() == Version::HTTP_2 {
                        pooled.answered.note(&state.url, response.version());
                    }
                    return Ok((response, pooled.stream));
                }
                Err(error) => error,
            };
            if failure::is_refused(&error) && refusals <= REFUSALS {
                refusals += 1;
                Box::pin(sleep(PAUSE * refusals.saturating_sub(REFUSALS_AT_ONCE))).await;
                client = if refusals <= REFUSALS {
                    pooled.client.clone()
                } else {
                    self.clients.fresh()?
                };
                continue;
            }
            match self.another(&error, &pooled, state, clock)? {
                Some(another) if !is_last => client = another,
                _ => return Err(error),
            }
            is_last = true;
        }
    }

    /// The client to try it with once more, where a kept connection, or the version, was to blame.
    fn another(
        &self,
        error: &reqwest::Error,
        pooled: &PooledClient,
        state: &AttemptState,
        clock: &ExchangeClock,
    ) -> reqwest::Result<Option<reqwest::Client>> {
        if failure::wants_http1(error) {
            return self.clients.http1().map(Some);
        }
        let was_kept = || !clock.connected() || pooled.answered.contains(&state.url);
        let closed = || failure::lost_before_answer(error) && was_kept();
        if !state.method.is_idempotent() || !failure::head_too_large(error) && !closed() {
            Ok(None)
        } else if pooled.answered.over_http2(&state.url) {
            // The pool has no other such connection, which could be closed as well.
            Ok(Some(pooled.client.clone()))
        } else {
            self.clients.fresh().map(Some)
        }
    }

    fn execute(
        &self,
        client: &reqwest::Client,
        request: &Request,
        state: &AttemptState,
        part: Option<&dyn PartialBody>,
        clock: &Rc<ExchangeClock>,
    ) -> impl Future<Output = reqwest::Result<Response>> {
        let mut message = self.message(request, state, clock);
        if let Some(part) = part {
            range::ask(part, message.headers_mut());
        }
        watched(clock.clone(), client.execute(message))
    }

    /// What is sent to the origin of `url` as to every other. `Host` comes first where
    /// that is certain to be HTTP/1.1 (RFC 9110, section 7.2); hyper would put it last.
    fn headers(&self, url: &Url) -> HeaderMap {
        let after_host = self.after_host.as_ref();
        let Some(after_host) = after_host.filter(|_| url.scheme() == "http") else {
            return HeaderMap::clone(&self.headers);
        };
        let mut headers = after_host.clone();
        match HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]) {
            Ok(host) => headers.insert(HOST, host),
            Err(_) => headers.remove(HOST),
        };
        headers
    }

    /// The request on the wire; what is for the origin that was asked goes to no other.
    fn message(
        &self,
        request: &Request,
        state: &AttemptState,
        clock: &ExchangeClock,
    ) -> reqwest::Request {
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
        if let Some(body) = &state.body {
            if let Some(content_type) = &body.content_type {
                headers.insert(CONTENT_TYPE, content_type.clone());
            }
            let (upload, progress) = Upload::new(body.bytes.clone());
            *message.body_mut() = Some(reqwest::Body::wrap(upload));
            clock.uploads(progress);
        }
        // Where content is expected, hyper does not say that there is none (RFC 9110, section 8.6).
        let content = matches!(state.method, Method::POST | Method::PUT | Method::PATCH);
        if content || state.body.is_some() {
            let length = state.body.as_ref().map_or(0, |body| body.bytes.len());
            headers.insert(CONTENT_LENGTH, length.into());
        }
        *message.headers_mut() = headers;
        message
    }
}
