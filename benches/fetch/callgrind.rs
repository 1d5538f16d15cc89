//! Instructions for a request, and whose they are: figures that do not depend on how busy the machine is.
//!
//! What runs once (start, handshakes, the end) is in two runs of different length alike, so it falls out of their
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

/// As few lines as tell where the instructions go.
const SHOWN: usize = 24;

/// The section of the report, in Markdown.
pub(crate) fn report(quick: bool, servers: &Servers, folder: &Path) -> Result<String> {
    if peers::version("valgrind", "--version").is_none() {
        return Ok("\nInstructions: valgrind is not installed.".to_owned());
    }
    let short: u32 = if quick { 1_000 } else { 5_000 };
    let mut text = String::new();
    for (title, origin) in [
        ("HTTP/1.1", Origin::Plain),
        ("TLS 1.3, HTTP/1.1", Origin::Tls),
        ("HTTP/2", Origin::Http2),
    ] {
        if servers.base(origin).is_none() {
            continue;
        }
        let once = profile(origin, short, servers, folder)?;
        let twice = profile(origin, 2 * short, servers, folder)?;
        text += &section(title, &once, &twice, i64::from(short));
    }
    Ok(text)
}

/// What a run of `requests` executes.
fn profile(origin: Origin, requests: u32, servers: &Servers, folder: &Path) -> Result<Profile> {
    let load = Load::Small(origin, requests.try_into()?);
    let prepared = prepare::prepare(load, servers, folder)?;
    let Some(Work::List(lists)) = prepared else {
        anyhow::bail!("there is no list");
    };
    let out: PathBuf = folder.join("callgrind.out");
    let mut option = std::ffi::OsString::from("--callgrind-out-file=");
    option.push(&out);
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "-q"])
        .arg(option)
        .arg(peers::fetch())
        .args(["-k", "-j", "50"])
        .arg(lists.urls)
        .stdin(Stdio::null())
        .output()
        .context("valgrind")?;
    let said = String::from_utf8_lossy(&run.stderr);
    ensure!(run.status.success(), "valgrind: {said}");
    Ok(read(&std::fs::read_to_string(out)?))
}

fn section(title: &str, once: &Profile, twice: &Profile, requests: i64) -> String {
    let nothing = Cost::default();
    let mut costs: Vec<_> = twice
        .iter()
        .map(|(code, more)| {
            let less = once.get(code).unwrap_or(&nothing);
            (more.less(less).each(requests), code.as_str())
        })
        .collect();
    costs.sort_by_key(|(cost, _)| -cost.sum());
    let sum = total(&costs);
    let mut text = format!(
        "\n| {title}, `-j 50`: instructions for a request | own | malloc, free | copy, compare | sum | |\n\
         |---|--:|--:|--:|--:|--:|\n"
    );
    let (shown, rest) = costs.split_at(SHOWN.min(costs.len()));
    for (cost, code) in shown {
        text += &line(&format!("`{code}`"), cost, sum.sum());
    }
    text += &line("all else", &total(rest), sum.sum());
    text + &line("**in all**", &sum, sum.sum())
}

fn total(costs: &[(Cost, &str)]) -> Cost {
    let mut total = Cost::default();
    for (cost, _) in costs {
        total.add(cost);
    }
    total
}

fn line(name: &str, cost: &Cost, all: i64) -> String {
    let Cost { own, heap, memory } = cost;
    let sum = cost.sum();
    let share = sum * 100 / all.max(1);
    format!("| {name} | {own} | {heap} | {memory} | {sum} | {share} % |\n")
}
