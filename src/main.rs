//! Parse, run, exit.

use std::process::ExitCode;

use fetch::cli::{Cli, CommandLineError, describe};
use fetch::config::Config;
use fetch::model::exit::Exit;
use fetch::report::print_message;
use fetch::run::RunError;
use fetch::sys::survive_status_requests;

fn main() -> ExitCode {
    let cli = match Cli::from_command_line() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error).code().into(),
    };
    let exit = run(&cli).unwrap_or_else(|error| {
        print_message(&format!("{error:#}"));
        error
            .downcast_ref::<RunError>()
            .map_or(Exit::Usage, RunError::exit)
    });
    exit.code().into()
}

/// Prints help where it was asked for, else what is wrong, in one line.
fn refuse(error: &CommandLineError) -> Exit {
    if let CommandLineError::Clap(help) = error
        && !help.use_stderr()
    {
        // Help that nobody reads is no error.
        let _ = help.print();
        return Exit::Success;
    }
    print_message(&describe(error));
    Exit::Usage
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    if !cli.run.merge.is_empty() {
        return Ok(fetch::run::merge::run(&cli.run.merge, cli.run.quiet)?);
    }
    // The options may name pipes, which take time to open and to read.
    survive_status_requests()?;
    Ok(fetch::run::run(Config::new(cli)?)?)
}
