//! `--format text`: `STATUS  TIME  SIZE  URL  [FLAG] message`, for people and for awk.

use std::io::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::formatter::Formatter;
use super::record::Record;
use crate::model::input::{Decision, Skip};
use crate::model::outcome::{Outcome, Verdict};
use crate::report::escape::{escape, escape_field};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();

/// Added to a time before it is cut to milliseconds, which rounds it to the nearest.
const HALF_A_MILLISECOND: Duration = Duration::from_micros(500);

/// The style of the lines of `--format text`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextStyle {
    /// Whether there are ANSI colours.
    pub color: bool,
    /// Whether columns are padded, so that they line up.
    pub aligned: bool,
}

/// Writes each record as one line of columns.
pub(in crate::report) struct TextFormatter(pub(in crate::report) TextStyle);

impl Formatter for TextFormatter {
    fn record(&mut self, record: Record<'_>, out: &mut Vec<u8>) {
        write_line(self.0, record.outcome, out);
    }
}

fn write_line(style: TextStyle, outcome: &Outcome, to: &mut Vec<u8>) {
    let color = match outcome.verdict {
        Verdict::Ok if outcome.slow => WARN,
        Verdict::Ok => GOOD,
        Verdict::Cancelled | Verdict::Skipped => WARN,
        Verdict::HttpError | Verdict::Error => BAD,
    };
    let whole = matches!(outcome.verdict, Verdict::Ok | Verdict::HttpError);
    let answer = outcome.answer().filter(|_| whole);
    // Not with `write!`: the formatting machinery would be most of the cost of a line.
    let mut digits = itoa::Buffer::new();
    let status = match (outcome.verdict, answer) {
        (Verdict::Skipped, _) => "-",
        (_, Some(answer)) => digits.format(answer.status),
        (_, None) => "ERR",
    };
    paint(style, color, status, to);
    let width = |width: usize| if style.aligned { width } else { 0 };
    if let Some(last) = &outcome.last {
        let time = last.total + HALF_A_MILLISECOND;
        push_column(digits.format(time.as_secs()), width(3), to);
        to.push(b'.');
        to.extend_from_slice(&digits.format(1000 + time.subsec_millis()).as_bytes()[1..]);
    } else {
        push_column("-", width(7), to);
    }
    let size = outcome.answer().map(|answer| digits.format(answer.size));
    push_column(size.unwrap_or("-"), width(9), to);
    let url = match outcome.input.display_url.as_str() {
        "" => "-",
        url => &escape_field(url),
    };
    to.extend_from_slice(b"  ");
    to.extend_from_slice(url.as_bytes());
    write_flags(style, outcome, color, to);
    to.push(b'\n');
}

fn write_flags(style: TextStyle, outcome: &Outcome, color: Style, to: &mut Vec<u8>) {
    let mut blanks = "  ";
    let mut flag = |flag: &str, color: Style| {
        to.extend_from_slice(blanks.as_bytes());
        blanks = " ";
        paint(style, color, flag, to);
    };
    if outcome.slow {
        flag("[SLOW]", WARN);
    }
    if let retries @ 1.. = outcome.attempts.len().saturating_sub(1) {
        flag(&format!("[RETRIED {retries}]"), WARN);
    }
    match (outcome.verdict, outcome.answer()) {
        (Verdict::HttpError, Some(answer)) if answer.status >= 500 => flag("[DOWN]", color),
        (Verdict::HttpError, _) => flag("[FAIL]", color),
        (Verdict::Error | Verdict::Cancelled, _) => flag("[ERROR]", color),
        (Verdict::Skipped, _) => flag("[SKIPPED]", color),
        (Verdict::Ok, _) => {}
    }
    if let Decision::Skip { why, .. } = outcome.input.decision {
        let _ = match why {
            Skip::Recorded => write!(to, " already done (journal)"),
            Skip::Exists => write!(to, " file exists"),
            Skip::Repeated => write!(to, " same as an earlier line"),
        };
    }
    if let Some(url) = destination(outcome) {
        let _ = write!(to, "{blanks}-> {}", escape_field(url));
    }
    if let Some(failure) = &outcome.failure {
        let _ = write!(to, " {}: {}", failure.kind.name(), escape(&failure.message));
    }
}

/// Returns where redirects led, or where one leads that was not followed. What failed names its host in its message.
fn destination(outcome: &Outcome) -> Option<&str> {
    let last = outcome
        .last
        .as_ref()
        .filter(|last| last.failure.is_none())?;
    let answer = last.answer.as_ref()?;
    let followed = (last.redirects > 0).then(|| last.final_url.as_str());
    let url = answer.leads_to.as_deref().or(followed)?;
    (url != outcome.input.display_url).then_some(url)
}

/// Appends `text`, right-aligned in a column of at least `width`.
fn push_column(text: &str, width: usize, to: &mut Vec<u8>) {
    to.extend_from_slice(b"  ");
    to.resize(to.len() + width.saturating_sub(text.len()), b' ');
    to.extend_from_slice(text.as_bytes());
}

fn paint(style: TextStyle, color: Style, text: &str, to: &mut Vec<u8>) {
    if style.color {
        let _ = write!(to, "{color}{text}{color:#}");
    } else {
        to.extend_from_slice(text.as_bytes());
    }
}
