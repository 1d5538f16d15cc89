//! The interface between the engine and what sends requests.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::http::{AttemptState, ExchangeResult, Workers};
use crate::model::request::Request;

/// Sends requests. The tests of the engine implement it with fake hosts.
pub trait Transport {
    /// Sends the next request of `state`, an attempt at `request`, and waits for the
    /// end of the answer. Returns the state, and the result unless `abort` came first.
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
