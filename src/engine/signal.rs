//! What the end of an exchange tells about its host.

use reqwest::StatusCode;

use crate::http::ExchangeResult;
use crate::model::error::{Failure, Kind, Phase};
use crate::model::status_set::StatusSet;

/// What the end of an exchange tells about its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// It answered with an accepted status, or with a redirect.
    Accepted,
    /// It says that it is busy: 429 or 503, unless that is accepted.
    Busy,
    /// It answered with another status.
    Rejected,
    /// It failed, but it did not time out before an answer: it refused the connection or broke it, for example.
    Failed,
    /// No connection was made in time.
    Unreachable,
    /// A connection was made, but no answer began in time.
    Silent,
    /// Nothing: this side gave up.
    Nothing,
}

impl Signal {
    /// Returns what `result` tells, where the statuses in `accept` are accepted.
    pub(super) fn of(result: Option<&ExchangeResult>, accept: &StatusSet) -> Self {
        match result {
            None | Some(ExchangeResult::Ended(None, None)) => Self::Nothing,
            Some(ExchangeResult::Redirected(..)) => Self::Accepted,
            Some(ExchangeResult::Ended(Some(answer), _)) => match answer.status {
                status if accept.contains(status) => Self::Accepted,
                status if is_busy(status) => Self::Busy,
                _ => Self::Rejected,
            },
            Some(ExchangeResult::Ended(None, Some(failure))) => Self::of_failure(failure),
        }
    }

    fn of_failure(failure: &Failure) -> Self {
        match (failure.kind, failure.phase) {
            (Kind::Timeout, Phase::Resolve | Phase::Connect) if failure.through_proxy => {
                Self::Nothing
            }
            (Kind::Timeout, Phase::Resolve | Phase::Connect) => Self::Unreachable,
            (Kind::Timeout, _) => Self::Silent,
            (Kind::Cancelled | Kind::Blocked | Kind::Io, _) => Self::Nothing,
            _ => Self::Failed,
        }
    }
}

/// Whether `status` says that the server takes no more requests for now (RFC 6585, section 4; RFC 9110, section 15.6.4).
fn is_busy(status: u16) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::outcome::Answer;

    #[test]
    fn answers_and_failures_tell_different_things() {
        let accept: StatusSet = "200..=299".parse().unwrap();
        let answered = |status| ExchangeResult::Ended(Some(Answer::of(status).into()), None);
        let failed = |kind, phase| ExchangeResult::Ended(None, Some(Failure::new(kind, phase, "")));
        for (result, signal) in [
            (answered(204), Signal::Accepted),
            (answered(429), Signal::Busy),
            (answered(503), Signal::Busy),
            (answered(500), Signal::Rejected),
            (failed(Kind::Timeout, Phase::Resolve), Signal::Unreachable),
            (failed(Kind::Timeout, Phase::Connect), Signal::Unreachable),
            (failed(Kind::Timeout, Phase::Headers), Signal::Silent),
            (failed(Kind::Connect, Phase::Connect), Signal::Failed),
            (failed(Kind::Dns, Phase::Resolve), Signal::Failed),
            (failed(Kind::Io, Phase::Save), Signal::Nothing),
        ] {
            assert_eq!(Signal::of(Some(&result), &accept), signal, "{result:?}");
        }
        assert_eq!(Signal::of(None, &accept), Signal::Nothing);
        let through_proxy = Failure {
            through_proxy: true,
            ..Failure::new(Kind::Timeout, Phase::Connect, "")
        };
        let through_proxy = ExchangeResult::Ended(None, Some(through_proxy));
        assert_eq!(Signal::of(Some(&through_proxy), &accept), Signal::Nothing);
        let all = "100..=599".parse().unwrap();
        assert_eq!(Signal::of(Some(&answered(503)), &all), Signal::Accepted);
    }
}
