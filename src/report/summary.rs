//! The summary: a fold over outcomes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::HumanBytes;
use serde::{Deserialize, Serialize};

use super::format::value::seconds;
use crate::model::error::Kind;
use crate::model::event::{RunEnd, Stop};
use crate::model::exit::Exit;
use crate::model::outcome::{Outcome, Verdict};
use crate::model::text::hex;

/// The longest latency that is told apart from longer ones.
const MAX_LATENCY: Duration = Duration::from_secs(24 * 3600);

/// Numbers that grow with every outcome, and with nothing else.
pub struct Summary {
    counts: Counts,
    statuses: BTreeMap<u16, u64>,
    /// Those of the statuses that are not accepted.
    failed_statuses: BTreeMap<u16, u64>,
    errors: BTreeMap<Kind, u64>,
    /// Microseconds of the last attempt, of what was answered.
    latency: Option<Histogram<u64>>,
    max: Duration,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Inputs that are done.
    pub inputs: u64,
    /// Of each outcome.
    pub ok: u64,
    /// Answered, and not accepted.
    pub http_error: u64,
    /// Without a whole answer.
    pub error: u64,
    /// Done before.
    pub skipped: u64,
    /// Not done.
    pub cancelled: u64,
    /// Of bodies, as delivered.
    pub bytes: u64,
}

/// The list, in a summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRead {
    /// Inputs in all shards.
    pub inputs: u64,
    /// Inputs of this one.
    pub taken: u64,
    /// Of the indices of all, and of those, in hex.
    pub fingerprints: [String; 2],
    /// Of its bytes, in hex.
    pub sha256: String,
}

/// Whose inputs a summary is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardOf {
    /// K of `--shard K/N`.
    pub number: u32,
    /// N.
    pub count: u32,
    /// What keeps inputs together.
    pub by: String,
    /// The hash that deals them.
    pub hash: String,
}

/// The file of `--results`, in a summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultsFile {
    /// As it was named.
    pub file: PathBuf,
    /// Of its bytes, in hex.
    pub sha256: String,
}

/// What is known once every record is written.
#[derive(Clone, Copy)]
pub(super) struct RunTotals<'a> {
    /// Counts, statuses, errors and latencies.
    pub(super) summary: &'a Summary,
    /// Whether the list was read to its end, and what stopped the run.
    pub(super) ended: RunEnd,
    /// From the start of the run to its last record.
    pub(super) elapsed: Duration,
}

impl RunTotals<'_> {
    /// A few lines for a person.
    pub(super) fn text(&self) -> String {
        let Self {
            summary,
            ended,
            elapsed,
        } = *self;
        let counts = &summary.counts;
        let mut text = format!(
            "OK {}/{} in {:.2}s\n",
            counts.ok + counts.skipped,
            counts.inputs,
            elapsed.as_secs_f64()
        );
        if counts.skipped > 0 {
            let _ = writeln!(text, "{} of them skipped", counts.skipped);
        }
        let failed = summary.failures();
        if !failed.is_empty() {
            let _ = writeln!(text, "failed: {}", failed.join(", "));
        }
        if !summary.statuses.is_empty() {
            let _ = write!(
                text,
                "{}, {:.1} requests/s",
                HumanBytes(counts.bytes),
                summary.rate(elapsed)
            );
            if let Some(latency) = summary.latency() {
                let _ = write!(
                    text,
                    ", latency p50 {:.3}s p90 {:.3}s p99 {:.3}s max {:.3}s",
                    latency.p50, latency.p90, latency.p99, latency.max
                );
            }
            text.push('\n');
        }
        if ended.list.is_none() {
            text.push_str("stopped early: the list was not read to its end\n");
        }
        text
    }
}

