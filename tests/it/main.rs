//! What `fetch` promises, tested from outside: the real binary against scripted servers on raw sockets.
//!
//! One crate, so that it links once; a module a subject, a test a promise. [`support`] holds the server, the runner
//! and what every run is checked for without being asked: each record has the keys of the contract and no others,
//! nothing unescaped reaches the outside, and the [`support::CANARY`], which every run is given, shows up nowhere.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![expect(clippy::format_collect, reason = "lists of URLs are short")]

mod support;

mod block_private;
mod block_private_ways;
mod body;
mod body_coding;
mod canary;
mod catalogue;
mod concurrency;
mod engines;
mod errors;
mod families;
mod formats;
mod formats_escape;
mod formats_write_out;
mod hosts;
mod https_only;
mod input;
mod input_json;
mod journal;
mod journal_crash;
mod journal_ends;
mod journal_files;
mod journal_guard;
mod kill;
mod limits;
mod mended;
mod mended_input;
mod merge;
mod options;
mod peers;
mod properties;
mod proxy;
mod proxy_env;
mod proxy_errors;
mod proxy_itself;
mod proxy_noproxy;
mod proxy_secrets;
mod readme;
mod redirect;
mod redirect_secrets;
mod request;
mod request_headers;
mod resolve;
mod resolve_many;
mod rest;
mod retry;
mod run;
mod run_files;
mod run_signals;
mod save;
mod save_continue;
mod save_continue_doubt;
mod save_continue_kept;
mod save_continue_part;
mod save_ends;
mod save_existing;
mod save_intruders;
mod save_leftovers;
mod save_mended;
mod save_names;
mod save_names_asked;
mod save_options;
mod save_own;
mod save_slow_disk;
mod server_itself;
mod shard;
mod shard_filter;
mod socks;
mod terminal;
mod time;
mod tls;
mod tls_client;
mod tls_given;
mod tls_proxy;
mod torture;
mod unix_socket;
mod workers;
