//! The wiring of a run: opens what it needs, drives the engine, and closes with files and an exit code.
//!
//! [`start`] prepares a run, [`drive`] runs the engine and waits for the printer, [`output_files`] holds the
//! files of `--results` and `--summary-file`, [`planner`] decides about each input, and [`signals`] tells
//! when the user or the reader of standard output wants to end. [`dry_run`] and [`merge`] are runs
//! that send nothing.

mod drive;
mod dry_run;
mod error;
pub mod merge;
mod output_files;
mod planner;
mod run_mark;
mod signals;
mod start;

pub use error::RunError;
pub use start::run;
