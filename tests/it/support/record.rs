//! Checks that hold for every record of every run.

use serde_json::Value;

/// The keys that every record has.
pub(crate) const KEYS: [&str; 25] = [
    "index",
    "source",
    "line",
    "id",
    "meta",
    "url",
    "method",
    "request_sha256",
    "outcome",
    "status",
    "final_url",
    "redirects",
    "http_version",
    "remote_addr",
    "content_type",
    "size",
    "started",
    "time_ttfb",
    "time_total",
    "time_elapsed",
    "slow",
    "attempts",
    "file",
    "sha256",
    "error",
];
/// The keys of `--headers` and `--body`.
pub(crate) const ON_DEMAND: [&str; 3] = ["headers", "body", "body_base64"];
const OUTCOMES: [&str; 5] = ["ok", "http_error", "error", "skipped", "cancelled"];
const KINDS: [&str; 16] = [
    "invalid_url",
    "invalid_input",
    "dns",
    "connect",
    "proxy",
    "tls",
    "timeout",
    "protocol",
    "redirect",
    "body",
    "too_large",
    "checksum",
    "blocked",
    "io",
    "host_down",
    "cancelled",
];
const PHASES: [&str; 7] = [
    "input", "resolve", "connect", "request", "headers", "body", "save",
];

/// Parses a line of JSONL and checks the record.
#[track_caller]
pub(crate) fn parse(line: &str) -> Value {
    let record: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    let fields = record
        .as_object()
        .unwrap_or_else(|| panic!("no object: {line}"));
    for key in KEYS {
        assert!(fields.contains_key(key), "no {key} in {line}");
    }
    for key in fields.keys() {
        assert!(
            KEYS.contains(&key.as_str()) || ON_DEMAND.contains(&key.as_str()),
            "what is {key} in {line}"
        );
    }
    let outcome = record["outcome"].as_str().unwrap_or_default();
    assert!(OUTCOMES.contains(&outcome), "outcome of {line}");
    assert!(
        record["index"].is_u64() && record["source"].is_string() && record["url"].is_string(),
        "{line}"
    );
    assert!(
        record["slow"].is_boolean() || record["slow"].is_null(),
        "{line}"
    );
    let failed = matches!(outcome, "error" | "cancelled");
    // An answer that is not accepted may have an error that says why it was not retried.
    assert!(
        record["error"].is_object() == failed || outcome == "http_error",
        "an error, and only an error, has one: {line}"
    );
    assert!(
        failed || outcome == "skipped" || record["status"].is_u64(),
        "an answer has a status: {line}"
    );
    if failed {
        check_error(&record["error"], outcome == "cancelled", line);
    }
    check_times(&record, line);
    record
}

#[track_caller]
fn check_error(error: &Value, cancelled: bool, line: &str) {
    let keys: Vec<_> = error
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys.len(), 3, "keys of the error of {line}");
    let text = |key: &str| error[key].as_str().unwrap_or_default();
    assert!(KINDS.contains(&text("kind")), "kind of {line}");
    assert_eq!(text("kind") == "cancelled", cancelled, "{line}");
    assert!(
        PHASES.contains(&text("phase")) || cancelled && error["phase"].is_null(),
        "phase of {line}"
    );
    let message = text("message");
    assert!(
        !message.is_empty() && !message.contains(['\n', '\r']),
        "message of {line}"
    );
}

#[track_caller]
fn check_times(record: &Value, line: &str) {
    let time = |key: &str| {
        assert!(
            record[key].is_f64() || record[key].is_u64() || record[key].is_null(),
            "{key} of {line}"
        );
        record[key].as_f64()
    };
    let (ttfb, total, elapsed) = (time("time_ttfb"), time("time_total"), time("time_elapsed"));
    assert!(
        ttfb.unwrap_or(0.0) <= total.unwrap_or(f64::MAX),
        "first byte after the last: {line}"
    );
    assert!(
        total.unwrap_or(0.0) <= elapsed.unwrap_or(f64::MAX) + 0.001,
        "an attempt longer than all: {line}"
    );
    let attempts = record["attempts"]
        .as_array()
        .unwrap_or_else(|| panic!("attempts of {line}"));
    for attempt in attempts {
        let mut keys: Vec<_> = attempt
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            ["delay", "error", "status", "time_total"],
            "attempts of {line}"
        );
    }
    if attempts.is_empty() {
        assert!(
            record["started"].is_null() && total.is_none(),
            "times of what was never sent: {line}"
        );
    } else {
        let started = record["started"].as_str().unwrap_or_default();
        assert!(
            started.starts_with("20") && started.contains('T') && started.ends_with('Z'),
            "started of {line}"
        );
    }
}

/// Short forms of what tests ask of a record.
pub(crate) trait RecordExt {
    /// `ok`, `http_error 404`, `error connect/headers`.
    fn verdict(&self) -> String;
    fn message(&self) -> &str;
    fn text(&self, key: &str) -> &str;
}

impl RecordExt for Value {
    fn verdict(&self) -> String {
        let outcome = self.text("outcome");
        match outcome {
            "http_error" => format!("{outcome} {}", self["status"]),
            "error" => {
                let error = &self["error"];
                format!("{outcome} {}/{}", error.text("kind"), error.text("phase"))
            }
            _ => outcome.to_owned(),
        }
    }

    fn message(&self) -> &str {
        self["error"].text("message")
    }

    fn text(&self, key: &str) -> &str {
        self[key]
            .as_str()
            .unwrap_or_else(|| panic!("{key} is no text in {self}"))
    }
}
