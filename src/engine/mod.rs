//! The engine: takes inputs, keeps at most `jobs` requests on the wire, tells what becomes of them.
//!
//! One stream feeds itself: [`schedule`] yields what may go on the wire now,
//! `buffer_unordered` carries it, [`dispatcher`] looks at what came back and gives it
//! either back to the schedule or, as an outcome, to the caller. [`waiting`] holds
//! what may not go yet (a host's turn or rest, a back-off), [`retry`] says what is
//! made again, [`pace`] keeps a rate, [`input_order`] puts the outcomes into the order of
//! the input where that is asked for.

mod dispatcher;
mod input_order;
mod job;
mod pace;
mod retry;
mod schedule;
#[cfg(test)]
mod tests;
mod waiting;
#[cfg(test)]
mod waiting_tests;

pub use dispatcher::run;
pub use retry::Retry;
pub use waiting::PerHost;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::http::{AttemptState, ExchangeResult, Workers};
use crate::model::outcome::StatusSet;
use crate::model::request::Request;

/// What the part needs to know.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Requests on the wire at most.
    pub jobs: usize,
    /// From one request to the next.
    pub interval: Option<Duration>,
    /// What each host takes.
    pub per_host: PerHost,
    /// Which attempts are made again.
    pub retry: Retry,
    /// Outcomes in the order of the input.
    pub ordered: bool,
    /// End the run with the first input that is not ok.
    pub fail_fast: bool,
    /// End the run after this.
    pub deadline: Option<Duration>,
    /// Which statuses are ok.
    pub accept: StatusSet,
    /// An attempt that takes longer is slow.
    pub slow: Option<Duration>,
}

/// Carries one hop of a request.
pub trait Transport {
    /// Sends the next request of `state`, made for `request`. Gives the chain back,
    /// and what the hop led to: nothing, where `abort` came first.
    fn exchange(
        &self,
        request: Arc<Request>,
        state: Box<AttemptState>,
        abort: &CancellationToken,
    ) -> impl Future<Output = (Box<AttemptState>, Option<ExchangeResult>)>;
}

impl Transport for Workers {
    fn exchange(
        &self,
        request: Arc<Request>,
        state: Box<AttemptState>,
        abort: &CancellationToken,
    ) -> impl Future<Output = (Box<AttemptState>, Option<ExchangeResult>)> {
        Workers::exchange(self, request, state, abort)
    }
}
