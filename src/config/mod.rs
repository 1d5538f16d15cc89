//! Command line → what each part needs to know: a file for each part, which takes its
//! own groups of options. Checks across groups are in [`checks`], and [`build`] puts
//! the parts together.

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
pub use run::Run;
pub use save::Save;
