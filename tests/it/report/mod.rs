//! What a run prints: formats, the terminal, errors, and merged summaries.

mod errors;
mod escape;
mod formats;
mod merge;
mod terminal;
mod write_out;
