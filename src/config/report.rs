//! Options of the output: what a record contains, and how it is printed.

use std::borrow::Cow;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use super::error::UsageError;
use super::terminal::{is_dumb, is_set};
use crate::cli::{FormatName, ResultArgs, RunArgs, SaveArgs, When};
use crate::model::capture::Capture;
use crate::model::mask::mask_text;
use crate::report::{Format, Separator, Template, TextStyle, Verbosity};

/// Returns which parts of a response are kept for its record.
pub(super) fn capture(args: &ResultArgs, save: &SaveArgs, format: &Format) -> Capture {
    let used = format.template().map(Template::capture).unwrap_or_default();
    let shows_sha256 = format.shows_all_keys() || save.journal.is_some();
    Capture {
        headers: used.headers || args.keep_headers,
        body: used.body || args.body,
        // A record of a saved file has its checksum wherever the checksum is shown.
        sha256: used.sha256 || args.sha256 || save.output_dir.is_some() && shows_sha256,
    }
}

/// Returns the format of the records.
pub(super) fn format(args: &ResultArgs, run: &RunArgs) -> Result<Format, UsageError> {
    let on_terminal = run.results.is_none() && io::stdout().is_terminal();
    if let Some(text) = &args.write_out {
        let template: Template = template(text)?.parse()?;
        return Ok(Format::Template(if on_terminal {
            template.on_terminal()
        } else {
            template
        }));
    }
    Ok(match args.format {
        _ if args.json => Format::Jsonl,
        FormatName::Jsonl => Format::Jsonl,
        FormatName::Csv => Format::Table(Separator::Comma),
        FormatName::Tsv => Format::Table(Separator::Tab),
        FormatName::Text => Format::Text(TextStyle {
            color: match run.color {
                When::Always => true,
                When::Never => false,
                When::Auto => on_terminal && !is_set("NO_COLOR") && !is_dumb(),
            },
            aligned: on_terminal,
        }),
    })
}

/// Returns the text of `--write-out`, from a file where it begins with `@`.
fn template(text: &str) -> Result<Cow<'_, str>, UsageError> {
    match text.strip_prefix('@') {
        None => Ok(text.into()),
        Some("") => Err(UsageError::FileName("--write-out")),
        Some("-") => Err(UsageError::TemplateFromStdin),
        Some(file) => fs::read_to_string(file)
            .map(Cow::from)
            .map_err(|error| UsageError::File {
                option: "--write-out",
                file: mask_text(file),
                error,
            }),
    }
}

/// Returns the file that `--write-out` has read.
pub(super) fn files(args: &ResultArgs) -> Vec<PathBuf> {
    let file = args
        .write_out
        .as_deref()
        .and_then(|text| text.strip_prefix('@'));
    file.map(PathBuf::from).into_iter().collect()
}

/// Returns how much is printed on standard error.
pub(super) fn verbosity(args: &RunArgs) -> Verbosity {
    match (args.quiet, args.verbose) {
        (true, false) => Verbosity::Quiet,
        (true, true) => Verbosity::Attempts,
        (false, false) => Verbosity::Normal,
        (false, true) => Verbosity::Verbose,
    }
}
