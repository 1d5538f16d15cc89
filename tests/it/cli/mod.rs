//! The command line.

mod elsewhere;
pub(crate) mod options;
mod words;
