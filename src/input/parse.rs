//! Parses a line into an [`Input`].

use std::borrow::Cow;
use std::fmt::Write as _;
use std::str::Utf8Error;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::bad_line::{display_line, display_text};
use super::lines::{Line, MAX_LINE};
use super::plain_line::{self, PlainLineError};
use super::source_hint::SourceHint;
use super::table::{Cells, is_blank};
use super::url_error::UrlError;
use super::urls::{Scheme, UrlParser};
use crate::model::columns::{Column, Columns};
use crate::model::error::{Failure, Kind, Phase, json_words};
use crate::model::input::{Decision, Input};
use crate::model::mask::{is_name, mask_url};
use crate::model::request::{
    Body, Request, RequestError, basic_authorization, header, method, remove_userinfo,
};

/// The nesting limit of `meta`.
const MAX_DEPTH: u32 = 100;

/// The values for what an input line leaves open.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The scheme of lines without `://`.
    pub scheme: Scheme,
    /// Whether only https is allowed (`--https-only`).
    pub https_only: bool,
    /// The method of `-X` or `-I`. Without it, a request with content is a POST and any other
    /// a GET.
    pub method: Option<Method>,
    /// The headers of `-H`.
    pub headers: Arc<HeaderMap>,
    /// The credentials of `-u`, as the value of `Authorization`.
    pub authorization: Option<HeaderValue>,
    /// The content of `-d`.
    pub content: Option<Content>,
}

/// The content of a request, with its hash.
#[derive(Clone, Debug)]
pub struct Content {
    bytes: Bytes,
    sha256: [u8; 32],
}

impl Content {
    /// Returns its SHA-256.
    #[must_use]
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        let sha256 = Sha256::digest(&bytes).into();
        Self { bytes, sha256 }
    }
}

/// What a line in JSON says, or a row of a table.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    method: Option<String>,
    headers: Option<serde_json::Map<String, serde_json::Value>>,
    body: Option<String>,
    id: Option<Box<str>>,
    meta: Option<Box<RawValue>>,
    name: Option<String>,
    sha256: Option<String>,
}

/// Why a line cannot be turned into a request.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("the source is compressed, UTF-16 or no text, not a list of URLs")]
    Binary,
    #[error("the line is longer than {MAX_LINE} bytes")]
    TooLong,
    #[error(
        "a quote is not closed where its cell ends, or the row is longer than {MAX_LINE} bytes"
    )]
    OpenQuote,
    #[error("text after a closing quote; double the quotes inside a cell")]
    TextAfterQuote,
    #[error("refused in the run that wrote this report; take the line from its list")]
    RefusedBefore(Kind),
    #[error("the row has {cells}, and the table has {columns}; quote a cell with a delimiter in it", cells = count(*.cells, "cell"), columns = count(*.columns, "column"))]
    Ragged { cells: usize, columns: usize },
    #[error("the line is not UTF-8 (byte {})", .0.valid_up_to() + 1)]
    NotUtf8(#[from] Utf8Error),
    #[error("{0}")]
    Json(String),
    #[error("{0}")]
    Key(String),
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error(transparent)]
    Plain(#[from] PlainLineError),
    #[error("'url' is empty")]
    NoUrl,
    #[error("the user name and the password are masked as ***; write them out")]
    Masked,
    #[error("the scheme is http, which --https-only forbids")]
    NotHttps,
}

impl LineError {
    fn kind(&self) -> Kind {
        match self {
            Self::Binary
            | Self::TooLong
            | Self::OpenQuote
            | Self::TextAfterQuote
            | Self::Ragged { .. }
            | Self::NotUtf8(_)
            | Self::Json(_)
            | Self::Key(_) => Kind::InvalidInput,
            Self::Url(_) | Self::Plain(_) | Self::NoUrl | Self::Masked => Kind::InvalidUrl,
            Self::NotHttps => Kind::Blocked,
            Self::RefusedBefore(kind) => *kind,
        }
    }
}

#[cfg(test)]
impl Defaults {
    /// Returns the defaults of a run without options.
    pub(super) fn for_tests() -> Self {
        Self {
            scheme: Scheme::Https,
            https_only: false,
            method: None,
            headers: Arc::default(),
            authorization: None,
            content: None,
        }
    }
}

