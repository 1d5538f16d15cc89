//! The engines of `examples`, as they are installed: each runs its example, Spark and Slurm lose some of it on the
//! way, and nothing is missing or there twice.
//!
//! They are not on every machine, so all of this is ignored unless asked for; `.ci/run` installs them, and asks.

mod namespace;
mod work;

mod kubernetes;
mod parallel;
mod slurm;
mod spark;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::daemon::program;

/// Where `.ci/run` installs what pip brings.
const VIRTUALENV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/engines");

/// How long anything may take: an engine may have to start three Java machines, on a busy one of two cores.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until it is there. Only looking again tells what other processes do.
#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it never came: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A program that finds `fetch` and the engines.
fn engine(name: &str) -> Command {
    let fetch = Path::new(env!("CARGO_BIN_EXE_fetch")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{VIRTUALENV}/bin:{path}:/usr/sbin", fetch.display());
    let mut command = program(name);
    command.env("PATH", path).stdin(Stdio::null());
    command
}

/// The same, and it comes to an end.
fn command(name: &str) -> Command {
    let mut command = engine("timeout");
    command.args(["--kill-after=1", &PATIENCE.as_secs().to_string(), name]);
    command
}

/// What a command says, that ends well.
#[track_caller]
fn said(command: &mut Command) -> String {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", told(&out));
    String::from_utf8(out.stdout).unwrap()
}

/// All that came of a command.
fn told(out: &Output) -> String {
    let text = String::from_utf8_lossy;
    format!("{}\n{}{}", out.status, text(&out.stdout), text(&out.stderr))
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}
