//! The record of one URL: the table of its keys, and how each value is found in an outcome.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Version;

use super::json::{self, ObjectWriter, json_key};
use super::value::FieldValue;
use crate::model::capture::Capture;
use crate::model::outcome::{Answer, Attempt, Outcome};
use crate::model::request::Request;
use crate::model::text::hex;

/// The record of one outcome, as the formats see it.
#[derive(Clone, Copy)]
pub(in crate::report) struct Record<'a> {
    pub(in crate::report) outcome: &'a Outcome,
    /// Which parts of the answer (headers, body) it includes.
    pub(in crate::report) capture: Capture,
}

/// A key of the record, and the function that finds its value.
pub(in crate::report) struct Key {
    pub(in crate::report) name: &'static str,
    pub(in crate::report) get: Getter,
}

/// Finds the value of a key in a record.
pub(in crate::report) type Getter = fn(Record<'_>) -> FieldValue<'_>;

/// Defines the keys twice: as the table [`KEYS`], for formats that show some of them, and as
/// straight-line code that writes all of them as JSON. That code takes half the instructions
/// of a serializer, which would check every key of every record for characters to escape.
macro_rules! keys {
    ($(($name:literal, $get:expr $(,)?),)*) => {
        /// Every key, in the order of the record.
        pub(in crate::report) const KEYS: &[Key] = &[$(Key { name: $name, get: $get }),*];

        impl Record<'_> {
            fn write_fields(self, object: &mut ObjectWriter<'_>) {
                $(
                    let get: Getter = $get;
                    object.field(json_key!($name), &get(self));
                )*
            }
        }
    };
}

keys! {
    ("index", |record| record.outcome.input.index.into()),
    ("source", |record| (&*record.outcome.input.source).into()),
    ("line", |record| record.outcome.input.line.into()),
    ("id", |record| record.outcome.input.id.as_deref().into()),
    ("meta", |record| record.outcome.input.meta.as_deref().into()),
    ("url", |record| (&*record.outcome.input.display_url).into()),
    ("method", |record| {
        record
            .request()
            .map(|request| request.method.as_str())
            .into()
    }),
    ("request_sha256", |record| {
        let body = record.request().and_then(|request| request.body.as_ref());
        body.map(|body| hex(&body.sha256)).into()
    }),
    ("outcome", |record| record.outcome.verdict.name().into()),
    ("status", |record| {
        let answer = record.answer();
        answer.map(|answer| u64::from(answer.status)).into()
    }),
    ("final_url", |record| {
        let last = record.last();
        last.map(|attempt| attempt.final_url.as_str()).into()
    }),
    ("redirects", |record| {
        let last = record.last();
        last.map(|attempt| u64::from(attempt.redirects)).into()
    }),
    ("http_version", |record| {
        let answer = record.answer();
        answer.map(|answer| version(answer.version)).into()
    }),
    ("remote_addr", |record| {
        record.answer().and_then(|answer| answer.remote_addr).into()
    }),
    ("content_type", |record| {
        let answer = record.answer();
        answer
            .and_then(|answer| answer.content_type.as_deref())
            .into()
    }),
    ("size", |record| {
        record.answer().map(|answer| answer.size).into()
    }),
    ("started", |record| record.outcome.started.into()),
    ("time_ttfb", |record| {
        record.answer().map(|answer| answer.ttfb).into()
    }),
    ("time_total", |record| {
        record.last().map(|attempt| attempt.total).into()
    }),
    ("time_elapsed", |record| record.outcome.elapsed.into()),
    ("slow", |record| FieldValue::Bool(record.outcome.slow)),
    ("attempts", |record| {
        FieldValue::Attempts(&record.outcome.attempts)
    }),
    ("file", |record| record.outcome.file.as_deref().into()),
    ("sha256", |record| {
        let sha256 = record.answer().and_then(|answer| answer.sha256);
        sha256.map(|sha256| hex(&sha256)).into()
    }),
    ("error", |record| record.outcome.failure.as_ref().into()),
    ("headers", |record| {
        let headers = || record.answer()?.headers.as_deref();
        captured(record.capture.headers, headers)
    }),
    ("body", |record| {
        let text = || text(record.body()?);
        captured(record.capture.body, text)
    }),
    ("body_base64", |record| {
        let binary = || record.body().filter(|body| text(body).is_none());
        captured(record.capture.body, || Some(BASE64.encode(binary()?)))
    }),
}

impl<'a> Record<'a> {
    /// Writes the record as one JSON object, without a line end.
    pub(in crate::report) fn write_json(self, to: &mut Vec<u8>) {
        json::write_object(|object| self.write_fields(object), to);
    }

    /// The last answer, whole or not.
    pub(in crate::report) fn answer(self) -> Option<&'a Answer> {
        self.outcome.answer()
    }

    /// The last attempt, where there was one.
    pub(in crate::report) fn last(self) -> Option<&'a Attempt> {
        self.outcome.last.as_ref()
    }

    fn request(self) -> Option<&'a Request> {
        self.outcome.input.request.as_deref().ok()
    }

    /// The body of the last answer, where it was captured.
    pub(super) fn body(self) -> Option<&'a [u8]> {
        self.answer()?.body.as_deref()
    }
}

/// Returns `body` where it is text. Where more than one byte in eight is a control character, it is something else, and
/// in JSON would take up to six times the room.
pub(super) fn text(body: &[u8]) -> Option<&str> {
    let is_control = |byte: &&u8| byte.is_ascii_control() && !b"\t\n\r".contains(byte);
    let controls = body.iter().filter(is_control).count();
    str::from_utf8(body)
        .ok()
        .filter(|_| controls <= body.len() / 8)
}

fn captured<'a, T: Into<FieldValue<'a>>>(
    is_captured: bool,
    value: impl FnOnce() -> Option<T>,
) -> FieldValue<'a> {
    if is_captured {
        value().into()
    } else {
        FieldValue::Omitted
    }
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
