//! The engines of `examples`, as they are installed. Each runs its example, Spark and Slurm lose processes on the way,
//! and no record is missing or doubled.
//!
//! They are not on every machine, so these tests are ignored by default. `.ci/run` installs and runs them.

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

/// The virtual environment into which `.ci/run` installs Python packages.
const VIRTUALENV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/engines");

/// The limit for everything. An engine may have to start three Java machines on two busy cores.
const PATIENCE: Duration = Duration::from_secs(120);

/// Polls until `look` returns something.
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

/// As [`engine`], killed after [`PATIENCE`].
fn command(name: &str) -> Command {
    let mut command = engine("timeout");
    command.args(["--kill-after=1", &PATIENCE.as_secs().to_string(), name]);
    command
}

/// The output of a command that must succeed.
#[track_caller]
fn said(command: &mut Command) -> String {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", told(&out));
    String::from_utf8(out.stdout).unwrap()
}

/// The status and the output of a command, for messages.
fn told(out: &Output) -> String {
    let text = String::from_utf8_lossy;
    format!("{}\n{}{}", out.status, text(&out.stdout), text(&out.stderr))
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}
