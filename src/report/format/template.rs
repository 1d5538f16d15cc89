//! `-w, --write-out`: a template with `%{key}`, in the syntax of curl.

use std::io::Write as _;
use std::str::FromStr;

use humantime::format_rfc3339_micros;

use super::formatter::Formatter;
use super::json;
use super::record::{Getter, KEYS, Record};
use super::value::{FieldValue, seconds};
use crate::model::capture::Capture;
use crate::report::escape::escape;

/// A parsed template of `--write-out`.
#[derive(Clone, Debug)]
pub struct Template(Vec<TemplatePiece>);

#[derive(Clone, Debug)]
enum TemplatePiece {
    Text(String),
    Key(&'static str, Getter),
    Curl(CurlVariable),
}

/// Variables of curl that are not the value of one key of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CurlVariable {
    /// `http_code`, `response_code`: three digits, 000 without an answer.
    HttpCode,
    NumRetries,
    Errormsg,
    RemoteIp,
    Json,
}

/// A template that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `%{` without `}`.
    #[error("'%{{{0}' has no closing '}}'")]
    Open(String),
    /// Neither a key of the record nor a variable of curl that is known here.
    #[error("unknown variable %{{{0}}}; see fetch --help")]
    Unknown(String),
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(template: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['%', '\\']) {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(open) = rest.strip_prefix("%{") {
                let (name, after) = open
                    .split_once('}')
                    .ok_or_else(|| TemplateError::Open(open.to_owned()))?;
                if !text.is_empty() {
                    pieces.push(TemplatePiece::Text(std::mem::take(&mut text)));
                }
                pieces.push(piece(name)?);
                rest = after;
                continue;
            }
            let (plain, length) = match rest.as_bytes() {
                [b'%', b'%', ..] => ("%", 2),
                [b'\\', b'n', ..] => ("\n", 2),
                [b'\\', b't', ..] => ("\t", 2),
                [b'\\', b'r', ..] => ("\r", 2),
                [b'\\', b'\\', ..] => ("\\", 2),
                _ => (&rest[..1], 1),
            };
            text.push_str(plain);
            rest = &rest[length..];
        }
        text.push_str(rest);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        pieces.push(TemplatePiece::Text(text));
        Ok(Self(pieces))
    }
}

fn piece(name: &str) -> Result<TemplatePiece, TemplateError> {
    let curl = match name {
        "http_code" | "response_code" => CurlVariable::HttpCode,
        "num_retries" => CurlVariable::NumRetries,
        "errormsg" => CurlVariable::Errormsg,
        "remote_ip" => CurlVariable::RemoteIp,
        "json" => CurlVariable::Json,
        _ => {
            let name = match name {
                "url_effective" => "final_url",
                "size_download" => "size",
                "time_starttransfer" => "time_ttfb",
                "num_redirects" => "redirects",
                "filename_effective" => "file",
                "urlnum" => "index",
                name => name,
            };
            let key = KEYS.iter().find(|key| key.name == name);
            return key
                .map(|key| TemplatePiece::Key(key.name, key.get))
                .ok_or_else(|| TemplateError::Unknown(name.to_owned()));
        }
    };
    Ok(TemplatePiece::Curl(curl))
}

impl Template {
    /// Which parts of an answer must be kept because the template uses them.
    #[must_use]
    pub fn capture(&self) -> Capture {
        let has = |keys: &[&str]| {
            self.0
                .iter()
                .any(|piece| matches!(piece, TemplatePiece::Key(key, _) if keys.contains(key)))
        };
        Capture {
            headers: has(&["headers"]),
            body: has(&["body", "body_base64"]),
            sha256: has(&["sha256"]),
        }
    }
}

/// Writes each record as the template says.
pub(in crate::report) struct TemplateFormatter(pub(in crate::report) Template);

impl Formatter for TemplateFormatter {
    fn record(&mut self, record: Record<'_>, out: &mut Vec<u8>) {
        let Template(pieces) = &self.0;
        for piece in pieces {
            match piece {
                TemplatePiece::Text(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePiece::Key(_, get) => write_value(&get(record), out),
                TemplatePiece::Curl(curl) => curl.write(record, out),
            }
        }
    }
}

/// Appends `value`: strings escaped but without quotes, null as nothing, lists and objects
/// as JSON.
fn write_value(value: &FieldValue<'_>, to: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = match value {
        FieldValue::Omitted | FieldValue::Null => Ok(()),
        FieldValue::Bool(flag) => write!(to, "{flag}"),
        FieldValue::Number(number) => write!(to, "{number}"),
        FieldValue::Seconds(duration) => write!(to, "{}", seconds(*duration)),
        FieldValue::Text(text) => write!(to, "{}", escape(text)),
        FieldValue::Address(address) => write!(to, "{address}"),
        FieldValue::Time(time) => write!(to, "{}", format_rfc3339_micros(*time)),
        FieldValue::Json(_)
        | FieldValue::Failure(_)
        | FieldValue::Attempts(_)
        | FieldValue::Headers(_) => {
            json::write_value(value, to);
            Ok(())
        }
    };
}

impl CurlVariable {
    fn write(self, record: Record<'_>, to: &mut Vec<u8>) {
        let answer = record.answer();
        let outcome = record.outcome;
        let _ = match self {
            Self::HttpCode => write!(to, "{:03}", answer.map_or(0, |answer| answer.status)),
            Self::NumRetries => write!(to, "{}", outcome.attempts.len().saturating_sub(1)),
            Self::Errormsg => {
                let failure = outcome.failure.as_ref();
                let message = failure.map_or("", |failure| &failure.message);
                write!(to, "{}", escape(message))
            }
            Self::RemoteIp => answer
                .and_then(|answer| answer.remote_addr)
                .map_or(Ok(()), |address| write!(to, "{}", address.ip())),
            Self::Json => {
                record.write_json(to);
                Ok(())
            }
        };
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn templates_are_parsed_as_curl_does() {
        let shown = |piece: &TemplatePiece| match piece {
            TemplatePiece::Text(text) => text.clone(),
            TemplatePiece::Key(key, _) => format!("<{key}>"),
            TemplatePiece::Curl(curl) => format!("<{curl:?}>"),
        };
        for (template, pieces) in [
            ("", vec!["\n"]),
            ("a", vec!["a\n"]),
            ("a\\n", vec!["a\n"]),
            ("100%% \\t%", vec!["100% \t%\n"]),
            ("%{status} %{url}\\n", vec!["<status>", " ", "<url>", "\n"]),
            ("%{http_code}", vec!["<HttpCode>", "\n"]),
            ("%{urlnum}%{json}", vec!["<index>", "<Json>", "\n"]),
            ("\\x%(", vec!["\\x%(\n"]),
        ] {
            let parsed = template.parse::<Template>().unwrap();
            let parsed: Vec<_> = parsed.0.iter().map(shown).collect();
            assert_eq!(parsed, pieces, "{template}");
        }
        for bad in ["%{", "%{nope}", "%{status", "%{}"] {
            assert!(bad.parse::<Template>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_template_says_what_it_needs() {
        let capture = "%{sha256}%{headers}".parse::<Template>().unwrap().capture();
        assert!(capture.sha256 && capture.headers && !capture.body);
    }
}
