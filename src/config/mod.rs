//! From the command line to the options of each part.
//!
//! There is one file per part, and each takes only the groups of options that concern it. [`checks`] compares options
//! of different groups, and [`build`] puts the parts together. The layers below do not know the command line.

mod build;
mod checks;
mod connection;
mod engine;
mod error;
mod input;
mod proxies;
mod report;
mod request;
mod run;
mod save;
mod terminal;
mod time;

pub use build::Config;
pub use error::{ConnectionOptionError, UsageError};
pub use run::RunOptions;
pub use save::SaveConfig;