impl Summary {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counts: Counts::default(),
            statuses: BTreeMap::new(),
            failed_statuses: BTreeMap::new(),
            errors: BTreeMap::new(),
            latency: Histogram::new_with_bounds(1, micros(MAX_LATENCY), 2).ok(),
            max: Duration::ZERO,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        let counts = &mut self.counts;
        counts.inputs += 1;
        match outcome.verdict {
            Verdict::Ok => counts.ok += 1,
            Verdict::HttpError => counts.http_error += 1,
            Verdict::Error => counts.error += 1,
            Verdict::Skipped => counts.skipped += 1,
            Verdict::Cancelled => counts.cancelled += 1,
        }
        if let Some(failure) = &outcome.failure
            && outcome.verdict != Verdict::HttpError
        {
            *self.errors.entry(failure.kind).or_default() += 1;
        }
        let Some(answer) = outcome.answer() else {
            return;
        };
        counts.bytes += answer.size;
        *self.statuses.entry(answer.status).or_default() += 1;
        if outcome.verdict == Verdict::HttpError {
            *self.failed_statuses.entry(answer.status).or_default() += 1;
        }
        if let (Some(latency), Some(last)) = (&mut self.latency, &outcome.last) {
            latency.saturating_record(micros(last.total).max(1));
            self.max = self.max.max(last.total);
        }
    }

    /// What the outcomes make of the run.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.counts.ok + self.counts.skipped == self.counts.inputs {
            Exit::Success
        } else {
            Exit::SomeFailed
        }
    }

    /// `404 x2`, `dns x1`, what there is most of first.
    fn failures(&self) -> Vec<String> {
        let mut failed: Vec<(u64, String)> = self
            .failed_statuses
            .iter()
            .map(|(status, &count)| (count, status.to_string()))
            .chain(
                self.errors
                    .iter()
                    .map(|(kind, &count)| (count, kind.name().to_owned())),
            )
            .collect();
        failed.sort_by_key(|failed| std::cmp::Reverse(failed.0));
        failed
            .into_iter()
            .map(|(count, what)| format!("{what} x{count}"))
            .collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn rate(&self, elapsed: Duration) -> f64 {
        let sent: u64 = self.statuses.values().sum();
        sent as f64 / elapsed.as_secs_f64().max(1e-6)
    }

    fn latency(&self) -> Option<Latencies> {
        let latency = self
            .latency
            .as_ref()
            .filter(|latency| !latency.is_empty())?;
        // The histogram knows a value to a hundredth of it.
        let at = |quantile| {
            let value = Duration::from_micros(latency.value_at_quantile(quantile));
            seconds(value.min(self.max))
        };
        Some(Latencies {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: seconds(self.max),
        })
    }

    /// The same for programs: one JSON object.
    #[must_use]
    pub fn json(
        &self,
        ended: RunEnd,
        elapsed: Duration,
        exit: Exit,
        shard: ShardOf,
        results: Option<ResultsFile>,
    ) -> String {
        let json = SummaryJson {
            version: env!("CARGO_PKG_VERSION"),
            shard,
            list: ended.list.map(|list| ListRead {
                inputs: list.inputs,
                taken: list.taken,
                fingerprints: list.fingerprints.map(|sum| format!("{sum:016x}")),
                sha256: list.sha256.map(|sum| hex(&sum)).unwrap_or_default(),
            }),
            results,
            counts: self.counts,
            complete: ended.list.is_some(),
            stopped: ended.stopped.map(Stop::name),
            elapsed: seconds(elapsed),
            requests_per_second: self.rate(elapsed),
            statuses: &self.statuses,
            errors: self
                .errors
                .iter()
                .map(|(kind, &count)| (kind.name(), count))
                .collect(),
            latency: self.latency(),
            exit_code: exit.code(),
        };
        let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Serialize)]
struct SummaryJson<'a> {
    version: &'static str,
    shard: ShardOf,
    list: Option<ListRead>,
    results: Option<ResultsFile>,
    #[serde(flatten)]
    counts: Counts,
    complete: bool,
    stopped: Option<&'static str>,
    elapsed: f64,
    requests_per_second: f64,
    statuses: &'a BTreeMap<u16, u64>,
    errors: BTreeMap<&'static str, u64>,
    latency: Option<Latencies>,
    exit_code: u8,
}

/// Seconds.
#[derive(Serialize)]
struct Latencies {
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
