//! The value of one key of a record, whichever format writes it.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use serde_json::value::RawValue;

use crate::model::error::Failure;
use crate::model::outcome::AttemptSummary;

/// The value of one key of a record.
pub(in crate::report) enum FieldValue<'a> {
    /// Not asked for (`--headers`, `--body`): the record does not have the key.
    Omitted,
    Null,
    Bool(bool),
    Number(u64),
    Seconds(Duration),
    Text(Cow<'a, str>),
    Address(SocketAddr),
    Time(SystemTime),
    Json(&'a RawValue),
    Failure(&'a Failure),
    Attempts(&'a [AttemptSummary]),
    Headers(&'a HeaderMap),
}

impl<'a, T: Into<FieldValue<'a>>> From<Option<T>> for FieldValue<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! values {
    ($($kind:ident($of:ty),)*) => {
        $(impl<'a> From<$of> for FieldValue<'a> {
            fn from(value: $of) -> Self {
                Self::$kind(value.into())
            }
        })*
    };
}

values! {
    Number(u64),
    Seconds(Duration),
    Text(&'a str),
    Text(String),
    Address(SocketAddr),
    Time(SystemTime),
    Json(&'a RawValue),
    Failure(&'a Failure),
    Headers(&'a HeaderMap),
}

/// `duration` in seconds, rounded down to microseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 microseconds are 285 years"
)]
pub(in crate::report) fn seconds(duration: Duration) -> f64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX) as f64 / 1e6
}
