//! One input on its way through the engine.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;
use url::Url;

use super::host_id::{HostId, HostIndex};
use super::options::{EngineOptions, RetryPolicy};
use super::retry::{self, RetryDecision};
use crate::http::AttemptState;
use crate::model::error::{Failure, Kind, Phase};
use crate::model::event::Stop;
use crate::model::input::{Decision, Input};
use crate::model::outcome::{Answer, Attempt, AttemptSummary, Outcome, Verdict};
use crate::model::request::Request;
use crate::model::status_set::StatusSet;

/// One input, from its line to its outcome.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) input: Box<Input>,
    /// The attempt under way, between two exchanges: a transport has it during one.
    pub(super) state: Option<Box<AttemptState>>,
    /// When the job was queued for its next exchange.
    pub(super) queued_at: Option<Instant>,
    /// The exchange in flight.
    pub(super) sent: Option<Sent>,
    started: Option<Started>,
    attempts: Vec<AttemptSummary>,
    /// The last attempt that ended, and the time of its end.
    last: Option<(Attempt, Instant)>,
}

/// An exchange in flight: the host that counts it, and when it started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) host: HostIndex,
    pub(super) at: Instant,
}

/// The time at which the first attempt started.
#[derive(Clone, Copy, Debug)]
struct Started {
    time: SystemTime,
    instant: Instant,
}

impl Started {
    fn now() -> Self {
        Self {
            time: SystemTime::now(),
            instant: Instant::now(),
        }
    }
}

impl Job {
    /// Creates the job of an input. It is boxed because it moves through many queues.
    pub(super) fn new(input: Box<Input>) -> Box<Self> {
        Box::new(Self {
            input,
            state: None,
            queued_at: None,
            sent: None,
            started: None,
            attempts: Vec::new(),
            last: None,
        })
    }

    /// Returns the host that the next exchange is sent to.
    pub(super) fn next_host(&self) -> HostId {
        self.next_url().map_or_else(HostId::default, HostId::of)
    }

    /// Returns the URL of the next exchange; `None` where the input holds no request.
    pub(super) fn next_url(&self) -> Option<&Url> {
        match (&self.state, &self.input.request) {
            (Some(state), _) => Some(state.url()),
            (None, Ok(request)) => Some(&request.url),
            (None, Err(_)) => None,
        }
    }

    /// Whether an attempt was started.
    pub(super) const fn is_started(&self) -> bool {
        self.started.is_some()
    }

    /// Returns the host that the last attempt ended at, after redirects.
    pub(super) fn last_host(&self) -> Option<HostId> {
        Some(HostId::of(&self.last_attempt()?.final_url))
    }

    /// Hands out the attempt under way for its next exchange, or starts a new attempt.
    /// Returns `None` where the input holds no request.
    pub(super) fn begin_exchange(&mut self) -> Option<(Arc<Request>, Box<AttemptState>)> {
        let request = self.input.request.as_ref().ok()?;
        if self.state.is_none() {
            self.started.get_or_insert_with(Started::now);
            let delay = self.last.as_ref().map(|(_, ended)| ended.elapsed());
            // Nearly always there is only one, and a vector would make room for four.
            self.attempts.reserve_exact(1);
            self.attempts.push(AttemptSummary {
                delay: delay.unwrap_or_default(),
                ..AttemptSummary::default()
            });
        }
        let new = || {
            Box::new(match &self.last {
                Some((last, _)) => AttemptState::after(last, request),
                None => AttemptState::new(request),
            })
        };
        let state = self.state.take().unwrap_or_else(new);
        Some((request.clone(), state))
    }

    /// Ends the attempt under way with this answer or failure.
    pub(super) fn end_attempt(&mut self, answer: Option<Box<Answer>>, failure: Option<Failure>) {
        let Some(state) = self.state.take() else {
            return;
        };
        let attempt = state.end(answer, failure);
        if let Some(summary) = self.attempts.last_mut() {
            summary.status = attempt.answer.as_ref().map(|answer| answer.status);
            summary.error.clone_from(&attempt.failure);
            summary.total = attempt.total;
        }
        self.last = Some((attempt, Instant::now()));
    }

    /// Decides what follows the attempt that ended.
    pub(super) fn decide_retry(&self, policy: &RetryPolicy, accept: &StatusSet) -> RetryDecision {
        match (&self.input.request, &self.last) {
            (Ok(request), Some((last, _))) => retry::decide(
                policy,
                accept,
                &request.method,
                &self.attempts,
                last,
                fastrand::f64(),
            ),
            _ => RetryDecision::GiveUp,
        }
    }

