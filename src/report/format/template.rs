//! `-w, --write-out`: a template with `%{key}`, in the syntax of curl.

use std::io::Write as _;
use std::str::FromStr;

use humantime::format_rfc3339_micros;
use reqwest::header::HeaderName;

use super::formatter::Formatter;
use super::json;
use super::record::{Getter, KEYS, Record, text};
use super::value::{FieldValue, seconds};
use crate::model::capture::Capture;
use crate::model::text::distance;
use crate::report::escape::{escape, escape_line};

/// A parsed template of `--write-out`.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Vec<TemplatePiece>,
    body: BodyStyle,
}

/// How `%{body}` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyStyle {
    /// Beside other values: as text in one line, or nothing where it is no text.
    Line,
    /// Alone: byte for byte.
    Bytes,
    /// Alone, on a terminal: as text, and never bytes that could control the terminal.
    Screen,
}

#[derive(Clone, Debug)]
enum TemplatePiece {
    Text(String),
    Key(&'static str, Getter),
    Header(HeaderName),
    Body,
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
    /// `%header{` without `}`, or with something that is not the name of a header.
    #[error("'%header{{{0}' is not %header{{NAME}}")]
    Header(String),
    /// Neither a key of the record nor a variable of curl that is known here.
    #[error("unknown variable %{{{0}}}; {hint}", hint = hint(.0))]
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
            if let Some((piece, after)) = variable(rest)? {
                if !text.is_empty() {
                    pieces.push(TemplatePiece::Text(std::mem::take(&mut text)));
                }
                pieces.push(piece);
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
        let is_blank = |piece: &TemplatePiece| match piece {
            TemplatePiece::Text(text) => text.trim().is_empty(),
            piece => matches!(piece, TemplatePiece::Body),
        };
        let has_body = pieces
            .iter()
            .any(|piece| matches!(piece, TemplatePiece::Body));
        let body = if has_body && text.trim().is_empty() && pieces.iter().all(is_blank) {
            BodyStyle::Bytes
        } else {
            BodyStyle::Line
        };
        // A body alone is what it is: no byte is added to it.
        if !text.ends_with('\n') && body == BodyStyle::Line {
            text.push('\n');
        }
        pieces.push(TemplatePiece::Text(text));
        Ok(Self { pieces, body })
    }
}

/// Returns the variable at the beginning of `text`, and what follows it.
fn variable(text: &str) -> Result<Option<(TemplatePiece, &str)>, TemplateError> {
    if let Some(open) = text.strip_prefix("%header{") {
        let failed = |name: &str| TemplateError::Header(name.to_owned());
        let (name, after) = open.split_once('}').ok_or_else(|| failed(open))?;
        let header = name.parse().map_err(|_| failed(&format!("{name}}}")))?;
        return Ok(Some((TemplatePiece::Header(header), after)));
    }
    let Some(open) = text.strip_prefix("%{") else {
        return Ok(None);
    };
    let (name, after) = open
        .split_once('}')
        .ok_or_else(|| TemplateError::Open(open.to_owned()))?;
    Ok(Some((piece(name)?, after)))
}

/// Names from curl that [`piece`] knows.
const CURL_NAMES: [&str; 12] = [
    "http_code",
    "response_code",
    "url_effective",
    "size_download",
    "time_starttransfer",
    "num_redirects",
    "num_retries",
    "errormsg",
    "filename_effective",
    "remote_ip",
    "urlnum",
    "json",
];

/// Returns what to write instead of the variable `name`, which is unknown.
fn hint(name: &str) -> String {
    if let Some(advice) = elsewhere(name) {
        return advice.to_owned();
    }
    let keys = || KEYS.iter().map(|key| key.name);
    let distances = keys()
        .chain(CURL_NAMES)
        .map(|known| (distance(name, known), known));
    match distances.min() {
        Some((letters, known)) if letters <= 2.min(name.len() / 2) => {
            format!("did you mean %{{{known}}}?")
        }
        _ => format!("write one of {}", keys().collect::<Vec<_>>().join(", ")),
    }
}

/// Returns what to write instead of a variable that only curl has, or instead of a path into an object.
fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name {
        "redirect_url" => "write %{final_url}; with --max-redirs 0, write %header{location}",
        "exitcode" => "write %{outcome}, or %{error} for the reason",
        "onerror" => "write %{error}, which is empty without an error",
        "header_json" => "write %{headers}",
        "scheme" => "write %{final_url}, which begins with it",
        "remote_port" => "write %{remote_addr}, which ends with it",
        "size_header" | "size_upload" | "size_request" => "it is not measured; use curl",
        "speed_download" | "speed_upload" => "write %{size} %{time_total} and divide",
        "time_namelookup" | "time_connect" | "time_appconnect" | "time_pretransfer" => {
            "it is not measured alone; write %{time_ttfb}, which contains it, or use curl"
        }
        "time_redirect" => {
            "it is not measured alone; write %{time_total}, which contains it, or use curl"
        }
        "num_connects"
        | "num_headers"
        | "ssl_verify_result"
        | "proxy_ssl_verify_result"
        | "proxy_used"
        | "http_connect"
        | "local_ip"
        | "local_port"
        | "certs"
        | "num_certs"
        | "conn_id"
        | "xfer_id"
        | "referer"
        | "time_posttransfer" => "it is not in the record; use curl",
        "stdout" | "stderr" => "all of the record goes to standard output; write >&2 in the shell",
        _ => match name.split_once(['.', '[']).map_or("", |(key, _)| key) {
            "error" => "write %{error}, an object; for one value of it, write --json and use jq",
            "attempts" => "write %{attempts}, a list; for one value of it, write --json and use jq",
            "headers" | "header" => "write %header{NAME}",
            "meta" => "write %{meta}; for one value of it, write --json and use jq",
            "url" | "urle" => "write %{url}, or %{final_url} behind redirects",
            _ => return None,
        },
    })
}

