//! One run of one program.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use wait4::Wait4 as _;

/// What a run took.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// User and system, of all threads.
    pub(crate) cpu: Duration,
    /// Resident at most, in bytes.
    pub(crate) memory: u64,
}

/// Runs `command` to its end, with somebody who reads what it says. Writes the file `input` to its standard input.
pub(crate) fn run(command: &mut Command, input: Option<&Path>) -> Result<Spent> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(input.map_or_else(Stdio::null, |_| Stdio::piped()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| name.clone())?;
    let stdout = child
        .stdout
        .take()
        .map(|pipe| thread::spawn(|| drain(pipe)));
    let stderr = child
        .stderr
        .take()
        .map(|pipe| thread::spawn(|| drain(pipe)));
    let writer = match (input.map(File::open).transpose()?, child.stdin.take()) {
        (Some(mut file), Some(mut pipe)) => {
            Some(thread::spawn(move || io::copy(&mut file, &mut pipe)))
        }
        _ => None,
    };
    let used = child.wait4()?;
    let wall = started.elapsed();
    if let Some(writer) = writer {
        writer.join().ok().context("a writer of input panicked")??;
    }
    let mut said = String::new();
    for reader in [stdout, stderr].into_iter().flatten() {
        let last = reader
            .join()
            .ok()
            .context("a reader of output panicked")??;
        said.push_str(&String::from_utf8_lossy(&last));
    }
    ensure!(
        used.status.success(),
        "{name}: {}: {}",
        used.status,
        said.trim()
    );
    Ok(Spent {
        wall,
        cpu: used.rusage.utime + used.rusage.stime,
        memory: used.rusage.maxrss,
    })
}

/// Reads to the end; the last few hundred bytes may say what went wrong.
fn drain(mut pipe: impl Read) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 64 * 1024];
    let mut last = Vec::new();
    loop {
        match pipe.read(&mut buffer)? {
            0 => return Ok(last),
            length => {
                last.clear();
                last.extend_from_slice(&buffer[length.saturating_sub(400)..length]);
            }
        }
    }
}
