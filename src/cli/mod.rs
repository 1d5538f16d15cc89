//! The command line, as clap sees it: one struct of options for each heading of the help.

mod command;
mod concurrency;
mod connection;
mod input;
mod request;
mod result;
mod retry;
mod run;
mod save;
mod time;
mod values;

pub use command::Cli;
pub use concurrency::ConcurrencyArgs;
pub use connection::ConnectionArgs;
pub use input::{InputArgs, SchemeName, ShardBy};
pub use request::RequestArgs;
pub use result::{FormatName, ResultArgs};
pub use retry::RetryArgs;
pub use run::{RunArgs, When};
pub use save::{IfExists, SaveArgs};
pub use time::TimeArgs;
pub use values::{Limit, Override};