/// Parses lines into inputs.
pub(super) struct LineParser<'a> {
    defaults: &'a Defaults,
    urls: UrlParser,
    cells: Cells,
    /// Whether the source is no text, so that none of its lines means anything.
    pub(super) is_binary: bool,
    /// Whether the lines are arguments of the command line, none of which is a comment.
    pub(super) are_arguments: bool,
    /// What the last line says about its source, if it is not a request.
    pub(super) suspicion: Option<SourceHint>,
}

impl<'a> LineParser<'a> {
    pub(super) fn new(defaults: &'a Defaults) -> Self {
        Self {
            defaults,
            urls: UrlParser::new(defaults.scheme),
            cells: Cells::default(),
            is_binary: false,
            are_arguments: false,
            suspicion: None,
        }
    }

    /// Parses `line`, the `number`th of `source`, or a row that begins there if it has `columns`; `None` if it is
    /// blank or a comment.
    pub(super) fn parse(
        &mut self,
        line: &Line<'_>,
        source: &Arc<str>,
        columns: Option<&Columns>,
        number: u64,
        index: u64,
    ) -> Option<Box<Input>> {
        let is_input = match columns {
            None => self.are_arguments || line.is_input(),
            Some(columns) => !is_blank(line.bytes(), columns.delimiter),
        };
        if !is_input {
            return None;
        }
        let mut input = Box::new(Input {
            index,
            position: index,
            source: source.clone(),
            line: number,
            display_url: String::new(),
            id: None,
            meta: None,
            request: Err(Failure::new(Kind::InvalidInput, Phase::Input, "")),
            decision: Decision::Send,
            place: None,
        });
        self.suspicion = None;
        let parsed = match line {
            _ if self.is_binary => Err(LineError::Binary),
            Line::TooLong(_) => Err(LineError::TooLong),
            Line::OpenQuote(_) => Err(LineError::OpenQuote),
            Line::TextAfterQuote(_) => Err(LineError::TextAfterQuote),
            Line::Whole(bytes) => str::from_utf8(bytes).map_err(Into::into).and_then(|text| {
                if let Some(columns) = columns {
                    self.parse_row(text, columns, &mut input).map(Some)
                } else {
                    self.parse_line(text.trim(), &mut input)
                }
            }),
        };
        input.request = match parsed {
            Ok(None) => return None,
            Ok(Some(request)) => Ok(request),
            Err(invalid) => {
                if input.display_url.is_empty() {
                    input.display_url = match columns {
                        // Its headers and its content may be secret.
                        Some(_) => "…".to_owned(),
                        None => display_line(line),
                    };
                }
                self.suspicion = match &invalid {
                    LineError::Plain(error) => SourceHint::of_plain_line(error),
                    LineError::Url(error) => SourceHint::of_url(error),
                    _ => None,
                };
                let message = format!("{source}:{number}: {invalid}");
                Err(Failure::new(invalid.kind(), Phase::Input, message))
            }
        };
        Some(input)
    }

    fn parse_line(
        &mut self,
        text: &str,
        input: &mut Input,
    ) -> Result<Option<Arc<Request>>, LineError> {
        if text.is_empty() {
            Ok(None)
        } else if text.starts_with('{') {
            self.parse_json(text, input).map(Some)
        } else {
            self.parse_url(text, input).map(Some)
        }
    }

    fn parse_url(&mut self, text: &str, input: &mut Input) -> Result<Arc<Request>, LineError> {
        plain_line::check(text).map_err(|error| error.in_argument(self.are_arguments))?;
        let url = self.urls.parse(text)?;
        input.display_url = display_url(text, &url);
        build_request(url, None, self.defaults)
    }

    fn parse_json(&mut self, text: &str, input: &mut Input) -> Result<Arc<Request>, LineError> {
        let object: Keys<'_> =
            serde_json::from_str(text).map_err(|error| LineError::json(&error, text))?;
        input.display_url = display_text(&object.url);
        input.id.clone_from(&object.id);
        if let Some(meta) = &object.meta {
            check_depth(meta.get())?;
        }
        input.meta.clone_from(&object.meta);
        self.parse_keys(object, input)
    }

