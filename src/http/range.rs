//! Requests for the rest of a body that broke off (RFC 9110, sections 13.1.5 and 14).

use std::time::Duration;

use reqwest::header::{
    CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::model::body_sink::{PartialBody, Representation};

/// Returns what the body of a response for `url` is, if a later request could ask for its rest. A weak
/// validator does not tell two bodies apart, so it does not count.
pub(super) fn representation(
    url: &Url,
    headers: &HeaderMap,
    length: Option<u64>,
) -> Option<Representation> {
    Some(Representation {
        url: url.as_str().to_owned(),
        validator: strong_validator(headers)?.to_owned(),
        length,
    })
}

/// Returns the strong entity tag, or, where there is none, a date that is strong (section 8.8.2.2).
fn strong_validator(headers: &HeaderMap) -> Option<&str> {
    if let Some(tag) = headers.get(ETAG) {
        return tag.to_str().ok().filter(|tag| tag.starts_with('"'));
    }
    let modified = headers.get(LAST_MODIFIED)?.to_str().ok()?;
    let time = |text: &str| httpdate::parse_http_date(text).ok();
    let answered = time(headers.get(DATE)?.to_str().ok()?)?;
    let age = answered.duration_since(time(modified)?);
    age.is_ok_and(|age| age >= Duration::from_secs(1))
        .then_some(modified)
}

/// Requests what `part` lacks, on condition that the body is still the same.
pub(super) fn request_rest(part: &dyn PartialBody, headers: &mut HeaderMap) {
    let range = HeaderValue::try_from(format!("bytes={}-", part.offset()));
    let validator = part
        .representation()
        .map(|of| HeaderValue::try_from(&of.validator));
    if let (Ok(range), Some(Ok(validator))) = (range, validator) {
        headers.insert(RANGE, range);
        headers.insert(IF_RANGE, validator);
    }
}

/// Returns the length of the whole body if `response` contains exactly what `part` lacks.
pub(super) fn full_length(part: &dyn PartialBody, response: &Response) -> Option<u64> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return None;
    }
    let headers = response.headers();
    let Representation {
        validator, length, ..
    } = part.representation()?;
    let name = if validator.starts_with('"') {
        ETAG
    } else {
        LAST_MODIFIED
    };
    if headers.get(name)? != validator.as_str() {
        return None;
    }
    let (first, last, whole) = content_range(headers)?;
    let is_rest = first == part.offset() && last.checked_add(1)? == whole;
    let is_known = length.is_none_or(|length| length == whole);
    (is_rest && is_known).then_some(whole)
}

/// Returns the first byte, the last byte and the full length of the one `Content-Range` (section 14.4).
fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let mut values = headers.get_all(CONTENT_RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (range, length) = value
        .to_str()
        .ok()?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_plain)
    };
    Some((number(first)?, number(last)?, number(length)?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn validators_that_are_strong() {
        let old = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
        let now = ("date", "Sun, 06 Nov 1994 08:49:38 GMT");
        for (lines, validator) in [
            (vec![("etag", "\"a\"")], Some("\"a\"")),
            (vec![("etag", "W/\"a\"")], None),
            (vec![("etag", "a")], None),
            (vec![("etag", "W/\"a\""), old, now], None),
            (vec![old, now], Some(old.1)),
            (vec![old], None),
            (vec![old, ("date", old.1)], None),
            (vec![("last-modified", "yesterday"), now], None),
            (vec![], None),
        ] {
            assert_eq!(strong_validator(&headers(&lines)), validator, "{lines:?}");
        }
    }

    #[test]
    fn ranges() {
        for (value, range) in [
            ("bytes 0-4/5", Some((0, 4, 5))),
            ("bytes 3-4/5", Some((3, 4, 5))),
            ("bytes 3-4/*", None),
            ("bytes */5", None),
            ("bytes +3-4/5", None),
            ("bytes=3-4/5", None),
            ("bytes 3-99999999999999999999/5", None),
        ] {
            let found = content_range(&headers(&[("content-range", value)]));
            assert_eq!(found, range, "{value}");
        }
        let twice = headers(&[
            ("content-range", "bytes 0-4/5"),
            ("content-range", "bytes 0-4/5"),
        ]);
        assert_eq!(content_range(&twice), None);
    }
}
