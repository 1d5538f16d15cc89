//! The whole command line, and the parts of its help that belong to no option.
//!
//! `-h` fits on a screen: the most common options, one line each. Every other option has `hide_short_help` and
//! is in `--help` only. The first paragraph of an option is its line in `-h`, and ends without a full stop. Aliases
//! are named in a later paragraph, because clap would add them to the line in `-h` too.

use std::collections::BTreeMap;
use std::env;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};

use super::concurrency::ConcurrencyArgs;
use super::connection::ConnectionArgs;
use super::input::InputArgs;
use super::request::RequestArgs;
use super::result::ResultArgs;
use super::retry::RetryArgs;
use super::run::RunArgs;
use super::save::SaveArgs;
use super::time::TimeArgs;
use super::words;

/// The text after the options in `-h`.
const AFTER_HELP: &str = "\
Examples:
  fetch urls.txt -j 20
  producer | fetch - --format jsonl | jq .status
  fetch urls.txt -o pages/ --journal run.jsonl

More options, the keys for --write-out and the exit codes: fetch --help";

/// The text after the options in `--help`. clap wraps each line and keeps its indentation.
const AFTER_LONG_HELP: &str = "\
Values:
  DUR is a duration: 5 (seconds), 1.5, 500ms, 2m or 1h; 0 means no limit.
  SIZE is a number of bytes: 4096, 10M or 1GiB, in powers of 1024.
  STATUSES is a list such as 404,500..=599 or 404,500-599 or 404,5xx.

Exit codes:
  0    Every URL is ok or was skipped
  1    The run finished, but at least one URL is not ok
  2    An option is wrong, or a file it names or a source cannot be opened
  3    The run could not go on, for example because the disk is full
  130  Stopped by SIGINT (Ctrl-C)
  141  The reader of standard output closed it
  143  Stopped by SIGTERM

Examples:
  Fetch the URLs in a file, 20 at a time:
      fetch urls.txt -j 20

  Read URLs from another program and print JSON, one line per URL:
      producer | fetch - --format jsonl | jq .status

  Save every body; after an interruption, the same command continues the run:
      fetch urls.txt -o pages/ --journal run.jsonl";

/// Fetch a list of URLs concurrently and print one record for each as it completes.
///
/// The list has one URL per line. A line may also be a JSON object with the key url and, if needed, method, headers,
/// body, id, meta, name and sha256. Blank lines and lines that begin with # are skipped.
///
/// Every URL gets exactly one record. The first request is sent as soon as the first line arrives, and memory does
/// not grow with the length of the list.
#[derive(Debug, Parser)]
#[command(
    name = "fetch",
    version,
    max_term_width = 100,
    args_override_self = true,
    after_help = AFTER_HELP,
    after_long_help = AFTER_LONG_HELP
)]
pub struct Cli {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,
    /// How many requests are in flight, and how fast they follow each other.
    #[command(flatten)]
    pub concurrency: ConcurrencyArgs,
    /// What a request looks like.
    #[command(flatten)]
    pub request: RequestArgs,
    /// How connections are made.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Time limits of an attempt.
    #[command(flatten)]
    pub time: TimeArgs,
    /// What is attempted again, and when.
    #[command(flatten)]
    pub retry: RetryArgs,
    /// What a record contains and how it is printed.
    #[command(flatten)]
    pub result: ResultArgs,
    /// Which files are written for the bodies, and the journal.
    #[command(flatten)]
    pub save: SaveArgs,
    /// The output and the exit of the run as a whole.
    #[command(flatten)]
    pub run: RunArgs,
    /// The options on the command line that the records depend on, and that hold no secret; only with `--results`,
    /// beside which they are kept.
    #[arg(skip)]
    pub given: BTreeMap<String, String>,
}

/// The options that decide what is in the records. Those that may hold a secret are left out, since the values are
/// written to a file, and so are those that only decide when and how requests are sent.
const SHAPE_RECORDS: [&str; 22] = [
    "input",
    "default_scheme",
    "shard",
    "shard_by",
    "method",
    "head",
    "max_redirs",
    "compressed",
    "max_filesize",
    "block_private",
    "https_only",
    "format",
    "json",
    "write_out",
    "accept",
    "slow",
    "keep_headers",
    "body",
    "sha256",
    "output_dir",
    "name",
    "existing",
];

