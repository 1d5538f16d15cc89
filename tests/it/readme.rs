//! The README is true: its commands run, its options are there.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::{Server, ok, text::commands};

const README: &str = include_str!("../../README.md");

/// Stands in for a program that a machine may not have: takes what it is given.
fn stub(folder: &Path, name: &str) {
    let path = folder.join(name);
    fs::write(&path, "#!/bin/sh\nexec cat\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn every_command_of_the_readme_runs() {
    let server = Server::always(ok("x"));
    let folder = tempfile::tempdir().unwrap();
    for list in ["urls.txt", "more.txt", "health.txt"] {
        fs::write(folder.path().join(list), server.list(3)).unwrap();
    }
    stub(folder.path(), "jq");
    let fetch = Path::new(env!("CARGO_BIN_EXE_fetch")).parent().unwrap();
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        folder.path().display(),
        fetch.display()
    );
    let commands: Vec<_> = commands(README).collect();
    assert!(commands.len() > 10);
    for command in commands {
        let command = command.replace("https://example.com", &server.url(""));
        let asked = server.requests().len();
        let out = Command::new("sh")
            .args(["-c", &command])
            .current_dir(&folder)
            .env("PATH", &path)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(0), "{command}: {stderr}");
        let sent = server.requests().len() > asked;
        let sends = !command.contains("--dry-run") && !command.contains("--merge");
        assert_eq!(sent, sends, "{command}: {stderr}");
    }
}

#[test]
fn every_option_of_the_readme_is_there() {
    let help = Command::new(env!("CARGO_BIN_EXE_fetch"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let cargo = ["--release", "--example", "--path", "--locked", "--help"];
    let options: BTreeSet<_> = README
        .split(|c: char| !c.is_ascii_alphanumeric() && !"-.".contains(c))
        .filter(|word| word.starts_with("--") && word.contains(char::is_alphanumeric))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| !cargo.contains(word))
        .collect();
    assert!(options.len() > 15, "{options:?}");
    for option in options {
        assert!(help.contains(option), "{option}");
    }
}
