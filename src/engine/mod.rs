//! The engine: takes inputs, keeps up to `jobs` requests in flight, and reports the outcome of each input.
//!
//! One stream feeds itself. [`schedule`] yields the jobs whose request may be sent now,
//! `buffer_unordered` runs them through a [`Transport`], and [`dispatcher`] either returns what
//! came back to the schedule (a redirect, a retry) or reports its outcome.
//!
//! | file | holds |
//! |---|---|
//! | [`job`] | one input, from its line to its outcome |
//! | [`waiting`] | jobs that wait for their turn, their host or a back-off, and whose turn it is |
//! | [`parked`] | how many inputs wait outside memory |
//! | [`host_queue`] | what waits for one host |
//! | [`host_state`] | what one host takes, as pure functions over its state |
//! | [`signal`] | what the end of an exchange tells about its host |
//! | [`reachability`] | whether a host is down, as pure functions of these signals |
//! | [`share`] | how much a host takes that says it is busy, as pure functions of these signals |
//! | [`patience`] | a time that something may last, such as a free slot |
//! | [`retry`] | whether an attempt is retried, and when, as a pure function |
//! | [`pacer`] | a rate: of all requests, or of those to one host |
//! | [`input_order`] | outcomes in the order of the input (`--ordered`) |
//!
//! A job that waits holds no slot. What the engine knows of HTTP is the method of a request, and what an exchange
//! leads to ([`ExchangeResult`](crate::http::ExchangeResult)): an answer, a failure or a redirect, whose next exchange
//! goes through the schedule again. How an exchange is made is behind [`Transport`], so that the tests run with fake
//! hosts and tokio's paused clock.

mod dispatcher;
mod host_id;
mod host_queue;
mod host_state;
mod input_order;
mod job;
mod options;
mod pacer;
mod parked;
mod patience;
mod reachability;
mod retry;
mod schedule;
mod share;
mod signal;
#[cfg(test)]
mod tests;
mod transport;
mod waiting;

pub use dispatcher::run;
pub use options::{EngineOptions, HostLimits, RetryPolicy};
pub use transport::Transport;