fn piece(name: &str) -> Result<TemplatePiece, TemplateError> {
    let curl = match name {
        "http_code" | "response_code" => CurlVariable::HttpCode,
        "num_retries" => CurlVariable::NumRetries,
        "errormsg" => CurlVariable::Errormsg,
        "remote_ip" => CurlVariable::RemoteIp,
        "json" => CurlVariable::Json,
        "body" => return Ok(TemplatePiece::Body),
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
    /// Returns the template for an output that is a terminal.
    #[must_use]
    pub fn on_terminal(mut self) -> Self {
        if self.body == BodyStyle::Bytes {
            self.body = BodyStyle::Screen;
        }
        self
    }

    /// Whether it writes the body and nothing else.
    #[must_use]
    pub fn is_body_only(&self) -> bool {
        self.body != BodyStyle::Line
    }

    /// Which parts of an answer must be kept because the template uses them.
    #[must_use]
    pub fn capture(&self) -> Capture {
        let mut capture = Capture::default();
        for piece in &self.pieces {
            match piece {
                TemplatePiece::Key("headers", _) | TemplatePiece::Header(_) => {
                    capture.headers = true;
                }
                TemplatePiece::Key("body_base64", _) | TemplatePiece::Body => capture.body = true,
                TemplatePiece::Key("sha256", _) => capture.sha256 = true,
                TemplatePiece::Key(..) | TemplatePiece::Text(_) | TemplatePiece::Curl(_) => {}
            }
        }
        capture
    }
}

/// Writes each record as the template says.
pub(in crate::report) struct TemplateFormatter(pub(in crate::report) Template);

impl Formatter for TemplateFormatter {
    fn record(&mut self, record: Record<'_>, out: &mut Vec<u8>) {
        let Template { pieces, body } = &self.0;
        for piece in pieces {
            match piece {
                TemplatePiece::Text(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePiece::Key(_, get) => write_value(&get(record), out),
                TemplatePiece::Header(name) => write_header(record, name, out),
                TemplatePiece::Body => body.write(record.body().unwrap_or_default(), out),
                TemplatePiece::Curl(curl) => curl.write(record, out),
            }
        }
    }
}

/// Appends the first value of the header `name`, as curl does; nothing without one.
fn write_header(record: Record<'_>, name: &HeaderName, to: &mut Vec<u8>) {
    let headers = record.answer().and_then(|answer| answer.headers.as_ref());
    if let Some(value) = headers.and_then(|headers| headers.get(name)) {
        let text = String::from_utf8_lossy(value.as_bytes());
        to.extend_from_slice(escape(&text).as_bytes());
    }
}

impl BodyStyle {
    fn write(self, body: &[u8], to: &mut Vec<u8>) {
        match (self, text(body)) {
            (Self::Bytes, _) => to.extend_from_slice(body),
            (Self::Line, Some(text)) => to.extend_from_slice(escape(text).as_bytes()),
            (Self::Line, None) => {}
            (Self::Screen, Some(text)) => {
                for line in text.lines() {
                    to.extend_from_slice(escape_line(line).as_bytes());
                    to.push(b'\n');
                }
            }
            (Self::Screen, None) => {
                let size = body.len();
                let _ = writeln!(
                    to,
                    "[{size} bytes that are not text: write > FILE, or -o DIR, to save them]"
                );
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
            TemplatePiece::Header(name) => format!("<header {name}>"),
            TemplatePiece::Body => "<body>".to_owned(),
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
            ("%header{X-A}%header", vec!["<header x-a>", "%header\n"]),
            ("%{body}", vec!["<body>", ""]),
            ("%{body}\\n", vec!["<body>", "\n"]),
            ("%{url} %{body}", vec!["<url>", " ", "<body>", "\n"]),
        ] {
            let parsed = template.parse::<Template>().unwrap();
            let parsed: Vec<_> = parsed.pieces.iter().map(shown).collect();
            assert_eq!(parsed, pieces, "{template}");
        }
        for bad in [
            "%{",
            "%{nope}",
            "%{status",
            "%{}",
            "%header{",
            "%header{}",
            "%header{a b}",
        ] {
            assert!(bad.parse::<Template>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_variable_is_told_what_to_write() {
        for name in CURL_NAMES {
            assert!(piece(name).is_ok(), "{name}");
        }
        for (name, said) in [
            ("redirect_url", "write %{final_url}; "),
            ("error.kind", "write %{error}, an object; "),
            ("headers[0]", "write %header{NAME}"),
            ("url.host", "write %{url}, "),
            ("statsu", "did you mean %{status}?"),
            ("http_cod", "did you mean %{http_code}?"),
            ("at", "write one of index, source, line, "),
        ] {
            assert!(hint(name).starts_with(said), "{name}: {}", hint(name));
        }
    }

    #[test]
    fn a_template_says_what_it_needs() {
        let capture = "%{sha256}%{headers}".parse::<Template>().unwrap().capture();
        assert!(capture.sha256 && capture.headers && !capture.body);
        let capture = "%header{a}%{body}".parse::<Template>().unwrap().capture();
        assert!(!capture.sha256 && capture.headers && capture.body);
    }
}
