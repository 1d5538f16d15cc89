//! `STATUS  TIME  SIZE  URL  [FLAG] message`, for eyes and for awk.

use std::fmt::Display;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};

use super::escape::{escape, field};
use crate::outcome::{Outcome, Verdict};
use crate::request::{Plan, Skip};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();

/// How a line looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// ANSI colours.
    pub color: bool,
    /// Columns that stand under each other.
    pub aligned: bool,
}

/// Writes one line.
pub(super) fn write(look: Look, outcome: &Outcome, to: &mut Vec<u8>) {
    let style = match outcome.verdict {
        Verdict::Ok if outcome.slow => WARN,
        Verdict::Ok => GOOD,
        Verdict::Cancelled | Verdict::Skipped => WARN,
        Verdict::HttpError | Verdict::Error => BAD,
    };
    let whole = matches!(outcome.verdict, Verdict::Ok | Verdict::HttpError);
    let answer = outcome.answer().filter(|_| whole);
    match (outcome.verdict, answer) {
        (Verdict::Skipped, _) => paint(look, style, "-", to),
        (_, Some(answer)) => paint(look, style, answer.status, to),
        (_, None) => paint(look, style, "ERR", to),
    }
    let width = |width: usize| if look.aligned { width } else { 0 };
    let (time, size) = (width(7), width(9));
    let _ = match &outcome.last {
        Some(last) => write!(to, "  {:>time$.3}", last.total.as_secs_f64()),
        None => write!(to, "  {:>time$}", "-"),
    };
    let _ = match outcome.answer() {
        Some(answer) => write!(to, "  {:>size$}", answer.size),
        None => write!(to, "  {:>size$}", "-"),
    };
    let url = match outcome.input.shown.as_str() {
        "" => "-",
        url => &field(url),
    };
    to.extend_from_slice(b"  ");
    to.extend_from_slice(url.as_bytes());
    write_flags(look, outcome, style, to);
    to.push(b'\n');
}

fn write_flags(look: Look, outcome: &Outcome, style: Style, to: &mut Vec<u8>) {
    let mut blanks = "  ";
    let mut flag = |flag: &str, style: Style| {
        to.extend_from_slice(blanks.as_bytes());
        blanks = " ";
        paint(look, style, flag, to);
    };
    if outcome.slow {
        flag("[SLOW]", WARN);
    }
    if let retries @ 1.. = outcome.attempts.len().saturating_sub(1) {
        flag(&format!("[RETRIED {retries}]"), WARN);
    }
    match (outcome.verdict, outcome.answer()) {
        (Verdict::HttpError, Some(answer)) if answer.status >= 500 => flag("[DOWN]", style),
        (Verdict::HttpError, _) => flag("[FAIL]", style),
        (Verdict::Error | Verdict::Cancelled, _) => flag("[ERROR]", style),
        (Verdict::Skipped, _) => flag("[SKIPPED]", style),
        (Verdict::Ok, _) => {}
    }
    if let Plan::Skip { why, .. } = outcome.input.plan {
        let _ = match why {
            Skip::Done => write!(to, " done, as the journal says"),
            Skip::Exists => write!(to, " the file is there"),
        };
    }
    if let Some(failure) = &outcome.failure {
        let _ = write!(to, " {}: {}", failure.kind.name(), escape(&failure.message));
    }
}

fn paint(look: Look, style: Style, text: impl Display, to: &mut Vec<u8>) {
    let _ = if look.color {
        write!(to, "{style}{text}{style:#}")
    } else {
        write!(to, "{text}")
    };
}
