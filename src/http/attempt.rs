//! One attempt at a request: the exchanges that redirects lead through.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use url::Url;

use super::clock::Timing;
use super::cookies::Cookies;
use super::redirect;
use crate::model::error::{Failure, Phase};
use crate::model::outcome::{Answer, Attempt};
use crate::model::request::{Body, Request};

/// The state of an attempt: the request as it stands after the redirects so far.
#[derive(Debug)]
pub struct AttemptState {
    pub(super) url: Arc<Url>,
    pub(super) method: Method,
    pub(super) body: Option<Arc<Body>>,
    /// Whether some redirect led to another origin. What is meant for the first origin only is no
    /// longer sent, not even after a redirect back to it.
    pub(super) left_origin: bool,
    pub(super) redirects: u32,
    /// What the redirects so far have set.
    pub(super) cookies: Cookies,
    /// Whether the next exchange gets a connection of its own.
    pub(super) unshared: bool,
    /// Whether an exchange before the last one sent a request.
    sent: bool,
    /// Time in flight before the last exchange.
    pub(super) spent: Duration,
    /// The last exchange, once it is over.
    pub(super) timing: Option<Timing>,
}

impl AttemptState {
    /// Returns the state before the first exchange of an attempt at `request`.
    #[must_use]
    pub fn new(request: &Request) -> Self {
        Self {
            url: request.url.clone(),
            method: request.method.clone(),
            body: request.body.clone(),
            left_origin: false,
            redirects: 0,
            cookies: Cookies::default(),
            unshared: false,
            sent: false,
            spent: Duration::ZERO,
            timing: None,
        }
    }

    /// Returns the same for an attempt that follows `last`.
    #[must_use]
    pub fn after(last: &Attempt, request: &Request) -> Self {
        Self {
            unshared: last.lost_connection,
            ..Self::new(request)
        }
    }

    /// Returns the URL of the next exchange, or of the last one.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns how far the last exchange came.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.timing.map_or(Phase::Request, |timing| timing.phase)
    }

    /// Ends the attempt with the last answer, as far as it came, and the failure, if there is one.
    #[must_use]
    pub fn end(self, answer: Option<Box<Answer>>, failure: Option<Failure>) -> Attempt {
        Attempt {
            answer,
            lost_connection: self.unshared && failure.is_some(),
            failure,
            sent: self.sent || self.timing.is_some_and(Timing::has_sent),
            total: self.spent + self.timing.map_or(Duration::ZERO, |timing| timing.elapsed),
            final_url: self.url,
            redirects: self.redirects,
        }
    }

    /// Prepares the next exchange, with `target`, after a redirect with `status`.
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

/// What an exchange leads to.
#[derive(Debug)]
pub enum ExchangeResult {
    /// Another URL, with the status of the answer: see [`AttemptState::follow`].
    Redirected(StatusCode, Arc<Url>),
    /// The end of the attempt, with the last answer as far as it came.
    Ended(Option<Box<Answer>>, Option<Failure>),
}
