//! `--dry-run`: reads and counts the list, and sends nothing.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::error::{RunError, output_ended};
use crate::config::Config;
use crate::input::{Shard, ShardKey, ShardLoad, Survey, survey};
use crate::model::error::Failure;
use crate::model::exit::Exit;
use crate::model::input::Input;
use crate::report::{PrintError, print_message};

/// Up to how many shards are shown one by one. Of more, the heaviest, the median and the lightest are shown.
const MAX_SHOWN_SHARDS: usize = 64;

/// How many of the heaviest shards and hosts are shown.
const HEAVIEST: usize = 10;

/// Prints how many inputs there are, and reports the invalid ones.
///
/// # Errors
///
/// A source or standard output fails.
pub(crate) fn run(config: Config) -> Result<Exit, RunError> {
    let shard_filter = config.shard_filter;
    let shard = shard_filter.shard.unwrap_or(Shard::ALL);
    let tell = |input: &Input, failure: &Failure| {
        let place = format!("{}:{}: ", input.source, input.line);
        let why = failure
            .message
            .strip_prefix(&place)
            .unwrap_or(&failure.message);
        print_message(&format!("{place}{}: {why}", failure.kind.name()));
    };
    let survey = survey(
        config.sources,
        &config.defaults,
        shard,
        shard_filter.by,
        tell,
    )
    .map_err(|broken| RunError::Output(broken.source_name.to_string(), broken.error))?;
    let Survey {
        inputs, invalid, ..
    } = survey;
    let valid = inputs - invalid;
    let noun = if inputs == 1 { "input" } else { "inputs" };
    let mut text = format!("{inputs} {noun}, {valid} to fetch, {invalid} invalid\n");
    if shard_filter.shard.is_some() {
        write_shards(&survey, &mut text);
        write_hosts(&survey, shard_filter.by, &mut text);
    }
    if config.run.journal.is_some() {
        print_message("warning: --dry-run does not read the journal");
    }
    let written = io::stdout().write_all(text.as_bytes());
    let written = written.map_err(PrintError::Lines);
    if let Some(exit) = output_ended(written, "standard output")? {
        return Ok(exit);
    }
    Ok(match invalid {
        0 => Exit::Success,
        _ if config.run.exit_zero => Exit::Success,
        _ => Exit::SomeFailed,
    })
}

fn write_shards(survey: &Survey, to: &mut String) {
    let count = survey.shards.len();
    let shards = survey.shards.iter().enumerate();
    let mut shards: Vec<(usize, &ShardLoad, &str)> =
        shards.map(|(number, load)| (number, load, "")).collect();
    if count > MAX_SHOWN_SHARDS {
        shards.sort_by_key(|(_, load, _)| std::cmp::Reverse(load.inputs));
        let (mut median, mut lightest) = (shards[count / 2], shards[count - 1]);
        (median.2, lightest.2) = ("  median", "  lightest");
        shards.truncate(HEAVIEST);
        shards.extend([median, lightest]);
        let _ = writeln!(
            to,
            "\nthe {HEAVIEST} heaviest of {count} shards, the median, the lightest:"
        );
    } else {
        to.push('\n');
    }
    let _ = writeln!(to, "{:<16} {:>12} {:>15}", "SHARD", "INPUTS", "BYTES");
    for (number, ShardLoad { inputs, bytes }, label) in shards {
        let _ = writeln!(
            to,
            "{:<16} {inputs:>12} {bytes:>15}{label}",
            format!("{number}/{count}")
        );
    }
    let sum = |of: fn(&ShardLoad) -> u64| survey.shards.iter().map(of).sum::<u64>();
    let (inputs, bytes) = (sum(|load| load.inputs), sum(|load| load.bytes));
    let _ = writeln!(to, "{:<16} {inputs:>12} {bytes:>15}", "all");
}

fn write_hosts(survey: &Survey, by: ShardKey, to: &mut String) {
    let count = survey.shards.len();
    let all: u64 = survey.shards.iter().map(|load| load.inputs).sum();
    let about = match survey.error() {
        0 => String::new(),
        error => format!(" (very many hosts: a count may be up to {error} too high)"),
    };
    let _ = writeln!(to, "\nthe heaviest hosts{about}:");
    let _ = writeln!(to, "{:<16} {:>12} {:>6}  HOST", "SHARD", "INPUTS", "SHARE");
    for (host, inputs, shard) in survey.heaviest(HEAVIEST) {
        let place = match by {
            ShardKey::Host => format!("{shard}/{count}"),
            ShardKey::Url => "-".to_owned(),
        };
        // Thousandths as integers, because a float is not exact for large numbers.
        let thousandths = u128::from(inputs) * 1000 / u128::from(all.max(1));
        let share = format!("{}.{}%", thousandths / 10, thousandths % 10);
        let _ = writeln!(to, "{place:<16} {inputs:>12} {share:>6}  {host}");
    }
}
