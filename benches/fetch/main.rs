//! `cargo bench [-- [--quick] [--check] [FILTER]…]`: what `fetch` takes, and what others take for the same work.
//!
//! The rows are data ([`rows`]). For each, `fetch` and its peers ([`peers`]) run in turn ([`compare`]) against a
//! server that is a process of its own ([`server`]), and a line for each goes into a table in Markdown ([`table`]).

mod baseline;
mod callgrind;
mod compare;
mod embedded;
mod measure;
mod peers;
mod prepare;
mod profile;
mod relay;
mod rows;
mod server;
mod table;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use peers::Peer;
use server::Servers;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some(embedded::SERVE) => embedded::serve().map_err(Into::into),
        Some(relay::RELAY) => relay::run(arguments.get(1).map_or("", String::as_str)),
        _ => run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let is_given = |option: &str| arguments.iter().any(|argument| argument == option);
    let (quick, check) = (is_given("--quick"), is_given("--check"));
    // Cargo adds `--bench`.
    let filters: Vec<_> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(*filter));
    open_many_files()?;
    let folder = tempfile::Builder::new()
        .prefix("fetch-bench-")
        .tempdir_in(memory_or_disk())?;
    let mut servers = Servers::start(folder.path())?;
    let mut out = io::stdout();
    writeln!(out, "{}", about(quick))?;
    writeln!(out, "{}", table::HEAD)?;
    for row in rows::ROWS.iter().filter(|row| wanted(row.name)) {
        writeln!(out, "| **{}** `{}` | | | | | | | |", row.title, row.name)?;
        for line in compare::compare(row, quick, &mut servers, folder.path())? {
            writeln!(out, "{line}")?;
        }
    }
    if wanted(callgrind::NAME) {
        let measured = callgrind::measure(quick, &servers, folder.path())?;
        for row in &measured {
            writeln!(out, "{}", callgrind::section(row))?;
        }
        if check {
            baseline::check(&measured)?;
        } else if !quick {
            baseline::write(&measured)?;
        }
    }
    Ok(())
}

/// For the server, and for clients that do not raise the limit themselves.
fn open_many_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}

/// A disk would be what is measured.
fn memory_or_disk() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Versions and machine.
fn about(quick: bool) -> String {
    let peers = [
        Peer::Fetch,
        Peer::Wget2,
        Peer::Curl,
        Peer::Copy,
        Peer::Aria2,
        Peer::H2load,
    ];
    let mut versions: Vec<_> = peers.into_iter().filter_map(Peer::version).collect();
    versions.extend(match server::nginx_program() {
        Some(nginx) => peers::version(&nginx, "-v"),
        None => Some("no nginx: the embedded server".to_owned()),
    });
    versions.extend(peers::version("valgrind", "--version"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let much = if quick { ", a tenth of the work" } else { "" };
    format!(
        "{}; {cores} cores, Linux {}{much}.\n",
        versions.join(", "),
        kernel.trim()
    )
}