    /// Returns the last attempt that ended.
    pub(super) fn last_attempt(&self) -> Option<&Attempt> {
        self.last.as_ref().map(|(last, _)| last)
    }

    /// Drops the body of the last answer, because another attempt follows: a job that waits must not hold memory that
    /// those in flight wait for.
    pub(super) fn drop_body(&mut self) {
        let answer = self
            .last
            .as_mut()
            .and_then(|(last, _)| last.answer.as_mut());
        if let Some(answer) = answer {
            answer.body = None;
        }
    }

    /// Returns how many attempts have been started.
    pub(super) fn attempts_made(&self) -> usize {
        self.attempts.len()
    }

    /// Makes the outcome of the last attempt. `retry_failure` says why there is no further one,
    /// where the last attempt does not.
    pub(super) fn into_outcome(
        self,
        options: &EngineOptions,
        retry_failure: Option<Failure>,
    ) -> Outcome {
        let last = self.last_attempt();
        let failure = last.and_then(|last| last.failure.as_ref());
        let verdict = match (failure, last.and_then(|last| last.answer.as_ref())) {
            (None, Some(answer)) if options.accept.contains(answer.status) => Verdict::Ok,
            (None, Some(_)) => Verdict::HttpError,
            (Some(failure), _) if failure.kind == Kind::Cancelled => Verdict::Cancelled,
            (Some(_), _) | (None, None) => Verdict::Error,
        };
        let slow = match (last, options.slow) {
            (Some(attempt), Some(slow)) => attempt.total > slow,
            _ => false,
        };
        let failure = failure.cloned().or(retry_failure);
        self.build_outcome(verdict, slow, failure)
    }

    /// Makes the outcome of an input that needs no request: it is skipped, refused or invalid.
    pub(super) fn into_unsent_outcome(self) -> Outcome {
        let failure = match (&self.input.request, &self.input.decision) {
            (Err(failure), _) | (Ok(_), Decision::Refuse(failure)) => failure.clone(),
            (Ok(_), Decision::Skip { file, .. }) => {
                let file = file.clone();
                let outcome = self.build_outcome(Verdict::Skipped, false, None);
                return Outcome { file, ..outcome };
            }
            (Ok(_), Decision::Send) => return self.into_cancelled_outcome(Stop::Interrupted),
        };
        self.build_outcome(Verdict::Error, false, Some(failure))
    }

    /// Makes the outcome of a job that waited for a host that is down.
    pub(super) fn into_given_up_outcome(
        mut self,
        options: &EngineOptions,
        mut failure: Failure,
    ) -> Outcome {
        if !self.attempts.is_empty() {
            failure.message.insert_str("not tried".len(), " again");
        }
        if self.state.is_some() {
            self.end_attempt(None, Some(failure));
            return self.into_outcome(options, None);
        }
        self.build_outcome(Verdict::Error, false, Some(failure))
    }

    /// Makes the outcome of an input that the end of the run cancels before an attempt is under way.
    pub(super) fn into_cancelled_outcome(self, why: Stop) -> Outcome {
        let failure = cancelled_failure(why, Phase::Input);
        self.build_outcome(Verdict::Cancelled, false, Some(failure))
    }

    fn build_outcome(mut self, verdict: Verdict, slow: bool, failure: Option<Failure>) -> Outcome {
        let answer = self
            .last
            .as_mut()
            .and_then(|(last, _)| last.answer.as_mut());
        let saved = answer.and_then(|answer| answer.saved.take());
        let (file, pending_file) = saved.map(|saved| (saved.name, saved.pending_file)).unzip();
        Outcome {
            file,
            pending_file,
            input: self.input,
            verdict,
            started: self.started.map(|started| started.time),
            elapsed: self.started.map(|started| started.instant.elapsed()),
            slow,
            attempts: self.attempts,
            last: self.last.map(|(last, _)| last),
            failure,
        }
    }
}

/// Describes the failure of an input that a stop cancels in `phase`.
pub(super) fn cancelled_failure(why: Stop, phase: Phase) -> Failure {
    let message = match why {
        Stop::Interrupted => "the run was interrupted",
        Stop::Terminated => "the run was terminated",
        Stop::FailFast => "another URL failed (--fail-fast)",
        Stop::Deadline => "the deadline was reached (--deadline)",
    };
    Failure::new(Kind::Cancelled, phase, message)
}
