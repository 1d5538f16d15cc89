//! Decides which attempts are retried, and when.

use std::time::Duration;

use reqwest::Method;

use super::options::RetryPolicy;
use crate::model::error::{Kind, ProxyRefusal};
use crate::model::outcome::{Attempt, AttemptSummary};
use crate::model::request::is_repeatable;
use crate::model::status_set::StatusSet;

/// The longest timer, a year: [`DelayQueue`](tokio_util::time::DelayQueue) panics at more than two. A longer
/// Retry-After is bounded by it; after it, a host is looked at again and a job sent, early.
pub(super) const MAX_TIMER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What follows an attempt that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryDecision {
    /// No retry: this attempt was the last.
    GiveUp,
    /// A retry after this back-off.
    AfterBackoff(Duration),
    /// A retry when the host's pause (Retry-After) is over.
    AfterPause(Duration),
    /// No retry: the server asks for a longer pause than [`RetryPolicy::max_delay`].
    PauseTooLong(Duration),
}

/// Decides what follows `last`, the last of `attempts`. `jitter` is drawn from 0..1.
pub(super) fn decide(
    policy: &RetryPolicy,
    accept: &StatusSet,
    method: &Method,
    attempts: &[AttemptSummary],
    last: &Attempt,
    jitter: f64,
) -> RetryDecision {
    let made = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    if made > policy.max
        || !may_repeat(method, last)
        || !is_transient(policy, accept, attempts, last)
    {
        return RetryDecision::GiveUp;
    }
    let pause = last.answer.as_ref().and_then(|answer| answer.retry_after);
    match (pause, policy.max_delay) {
        (Some(pause), Some(max)) if pause > max => RetryDecision::PauseTooLong(pause),
        (Some(pause), _) => RetryDecision::AfterPause(pause.min(MAX_TIMER)),
        (None, _) => RetryDecision::AfterBackoff(backoff(policy, made).mul_f64(jitter)),
    }
}

/// Returns how long the host that gave the last answer is paused for its Retry-After
/// (RFC 9110, section 10.2.3), whether or not this request is retried.
pub(super) fn host_pause(
    policy: &RetryPolicy,
    accept: &StatusSet,
    last: &Attempt,
) -> Option<Duration> {
    let answer = last
        .answer
        .as_ref()
        .filter(|answer| !accept.contains(answer.status))?;
    let is_allowed = |pause: &Duration| policy.max_delay.is_none_or(|max| *pause <= max);
    answer
        .retry_after
        .filter(is_allowed)
        .filter(|_| policy.max > 0)
        .map(|pause| pause.min(MAX_TIMER))
}

/// Whether a request may be sent again after `last`: its method allows that, or the server cannot have received
/// any of it.
fn may_repeat(method: &Method, last: &Attempt) -> bool {
    is_repeatable(method) || !last.sent
}

/// Whether another attempt may end better.
fn is_transient(
    policy: &RetryPolicy,
    accept: &StatusSet,
    attempts: &[AttemptSummary],
    last: &Attempt,
) -> bool {
    match (&last.failure, &last.answer) {
        (Some(failure), _) => match failure.kind {
            Kind::Connect | Kind::Timeout | Kind::Body => true,
            Kind::Proxy => failure.refusal.is_none_or(may_relent),
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
            | Kind::HostDown
            | Kind::Cancelled => false,
        },
        (None, Some(answer)) => {
            policy.on.contains(answer.status) && !accept.contains(answer.status)
        }
        (None, None) => false,
    }
}

/// Whether a proxy that refused may connect the next time. A refusal that is about the request would be repeated.
const fn may_relent(refusal: ProxyRefusal) -> bool {
    match refusal {
        ProxyRefusal::Status(status) => status >= 500,
        ProxyRefusal::Forbidden => false,
        ProxyRefusal::Unreachable | ProxyRefusal::Unknown => true,
    }
}

