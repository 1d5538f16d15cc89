//! What `fetch` promises, tested from outside: the real binary against scripted servers on raw sockets.
//!
//! One crate, so that it links once; a folder a subject, a test a promise. [`support`] holds the server, the runner
//! and what every run is checked for without being asked: each record has the keys of the contract and no others,
//! nothing unescaped reaches the outside, and the [`support::CANARY`], which every run is given, shows up nowhere.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![expect(clippy::format_collect, reason = "lists of URLs are short")]

mod support;

mod catalogue;
mod cli;
mod connect;
mod documents;
mod engines;
mod harness;
mod http;
mod input;
mod journal;
mod layers;
mod peers;
mod proxy;
mod report;
mod retry;
mod run;
mod save;
mod schedule;
mod shard;
mod tls;
