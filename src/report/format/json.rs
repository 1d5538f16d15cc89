//! Writes values of a record as JSON.
//!
//! Numbers, times, addresses and plain text are written without serde: they make up almost
//! all of a record, and this is the most frequent work of the reports.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use humantime::format_rfc3339_micros;
use itoa::Buffer as Digits;
use reqwest::header::HeaderMap;
use serde::Serialize;

use super::value::FieldValue;
use crate::model::outcome::AttemptSummary;
use crate::report::escape;

/// Appends an object with the fields that `fields` writes.
pub(in crate::report) fn write_object(
    fields: impl FnOnce(&mut ObjectWriter<'_>),
    to: &mut Vec<u8>,
) {
    let start = to.len();
    push_object(fields, to);
    escape::escape_json(to, start);
}

/// Appends one value.
pub(in crate::report) fn write_value(value: &FieldValue<'_>, to: &mut Vec<u8>) {
    let start = to.len();
    push_value(value, to);
    escape::escape_json(to, start);
}

/// Writes the fields of one object.
pub(in crate::report) struct ObjectWriter<'a> {
    to: &'a mut Vec<u8>,
    /// `{` before the first field, a comma before the others.
    separator: u8,
}

/// A key with its quotes and colon, put together at compile time.
macro_rules! json_key {
    ($name:literal) => {
        concat!("\"", $name, "\":")
    };
}
pub(in crate::report) use json_key;

impl ObjectWriter<'_> {
    /// Appends a key, made by [`json_key`], and its value, unless the value is omitted.
    #[inline]
    pub(in crate::report) fn field(&mut self, key: &str, value: &FieldValue<'_>) {
        if !matches!(value, FieldValue::Omitted) {
            self.to.push(self.separator);
            self.to.extend_from_slice(key.as_bytes());
            push_value(value, self.to);
            self.separator = b',';
        }
    }
}

fn push_object(fields: impl FnOnce(&mut ObjectWriter<'_>), to: &mut Vec<u8>) {
    fields(&mut ObjectWriter {
        to,
        separator: b'{',
    });
    to.push(b'}');
}

fn push_value(value: &FieldValue<'_>, to: &mut Vec<u8>) {
    match value {
        FieldValue::Omitted | FieldValue::Null => to.extend_from_slice(b"null"),
        FieldValue::Bool(flag) => serialize(flag, to),
        FieldValue::Number(number) => {
            to.extend_from_slice(Digits::new().format(*number).as_bytes());
        }
        FieldValue::Seconds(duration) => push_seconds(*duration, to),
        FieldValue::Text(text) => push_text(text, to),
        FieldValue::Json(json) => serialize(json, to),
        FieldValue::Failure(failure) => serialize(failure, to),
        FieldValue::Headers(headers) => serialize(&by_name(headers), to),
        FieldValue::Address(address) => push_address(*address, to),
        FieldValue::Time(time) => drop(write!(to, "\"{}\"", format_rfc3339_micros(*time))),
        FieldValue::Attempts(attempts) => {
            to.push(b'[');
            for (place, attempt) in attempts.iter().enumerate() {
                if place > 0 {
                    to.push(b',');
                }
                push_object(|object| push_attempt(attempt, object), to);
            }
            to.push(b']');
        }
    }
}

/// Appends the fields of one attempt.
fn push_attempt(attempt: &AttemptSummary, object: &mut ObjectWriter<'_>) {
    object.field(json_key!("status"), &attempt.status.map(u64::from).into());
    object.field(json_key!("error"), &attempt.error.as_ref().into());
    object.field(json_key!("time_total"), &attempt.total.into());
    object.field(json_key!("delay"), &attempt.delay.into());
}

fn serialize(value: &impl Serialize, to: &mut Vec<u8>) {
    // Writing to memory does not fail, and every key is a string.
    let _ = serde_json::to_writer(to, value);
}

/// Appends seconds with up to six decimals, at least one.
fn push_seconds(duration: Duration, to: &mut Vec<u8>) {
    let mut digits = Digits::new();
    to.extend_from_slice(digits.format(duration.as_secs()).as_bytes());
    let micros = digits.format(1_000_000 + duration.subsec_micros());
    let (tenths, rest) = micros[1..].split_at(1);
    to.push(b'.');
    to.extend_from_slice(tenths.as_bytes());
    to.extend_from_slice(rest.trim_end_matches('0').as_bytes());
}

/// Appends `text` with quotes. Most text has nothing to escape; the check does not stop
/// early, so that the compiler looks at many bytes at once.
fn push_text(text: &str, to: &mut Vec<u8>) {
    let stays = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.bytes().fold(true, |all, byte| all & stays(byte)) {
        to.push(b'"');
        to.extend_from_slice(text.as_bytes());
        to.push(b'"');
    } else {
        serialize(&text, to);
    }
}

fn push_address(address: SocketAddr, to: &mut Vec<u8>) {
    let SocketAddr::V4(address) = address else {
        return drop(write!(to, "\"{address}\""));
    };
    let mut digits = Digits::new();
    to.push(b'"');
    for (octet, after) in address.ip().octets().into_iter().zip(*b"...:") {
        to.extend_from_slice(digits.format(octet).as_bytes());
        to.push(after);
    }
    to.extend_from_slice(digits.format(address.port()).as_bytes());
    to.push(b'"');
}

/// Groups header fields by name. The values of a name keep their order.
fn by_name(headers: &HeaderMap) -> BTreeMap<&str, Vec<Cow<'_, str>>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in headers {
        all.entry(name.as_str())
            .or_default()
            .push(String::from_utf8_lossy(value.as_bytes()));
    }
    all
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::report::format::value::seconds;
    use proptest::prelude::*;

    fn json(value: impl Into<FieldValue<'static>>) -> String {
        let mut json = Vec::new();
        push_value(&value.into(), &mut json);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn values() {
        for (micros, seconds) in [
            (0, "0.0"),
            (1, "0.000001"),
            (120_300, "0.1203"),
            (1_000_000, "1.0"),
            (59_999_999, "59.999999"),
        ] {
            assert_eq!(json(Duration::from_micros(micros)), seconds);
        }
        for address in ["127.0.0.1:80", "255.10.0.99:65535", "[::1]:8080"] {
            let parsed: SocketAddr = address.parse().unwrap();
            assert_eq!(json(parsed), format!("\"{address}\""));
        }
        assert_eq!(json(None::<u64>), "null");
        assert_eq!(json(u64::MAX), "18446744073709551615");
    }

    proptest! {
        #[test]
        fn seconds_are_the_shortest_that_say_the_same(micros in 0..1_u64 << 50) {
            let duration = Duration::from_micros(micros);
            let shortest = format!("{:?}", seconds(duration));
            prop_assert_eq!(json(duration).parse::<f64>(), shortest.parse());
            prop_assert!(shortest.contains('e') || json(duration) == shortest);
        }

        #[test]
        fn text_is_escaped_as_serde_does(text: String, plain in "[ -~]*") {
            for text in [text, plain] {
                prop_assert_eq!(json(text.clone()), serde_json::to_string(&text)?);
            }
        }
    }
}
