//! What is wrong with a command line that clap refuses, in one line of our own words.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, CommandFactory as _};

use super::command::Cli;

/// Describes `error` as `option: why; what to do`, without the values of other options, which may be secret.
#[must_use]
pub fn describe(error: &clap::Error) -> String {
    let option = named(error, ContextKind::InvalidArg);
    let value = text(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => match similar(error) {
            Some(similar) => format!("unknown option {option}; did you mean {similar}?"),
            None => format!("unknown option {option}; see fetch --help"),
        },
        ErrorKind::InvalidValue => match (value, choices(error)) {
            ("", None) => format!("{option}: the value is missing; see fetch --help"),
            ("", Some(choices)) => format!("{option}: the value is missing; write {choices}"),
            (value, choices) => {
                let choices = choices.unwrap_or_else(|| "another value".to_owned());
                format!("{option}: '{value}': write {choices}")
            }
        },
        ErrorKind::ValueValidation => {
            let reason = error.source().map(ToString::to_string);
            format!("{option}: '{value}': {}", reason.unwrap_or_default())
        }
        ErrorKind::TooManyValues => format!("{option}: takes no value; write {option} alone"),
        ErrorKind::ArgumentConflict => match named(error, ContextKind::PriorArg) {
            "" => format!(
                "{option}: cannot be used with {}; it takes summary files only",
                other_than(option)
            ),
            other => format!("{option}: cannot be used with {other}; leave one out"),
        },
        ErrorKind::InvalidUtf8 => {
            "an argument is not UTF-8; to read a file with such a name, write - < FILE".to_owned()
        }
        // No option leads here today, and clap's own words are better than none.
        kind => kind.to_string(),
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> &str {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    }
}

/// Returns the option of `kind` without the name of its value.
fn named(error: &clap::Error, kind: ContextKind) -> &str {
    let text = text(error, kind);
    text.split([' ', '=']).next().unwrap_or_default()
}

/// Returns the values that the option takes, as part of a sentence.
fn choices(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue) else {
        return None;
    };
    let (last, others) = values.split_last()?;
    Some(format!("{} or {last}", others.join(", ")))
}

/// Returns the option that is spelled most like the unknown one, never by one of its aliases.
fn similar(error: &clap::Error) -> Option<String> {
    let suggested = text(error, ContextKind::SuggestedArg).strip_prefix("--")?;
    let command = Cli::command();
    let answers_to = |arg: &&Arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(suggested) || aliases.contains(&suggested)
    };
    let arg = command.get_arguments().find(answers_to)?;
    let long = arg.get_long().filter(|_| !arg.is_hide_set())?;
    Some(format!("--{long}"))
}

/// Returns an argument of this command line other than `exclusive`, which cannot be combined with any. clap does
/// not say which one it found.
fn other_than(exclusive: &str) -> String {
    let id = exclusive.trim_start_matches('-').to_owned();
    let command = Cli::command()
        .mut_arg(&id, |arg| arg.exclusive(false))
        .ignore_errors(true);
    let matches = command.clone().try_get_matches();
    let is_other = |arg: &&Arg| {
        let source = matches.as_ref().ok()?.value_source(arg.get_id().as_str());
        (source == Some(ValueSource::CommandLine) && *arg.get_id() != *id).then_some(())
    };
    let other = command.get_arguments().find(|arg| is_other(arg).is_some());
    match other.map(|arg| (arg.get_long(), arg.get_id())) {
        Some((Some(long), _)) => format!("--{long}"),
        Some((None, _)) => "a SOURCE".to_owned(),
        None => "another option".to_owned(),
    }
}
