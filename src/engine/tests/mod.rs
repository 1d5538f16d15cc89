//! Tests of the engine as a whole, each in the file of its subject.
//!
//! They run on tokio's paused clock, in which an hour passes at once and always in the same way.
//! To add one, list the pages that are fetched, build a [`harness::Simulation`] of them, and
//! assert what its [`harness::Recording`] shows.
#![expect(clippy::unwrap_used, reason = "tests")]

mod harness;
mod hosts;
mod intake;
mod model;
mod order;
mod properties;
mod recording;
mod retries;
mod slots;
mod stopping;
