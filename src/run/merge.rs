//! `--merge`: checks that the summaries of all shards fit together, and prints their sum.
//!
//! The `--summary-file` of each shard says which inputs of which list it had, and what their outcomes
//! are. Together the shards must be the whole list: each shard once, each input once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{MergeError, RunError, write_to_stdout};
use super::output_files::sha256;
use crate::input::Shard;
use crate::model::error::plain;
use crate::model::exit::Exit;
use crate::report::{Counts, ListInfo, ResultsFile, ShardInfo, print_message};

/// How many missing shards are named.
const MAX_NAMED: usize = 20;

/// How many bytes of a summary are read.
const MAX_SIZE: u64 = 1024 * 1024;

/// What is needed of the summary of a shard.
#[derive(Clone, Debug, Deserialize)]
struct ShardSummary {
    shard: ShardInfo,
    list: Option<ListInfo>,
    results: Option<ResultsFile>,
    #[serde(flatten)]
    counts: Counts,
    stopped: Option<String>,
    statuses: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
    /// The file of the summary.
    #[serde(skip)]
    path: PathBuf,
}

/// The sum of all summaries.
#[derive(Debug, Default, Serialize)]
struct MergedSummary {
    shards: u32,
    list: Option<ListInfo>,
    #[serde(flatten)]
    counts: Counts,
    statuses: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
}

