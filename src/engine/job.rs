//! One input on its way through the engine.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::Options;
use crate::error::{Failure, Kind, Phase};
use crate::event::Stop;
use crate::http::Chain;
use crate::outcome::{Answer, Attempt, AttemptSummary, Outcome, Verdict};
use crate::request::Input;

/// One input between its line and its record.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) input: Input,
    /// The attempt under way.
    pub(super) chain: Option<Chain>,
    pub(super) started: Option<Started>,
    attempts: Vec<AttemptSummary>,
}

/// When the first attempt went on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    time: SystemTime,
    instant: Instant,
}

impl Started {
    pub(super) fn now() -> Self {
        Self {
            time: SystemTime::now(),
            instant: Instant::now(),
        }
    }
}

impl Job {
    pub(super) fn new(input: Input) -> Self {
        Self {
            input,
            chain: None,
            started: None,
            attempts: Vec::new(),
        }
    }

    /// The attempt under way ended so.
    pub(super) fn end(
        mut self,
        answer: Option<Answer>,
        failure: Option<Failure>,
        options: &Options,
    ) -> Outcome {
        let last = self.chain.take().map(|chain| chain.end(answer, failure));
        if let Some(attempt) = &last {
            self.attempts.push(summary(attempt));
        }
        let failure = last.as_ref().and_then(|attempt| attempt.failure.clone());
        let failure = failure.or_else(|| self.checksum(last.as_ref()?, options));
        let verdict = match (
            &failure,
            last.as_ref().and_then(|last| last.answer.as_ref()),
        ) {
            (None, Some(answer)) if options.accept.contains(answer.status) => Verdict::Ok,
            (None, Some(_)) => Verdict::HttpError,
            (Some(failure), _) if failure.kind == Kind::Cancelled => Verdict::Cancelled,
            (Some(_), _) | (None, None) => Verdict::Error,
        };
        let slow = match (&last, options.slow) {
            (Some(attempt), Some(slow)) => attempt.total > slow,
            _ => false,
        };
        Outcome {
            input: self.input,
            verdict,
            started: self.started.map(|started| started.time),
            elapsed: self.started.map(|started| started.instant.elapsed()),
            slow,
            attempts: self.attempts,
            last,
            failure,
        }
    }

    /// It holds no request that could be sent.
    pub(super) fn reject(self, failure: Failure) -> Outcome {
        self.unsent(Verdict::Error, failure)
    }

    /// The run ends before it was sent.
    pub(super) fn cancel(self, why: Stop) -> Outcome {
        let failure = cancelled(why, self.chain.as_ref().map_or(Phase::Input, Chain::phase));
        self.unsent(Verdict::Cancelled, failure)
    }

    fn unsent(self, verdict: Verdict, failure: Failure) -> Outcome {
        Outcome {
            input: self.input,
            verdict,
            started: self.started.map(|started| started.time),
            elapsed: self.started.map(|started| started.instant.elapsed()),
            slow: false,
            attempts: self.attempts,
            last: None,
            failure: Some(failure),
        }
    }

    /// An accepted answer with other content than expected.
    fn checksum(&self, attempt: &Attempt, options: &Options) -> Option<Failure> {
        let expected = self.input.request.as_ref().ok()?.sha256?;
        let answer = attempt.answer.as_ref()?;
        (options.accept.contains(answer.status) && answer.sha256 != Some(expected)).then(|| {
            let message = "the SHA-256 of the body is not the expected one";
            Failure::new(Kind::Checksum, Phase::Body, message)
        })
    }
}

fn summary(attempt: &Attempt) -> AttemptSummary {
    AttemptSummary {
        status: attempt.answer.as_ref().map(|answer| answer.status),
        error: attempt.failure.clone(),
        total: attempt.total,
        delay: Duration::ZERO,
    }
}

/// The failure of what a stop cuts off in `phase`.
pub(super) fn cancelled(why: Stop, phase: Phase) -> Failure {
    let message = match why {
        Stop::Interrupted => "the run was interrupted",
        Stop::Terminated => "the run was terminated",
        Stop::FailFast => "another URL failed (--fail-fast)",
        Stop::Deadline => "the run took too long (--deadline)",
    };
    Failure::new(Kind::Cancelled, phase, message)
}
