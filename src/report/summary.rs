//! The summary of a run: counts, statuses, errors and latencies, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::HumanBytes;
use serde::{Deserialize, Serialize};
use url::Position;

use super::format::value::seconds;
use crate::model::error::Kind;
use crate::model::event::{RunEnd, Stop};
use crate::model::exit::Exit;
use crate::model::outcome::{Outcome, Verdict};
use crate::model::text::hex;

/// The number of hosts that are down that the summary names.
const WORST_HOSTS: usize = 5;

/// The upper end of the histogram of latencies.
const MAX_LATENCY: Duration = Duration::from_secs(24 * 3600);

/// What is counted about a run, one outcome at a time.
pub struct Summary {
    counts: Counts,
    /// How often each status was answered.
    statuses: BTreeMap<u16, u64>,
    /// How often each status was answered that is not accepted.
    failed_statuses: BTreeMap<u16, u64>,
    errors: BTreeMap<Kind, u64>,
    /// How many inputs were given up with each host.
    down: BTreeMap<String, u64>,
    /// How long the last attempt of each answered input took, in microseconds.
    latency: Option<Histogram<u64>>,
    /// The longest of these times; the histogram knows it to a hundredth only.
    max: Duration,
}

/// How many inputs ended with each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All inputs that have an outcome.
    pub inputs: u64,
    /// Answered with an accepted status.
    pub ok: u64,
    /// Answered with another status.
    pub http_error: u64,
    /// Without a usable answer: the line holds no URL, or the request failed.
    pub error: u64,
    /// Not requested, because an earlier run has done it or its file exists.
    pub skipped: u64,
    /// Not finished when the run stopped.
    pub cancelled: u64,
    /// The size of all bodies, after decoding.
    pub bytes: u64,
}

/// What a summary says about the list, if it was read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListInfo {
    /// The number of inputs of all shards.
    pub inputs: u64,
    /// The number of inputs of this shard.
    pub taken: u64,
    /// Fingerprints of the indices of all inputs and of those of this shard, in hex.
    pub fingerprints: [String; 2],
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// Which shard of the list a summary is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardInfo {
    /// The K of `--shard K/N`.
    pub number: u32,
    /// The N of `--shard K/N`.
    pub count: u32,
    /// The value of `--shard-by`.
    pub by: String,
    /// The name of the hash that assigns inputs to shards.
    pub hash: String,
}

/// What a summary says about the file of `--results`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultsFile {
    /// Its path, as given on the command line.
    pub file: PathBuf,
    /// The SHA-256 of its bytes, in hex.
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
    /// The lines that end standard error.
    pub(super) fn text(&self) -> String {
        let Self {
            summary,
            ended,
            elapsed,
        } = *self;
        let counts = &summary.counts;
        let word = match summary.exit() {
            Exit::Success if ended.list.is_some() => "OK",
            _ => "FAILED",
        };
        let mut text = format!(
            "{word} {}/{} in {:.2}s\n",
            counts.ok + counts.skipped,
            counts.inputs,
            elapsed.as_secs_f64()
        );
        if counts.skipped > 0 {
            let _ = writeln!(text, "skipped: {}", counts.skipped);
        }
        let failed = summary.failures();
        if !failed.is_empty() {
            let _ = writeln!(text, "failed: {}", failed.join(", "));
        }
        let down = summary.down();
        if !down.is_empty() {
            let _ = writeln!(text, "down: {down}");
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
    /// A summary of no outcomes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counts: Counts::default(),
            statuses: BTreeMap::new(),
            failed_statuses: BTreeMap::new(),
            errors: BTreeMap::new(),
            down: BTreeMap::new(),
            latency: Histogram::new_with_bounds(1, micros(MAX_LATENCY), 2).ok(),
            max: Duration::ZERO,
        }
    }

    /// The counts so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Counts `outcome`.
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
            if failure.kind == Kind::HostDown {
                *self.down.entry(host(outcome)).or_default() += 1;
            }
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

    /// The exit code that the outcomes lead to, for a run that was not stopped.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.counts.ok + self.counts.skipped == self.counts.inputs {
            Exit::Success
        } else {
            Exit::SomeFailed
        }
    }

    /// `a.example x79, b.example x3`: the hosts that were given up, and how many inputs with them; the worst ones.
    fn down(&self) -> String {
        let mut down: Vec<_> = self.down.iter().collect();
        down.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let worst = down.iter().take(WORST_HOSTS);
        let worst: Vec<_> = worst
            .map(|(host, count)| format!("{host} x{count}"))
            .collect();
        let more = match down.len().saturating_sub(WORST_HOSTS) {
            0 => String::new(),
            1 => ", and 1 more host".to_owned(),
            more => format!(", and {more} more hosts"),
        };
        format!("{}{more}", worst.join(", "))
    }

    /// `404 x2`, `dns x1`: failures by status and kind, the most frequent first.
    pub(super) fn failures(&self) -> Vec<String> {
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

    /// The number of inputs with an answer, per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn rate(&self, elapsed: Duration) -> f64 {
        let sent: u64 = self.statuses.values().sum();
        sent as f64 / elapsed.as_secs_f64().max(1e-6)
    }

    /// The latency of the answered inputs, if there are any.
    pub(super) fn latency(&self) -> Option<Latencies> {
        let latency = self
            .latency
            .as_ref()
            .filter(|latency| !latency.is_empty())?;
        // The histogram rounds by up to a hundredth, which could exceed the true maximum.
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

    /// The summary as one JSON object, for `--summary-file`.
    #[must_use]
    pub fn json(
        &self,
        ended: RunEnd,
        elapsed: Duration,
        exit: Exit,
        shard: ShardInfo,
        results: Option<ResultsFile>,
    ) -> String {
        let json = SummaryJson {
            version: env!("CARGO_PKG_VERSION"),
            shard,
            list: ended.list.map(|list| ListInfo {
                inputs: list.inputs,
                taken: list.in_shard,
                fingerprints: [list.fingerprint, list.shard_fingerprint]
                    .map(|sum| format!("{sum:016x}")),
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

/// The keys of the JSON object, in order.
#[derive(Serialize)]
struct SummaryJson<'a> {
    version: &'static str,
    shard: ShardInfo,
    list: Option<ListInfo>,
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

/// Percentiles of the latency, in seconds.
#[derive(Serialize)]
pub(super) struct Latencies {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

/// Returns the host of the last URL of an input, after redirects.
fn host(outcome: &Outcome) -> String {
    let request = outcome.input.request.as_ref().ok();
    let last = outcome.last.as_ref().map(|last| &last.final_url);
    let url = last.or_else(|| request.map(|request| &request.url));
    url.map_or_else(String::new, |url| {
        url[Position::BeforeHost..Position::AfterPort].to_owned()
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
