//! Which attempts are made again, and when.

use std::time::Duration;

use reqwest::Method;

use super::options::Retry;
use crate::model::error::Kind;
use crate::model::outcome::{Attempt, AttemptSummary, StatusSet};

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it is the last.
    Done,
    /// Another after this back-off.
    After(Duration),
    /// Another when the host has had its rest.
    AfterRest(Duration),
    /// Nothing: the server asks for a longer rest than is allowed.
    TooLong(Duration),
}

/// What follows `attempts`, of which `last` is the last. `jitter` is drawn from 0..1.
pub(super) fn next(
    retry: &Retry,
    accept: &StatusSet,
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
        (Some(rest), _) => Next::AfterRest(rest),
        (None, _) => Next::After(backoff(retry, made).mul_f64(jitter)),
    }
}

/// How long the host that gave this answer rests (RFC 9110, section 10.2.3),
/// whether or not this request is made again.
pub(super) fn rest(retry: &Retry, accept: &StatusSet, last: &Attempt) -> Option<Duration> {
    let answer = last
        .answer
        .as_ref()
        .filter(|answer| !accept.contains(answer.status))?;
    let is_bearable = |rest: &Duration| retry.max_delay.is_none_or(|max| *rest <= max);
    answer
        .retry_after
        .filter(is_bearable)
        .filter(|_| retry.max > 0)
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
    accept: &StatusSet,
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
            | Kind::Blocked
            | Kind::Io
            | Kind::Cancelled => false,
        },
        (None, Some(answer)) => retry.on.contains(answer.status) && !accept.contains(answer.status),
        (None, None) => false,
    }
}

/// The longest that is waited after `made` attempts.
fn backoff(retry: &Retry, made: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(made.saturating_sub(1));
    let delay = retry.delay.saturating_mul(doubled);
    retry.max_delay.map_or(delay, |max| delay.min(max))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::error::{Failure, Phase};
    use crate::model::outcome::Answer;
    use url::Url;

    const SECOND: Duration = Duration::from_secs(1);

    fn retry(max: u32) -> Retry {
        Retry {
            max,
            delay: SECOND,
            max_delay: Some(60 * SECOND),
            on: "408,429,500,502,503,504".parse().unwrap(),
        }
    }

    fn attempt(answer: Option<Answer>, failure: Option<(Kind, Phase)>) -> Attempt {
        Attempt {
            answer: answer.map(Box::new),
            failure: failure.map(|(kind, phase)| Failure::new(kind, phase, "")),
            final_url: "http://a/".parse::<Url>().unwrap().into(),
            redirects: 0,
            sent: failure
                .is_none_or(|(_, phase)| !matches!(phase, Phase::Resolve | Phase::Connect)),
            total: SECOND,
        }
    }

    /// What follows `last` after so many attempts that ended the same way.
    fn after(made: usize, method: &Method, last: &Attempt) -> Next {
        let summary = AttemptSummary {
            error: last.failure.clone(),
            ..AttemptSummary::default()
        };
        let accept = "200,500".parse().unwrap();
        next(&retry(3), &accept, method, &vec![summary; made], last, 1.0)
    }

    #[test]
    fn which_failures_are_tried_again() {
        use Phase::{Body, Connect, Headers, Resolve};
        for (kind, phase, again) in [
            (Kind::Connect, Connect, true),
            (Kind::Connect, Headers, true),
            (Kind::Timeout, Body, true),
            (Kind::Body, Body, true),
            (Kind::Dns, Resolve, true),
            (Kind::Tls, Connect, false),
            (Kind::Protocol, Headers, false),
            (Kind::Redirect, Headers, false),
            (Kind::TooLarge, Body, false),
            (Kind::Checksum, Body, false),
            (Kind::Cancelled, Body, false),
        ] {
            let last = attempt(None, Some((kind, phase)));
            let is_again = after(1, &Method::GET, &last) != Next::Done;
            assert_eq!(is_again, again, "{kind:?} {phase:?}");
            let post = after(1, &Method::POST, &last) != Next::Done;
            assert_eq!(
                post,
                again && matches!(phase, Connect | Resolve),
                "POST {kind:?}"
            );
        }
        let dns = attempt(None, Some((Kind::Dns, Resolve)));
        assert_eq!(after(2, &Method::GET, &dns), Next::Done, "once");
    }

    #[test]
    fn which_statuses_and_methods_are_tried_again() {
        for (status, method, again) in [
            (503, Method::GET, true),
            (503, Method::HEAD, true),
            (503, Method::OPTIONS, true),
            (503, Method::PUT, true),
            (503, Method::DELETE, true),
            (503, Method::POST, false),
            (503, Method::PATCH, false),
            (503, Method::TRACE, false),
            (500, Method::GET, false), // accepted
            (404, Method::GET, false),
            (200, Method::GET, false),
        ] {
            let last = attempt(Some(Answer::of(status)), None);
            let is_again = after(1, &method, &last) != Next::Done;
            assert_eq!(is_again, again, "{status} {method}");
        }
    }

    #[test]
    fn back_offs_double_up_to_the_longest_and_end_with_the_attempts() {
        let last = attempt(Some(Answer::of(503)), None);
        for (made, expected) in [
            (1, Next::After(SECOND)),
            (2, Next::After(2 * SECOND)),
            (3, Next::After(4 * SECOND)),
            (4, Next::Done),
        ] {
            assert_eq!(after(made, &Method::GET, &last), expected, "{made}");
        }
        for (made, expected) in [(6, 32), (7, 60), (40, 60), (u32::MAX, 60)] {
            assert_eq!(backoff(&retry(0), made), expected * SECOND);
        }
        let none = Retry {
            delay: Duration::ZERO,
            ..retry(0)
        };
        assert_eq!(backoff(&none, 1000), Duration::ZERO);
    }

    #[test]
    fn a_rest_beats_the_back_off_unless_it_is_too_long() {
        for (seconds, expected) in [
            (0, Next::AfterRest(Duration::ZERO)),
            (60, Next::AfterRest(60 * SECOND)),
            (61, Next::TooLong(61 * SECOND)),
        ] {
            let answer = Answer {
                retry_after: Some(SECOND * seconds),
                ..Answer::of(503)
            };
            let last = attempt(Some(answer), None);
            assert_eq!(after(1, &Method::GET, &last), expected);
        }
    }
}
