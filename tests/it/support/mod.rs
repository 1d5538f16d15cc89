//! Servers, runs of the binary, and checks that the tests share.

pub(crate) mod daemon;
pub(crate) mod fetch;
pub(crate) mod folder;
pub(crate) mod http2;
pub(crate) mod journal;
pub(crate) mod limit;
pub(crate) mod openssl;
pub(crate) mod output;
pub(crate) mod port;
pub(crate) mod proxy;
pub(crate) mod record;
pub(crate) mod request;
pub(crate) mod resume;
pub(crate) mod running;
pub(crate) mod screen;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod socks;
pub(crate) mod stock;
pub(crate) mod stream;
pub(crate) mod tale;
pub(crate) mod terminal;
pub(crate) mod text;
pub(crate) mod tls;
pub(crate) mod tunnel;
pub(crate) mod unix;

pub(crate) use fetch::Fetch;
pub(crate) use folder::Folder;
pub(crate) use journal::JOURNAL;
pub(crate) use limit::{Limit, with_time_enough};
pub(crate) use output::Output;
pub(crate) use request::Request;
pub(crate) use running::Running;
pub(crate) use script::{Gate, Script, answer, begin, ok, redirect, reply};
pub(crate) use server::{QUIET, Server};
pub(crate) use stream::Stream;

/// A secret that every run of [`Fetch`] is given, and that all its output and files are searched for.
pub(crate) const CANARY: &str = "c4naryS3cret";

/// The header in which every request of [`Fetch`] carries the secret. [`Server`] hides it from the tests.
pub(crate) const CANARY_HEADER: &str = "X-Canary";

/// How long anything that a test waits for may take before the test fails: a guard against hanging, long enough for a
/// machine that does much else. A test that says something about time says it by the order of events, or by a lower
/// bound.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
