//! The command line, as clap parses it. Each heading of the help is one struct of options in a file of
//! its own; [`command`] puts them together, [`values`] parses durations, rates and sizes, and [`refusal`] words what
//! is wrong, with the table of other tools' options in [`elsewhere`].

#![expect(
    clippy::doc_markdown,
    reason = "comments of options are their help, which is printed as it is"
)]

mod command;
mod concurrency;
mod connection;
mod elsewhere;
mod input;
mod refusal;
mod request;
mod result;
mod retry;
mod run;
mod save;
mod time;
mod values;
mod words;

pub use command::{Cli, CommandLineError};
pub use concurrency::ConcurrencyArgs;
pub use connection::ConnectionArgs;
pub use input::{InputArgs, InputFormatName, SchemeName, ShardBy};
pub use refusal::describe;
pub use request::RequestArgs;
pub use result::{FormatName, ResultArgs};
pub use retry::RetryArgs;
pub use run::{RunArgs, When};
pub use save::{ExistingName, SaveArgs};
pub use time::TimeArgs;
pub use values::{Limit, Override};
