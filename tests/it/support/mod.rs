//! What the tests share.

pub(crate) mod daemon;
pub(crate) mod fetch;
pub(crate) mod folder;
pub(crate) mod http2;
pub(crate) mod journal;
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
pub(crate) use output::Output;
pub(crate) use request::Request;
pub(crate) use running::Running;
pub(crate) use script::{Gate, Script, answer, begin, ok, redirect, reply};
pub(crate) use server::Server;
pub(crate) use stream::Stream;

/// A secret. Every run of [`Fetch`] is given it, and everything that comes of the run is searched for it.
pub(crate) const CANARY: &str = "c4naryS3cret";

/// The header that [`Fetch`] has every request carry it in, and that [`Server`] hides from the tests.
pub(crate) const CANARY_HEADER: &str = "X-Canary";

/// How long anything that a test waits for may take before the test fails.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
