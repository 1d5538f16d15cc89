//! Options of the output: what a record contains, and how it is printed.

use std::io::{self, IsTerminal as _};

use super::error::UsageError;
use super::terminal::{is_dumb, is_set};
use crate::cli::{FormatName, ResultArgs, RunArgs, SaveArgs, When};
use crate::model::capture::Capture;
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
    if let Some(template) = &args.write_out {
        return Ok(Format::Template(template.parse()?));
    }
    let on_terminal = run.results.is_none() && io::stdout().is_terminal();
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

/// Returns how much is printed on standard error.
pub(super) fn verbosity(args: &RunArgs) -> Verbosity {
    match (args.quiet, args.verbose) {
        (true, false) => Verbosity::Quiet,
        (true, true) => Verbosity::Attempts,
        (false, false) => Verbosity::Normal,
        (false, true) => Verbosity::Verbose,
    }
}
