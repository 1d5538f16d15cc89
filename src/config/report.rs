//! Options of the output: what a record contains, and how it is printed.

use std::io::{self, IsTerminal as _};

use super::error::UsageError;
use super::terminal::{is_dumb, is_set};
use crate::cli::{FormatName, ResultArgs, RunArgs, SaveArgs, When};
use crate::model::capture::Capture;
use crate::report::{Format, Separator, Template, TextStyle, Verbosity};

/// Parses the template of `--write-out`.
pub(super) fn template(args: &ResultArgs) -> Result<Option<Template>, UsageError> {
    Ok(args.write_out.as_deref().map(str::parse).transpose()?)
}

/// Returns which parts of a response are kept for its record.
pub(super) fn capture(args: &ResultArgs, save: &SaveArgs, template: Option<&Template>) -> Capture {
    let used = template.map(Template::capture).unwrap_or_default();
    // A template shows the checksum only where it names it.
    let is_jsonl = template.is_none() && (args.json || args.format == FormatName::Jsonl);
    let shows_sha256 = is_jsonl || save.journal.is_some();
    Capture {
        headers: used.headers || args.keep_headers,
        body: used.body || args.body,
        // A record of a saved file has its checksum wherever the checksum is shown.
        sha256: used.sha256 || args.sha256 || save.output_dir.is_some() && shows_sha256,
    }
}

/// Returns the format of the records.
pub(super) fn format(args: &ResultArgs, run: &RunArgs, template: Option<Template>) -> Format {
    if let Some(template) = template {
        return Format::Template(template);
    }
    let on_terminal = run.results.is_none() && io::stdout().is_terminal();
    match args.format {
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
    }
}

/// Returns how much is printed on standard error.
pub(super) fn verbosity(args: &RunArgs) -> Verbosity {
    match (args.quiet, args.verbose) {
        (true, false) => Verbosity::Quiet,
        (true, true) => Verbosity::Steps,
        (false, false) => Verbosity::Normal,
        (false, true) => Verbosity::Verbose,
    }
}
