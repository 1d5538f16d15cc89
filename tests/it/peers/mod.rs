//! Servers and proxies that others wrote, as they are installed: `fetch` gets from them what curl gets.
//!
//! They are not on every machine, so all of this is ignored unless asked for; `.ci/run` installs them, and asks.

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
