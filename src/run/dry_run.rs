//! `--dry-run`: reads and counts the list, and sends nothing.

use std::fmt::Write as _;
use std::time::Duration;

use humantime::format_duration;

use super::error::{RunError, write_to_stdout};
use crate::config::Config;
use crate::engine::EngineOptions;
use crate::input::ReadError;
use crate::input::{Shard, ShardKey, ShardLoad, Survey, survey};
use crate::model::error::Failure;
use crate::model::exit::Exit;
use crate::model::input::Input;
use crate::report::print_message;

/// Up to how many shards are shown one by one. Of more, the heaviest, the median and the lightest are shown.
const MAX_SHOWN_SHARDS: usize = 64;

/// How many of the heaviest shards, and of their heaviest hosts, are shown.
const HEAVIEST: usize = 10;

/// How many of the heaviest hosts are shown without shards.
const HEAVIEST_SERVERS: usize = 5;

/// How many invalid inputs are shown.
const SHOWN_INVALID: u64 = 5;

/// The time of a request that the effect of `--max-per-host` is told for, as there are no measured ones.
const ASSUMED_LATENCY: Duration = Duration::from_millis(100);

/// Prints how many inputs there are, the heaviest hosts, and the least times; and reports the invalid inputs.
///
/// # Errors
///
/// A source or standard output fails.
pub(crate) fn run(config: Config) -> Result<Exit, RunError> {
    let shard_filter = config.shard_filter;
    let shard = shard_filter.shard.unwrap_or(Shard::ALL);
    let mut unshown = 0;
    let mut shown = 0;
    let tell = |input: &Input, failure: &Failure| {
        if shown == SHOWN_INVALID {
            unshown += 1;
            return;
        }
        shown += 1;
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
        |hint| print_message(&format!("warning: {hint}")),
    )
    .map_err(|broken| match broken {
        ReadError::Io(source, error) => RunError::Output(source.to_string(), error),
        ReadError::NotATable(why) => RunError::NotATable(why),
    })?;
    if unshown > 0 {
        print_message(&format!("… and {unshown} more that are invalid"));
    }
    let Survey {
        inputs, invalid, ..
    } = survey;
    let valid = inputs - invalid;
    let noun = if inputs == 1 { "input" } else { "inputs" };
    let mut text = format!("{inputs} {noun}, {valid} to fetch, {invalid} invalid\n");
    if shard_filter.shard.is_some() {
        write_shards(&survey, &mut text);
        write_hosts(&survey, shard_filter.by, &mut text);
    } else {
        write_servers(&survey, valid, &mut text);
    }
    write_least_times(&survey, valid, &config.engine, &mut text);
    if config.run.journal.is_some() {
        print_message("warning: --dry-run does not read the journal");
    }
    if let Some(exit) = write_to_stdout(&text)? {
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
    let about = about(survey.error());
    let _ = writeln!(to, "\nthe heaviest hosts{about}:");
    let _ = writeln!(to, "{:<16} {:>12} {:>6}  HOST", "SHARD", "INPUTS", "SHARE");
    for (host, inputs, shard) in survey.heaviest(HEAVIEST) {
        let place = match by {
            ShardKey::Host => format!("{shard}/{count}"),
            ShardKey::Url => "-".to_owned(),
        };
        let share = share(inputs, all);
        let _ = writeln!(to, "{place:<16} {inputs:>12} {share:>6}  {host}");
    }
}

/// Writes the heaviest hosts of a list that is not divided.
fn write_servers(survey: &Survey, valid: u64, to: &mut String) {
    let servers = survey.heaviest_servers(HEAVIEST_SERVERS);
    if servers.is_empty() {
        return;
    }
    let about = about(survey.server_error());
    let _ = writeln!(to, "\nthe heaviest hosts{about}:");
    let _ = writeln!(to, "{:>12} {:>6}  HOST", "INPUTS", "SHARE");
    for (server, inputs) in servers {
        let _ = writeln!(to, "{inputs:>12} {:>6}  {server}", share(inputs, valid));
    }
}

/// Says how exact counts are that may be up to `error` too high.
fn about(error: u64) -> String {
    match error {
        0 => String::new(),
        error => format!(" (very many hosts: a count may be up to {error} too high)"),
    }
}

/// Returns the share of `inputs` in `all`, as text.
fn share(inputs: u64, all: u64) -> String {
    // Thousandths as integers, because a float is not exact for large numbers.
    let (inputs, all) = (u128::from(inputs), u128::from(all.max(1)));
    let thousandths = (inputs * 1000 + all / 2) / all;
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

/// Writes the least time that `valid` requests take under each limit of `options`.
fn write_least_times(survey: &Survey, valid: u64, options: &EngineOptions, to: &mut String) {
    let mut lines = Vec::new();
    if let Some(interval) = options.interval.filter(|_| valid > 0) {
        let least = display(times(interval, valid - 1));
        lines.push(format!("--rate: at least {least} for {}", urls(valid)));
    }
    if let Some(&(server, counted)) = survey.heaviest_servers(1).first() {
        // The least number that it may be.
        let inputs = counted.saturating_sub(survey.server_error()).max(1);
        let what = format!("{} of {server}", urls(inputs));
        if let Some(interval) = options.per_host.interval {
            let least = display(times(interval, inputs - 1));
            lines.push(format!("--rate-per-host: at least {least} for {what}"));
        }
        if let Some(jobs) = options.per_host.jobs {
            let rounds = inputs.div_ceil(jobs as u64);
            let least = display(times(ASSUMED_LATENCY, rounds));
            lines.push(format!(
                "--max-per-host {jobs}: {what} take at least {least} if a request takes {}",
                display(ASSUMED_LATENCY)
            ));
        }
    }
    if !lines.is_empty() {
        let _ = writeln!(to, "\n{}", lines.join("\n"));
    }
}

fn urls(count: u64) -> String {
    match count {
        1 => "1 URL".to_owned(),
        _ => format!("{count} URLs"),
    }
}

/// Returns `number` times `time`.
fn times(time: Duration, number: u64) -> Duration {
    let nanos = time.as_nanos().saturating_mul(number.into());
    let nanos_per_second = Duration::from_secs(1).as_nanos();
    let seconds = u64::try_from(nanos / nanos_per_second).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanos % nanos_per_second).unwrap_or_default();
    Duration::new(seconds, rest)
}

/// Displays `time`, rounded down to what matters.
fn display(time: Duration) -> String {
    let rounded = match time.as_secs() {
        0..10 => Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or_default()),
        seconds => Duration::from_secs(seconds),
    };
    format_duration(rounded).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded() {
        for (inputs, all, expected) in [
            (13, 15, "86.7%"),
            (1, 3, "33.3%"),
            (1, 2000, "0.1%"),
            (0, 0, "0.0%"),
            (u64::MAX, u64::MAX, "100.0%"),
        ] {
            assert_eq!(share(inputs, all), expected);
        }
    }

    #[test]
    fn times_are_exact_and_shown_to_the_second() {
        let millis = Duration::from_millis;
        for (time, number, expected) in [
            (millis(100), 0, "0s"),
            (millis(1), 17, "17ms"),
            (millis(500), 19, "9s 500ms"),
            (millis(100), 2_500, "4m 10s"),
            (millis(100), 123_456, "3h 25m 45s"),
            (Duration::from_secs(3_600), 24, "1day"),
        ] {
            assert_eq!(display(times(time, number)), expected);
        }
        assert!(times(Duration::MAX, u64::MAX) >= Duration::from_secs(u64::MAX));
    }
}
