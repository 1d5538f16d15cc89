//! `--merge`: whether the shards of a list are all there, and what they come to.
//!
//! Each shard's `--summary-file` says what it took of which list, and what came of
//! it. Together they must be the list: each shard once, each input once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::output_files::sha256;
use super::{RunError, output_ended};
use crate::input::{Shard, ShardError};
use crate::model::error::plain;
use crate::model::exit::Exit;
use crate::report::{Counts, ListRead, PrintError, ResultsFile, ShardOf, say};

/// Shards that are missing and named, at most.
const NAMED: usize = 20;

/// Bytes of a summary that are read at most.
const LARGEST: u64 = 1024 * 1024;

/// Why nothing can be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A file that cannot be read.
    #[error("--merge: {path}: {reason}", path = .0.display(), reason = plain(.1))]
    Read(PathBuf, io::Error),
    /// A file that holds something else.
    #[error("--merge: {path}: not what --summary-file writes: {1}", path = .0.display())]
    NoSummary(PathBuf, serde_json::Error),
    /// A summary of a shard that cannot be.
    #[error("--merge: {path}: shard {1}/{2}: {3}", path = .0.display())]
    Shard(PathBuf, u32, u32, ShardError),
}

/// What is needed of a summary.
#[derive(Clone, Debug, Deserialize)]
struct ShardSummary {
    shard: ShardOf,
    list: Option<ListRead>,
    results: Option<ResultsFile>,
    #[serde(flatten)]
    counts: Counts,
    stopped: Option<String>,
    statuses: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
    /// Where it stands.
    #[serde(skip)]
    path: PathBuf,
}

/// The sum of all shards.
#[derive(Debug, Default, Serialize)]
struct MergedSummary {
    shards: u32,
    list: Option<ListRead>,
    #[serde(flatten)]
    counts: Counts,
    statuses: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
}

/// Reads the `summaries`, and prints their sum as JSON if it is the whole list;
/// else says on standard error what is not as it should be.
///
/// # Errors
///
/// A file that is no summary, or an output that cannot be written.
pub fn run(summaries: &[PathBuf]) -> Result<Exit, RunError> {
    let (mut parts, mut wrong, mut unchecked) = (Vec::new(), Vec::new(), 0_u64);
    for path in summaries {
        match read(path) {
            Ok(part) => parts.push(part),
            // A shard that is missing.
            Err(error @ MergeError::Read(..)) if !path.exists() => wrong.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    wrong.extend(check(&parts));
    for part in &parts {
        match part.look_at_results() {
            Ok(true) => {}
            Ok(false) => unchecked += 1,
            Err(what) => wrong.push(what),
        }
    }
    if !wrong.is_empty() {
        for what in wrong {
            say(&what);
        }
        return Ok(Exit::SomeFailed);
    }
    if unchecked > 0 {
        say(&format!(
            "results that no file was named for are not checked: of {unchecked} of {} shards",
            parts.len()
        ));
    }
    let mut text = serde_json::to_string_pretty(&total(&parts)).unwrap_or_default();
    text.push('\n');
    let written = io::stdout().write_all(text.as_bytes());
    let ended = output_ended(written.map_err(PrintError::Lines), "standard output")?;
    Ok(ended.unwrap_or(Exit::Success))
}

fn read(path: &Path) -> Result<ShardSummary, MergeError> {
    let failed = |error| MergeError::Read(path.to_owned(), error);
    let mut text = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LARGEST).read_to_end(&mut text).map_err(failed)?;
    let part = serde_json::from_slice(&text);
    let part: ShardSummary = part.map_err(|error| MergeError::NoSummary(path.to_owned(), error))?;
    let ShardOf { number, count, .. } = part.shard;
    Shard::new(number.into(), count.into())
        .map_err(|error| MergeError::Shard(path.to_owned(), number, count, error))?;
    Ok(ShardSummary {
        path: path.to_owned(),
        ..part
    })
}

impl ShardSummary {
    /// How messages call it.
    fn name(&self) -> String {
        let ShardOf { number, count, .. } = self.shard;
        format!("shard {number}/{count} ({})", self.path.display())
    }

    /// What is wrong with it alone.
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
            (Some(list), None) if list.taken != counts.inputs || outcomes != counts.inputs => {
                Some(format!(
                    "{name}: {} inputs, but {} results and {outcomes} outcomes",
                    list.taken, counts.inputs
                ))
            }
            _ => None,
        }
    }

    /// Whether it is of the same list, dealt in the same way, as `other`.
    fn is_like(&self, other: &Self) -> bool {
        let deal = |part: &Self| {
            let ShardOf {
                count, by, hash, ..
            } = part.shard.clone();
            (count, by, hash)
        };
        let list = |part: &Self| {
            part.list
                .as_ref()
                .map(|list| (list.inputs, list.sha256.clone()))
        };
        // One that stopped early does not know its list.
        let is_same_list = self.list.is_none() || other.list.is_none() || list(self) == list(other);
        deal(self) == deal(other) && is_same_list
    }

    /// Whether its results are here, and what it says they are.
    fn look_at_results(&self) -> Result<bool, String> {
        let Some(results) = &self.results else {
            return Ok(false);
        };
        let name = results.file.file_name();
        let beside = name.map(|name| self.path.with_file_name(name));
        let mut place = results.file.clone();
        let mut what = "is not there; run the shard again".to_owned();
        // Where either is what was written, the other is somebody else's.
        for path in [Some(results.file.clone()), beside].into_iter().flatten() {
            let Ok(file) = File::open(&path) else {
                continue;
            };
            what = match sha256(file) {
                Ok(sum) if sum == results.sha256 => return Ok(true),
                Ok(_) => "not what the run wrote; remove it and run the shard again".to_owned(),
                Err(error) => plain(&error),
            };
            place = path;
        }
        Err(format!("{}: {}: {what}", self.name(), place.display()))
    }
}

