//! What is wrong with a command line that clap refuses, in one line of our own words.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, CommandFactory as _};

use super::command::{Cli, CommandLineError};
use super::elsewhere;
use crate::model::text::distance;

/// Describes `error` as `option: why; what to do`, without the values of other options, which may be secret.
#[must_use]
pub fn describe(error: &CommandLineError) -> String {
    match error {
        CommandLineError::Words(mistake) => mistake.clone(),
        CommandLineError::Clap(error) => describe_clap(error),
    }
}

fn describe_clap(error: &clap::Error) -> String {
    let option = named(error, ContextKind::InvalidArg);
    let value = text(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => elsewhere::advice(option).unwrap_or_else(|| {
            let similar = similar(error).map(|similar| format!("did you mean {similar}?"));
            let what = similar.unwrap_or_else(|| "see fetch --help".to_owned());
            format!("unknown option {option}; {what}")
        }),
        ErrorKind::InvalidValue => match (value, choices(error)) {
            ("", None) => {
                let written = text(error, ContextKind::InvalidArg).replace(['<', '>'], "");
                format!("{option}: the value is missing; write {written}")
            }
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
            other if option == "--merge" => {
                let other = if other == "SOURCE" { "a SOURCE" } else { other };
                format!("--merge: cannot be used with {other}; it takes summary files only")
            }
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

/// Returns the option of which the unknown one is a misspelling, never by one of its aliases.
fn similar(error: &clap::Error) -> Option<String> {
    let suggested = text(error, ContextKind::SuggestedArg).strip_prefix("--")?;
    let written = named(error, ContextKind::InvalidArg).strip_prefix("--")?;
    if !is_misspelling(written, suggested) {
        return None;
    }
    let command = Cli::command();
    let answers_to = |arg: &&Arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(suggested) || aliases.contains(&suggested)
    };
    let arg = command.get_arguments().find(answers_to)?;
    let long = arg.get_long().filter(|_| !arg.is_hide_set())?;
    Some(format!("--{long}"))
}

/// Whether `written` stands for `option`: at most two letters differ, and less than half of a short word. clap also
/// suggests options that only share letters.
fn is_misspelling(written: &str, option: &str) -> bool {
    distance(written, option) <= 2.min(written.len() / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_misspelling_suggests_an_option() {
        for (written, option) in [
            ("jbos", "jobs"),
            ("max-retrie", "max-retries"),
            ("timeouts", "timeout"),
        ] {
            assert!(is_misspelling(written, option), "{written}");
        }
        for (written, option) in [
            ("connect-to", "connect-timeout"),
            ("output-document", "output-dir"),
            ("get", "key"),
        ] {
            assert!(!is_misspelling(written, option), "{written}");
        }
    }
}
