//! Parse, run, exit.

use std::process::ExitCode;

use clap::Parser as _;
use fetch::RunError;
use fetch::cli::Cli;
use fetch::config::Config;
use fetch::exit::Exit;
use fetch::report::say;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads is no error.
            let _ = error.print();
            return u8::try_from(error.exit_code())
                .unwrap_or(Exit::Usage.code())
                .into();
        }
    };
    let exit = run(&cli).unwrap_or_else(|error| {
        say(&error.to_string());
        error
            .downcast_ref::<RunError>()
            .map_or(Exit::Usage, RunError::exit)
    });
    exit.code().into()
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    Ok(fetch::run(Config::new(cli)?)?)
}