/// What keeps `parts` from being one whole list.
fn check(parts: &[ShardSummary]) -> Vec<String> {
    let mut wrong: Vec<String> = parts.iter().filter_map(ShardSummary::fault).collect();
    let Some(first) = parts
        .iter()
        .find(|part| part.list.is_some())
        .or(parts.first())
    else {
        return wrong;
    };
    let strangers = parts.iter().filter(|part| !part.is_like(first));
    wrong.extend(strangers.map(|part| {
        let first = first.path.display();
        format!(
            "{}: not of the list, or not sharded, as {first}",
            part.name()
        )
    }));
    let mut seen: BTreeMap<u32, &ShardSummary> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.is_like(first)) {
        if let Some(earlier) = seen.insert(part.shard.number, part) {
            let earlier = earlier.path.display();
            wrong.push(format!(
                "{}: there twice, {earlier} is the same",
                part.name()
            ));
        }
    }
    let count = first.shard.count;
    let missing: Vec<u32> = (0..count)
        .filter(|number| !seen.contains_key(number))
        .collect();
    let named = missing.iter().take(NAMED);
    wrong.extend(named.map(|number| format!("shard {number}/{count}: missing")));
    if missing.len() > NAMED {
        wrong.push(format!("and {} more are missing", missing.len() - NAMED));
    }
    let list = first.list.as_ref();
    let inputs = sum(parts.iter().map(|part| part.counts.inputs));
    let fingerprint = |part: &ShardSummary, which: usize| {
        let hex = part.list.as_ref().map(|list| &list.fingerprints[which]);
        u64::from_str_radix(hex?, 16).ok()
    };
    let mine = parts.iter().filter_map(|part| fingerprint(part, 1));
    let all_once = Some(mine.fold(0, u64::wrapping_add)) == fingerprint(first, 0);
    if wrong.is_empty() && !(list.is_some_and(|list| list.inputs == inputs) && all_once) {
        wrong.push(format!(
            "the list has {} inputs, and these shards have {inputs}, some of them not or twice: were all run with the same options?",
            list.map_or(0, |list| list.inputs)
        ));
    }
    wrong
}

/// Summaries are files: whoever wrote them may have written any number.
fn sum(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, u64::saturating_add)
}

fn total(parts: &[ShardSummary]) -> MergedSummary {
    let mut total = MergedSummary::default();
    for part in parts {
        total.shards = part.shard.count;
        total.list.clone_from(&part.list);
        let (all, of_part) = (&mut total.counts, &part.counts);
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
            (&mut total.statuses, &part.statuses),
            (&mut total.errors, &part.errors),
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
