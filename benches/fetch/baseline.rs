//! The instructions of a request as a file of the repository, so that a change shows what it costs.
//!
//! `cargo bench -- instructions` writes the file; with `--check` it measures again and fails where a request takes
//! more than [`ALLOWED_GROWTH`] above what the file says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::callgrind::Measured;
use crate::{peers, server};

/// Relative to the folder of the package, where cargo runs benchmarks.
const FILE: &str = "benches/instructions.txt";

/// In percent. Three measurements of one program differed by 0.1 % for HTTP/1.1 and HTTP/2, and by 0.23 % for TLS.
const ALLOWED_GROWTH: i64 = 3;

/// Groups with fewer instructions than this are recorded as one, to keep the file short.
const LEAST: i64 = 100;

const TOTAL: &str = "total";
const HEAP_CALLS: &str = "calls of malloc, free and their like";
const SMALL_GROUPS: &str = "all groups below 100";

/// How many groups are named when a row has grown.
const NAMED: usize = 6;

/// Instructions for a request, by row (how the server speaks) and by group (a crate, or a module of this one).
type Figures = BTreeMap<String, BTreeMap<String, i64>>;

/// Replaces the file by what was measured.
pub(crate) fn write(measured: &[Measured]) -> Result<()> {
    fs::write(FILE, text(&figures(measured))).context(FILE)
}

/// Fails if a request takes more instructions than the file allows.
pub(crate) fn check(measured: &[Measured]) -> Result<()> {
    let recorded = fs::read_to_string(FILE).context(FILE)?;
    let mut report = compare(&parse(&recorded)?, &figures(measured))?;
    if report.is_empty() {
        return Ok(());
    }
    let tools = tools();
    if !recorded.lines().any(|line| line == tools) {
        let _ = writeln!(report, "\nThe tools differ from the file's: {tools}");
    }
    bail!(
        "{report}\n\
         If the change is worth it, record the new figures: cargo bench --locked -- instructions"
    );
}

fn figures(measured: &[Measured]) -> Figures {
    let mut figures = Figures::new();
    for row in measured {
        let groups = figures.entry(row.name.to_owned()).or_default();
        let mut heap_calls = 0;
        for (group, cost) in &row.costs {
            heap_calls += cost.heap_calls;
            let instructions = cost.own + cost.memory;
            let group = if instructions < LEAST {
                SMALL_GROUPS
            } else {
                group
            };
            *groups.entry(group.to_owned()).or_default() += instructions;
        }
        let total = groups.values().sum();
        groups.insert(TOTAL.to_owned(), total);
        groups.insert(HEAP_CALLS.to_owned(), heap_calls);
    }
    figures
}

fn text(figures: &Figures) -> String {
    let mut text = format!(
        "\
# Instructions that `fetch` executes for a request, by the crate whose code they are, or the module of this one.
# Written by `cargo bench --locked -- instructions`. `.ci/run` measures again (`-- instructions --check`) and fails
# where a total is more than {ALLOWED_GROWTH} % above the one here.
#
# Measured with callgrind: the difference between two runs of different length on one core (`-j 50`; `-j 1` for tls),
# for the build that `cargo bench` makes: that of `cargo install`, with symbols and the features that dev-dependencies
# add. What malloc and free execute is left out, because it depends on which thread runs when (it varied by a tenth);
# how often they are called is recorded instead.
# The figures do not depend on how busy the machine is. They depend on the compiler, on the version of libc and on the
# server's header fields; hardly on the processor, because valgrind shows every program the same one with AVX2, and
# hides what is newer (on a processor without AVX2, measure again before you compare).
{}

",
        tools()
    );
    for (row, groups) in figures {
        for (group, instructions) in groups {
            let _ = writeln!(text, "{row:<7} {instructions:>7} {group}");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len() + 1);
    text
}

/// The line of the file that says what it was measured with.
fn tools() -> String {
    let nginx = server::nginx_program().and_then(|nginx| peers::version(&nginx, "-v"));
    let versions = [
        compiler(),
        peers::version("valgrind", "--version"),
        nginx,
        peers::version("ldd", "--version"),
    ];
    let versions: Vec<_> = versions.into_iter().flatten().collect();
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("# {processor} {system}; {}.", versions.join("; "))
}

/// With the commit, which tells apart what is called stable.
fn compiler() -> Option<String> {
    let asked = Command::new("rustc").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&asked.stdout).trim().to_owned())
}

/// The opposite of [`text`].
fn parse(text: &str) -> Result<Figures> {
    let mut figures = Figures::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        let (row, instructions) = (words.next(), words.next());
        let (row, instructions) = row.zip(instructions).with_context(|| line.to_owned())?;
        let instructions = instructions.parse().with_context(|| line.to_owned())?;
        let group: Vec<_> = words.collect();
        let groups = figures.entry(row.to_owned()).or_default();
        groups.insert(group.join(" "), instructions);
    }
    Ok(figures)
}

/// What has grown by too much, row by row; empty if nothing has.
fn compare(recorded: &Figures, measured: &Figures) -> Result<String> {
    let mut complaints = String::new();
    for (row, before) in recorded {
        let now = measured.get(row);
        let now = now.with_context(|| {
            format!("{row} is in {FILE}, but was not measured: is nginx installed?")
        })?;
        for (name, unit) in [(TOTAL, "instructions"), (HEAP_CALLS, HEAP_CALLS)] {
            let (was, is) = (get(before, name), get(now, name));
            ensure!(was > 0, "{FILE}: {row} has no {name}");
            if is * 100 <= was * (100 + ALLOWED_GROWTH) {
                continue;
            }
            let permille = (is - was) * 1000 / was;
            let (percent, tenths) = (permille / 10, permille % 10);
            let _ = writeln!(
                complaints,
                "{row}: a request takes {is} {unit}, {percent}.{tenths} % more than the {was} of {FILE}"
            );
            if name == TOTAL {
                complaints += &grown_most(before, now);
            }
        }
    }
    Ok(complaints)
}

/// The groups that grew by most, one a line.
fn grown_most(before: &BTreeMap<String, i64>, now: &BTreeMap<String, i64>) -> String {
    let mut grown: Vec<_> = now
        .iter()
        .filter(|(group, _)| *group != TOTAL && *group != HEAP_CALLS)
        .map(|(group, is)| (is - get(before, group), group))
        .filter(|(growth, _)| *growth > 0)
        .collect();
    grown.sort_by_key(|(growth, _)| -growth);
    let mut text = String::new();
    for (growth, group) in grown.into_iter().take(NAMED) {
        let was = get(before, group);
        let _ = writeln!(text, "  {group}: {was} → {} (+{growth})", was + growth);
    }
    text
}

fn get(groups: &BTreeMap<String, i64>, group: &str) -> i64 {
    groups.get(group).copied().unwrap_or(0)
}
