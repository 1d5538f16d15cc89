//! What carries the requests of the engine.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::http::{AttemptState, ExchangeResult, Workers};
use crate::model::request::Request;

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