/// Reads the summaries in `files` and prints their sum as JSON if it is the whole list. Otherwise reports on standard
/// error what is wrong. With `quiet`, warnings are left out.
///
/// # Errors
///
/// A file is not a summary, or standard output cannot be written.
pub fn run(files: &[PathBuf], quiet: bool) -> Result<Exit, RunError> {
    let (mut summaries, mut wrong, mut unchecked) = (Vec::new(), Vec::new(), 0_u64);
    // Without any summary the names are wrong. Beside others, a missing file is a shard that has not run yet.
    let is_any_there = files.iter().any(|path| path.exists());
    for path in files {
        match read(path) {
            Ok(summary) => summaries.push(summary),
            Err(error @ MergeError::Read(..)) if is_any_there && !path.exists() => {
                wrong.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    wrong.extend(check(&summaries));
    for summary in &summaries {
        match summary.check_results() {
            Ok(true) => {}
            Ok(false) => unchecked += 1,
            Err(what) => wrong.push(what),
        }
    }
    if !wrong.is_empty() {
        for what in wrong {
            print_message(&what);
        }
        return Ok(Exit::SomeFailed);
    }
    if unchecked > 0 && !quiet {
        print_message(&format!(
            "warning: {unchecked} of {} shards {}; {} not checked",
            summaries.len(),
            if unchecked == 1 {
                "was run without --results"
            } else {
                "were run without --results"
            },
            if unchecked == 1 {
                "its records were"
            } else {
                "their records were"
            },
        ));
    }
    let mut text = serde_json::to_string_pretty(&total(&summaries)).unwrap_or_default();
    text.push('\n');
    Ok(write_to_stdout(&text)?.unwrap_or(Exit::Success))
}

fn read(path: &Path) -> Result<ShardSummary, MergeError> {
    let failed = |error| MergeError::Read(path.to_owned(), error);
    let mut text = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_SIZE).read_to_end(&mut text).map_err(failed)?;
    let summary = serde_json::from_slice(&text);
    let summary: ShardSummary = summary.map_err(|_| MergeError::NotASummary(path.to_owned()))?;
    let ShardInfo { number, count, .. } = summary.shard;
    Shard::new(number.into(), count.into())
        .map_err(|error| MergeError::Shard(path.to_owned(), number, count, error))?;
    Ok(ShardSummary {
        path: path.to_owned(),
        ..summary
    })
}

impl ShardSummary {
    /// Returns the name of the shard in messages.
    fn name(&self) -> String {
        let ShardInfo { number, count, .. } = self.shard;
        format!("shard {number}/{count} ({})", self.path.display())
    }

    /// Returns what is wrong with the summary by itself.
    fn fault(&self) -> Option<String> {
        let counts = &self.counts;
        let outcomes = sum([
            counts.ok,
            counts.http_error,
            counts.error,
            counts.skipped,
            counts.cancelled,
        ]);
        let name = self.name();
        match (&self.list, &self.stopped) {
            (None, _) | (_, Some(_)) => Some(format!("{name}: stopped early; run it again")),
            (Some(list), None) if list.taken != counts.inputs || outcomes != counts.inputs => Some(
                format!("{name}: the counts do not add up; run the shard again"),
            ),
            _ => None,
        }
    }

    /// Whether the summary is of the same list, split in the same way, as `other`.
    fn is_of_same_list(&self, other: &Self) -> bool {
        let deal = |summary: &Self| {
            let ShardInfo {
                count, by, hash, ..
            } = summary.shard.clone();
            (count, by, hash)
        };
        let list = |summary: &Self| {
            summary
                .list
                .as_ref()
                .map(|list| (list.inputs, list.sha256.clone()))
        };
        // A run that stopped early does not know its list.
        let is_same_list = self.list.is_none() || other.list.is_none() || list(self) == list(other);
        deal(self) == deal(other) && is_same_list
    }

    /// Checks that the results of the shard exist and are what the run wrote. Returns false if it had none.
    fn check_results(&self) -> Result<bool, String> {
        let Some(results) = &self.results else {
            return Ok(false);
        };
        let name = results.file.file_name();
        let beside = name.map(|name| self.path.with_file_name(name));
        let mut place = results.file.clone();
        let mut what = "does not exist; run the shard again".to_owned();
        // If either file is what the run wrote, the other is irrelevant.
        for path in [Some(results.file.clone()), beside].into_iter().flatten() {
            let Ok(file) = File::open(&path) else {
                continue;
            };
            what = match sha256(file) {
                Ok(sum) if sum == results.sha256 => return Ok(true),
                Ok(_) => {
                    "differs from what the run wrote; remove it and run the shard again".to_owned()
                }
                Err(error) => plain(&error),
            };
            place = path;
        }
        Err(format!("{}: {}: {what}", self.name(), place.display()))
    }
}

/// Returns why `summaries` do not make up one whole list.
fn check(summaries: &[ShardSummary]) -> Vec<String> {
    let mut wrong: Vec<String> = summaries.iter().filter_map(ShardSummary::fault).collect();
    let Some(first) = summaries
        .iter()
        .find(|summary| summary.list.is_some())
        .or(summaries.first())
    else {
        return wrong;
    };
    let (of_list, strangers): (Vec<_>, Vec<_>) = summaries
        .iter()
        .partition(|summary| summary.is_of_same_list(first));
    wrong.extend(strangers.into_iter().map(|summary| {
        let (name, file) = (summary.name(), first.path.display());
        let (count, other) = (summary.shard.count, first.shard.count);
        if count == other {
            format!("{name}: is from a different list than {file}, or was sharded differently")
        } else {
            format!("{name}: is one of {count} shards, but {file} is one of {other}")
        }
    }));
    wrong.extend(duplicates(&of_list));
    wrong.extend(missing(&of_list, first.shard.count));
    if wrong.is_empty() {
        wrong.extend(wrong_sum(summaries, first));
    }
    wrong
}

/// Returns which of the summaries have a shard that an earlier one has, too.
fn duplicates(summaries: &[&ShardSummary]) -> Vec<String> {
    let mut seen: BTreeMap<u32, &ShardSummary> = BTreeMap::new();
    let duplicates = summaries.iter().filter_map(|summary| {
        let earlier = seen.insert(summary.shard.number, summary)?;
        let earlier = earlier.path.display();
        Some(format!(
            "{}: given twice, also as {earlier}",
            summary.name()
        ))
    });
    duplicates.collect()
}

/// Returns which of `count` shards no summary has.
fn missing(summaries: &[&ShardSummary], count: u32) -> Vec<String> {
    let seen: BTreeSet<u32> = summaries
        .iter()
        .map(|summary| summary.shard.number)
        .collect();
    let missing: Vec<u32> = (0..count).filter(|number| !seen.contains(number)).collect();
    let named = missing.iter().take(MAX_NAMED);
    let mut lines: Vec<_> = named
        .map(|number| format!("shard {number}/{count}: missing"))
        .collect();
    if missing.len() > MAX_NAMED {
        lines.push(format!(
            "and {} more are missing",
            missing.len() - MAX_NAMED
        ));
    }
    lines
}

/// Returns what is wrong if the inputs of all shards are not those of the list, each once. `first` knows the list.
fn wrong_sum(summaries: &[ShardSummary], first: &ShardSummary) -> Option<String> {
    let list = first.list.as_ref();
    let inputs = sum(summaries.iter().map(|summary| summary.counts.inputs));
    let fingerprint = |summary: &ShardSummary, which: usize| {
        let hex = summary.list.as_ref().map(|list| &list.fingerprints[which]);
        u64::from_str_radix(hex?, 16).ok()
    };
    let mine = summaries
        .iter()
        .filter_map(|summary| fingerprint(summary, 1));
    let all_once = Some(mine.fold(0, u64::wrapping_add)) == fingerprint(first, 0);
    let is_whole = list.is_some_and(|list| list.inputs == inputs) && all_once;
    (!is_whole).then(|| {
        format!(
            "the list has {} inputs, but the shards have {inputs} in all: run all of them with the same options",
            list.map_or(0, |list| list.inputs)
        )
    })
}

/// Returns the sum of numbers from summaries. Whoever wrote the files may have written any number, so it saturates.
fn sum(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, u64::saturating_add)
}

fn total(summaries: &[ShardSummary]) -> MergedSummary {
    let mut total = MergedSummary::default();
    for summary in summaries {
        total.shards = summary.shard.count;
        total.list.clone_from(&summary.list);
        let (all, of_part) = (&mut total.counts, &summary.counts);
        for (all, of_part) in [
            (&mut all.inputs, of_part.inputs),
            (&mut all.ok, of_part.ok),
            (&mut all.http_error, of_part.http_error),
            (&mut all.error, of_part.error),
            (&mut all.skipped, of_part.skipped),
            (&mut all.cancelled, of_part.cancelled),
            (&mut all.bytes, of_part.bytes),
        ] {
            *all = sum([*all, of_part]);
        }
        for (all, some) in [
            (&mut total.statuses, &summary.statuses),
            (&mut total.errors, &summary.errors),
        ] {
            for (name, count) in some {
                let all = all.entry(name.clone()).or_default();
                *all = sum([*all, *count]);
            }
        }
    }
    if let Some(list) = &mut total.list {
        list.taken = list.inputs;
        let [all, taken] = &mut list.fingerprints;
        taken.clone_from(all);
    }
    total
}
