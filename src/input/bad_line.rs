//! What the record of a bad line shows of it, which must not be a secret.

use std::borrow::Cow;

use serde::Deserialize;

use super::lines::Line;
use crate::model::mask::{mask_cut_text, mask_text};

/// The number of characters of a bad line that its record shows.
const MAX_DISPLAYED: usize = 200;

/// How many tabs a line has at least that may be one of a cookie file, the last cell of which is the value.
const COOKIE_TABS: usize = 5;

/// Returns the beginning of a text from a bad line, as its record shows it: without what may be userinfo.
pub(super) fn display_text(text: &str) -> String {
    mask_text(text.trim()).chars().take(MAX_DISPLAYED).collect()
}

/// Returns what the record of a bad line shows in place of its URL. Of a JSON line, that is the value of `url` only,
/// because its headers and its body may be secret.
pub(super) fn display_line(line: &Line<'_>) -> String {
    #[derive(Deserialize)]
    struct OnlyUrl<'a> {
        #[serde(borrow)]
        url: Cow<'a, str>,
    }
    let text = String::from_utf8_lossy(line.bytes());
    let is_blank = |c: char| !c.is_ascii_graphic();
    if text.trim_start_matches(is_blank).starts_with('{') {
        let object = serde_json::from_str(text.trim());
        return object.map_or("{…}".into(), |object: OnlyUrl<'_>| {
            display_text(&object.url)
        });
    }
    let text = text.trim();
    let shown = match (before_secret(text), line) {
        // What is left may end in the middle of userinfo.
        (Some(start), _) if text.contains('@') => mask_cut_text(start),
        (Some(start), _) => format!("{start}…"),
        (None, Line::TooLong(_)) => mask_cut_text(text),
        (None, _) => mask_text(text),
    };
    shown.chars().take(MAX_DISPLAYED).collect()
}

/// Returns what of a bad line can be shown that may hold a secret after it: a cookie in the format of Netscape, or a
/// line of a configuration, a header or a command that says so.
fn before_secret(text: &str) -> Option<&str> {
    const NAMES: [&str; 13] = [
        "authorization",
        "cookie",
        "password",
        "passwd",
        "secret",
        "token",
        "api-key",
        "api_key",
        "apikey",
        "bearer ",
        "--user ",
        " -u ",
        "user =",
    ];
    if text.matches('\t').count() >= COOKIE_TABS {
        return text.split('\t').next();
    }
    let lower = text.to_ascii_lowercase();
    let ends = NAMES
        .iter()
        .filter_map(|name| Some(lower.find(name)? + name.len()));
    let end = ends.min()?;
    (end < text.trim_end().len()).then(|| &text[..end])
}
