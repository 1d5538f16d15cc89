//! Sets of HTTP status codes, as `--accept` and `--retry-on` take them.

use std::ops::RangeInclusive;
use std::str::FromStr;

/// A set of status codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet(Vec<RangeInclusive<u16>>);

impl StatusSet {
    /// Whether `status` is in the set.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

/// A text that is not a set of status codes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusSetError {
    /// The text is no status and no range of them.
    #[error(
        "not a status or a range of statuses; write 200, 200..=299, 200-299 or 2xx, separated by commas"
    )]
    Form,
    /// One of several entries is none.
    #[error(
        "'{0}' is not a status or a range of statuses; write 200, 200..=299, 200-299 or 2xx, separated by commas"
    )]
    Entry(String),
    /// There is nothing between two commas, or beside one.
    #[error("an empty entry in the list")]
    Empty,
}

impl FromStr for StatusSet {
    type Err = StatusSetError;

    fn from_str(list: &str) -> Result<Self, StatusSetError> {
        let ranges = list.split(',').map(|item| {
            range(item.trim()).ok_or_else(|| match item.trim() {
                "" => StatusSetError::Empty,
                item if item == list.trim() => StatusSetError::Form,
                item => StatusSetError::Entry(item.to_owned()),
            })
        });
        ranges.collect::<Result<_, _>>().map(Self)
    }
}

fn range(item: &str) -> Option<RangeInclusive<u16>> {
    let status = |text: &str| {
        text.parse()
            .ok()
            .filter(|status| (100..1000).contains(status))
    };
    if let Some(class) = item.to_ascii_lowercase().strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (1..10).contains(class))?;
        return Some(class * 100..=class * 100 + 99);
    }
    let (from, to) = ["..=", "-"]
        .iter()
        .find_map(|dots| item.split_once(dots))
        .unwrap_or((item, item));
    let (from, to) = (status(from)?, status(to)?);
    (from <= to).then_some(from..=to)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn accepted_statuses() {
        for (list, yes, no) in [
            ("200", vec![200], vec![199, 201]),
            ("200..=299", vec![200, 299], vec![199, 300]),
            ("2xx,404", vec![200, 299, 404], vec![300, 403]),
            ("200-204, 301", vec![204, 301], vec![205]),
        ] {
            let accept: StatusSet = list.parse().unwrap();
            assert!(yes.iter().all(|&status| accept.contains(status)), "{list}");
            assert!(!no.iter().any(|&status| accept.contains(status)), "{list}");
        }
        for bad in [
            "", "x", "99", "200,", "299-200", "200..299", "1000", "xx", "0xx",
        ] {
            assert!(bad.parse::<StatusSet>().is_err(), "{bad}");
        }
    }
}