    /// Parses a row of a table. An empty cell says nothing.
    fn parse_row(
        &mut self,
        row: &str,
        columns: &Columns,
        input: &mut Input,
    ) -> Result<Arc<Request>, LineError> {
        self.cells.split(row.as_bytes(), columns.delimiter);
        let (cells, columns) = (self.cells.len(), &columns.columns);
        if cells != columns.len() {
            let columns = columns.len();
            return Err(LineError::Ragged { cells, columns });
        }
        let (mut keys, mut meta, mut headers) = (Keys::default(), String::new(), None);
        let (mut is_report, mut refused) = (false, None);
        let cells = columns.iter().zip(self.cells.iter());
        for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
            match column {
                Column::Url => keys.url = cell.to_owned().into(),
                Column::Method => keys.method = Some(cell.to_owned()),
                Column::Headers => headers = Some(cell),
                Column::Body => keys.body = Some(cell.to_owned()),
                Column::Id => keys.id = Some(cell.into()),
                Column::Name => keys.name = Some(cell.to_owned()),
                Column::Sha256 => keys.sha256 = Some(cell.to_owned()),
                Column::Meta(name) => {
                    is_report |= &**name == "outcome";
                    if &**name == "error_kind" {
                        refused = refused_kind(cell);
                    }
                    push_entry(&mut meta, name, cell);
                }
            }
        }
        input.display_url = display_text(&keys.url);
        input.id.clone_from(&keys.id);
        if !meta.is_empty() {
            meta.push('}');
            input.meta = RawValue::from_string(meta).ok();
        }
        if let Some(kind) = refused.filter(|_| is_report) {
            return Err(LineError::RefusedBefore(kind));
        }
        keys.headers = headers.map(parse_headers_cell).transpose()?;
        self.parse_keys(keys, input)
    }

    fn parse_keys(&mut self, keys: Keys<'_>, input: &mut Input) -> Result<Arc<Request>, LineError> {
        let text = keys.url.trim();
        if text.is_empty() {
            return Err(LineError::NoUrl);
        }
        let url = self.urls.parse(text).map_err(|error| match error {
            // What is in a table or in a JSON object is not a row of another table.
            UrlError::Comma => UrlError::NotAHost(','),
            error => error,
        })?;
        input.display_url = display_url(text, &url);
        build_request(url, Some(keys), self.defaults)
    }
}

/// Returns the kind of an error that a report names and that refused the line: the report shows its beginning only, and
/// escaped, which may be a URL again.
fn refused_kind(name: &str) -> Option<Kind> {
    let mut kinds = [Kind::InvalidUrl, Kind::InvalidInput].into_iter();
    kinds.find(|kind| kind.name() == name)
}

/// Adds an entry to the text of a JSON object that is not closed yet, or begins one.
fn push_entry(object: &mut String, name: &str, text: &str) {
    object.push(if object.is_empty() { '{' } else { ',' });
    let (name, text) = (serde_json::Value::from(name), serde_json::Value::from(text));
    let _ = write!(object, "{name}:{text}");
}

fn parse_headers_cell(cell: &str) -> Result<serde_json::Map<String, serde_json::Value>, LineError> {
    serde_json::from_str(cell).map_err(|error: serde_json::Error| {
        let why = if error.is_data() {
            "the value is not a JSON object".to_owned()
        } else {
            json_words(&error)
        };
        LineError::Key(format!("'headers': {why}"))
    })
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Returns what records show of `text`, which was parsed as `url`.
fn display_url(text: &str, url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        text.to_owned()
    } else {
        mask_url(url)
    }
}

/// Checks how deeply `meta` is nested: readers of the record have limits, too.
fn check_depth(json: &str) -> Result<(), LineError> {
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(LineError::Key(format!(
                "'meta': nested more than {MAX_DEPTH} levels deep"
            )));
        }
    }
    Ok(())
}