/// What these options are without being given, as the help says; clap knows the defaults of others. The method is not
/// among them: with `-X GET`, a line that has content is a GET, and without it a POST.
const DEFAULTS: [(&str, &str); 3] = [
    ("shard_by", "host"),
    ("name", "{basename}"),
    ("existing", "fail"),
];

/// Whether `value` is what the option is without being given.
fn is_default(arg: &Arg, value: &str) -> bool {
    let is_known = DEFAULTS.contains(&(arg.get_id().as_str(), value));
    is_known || matches!(arg.get_default_values(), [default] if *default == *value)
}

/// Returns these options with their values as they were written, except those that are the default.
fn given(matches: &ArgMatches) -> BTreeMap<String, String> {
    let is_given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let command = Cli::command();
    let given = command.get_arguments().filter(|arg| {
        let id = arg.get_id().as_str();
        SHAPE_RECORDS.contains(&id) && is_given(id)
    });
    given
        .filter_map(|arg| {
            let values = matches.get_raw(arg.get_id().as_str())?;
            let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
            let value = values.join(" ");
            match arg.get_long()? {
                "json" => Some(("--format".to_owned(), "jsonl".to_owned())),
                long => (!is_default(arg, &value)).then(|| (format!("--{long}"), value)),
            }
        })
        .collect()
}

/// A command line that is wrong, or asks for help.
#[derive(Debug)]
pub enum CommandLineError {
    /// clap refuses it, or was asked for help.
    Clap(clap::Error),
    /// A word means something else than what was probably meant; this is what to say about it.
    Words(String),
}

impl From<clap::Error> for CommandLineError {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}

/// Options that `--merge` can be combined with.
const WITH_MERGE: [&str; 2] = ["merge", "quiet"];

impl Cli {
    /// Parses the command line of the process.
    ///
    /// # Errors
    ///
    /// It is wrong, or help was asked for.
    pub fn from_command_line() -> Result<Self, CommandLineError> {
        let words: Vec<String> = env::args_os()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        if let Some(mistake) = words::option_mistake(&words, Self::command) {
            return Err(CommandLineError::Words(mistake));
        }
        let cli = Self::from_words()?;
        let mut sources = cli.input.sources.iter();
        match sources.find_map(|source| words::source_mistake(source)) {
            Some(mistake) => Err(CommandLineError::Words(mistake)),
            None => Ok(cli),
        }
    }

    fn from_words() -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches()?;
        if let Some(other) = beside_merge(&matches) {
            let mut error = clap::Error::new(ErrorKind::ArgumentConflict);
            for (kind, name) in [
                (ContextKind::InvalidArg, "--merge"),
                (ContextKind::PriorArg, &other),
            ] {
                error.insert(kind, ContextValue::String(name.to_owned()));
            }
            return Err(error);
        }
        let mut cli = Self::from_arg_matches(&matches)?;
        if cli.run.results.is_some() {
            cli.given = given(&matches);
        }
        Ok(cli)
    }
}

/// Returns the first argument given beside `--merge` that cannot be combined with it.
fn beside_merge(matches: &ArgMatches) -> Option<String> {
    let is_given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    if !is_given("merge") {
        return None;
    }
    let command = Cli::command();
    let is_other = |arg: &&Arg| {
        let id = arg.get_id().as_str();
        !WITH_MERGE.contains(&id) && is_given(id)
    };
    let other = command.get_arguments().find(is_other)?;
    Some(match other.get_long() {
        Some(long) => format!("--{long}"),
        None => "SOURCE".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_options_that_shape_records_exist() {
        let command = Cli::command();
        for id in SHAPE_RECORDS.into_iter().chain(DEFAULTS.map(|(id, _)| id)) {
            assert!(
                command.get_arguments().any(|arg| arg.get_id() == id),
                "{id}"
            );
        }
    }
}
