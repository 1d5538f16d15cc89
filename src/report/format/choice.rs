//! The formats that a user can choose from.

use super::formatter::Formatter;
use super::jsonl::JsonLines;
use super::table::{Separator, Table};
use super::template::{Template, TemplateFormatter};
use super::text::{TextFormatter, TextStyle};

/// The format of the records.
#[derive(Clone, Debug)]
pub enum Format {
    /// `--format text`: columns for people and awk.
    Text(TextStyle),
    /// `--format jsonl`: one JSON object a line.
    Jsonl,
    /// `--format csv` and `--format tsv`.
    Table(Separator),
    /// `-w`: a line made of `%{key}`.
    Template(Template),
}

impl Format {
    /// Whether a record in this format has all its keys, whatever they are asked for.
    #[must_use]
    pub fn shows_all_keys(&self) -> bool {
        matches!(self, Self::Jsonl)
    }

    /// Whether a record in this format can be a body and nothing else, so that it cannot say what went wrong.
    #[must_use]
    pub fn is_body_only(&self) -> bool {
        self.template().is_some_and(Template::is_body_only)
    }

    /// Returns the template of `-w`.
    #[must_use]
    pub fn template(&self) -> Option<&Template> {
        match self {
            Self::Template(template) => Some(template),
            Self::Text(_) | Self::Jsonl | Self::Table(_) => None,
        }
    }

    /// Makes the formatter that writes this format.
    pub(in crate::report) fn formatter(self) -> Box<dyn Formatter> {
        match self {
            Self::Text(style) => Box::new(TextFormatter(style)),
            Self::Jsonl => Box::new(JsonLines),
            Self::Table(separator) => Box::new(Table(separator)),
            Self::Template(template) => Box::new(TemplateFormatter(template)),
        }
    }
}