fn build_request(
    mut url: Url,
    object: Option<Keys<'_>>,
    defaults: &Defaults,
) -> Result<Arc<Request>, LineError> {
    if defaults.https_only && url.scheme() != "https" {
        return Err(LineError::NotHttps);
    }
    // As records show it.
    if url.username() == "***" && url.password().is_none() {
        return Err(LineError::Masked);
    }
    let userinfo = take_userinfo(&mut url);
    let mut request = Request {
        url: Arc::new(url),
        method: Method::GET,
        headers: defaults.headers.clone(),
        authorization: userinfo.or_else(|| defaults.authorization.clone()),
        body: None,
        sha256: None,
        name: None,
        save_target: None,
    };
    let mut explicit_method = defaults.method.clone();
    let mut content = defaults.content.clone();
    if let Some(object) = object {
        if let Some(name) = &object.method {
            explicit_method =
                Some(method(name).map_err(|error| LineError::Key(format!("'method': {error}")))?);
        }
        if let Some(headers) = object.headers {
            add_headers(Arc::make_mut(&mut request.headers), headers)?;
        }
        let body = object.body.map(|body| Bytes::from(body).into());
        content = body.or(content);
        request.name = object.name;
        request.sha256 = object.sha256.as_deref().map(parse_sha256).transpose()?;
    }
    if request.headers.contains_key(AUTHORIZATION) {
        request.authorization = None;
    }
    request.method = explicit_method.unwrap_or(if content.is_some() {
        Method::POST
    } else {
        Method::GET
    });
    request.body = content.map(|Content { bytes, sha256 }| {
        Arc::new(Body {
            bytes,
            sha256,
            content_type: (!request.headers.contains_key(CONTENT_TYPE))
                .then(|| HeaderValue::from_static("application/x-www-form-urlencoded")),
        })
    });
    Ok(Arc::new(request))
}

fn add_headers(
    to: &mut HeaderMap,
    headers: serde_json::Map<String, serde_json::Value>,
) -> Result<(), LineError> {
    for (name, value) in headers {
        let shown = if is_name(&name) { &name } else { "a header" };
        let serde_json::Value::String(value) = value else {
            return Err(LineError::Key(format!(
                "'headers': {shown}: the value is not a string"
            )));
        };
        let (name, value) = header(&name, &value).map_err(|error| {
            LineError::Key(match error {
                RequestError::Value(_) => {
                    format!("'headers': {shown}: the value contains a control character")
                }
                error => format!("'headers': {error}"),
            })
        })?;
        to.insert(name, value);
    }
    Ok(())
}

/// Removes the userinfo from `url` and returns it as the value of `Authorization: Basic`
/// (RFC 7617).
fn take_userinfo(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let name = percent_encoding::percent_decode_str(url.username()).collect::<Vec<u8>>();
    let password = percent_encoding::percent_decode_str(url.password().unwrap_or_default());
    let credentials = [name, vec![b':'], password.collect()].concat();
    remove_userinfo(url);
    basic_authorization(&credentials)
}

fn parse_sha256(hex: &str) -> Result<[u8; 32], LineError> {
    let invalid = || LineError::Key("'sha256': must be 64 hexadecimal digits".to_owned());
    if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(invalid());
    }
    let mut sum = [0; 32];
    for (byte, at) in sum.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| invalid())?;
    }
    Ok(sum)
}

impl LineError {
    /// Words an error of the JSON parser without quoting the line, which may contain secrets.
    fn json(error: &serde_json::Error, line: &str) -> Self {
        // The parser does not say which value has the wrong type.
        let object: Option<serde_json::Map<_, _>> = serde_json::from_str(line).ok();
        let wrong = object.iter().flatten().find_map(|(key, value)| {
            let value: &serde_json::Value = value;
            let (is_right, right) = match key.as_str() {
                "url" => (value.is_string(), "a string"),
                "method" | "body" | "id" | "name" | "sha256" => {
                    (value.is_string() || value.is_null(), "a string")
                }
                "headers" => (value.is_object() || value.is_null(), "an object"),
                _ => return None,
            };
            let advice = match value {
                serde_json::Value::Null => "",
                _ if right == "a string" => "; write it in quotes",
                _ => "",
            };
            (!is_right).then(|| format!("'{key}': the value is not {right}{advice}"))
        });
        let is_type = error.is_data() && error.to_string().starts_with("invalid type");
        Self::Json(
            wrong
                .filter(|_| is_type)
                .unwrap_or_else(|| json_words(error)),
        )
    }
}

#[cfg(test)]
mod tests;
