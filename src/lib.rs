//! `fetch` fetches a list of URLs concurrently and prints one record for each.
//!
//! `docs/architecture.md` draws the way of one URL through these modules, and says where to add an option, a format
//! or a system.
//!
//! | layer | modules | may use |
//! |---|---|---|
//! | 6 | `main` (parses, runs, exits) and this page | all |
//! | 5 | [`run`]: the wiring of a run, its output files, its planner and its signals; `--dry-run` and `--merge` | 0–4 |
//! | 4 | [`config`]: turns the command line into the options of each part | 0–3 |
//! | 3 | [`cli`]: the command line as clap sees it | 0–2 |
//! | 2 | [`engine`]: dispatcher, schedule, hosts, retries, rates; [`report`]: formats, printer, journal, progress, summary | 0–1, not each other |
//! | 1 | [`input`]: sources, lines, shards; [`http`]: exchanges, redirects, bodies, connections; [`save`]: names and files | 0, not each other |
//! | 0 | [`model`]: the types that all parts share; [`sys`]: everything that differs between systems | nothing of ours |
//!
//! No import runs upwards and no two files import each other; `tests/it/layers.rs` checks that.
//!
//! # Threads
//!
//! The main thread runs the engine on a current-thread runtime. The printer ([`report::Reporter`])
//! has a thread of its own, and so has the reader of the input ([`input::read`]), which also plans,
//! unless the input is a few URLs on the command line. Others start where they are needed: those that
//! carry a part of a long list ([`http::Workers`]), that write files ([`save::Threads`]), that look up
//! names, that count the input, and that watch the reader of standard output.

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
