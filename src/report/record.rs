//! The record: one outcome as DESIGN.md's table of keys has it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use humantime::{Rfc3339Timestamp, format_rfc3339_micros};
use reqwest::Version;
use reqwest::header::HeaderMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::escape::escape;
use super::jsonl;
use crate::error::Failure;
use crate::http::Keep;
use crate::outcome::{Answer, AttemptSummary, Outcome, Verdict};
use crate::text::hex;

/// Writes the value of one key as a template shows it: strings as they are, null
/// as nothing, lists and objects as JSON.
pub(super) type Show = fn(&Record<'_>, &mut String);

/// Every key, in the order of the record.
pub(super) const KEYS: [(&str, Show); 28] = [
    ("index", |record, to| plain(Some(record.index), to)),
    ("source", |record, to| text(Some(record.source), to)),
    ("line", |record, to| plain(Some(record.line), to)),
    ("id", |record, to| text(record.id, to)),
    ("meta", |record, to| json(record.meta, to)),
    ("url", |record, to| text(Some(record.url), to)),
    ("method", |record, to| text(record.method, to)),
    ("request_sha256", |record, to| {
        text(record.request_sha256.as_deref(), to);
    }),
    ("outcome", |record, to| {
        text(Some(record.outcome.name()), to);
    }),
    ("status", |record, to| plain(record.status, to)),
    ("final_url", |record, to| text(record.final_url, to)),
    ("redirects", |record, to| plain(record.redirects, to)),
    ("http_version", |record, to| text(record.http_version, to)),
    ("remote_addr", |record, to| {
        plain(record.remote_addr.as_ref().map(|addr| addr.0), to);
    }),
    ("content_type", |record, to| text(record.content_type, to)),
    ("size", |record, to| plain(record.size, to)),
    ("started", |record, to| {
        plain(record.started.as_ref().map(|time| &time.0), to);
    }),
    ("time_ttfb", |record, to| plain(record.time_ttfb, to)),
    ("time_total", |record, to| plain(record.time_total, to)),
    ("time_elapsed", |record, to| plain(record.time_elapsed, to)),
    ("slow", |record, to| plain(Some(record.slow), to)),
    ("attempts", |record, to| json(Some(&record.attempts), to)),
    ("file", |record, to| text(record.file, to)),
    ("sha256", |record, to| text(record.sha256.as_deref(), to)),
    ("error", |record, to| json(record.error, to)),
    ("headers", |record, to| {
        json(
            record
                .headers
                .as_ref()
                .and_then(|kept| kept.headers.as_ref()),
            to,
        );
    }),
    ("body", |record, to| {
        text(record.body.as_ref().and_then(|kept| kept.body), to);
    }),
    ("body_base64", |record, to| {
        text(
            record
                .body
                .as_ref()
                .and_then(|kept| kept.body_base64.as_deref()),
            to,
        );
    }),
];

fn text(value: Option<&str>, to: &mut String) {
    to.push_str(&escape(value.unwrap_or_default()));
}

fn plain(value: Option<impl Display>, to: &mut String) {
    if let Some(value) = value {
        let _ = write!(to, "{value}");
    }
}

fn json(value: Option<impl Serialize>, to: &mut String) {
    if let Some(value) = value {
        to.push_str(&jsonl::text(&value));
    }
}

/// The record of one outcome.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    pub(super) index: u64,
    pub(super) source: &'a str,
    pub(super) line: u64,
    pub(super) id: Option<&'a str>,
    pub(super) meta: Option<&'a RawValue>,
    pub(super) url: &'a str,
    pub(super) method: Option<&'a str>,
    pub(super) request_sha256: Option<String>,
    pub(super) outcome: Verdict,
    pub(super) status: Option<u16>,
    pub(super) final_url: Option<&'a str>,
    pub(super) redirects: Option<u32>,
    pub(super) http_version: Option<&'static str>,
    pub(super) remote_addr: Option<Shown<SocketAddr>>,
    pub(super) content_type: Option<&'a str>,
    pub(super) size: Option<u64>,
    pub(super) started: Option<Shown<Rfc3339Timestamp>>,
    pub(super) time_ttfb: Option<f64>,
    pub(super) time_total: Option<f64>,
    pub(super) time_elapsed: Option<f64>,
    pub(super) slow: bool,
    pub(super) attempts: Vec<AttemptRecord<'a>>,
    pub(super) file: Option<&'a str>,
    pub(super) sha256: Option<String>,
    pub(super) error: Option<&'a Failure>,
    #[serde(flatten)]
    pub(super) headers: Option<HeadersRecord<'a>>,
    #[serde(flatten)]
    pub(super) body: Option<BodyRecord<'a>>,
}

