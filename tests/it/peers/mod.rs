//! Servers and proxies of other projects, as they are installed: `fetch` gets from them what curl gets.
//!
//! They are not on every machine, so these tests are ignored by default. `.ci/run` installs and runs them.

mod connections;
mod curl;

mod apache;
mod haproxy;
mod httpbin;
mod microsocks;
mod nghttpd;
mod nginx;
mod nginx_connections;
mod squid;
mod tinyproxy;

use crate::support::daemon;
