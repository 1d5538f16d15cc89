//! Instructions for a request, and whose they are: figures that do not depend on how busy the machine is.
//!
//! What runs once (start, handshakes, the end) is the same in two runs of different length, so it cancels in their
//! difference. Only the process itself is counted, not what the kernel does for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::peers::{self, Work};
use crate::prepare;
use crate::profile::{Cost, Profile, read};
use crate::rows::Load;
use crate::server::{Origin, Servers};

/// What `cargo bench -- FILTER` looks for.
pub(crate) const NAME: &str = "instructions";

/// jemalloc returns memory to the system by the clock: on a busy machine, a run takes longer, and 5 % more instructions.
const KEEP_FREED_MEMORY: &str = "dirty_decay_ms:-1,muzzy_decay_ms:-1";

/// How many groups a table shows: as few lines as tell where the instructions go.
const SHOWN: usize = 24;

/// What a request takes from one kind of server.
pub(crate) struct Measured {
    /// Its name in the recorded file.
    pub(crate) name: &'static str,
    /// Its name in the report.
    title: &'static str,
    jobs: &'static str,
    /// Instructions for a request, by whose they are, most first.
    pub(crate) costs: Vec<(String, Cost)>,
}

/// Runs the program under callgrind, for each kind of server that can be started here.
pub(crate) fn measure(quick: bool, servers: &Servers, folder: &Path) -> Result<Vec<Measured>> {
    ensure!(
        peers::version("valgrind", "--version").is_some(),
        "instructions cannot be counted: valgrind is not installed"
    );
    let short: u32 = if quick { 1_000 } else { 5_000 };
    let mut measured = Vec::new();
    // How many connections are opened is a matter of timing, and each handshake of TLS costs as much as twenty requests:
    // with more than one job for HTTP/1.1 over TLS, the figures of two measurements differed by a tenth.
    for (name, title, jobs, origin) in [
        ("http1", "HTTP/1.1", "50", Origin::Plain),
        ("http2", "HTTP/2", "50", Origin::Http2),
        ("tls", "TLS 1.3, HTTP/1.1", "1", Origin::Tls),
    ] {
        if servers.base(origin).is_none() {
            continue;
        }
        let once = profile(origin, jobs, short, servers, folder)?;
        let twice = profile(origin, jobs, 2 * short, servers, folder)?;
        measured.push(Measured {
            name,
            title,
            jobs,
            costs: each(&once, &twice, i64::from(short)),
        });
    }
    Ok(measured)
}

/// Instructions for each of the `requests` that `twice` has more than `once`, most first.
fn each(once: &Profile, twice: &Profile, requests: i64) -> Vec<(String, Cost)> {
    let nothing = Cost::default();
    let mut costs: Vec<_> = twice
        .iter()
        .map(|(code, more)| {
            let less = once.get(code).unwrap_or(&nothing);
            (code.clone(), more.less(less).each(requests))
        })
        .collect();
    costs.sort_by_key(|(_, cost)| -cost.sum());
    costs
}

/// What a run of `requests` executes.
fn profile(
    origin: Origin,
    jobs: &str,
    requests: u32,
    servers: &Servers,
    folder: &Path,
) -> Result<Profile> {
    let load = Load::Small(origin, requests.try_into()?);
    let prepared = prepare::prepare(load, servers, folder)?;
    let Some(Work::List(lists)) = prepared else {
        anyhow::bail!("there is no list");
    };
    let out: PathBuf = folder.join("callgrind.out");
    let mut option = std::ffi::OsString::from("--callgrind-out-file=");
    option.push(&out);
    // On one core there is one runtime; how valgrind shares its time between more would change the figures.
    let run = Command::new("taskset")
        .args(["-c", "1", "valgrind", "--tool=callgrind", "-q"])
        .arg(option)
        .arg(peers::fetch())
        .args(["-k", "-j", jobs])
        .arg(lists.urls)
        .env("MALLOC_CONF", KEEP_FREED_MEMORY)
        .stdin(Stdio::null())
        .output()
        .context("valgrind")?;
    let said = String::from_utf8_lossy(&run.stderr);
    ensure!(run.status.success(), "valgrind: {said}");
    Ok(read(&std::fs::read_to_string(out)?))
}

/// The section of the report for one kind of server, in Markdown.
pub(crate) fn section(measured: &Measured) -> String {
    let Measured {
        title, jobs, costs, ..
    } = measured;
    let sum = total(costs);
    let mut text = format!(
        "\n| {title}, `-j {jobs}`: instructions for a request | own | malloc, free | copy, compare | sum | |\n\
         |---|--:|--:|--:|--:|--:|\n"
    );
    let (shown, rest) = costs.split_at(SHOWN.min(costs.len()));
    for (code, cost) in shown {
        text += &line(&format!("`{code}`"), cost, sum.sum());
    }
    text += &line("all else", &total(rest), sum.sum());
    text + &line("**in all**", &sum, sum.sum())
}

fn total(costs: &[(String, Cost)]) -> Cost {
    let mut total = Cost::default();
    for (_, cost) in costs {
        total.add(cost);
    }
    total
}

fn line(name: &str, cost: &Cost, all: i64) -> String {
    let Cost {
        own, heap, memory, ..
    } = cost;
    let sum = cost.sum();
    let share = sum * 100 / all.max(1);
    format!("| {name} | {own} | {heap} | {memory} | {sum} | {share} % |\n")
}