/// One of the attempts.
#[derive(Serialize)]
pub(super) struct AttemptRecord<'a> {
    status: Option<u16>,
    error: Option<&'a Failure>,
    time_total: f64,
    delay: f64,
}

/// The header fields of an answer.
#[derive(Serialize)]
pub(super) struct HeadersRecord<'a> {
    headers: Option<Headers<'a>>,
}

/// What JSON has no type for, as text.
#[derive(Clone, Copy)]
pub(super) struct Shown<T>(pub(super) T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The body: as text where it is text.
#[derive(Serialize, Default)]
pub(super) struct BodyRecord<'a> {
    body: Option<&'a str>,
    body_base64: Option<String>,
}

/// Header fields by name; every value, in order.
pub(super) type Headers<'a> = BTreeMap<&'a str, Vec<Cow<'a, str>>>;

impl<'a> Record<'a> {
    /// The record of `outcome`, with what `keep` says on top.
    pub(super) fn new(outcome: &'a Outcome, keep: Keep) -> Self {
        let answer = outcome.answer();
        let last = outcome.last.as_ref();
        let input = &outcome.input;
        let request = input.request.as_ref().ok();
        Self {
            index: input.index,
            source: &input.source,
            line: input.line,
            id: input.id.as_deref(),
            meta: input.meta.as_deref(),
            url: &input.shown,
            method: request.map(|request| request.method.as_str()),
            request_sha256: request
                .and_then(|request| request.body.as_ref())
                .map(|body| hex(&body.sha256)),
            outcome: outcome.verdict,
            status: answer.map(|answer| answer.status),
            final_url: last.map(|attempt| attempt.final_url.as_str()),
            redirects: last.map(|attempt| attempt.redirects),
            http_version: answer.map(|answer| version(answer.version)),
            remote_addr: answer.and_then(|answer| answer.remote_addr).map(Shown),
            content_type: answer.and_then(|answer| answer.content_type.as_deref()),
            size: answer.map(|answer| answer.size),
            started: outcome.started.map(format_rfc3339_micros).map(Shown),
            time_ttfb: answer.map(|answer| seconds(answer.ttfb)),
            time_total: last.map(|attempt| seconds(attempt.total)),
            time_elapsed: outcome.elapsed.map(seconds),
            slow: outcome.slow,
            attempts: outcome.attempts.iter().map(attempt).collect(),
            file: outcome.file.as_deref(),
            sha256: answer
                .and_then(|answer| answer.sha256)
                .as_ref()
                .map(|sum| hex(sum)),
            error: outcome.failure.as_ref(),
            headers: keep.headers.then(|| HeadersRecord {
                headers: answer.and_then(|answer| Some(headers(answer.headers.as_deref()?))),
            }),
            body: keep.body.then(|| answer.map(body).unwrap_or_default()),
        }
    }
}

fn attempt(attempt: &AttemptSummary) -> AttemptRecord<'_> {
    AttemptRecord {
        status: attempt.status,
        error: attempt.error.as_ref(),
        time_total: seconds(attempt.total),
        delay: seconds(attempt.delay),
    }
}

fn body(answer: &Answer) -> BodyRecord<'_> {
    let bytes = answer.body.as_deref();
    let text = bytes.map(str::from_utf8);
    BodyRecord {
        body: text.and_then(Result::ok),
        body_base64: bytes
            .filter(|_| text.is_some_and(|text| text.is_err()))
            .map(|bytes| BASE64.encode(bytes)),
    }
}

fn headers(headers: &HeaderMap) -> Headers<'_> {
    let mut all = Headers::new();
    for (name, value) in headers {
        all.entry(name.as_str())
            .or_default()
            .push(String::from_utf8_lossy(value.as_bytes()));
    }
    all
}

/// Seconds, to the microsecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 microseconds are 285 years"
)]
pub(super) fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}
