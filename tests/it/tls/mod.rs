//! Which certificates are trusted, and which are shown.

mod client;
mod given;
mod proxies;
mod server;
