//! `fetch` fetches a list of URLs concurrently and prints one record for each.
//!
//! The way of one URL, top to bottom:
//!
//! ```text
//! line ─ input ─▶ plan ─▶ Request ─ engine::schedule ─▶ http::hop, at most `jobs` at a time ─▶ Outcome ─ report ─▶ printer
//!                                          ▲                   │      │
//!                                          └──── next hop ◀────┘      └─▶ save::Writer ─▶ file
//! ```
//!
//! | layer | modules | may use |
//! |---|---|---|
//! | 4 | `main`, this file (wiring), `plan` (send, skip or refuse), `signals`, `drafts` (the files of a run), `dry_run`, [`merge`] (of shards) | all |
//! | 3 | [`cli`] (clap only), [`config`], [`connecting`] and `proxies` (cli → each part's own options) | 0–2 |
//! | 2 | [`engine`] (schedule, run), [`report`] (formats, printer, progress, summary, journal) | 0–1, not each other |
//! | 1 | [`input`] (sources, lines, shards), [`http`] (hop, redirects, bodies, connections; it uses [`save`]), [`save`] (names, files) | 0 |
//! | 0 | [`request`], [`outcome`], [`event`], [`error`], [`exit`], [`text`] | nothing of ours |
//!
//! Two threads always: the engine with its runtime (the main thread), and the printer
//! ([`report::Reporter`]). The reader of the input, who also plans ([`input::read`]), is
//! a third, unless the input is a few URLs on the command line. Some come where they are needed: those
//! that carry a part of a long list ([`http::Workers`]), write files ([`save::Threads`]), look up names,
//! count the input, watch a reader behind a socket.

pub mod cli;
pub mod config;
pub mod engine;
pub mod http;
pub mod input;
pub mod model;
pub mod report;
pub mod run;
pub mod save;
pub mod sys;
