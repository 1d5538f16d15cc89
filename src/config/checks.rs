//! Checks of options that belong to different groups.

use std::io;
use std::path::{Path, PathBuf};

use super::error::UsageError;
use super::run::RunOptions;
use crate::cli::Cli;
use crate::report::Format;
use crate::sys::{FileIdentity, folder_of};

/// Checks that options of different groups fit together, and that none is without effect.
pub(super) fn check_groups(cli: &Cli, format: &Format) -> Result<(), UsageError> {
    let template = format.template();
    // Whether a template names the key is not checked.
    let may_show = format.shows_all_keys() || template.is_some() || cli.save.journal.is_some();
    for (asked, option) in [
        (cli.result.keep_headers, "--headers"),
        (cli.result.body, "--body"),
        (cli.result.sha256, "--sha256"),
    ] {
        if asked && !may_show {
            return Err(UsageError::NotShown(option));
        }
    }
    let (save, shard) = (&cli.save, cli.input.shard.is_some());
    let output_dir = save.output_dir.is_some();
    for (asked, option, is_given, needed) in [
        (
            cli.connection.key.is_some(),
            "--key",
            cli.connection.cert.is_some(),
            "--cert",
        ),
        (cli.input.shard_by.is_some(), "--shard-by", shard, "--shard"),
        (save.name.is_some(), "--name", output_dir, "--output-dir"),
        (
            save.existing.is_some(),
            "--existing",
            output_dir,
            "--output-dir",
        ),
    ] {
        if asked && !is_given {
            return Err(UsageError::Needs(option, needed));
        }
    }
    if save.resume && !output_dir {
        return Err(UsageError::NothingToContinue);
    }
    let body = cli.result.body || template.is_some_and(|template| template.capture().body);
    if cli.save.resume && body {
        return Err(UsageError::ContinuedBody);
    }
    Ok(())
}

/// Returns the canonical path of a file. The file need not exist, its folder must.
fn canonical_path(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let folder = folder_of(path);
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    })
}

/// Whether two paths, one of which leads to no file yet, would lead to one file where case does not count. Whether the
/// file system is one of those is not known before both exist.
fn has_same_place(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let path = canonical_path(path)?;
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        Some((path.parent()?.to_owned(), name))
    };
    place(one).is_some_and(|one| place(other) == Some(one))
}

/// Checks that the run does not overwrite a file that it also reads or writes for another purpose.
pub(super) fn check_files(run: &RunOptions, sources: &[String]) -> Result<(), UsageError> {
    let file = FileIdentity::at;
    let same = |one: &Path, other: &Path| match (file(one), file(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other || has_same_place(one, other),
    };
    for (option, file, instead) in [
        (
            "--results",
            &run.results,
            "leave the option out to print the records",
        ),
        (
            "--summary-file",
            &run.summary_file,
            "write /dev/stdout or /dev/stderr",
        ),
        (
            "--journal",
            &run.journal,
            "write ./- for a file of this name",
        ),
    ] {
        if file.as_deref() == Some(Path::new("-")) {
            return Err(UsageError::NotAStream(option, instead));
        }
    }
    let read = run.read.iter().map(PathBuf::as_path);
    let mut others: Vec<&Path> = sources.iter().map(Path::new).chain(read).collect();
    for (option, file) in [
        ("--results", &run.results),
        ("--summary-file", &run.summary_file),
        ("--journal", &run.journal),
    ] {
        let Some(file) = file else {
            continue;
        };
        let is_regular = !file.exists() || file.is_file();
        if is_regular && others.iter().any(|other| same(file, other)) {
            return Err(UsageError::NamedTwice(option, file.display().to_string()));
        }
        others.push(file);
    }
    let journal = run.journal.as_deref().and_then(FileIdentity::at);
    if journal.is_some() && journal == FileIdentity::of(io::stdout()) {
        let name = "standard output".to_owned();
        return Err(UsageError::NamedTwice("--journal", name));
    }
    Ok(())
}