/// Returns the back-off after `made` attempts, before jitter.
fn backoff(policy: &RetryPolicy, made: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(made.saturating_sub(1));
    let delay = policy.delay.saturating_mul(doubled);
    policy.max_delay.map_or(delay, |max| delay.min(max))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::error::{Failure, Phase};
    use crate::model::outcome::Answer;
    use url::Url;

    const SECOND: Duration = Duration::from_secs(1);

    fn policy(max: u32) -> RetryPolicy {
        RetryPolicy {
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
            lost_connection: false,
            sent: failure
                .is_none_or(|(_, phase)| !matches!(phase, Phase::Resolve | Phase::Connect)),
            total: SECOND,
        }
    }

    /// Decides what follows `last` after `made` attempts that ended in the same way.
    fn after(made: usize, method: &Method, last: &Attempt) -> RetryDecision {
        let summary = AttemptSummary {
            error: last.failure.clone(),
            ..AttemptSummary::default()
        };
        let accept = "200,500".parse().unwrap();
        decide(&policy(3), &accept, method, &vec![summary; made], last, 1.0)
    }

    #[test]
    fn transient_failures_are_retried() {
        use Phase::{Body, Connect, Headers, Resolve};
        for (kind, phase, is_retried) in [
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
            let retried = after(1, &Method::GET, &last) != RetryDecision::GiveUp;
            assert_eq!(retried, is_retried, "{kind:?} {phase:?}");
            let post = after(1, &Method::POST, &last) != RetryDecision::GiveUp;
            assert_eq!(
                post,
                is_retried && matches!(phase, Connect | Resolve),
                "POST {kind:?}"
            );
        }
        let dns = attempt(None, Some((Kind::Dns, Resolve)));
        assert_eq!(after(2, &Method::GET, &dns), RetryDecision::GiveUp, "once");
    }

    #[test]
    fn a_proxy_that_refused_is_asked_again_where_it_may_relent() {
        for (refusal, is_retried) in [
            (ProxyRefusal::Status(204), false),
            (ProxyRefusal::Status(302), false),
            (ProxyRefusal::Status(403), false),
            (ProxyRefusal::Status(407), false),
            (ProxyRefusal::Status(429), false),
            (ProxyRefusal::Status(499), false),
            (ProxyRefusal::Status(500), true),
            (ProxyRefusal::Status(502), true),
            (ProxyRefusal::Forbidden, false),
            (ProxyRefusal::Unreachable, true),
            (ProxyRefusal::Unknown, true),
        ] {
            let mut last = attempt(None, Some((Kind::Proxy, Phase::Connect)));
            last.failure.as_mut().unwrap().refusal = Some(refusal);
            for method in [Method::GET, Method::POST] {
                let retried = after(1, &method, &last) != RetryDecision::GiveUp;
                assert_eq!(retried, is_retried, "{refusal:?} {method}");
            }
        }
    }

    #[test]
    fn statuses_of_the_policy_are_retried_for_idempotent_methods() {
        for (status, method, is_retried) in [
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
            let retried = after(1, &method, &last) != RetryDecision::GiveUp;
            assert_eq!(retried, is_retried, "{status} {method}");
        }
    }

    #[test]
    fn back_offs_double_up_to_the_longest_until_the_attempts_are_used_up() {
        let last = attempt(Some(Answer::of(503)), None);
        for (made, expected) in [
            (1, RetryDecision::AfterBackoff(SECOND)),
            (2, RetryDecision::AfterBackoff(2 * SECOND)),
            (3, RetryDecision::AfterBackoff(4 * SECOND)),
            (4, RetryDecision::GiveUp),
        ] {
            assert_eq!(after(made, &Method::GET, &last), expected, "{made}");
        }
        for (made, expected) in [(6, 32), (7, 60), (40, 60), (u32::MAX, 60)] {
            assert_eq!(backoff(&policy(0), made), expected * SECOND);
        }
        let none = RetryPolicy {
            delay: Duration::ZERO,
            ..policy(0)
        };
        assert_eq!(backoff(&none, 1000), Duration::ZERO);
    }

    #[test]
    fn retry_after_replaces_the_back_off_unless_it_is_too_long() {
        for (seconds, expected) in [
            (0, RetryDecision::AfterPause(Duration::ZERO)),
            (60, RetryDecision::AfterPause(60 * SECOND)),
            (61, RetryDecision::PauseTooLong(61 * SECOND)),
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
