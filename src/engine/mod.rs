//! The engine: takes inputs, keeps at most `jobs` requests on the wire, tells what becomes of them.
//!
//! One stream feeds itself: [`schedule`] yields what may go on the wire now,
//! `buffer_unordered` carries it, [`dispatcher`] looks at what came back and gives it
//! either back to the schedule or, as an outcome, to the caller. [`waiting`] holds
//! what may not go yet (a host's turn or rest, a back-off), [`retry`] says what is
//! made again, [`pacer`] keeps a rate, [`input_order`] puts the outcomes into the order of
//! the input where that is asked for.

mod dispatcher;
mod host;
mod host_state;
mod input_order;
mod job;
mod options;
mod pacer;
mod retry;
mod schedule;
#[cfg(test)]
mod tests;
mod transport;
mod waiting;

pub use dispatcher::run;
pub use options::{EngineOptions, HostLimits, RetryPolicy};
pub use transport::Transport;
