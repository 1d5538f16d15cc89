//! Retry-After (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Returns how long the server asks to wait, in seconds or as a date. Only 429 and 503 count.
pub(super) fn delay(
    status: StatusCode,
    headers: &HeaderMap,
    now: impl FnOnce() -> SystemTime,
) -> Option<Duration> {
    if !matches!(status.as_u16(), 429 | 503) {
        return None;
    }
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now()).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn seconds_dates_and_nonsense() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (status, value, rest) in [
            (429, "120", Some(120)),
            (503, " 0 ", Some(0)),
            (503, "Sun, 06 Nov 1994 08:49:39 GMT", Some(2)),
            (503, "Sunday, 06-Nov-94 08:49:39 GMT", Some(2)),
            (429, "Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            (429, "99999999999999999999999", Some(u64::MAX)),
            (429, "-1", None),
            (429, "1.5", None),
            (429, "soon", None),
            (429, "", None),
            (500, "120", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            let status = StatusCode::from_u16(status).unwrap();
            let found = delay(status, &headers, || now).map(|rest| rest.as_secs());
            assert_eq!(found, rest, "{value}");
        }
    }
}
