//! The engine: takes inputs, keeps at most `jobs` requests on the wire, tells what becomes of them.
//!
//! One stream feeds itself: [`schedule`] yields what may go on the wire now,
//! `buffer_unordered` carries it, [`mod@run`] looks at what came back and gives it
//! either back to the schedule or, as an outcome, to the caller. [`waiting`] holds
//! what may not go yet (a host's turn or rest, a back-off), [`retry`] says what is
//! made again, [`pace`] keeps a rate, [`order`] puts the outcomes into the order of
//! the input where that is asked for.

mod job;
mod order;
mod pace;
mod retry;
mod run;
mod schedule;
#[cfg(test)]
mod tests;
mod waiting;
#[cfg(test)]
mod waiting_tests;

pub use retry::Retry;
pub use run::run;
pub use waiting::PerHost;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::http::{Chain, Hop, Workers};
use crate::model::outcome::Accept;
use crate::model::request::Request;

/// What the part needs to know.
#[derive(Clone, Debug)]
pub struct Options {
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
    pub accept: Accept,
    /// An attempt that takes longer is slow.
    pub slow: Option<Duration>,
}

/// Carries one hop of a request.
pub trait Transport {
    /// Sends the next request of `chain`, made for `request`. Gives the chain back,
    /// and what the hop led to: nothing, where `abort` came first.
    fn hop(
        &self,
        request: Arc<Request>,
        chain: Box<Chain>,
        abort: &CancellationToken,
    ) -> impl Future<Output = (Box<Chain>, Option<Hop>)>;
}

impl Transport for Workers {
    fn hop(
        &self,
        request: Arc<Request>,
        chain: Box<Chain>,
        abort: &CancellationToken,
    ) -> impl Future<Output = (Box<Chain>, Option<Hop>)> {
        Workers::hop(self, request, chain, abort)
    }
}
