//! Which attempts are made again, and when.

use std::time::Duration;

use reqwest::Method;

use crate::error::Kind;
use crate::outcome::{Accept, Attempt, AttemptSummary};

/// What the rules need to know.
#[derive(Clone, Debug)]
pub struct Retry {
    /// Attempts after the first.
    pub max: u32,
    /// The first back-off; each following one is twice as long.
    pub delay: Duration,
    /// The longest back-off, and the longest Retry-After that is waited for.
    pub max_delay: Option<Duration>,
    /// Statuses that are tried again, unless they are accepted.
    pub on: Accept,
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it is the last.
    Done,
    /// Another after this back-off.
    After(Duration),
    /// Another when the host has had its rest (RFC 9110, section 10.2.3).
    PauseHost(Duration),
    /// Nothing: the server asks for a longer rest than is allowed.
    TooLong(Duration),
}

/// What follows `attempts`, of which `last` is the last. `jitter` is drawn from 0..1.
pub(super) fn next(
    retry: &Retry,
    accept: &Accept,
    method: &Method,
    attempts: &[AttemptSummary],
    last: &Attempt,
    jitter: f64,
) -> Next {
    let made = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    if made > retry.max || !may_repeat(method, last) || !is_transient(retry, accept, attempts, last)
    {
        return Next::Done;
    }
    let rest = last.answer.as_ref().and_then(|answer| answer.retry_after);
    match (rest, retry.max_delay) {
        (Some(rest), Some(max)) if rest > max => Next::TooLong(rest),
        (Some(rest), _) => Next::PauseHost(rest),
        (None, _) => Next::After(backoff(retry, made).mul_f64(jitter)),
    }
}

/// A method that may be repeated (RFC 9110, section 9.2.2), or a request that never left.
fn may_repeat(method: &Method, last: &Attempt) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    ) || !last.sent
}

fn is_transient(
    retry: &Retry,
    accept: &Accept,
    attempts: &[AttemptSummary],
    last: &Attempt,
) -> bool {
    match (&last.failure, &last.answer) {
        (Some(failure), _) => match failure.kind {
            Kind::Connect | Kind::Timeout | Kind::Body => true,
            Kind::Dns => {
                let is_dns = |attempt: &&AttemptSummary| {
                    attempt
                        .error
                        .as_ref()
                        .is_some_and(|error| error.kind == Kind::Dns)
                };
                attempts.iter().filter(is_dns).count() <= 1
            }
            Kind::InvalidUrl
            | Kind::InvalidInput
            | Kind::Tls
            | Kind::Protocol
            | Kind::Redirect
            | Kind::TooLarge
            | Kind::Checksum
            | Kind::Cancelled => false,
        },
        (None, Some(answer)) => retry.on.contains(answer.status) && !accept.contains(answer.status),
        (None, None) => false,
    }
}

/// The longest that is waited after `made` attempts.
fn backoff(retry: &Retry, made: u32) -> Duration {
    let doubled = 2_u32.checked_pow(made.saturating_sub(1));
    let delay = doubled.and_then(|factor| retry.delay.checked_mul(factor));
    match retry.max_delay {
        Some(max) => delay.map_or(max, |delay| delay.min(max)),
        None => delay.unwrap_or(Duration::MAX / 4),
    }
}
