//! The files of `--results` and `--summary-file`: written under a temporary name, and renamed when they
//! are complete.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::mem;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::drive::FinishedRun;
use super::error::{RunError, STDOUT};
use super::run_mark::{RunMark, mark_name};
use crate::config::RunOptions;
use crate::input::{HASH, Shard, ShardFilter, Source};
use crate::model::error::plain;
use crate::model::exit::Exit;
use crate::model::text::hex;
use crate::report::{ResultsFile, ShardInfo, print_message};
use crate::sys::{FileIdentity, create_temporary, duplicate_stdout, folder_of, sync_directory};

/// The usual reason for incomplete results.
const STOPPED_EARLY: &str = "the run stopped early";

/// Returns how a run ends whose results exist already: as the run that made them. `None` if they do not exist.
///
/// # Errors
///
/// The results are those of another list, or of other options.
pub(crate) fn existing(
    run: &RunOptions,
    sources: &mut Vec<Source>,
) -> Result<Option<Exit>, RunError> {
    let path = run.results.as_deref();
    let Some(path) = path.filter(|path| path.is_file() && !is_standard_stream(path)) else {
        return Ok(None);
    };
    let other = |why: String| RunError::OtherResults {
        path: path.to_owned(),
        why,
    };
    let Some(mark) = RunMark::read(path) else {
        let mark = mark_name(path);
        return Err(other(format!("and {mark} does not say by which run")));
    };
    if let Some(option) = mark.differing_option(&run.record_options) {
        return Err(other(format!("and was made with another {option}")));
    }
    let list = mem::take(sources).into_iter();
    let list = list.fold(Box::new(io::empty()) as Box<dyn Read>, |all, source| {
        Box::new(all.chain(source.bytes))
    });
    let list = sha256(list).map_err(|error| RunError::Output("the list".to_owned(), error))?;
    if mark.list != list {
        return Err(other("and is of another list".to_owned()));
    }
    let path = path.display();
    let failures = if mark.has_failures {
        " (some URL was not ok)"
    } else {
        ""
    };
    print_message(&match &run.summary_file {
        Some(summary) if !summary.exists() => format!(
            "{path}: already exists, nothing to do{failures}; {} does not: to get both, remove {path} and run again",
            summary.display()
        ),
        _ if mark.has_failures => {
            format!("{path}: already exists, nothing to do{failures}; remove it to run again")
        }
        _ => format!("{path}: already exists, nothing to do"),
    });
    Ok(Some(if mark.has_failures && !run.exit_zero {
        Exit::SomeFailed
    } else {
        Exit::Success
    }))
}

/// Checks, before anything is created, that the records have somewhere to go.
///
/// # Errors
///
/// Standard output is closed, or too many files are open.
pub(crate) fn check_stdout(run: &RunOptions) -> Result<(), RunError> {
    if run.results.is_some() {
        return Ok(());
    }
    let opened = duplicate_stdout().map(drop);
    opened.map_err(|error| RunError::Output(STDOUT.to_owned(), error))
}

/// The output files of a run.
pub(crate) struct OutputFiles {
    results: Option<OutputFile>,
    summary: Option<OutputFile>,
    shard_filter: ShardFilter,
    /// What the mark of the results says about the options.
    record_options: BTreeMap<String, String>,
}

impl OutputFiles {
    /// Creates the temporary files before the first request.
    pub(crate) fn create(run: &RunOptions, shard_filter: ShardFilter) -> Result<Self, RunError> {
        let create = |option, path: Option<&PathBuf>| {
            path.map(|path| OutputFile::create(option, path))
                .transpose()
        };
        Ok(Self {
            results: create("--results", run.results.as_ref())?,
            summary: create("--summary-file", run.summary_file.as_ref())?,
            shard_filter,
            record_options: run.record_options.clone(),
        })
    }

    /// Returns the file that the records go to.
    ///
    /// # Errors
    ///
    /// Standard output is closed, or too many files are open.
    pub(crate) fn lines(&self) -> Result<File, RunError> {
        let lines = match &self.results {
            Some(output) => output.file().try_clone(),
            None => duplicate_stdout(),
        };
        lines.map_err(|error| RunError::Output(self.output_name(), error))
    }

    /// Whether the records go to standard output.
    pub(crate) fn use_stdout(&self) -> bool {
        self.results.is_none()
    }

    /// Returns the name of that file in messages.
    pub(crate) fn output_name(&self) -> String {
        match &self.results {
            Some(output) => output.name(),
            None => STDOUT.to_owned(),
        }
    }

    /// Leaves the results under their temporary name, because the run could not go on.
    pub(crate) fn abandon(self) -> Result<(), RunError> {
        self.results
            .map_or(Ok(()), |output| output.keep(STOPPED_EARLY))
    }

    /// Gives the files their names. The results of a run that stopped early keep their temporary name.
    ///
    /// The results are renamed last, because a run that finds them does nothing: wherever the process
    /// dies, there are no results without their summary.
    pub(crate) fn finish(self, done: &FinishedRun, exit: Exit) -> Result<(), RunError> {
        let Self {
            results,
            summary,
            shard_filter,
            record_options,
        } = self;
        let summarize = |results: Option<&OutputFile>| {
            let Some(summary) = summary else {
                return Ok(());
            };
            let results = results.map(OutputFile::describe).transpose()?.flatten();
            let (ended, elapsed, shard) = (done.ended, done.elapsed, shard_of(shard_filter));
            summary.replace(&done.summary.json(ended, elapsed, exit, shard, results))
        };
        match results {
            None => summarize(None),
            Some(results) if !done.is_complete() => {
                results.keep(STOPPED_EARLY).and_then(|()| summarize(None))
            }
            // Another run was faster, and its summary must stay.
            Some(results) if results.is_taken() => results.publish(),
            Some(results) => match results
                .mark(done, record_options)
                .and_then(|()| summarize(Some(&results)))
            {
                Ok(()) => results.publish(),
                Err(error) => results
                    .keep("the summary or the mark of the run could not be written")
                    .and(Err(error)),
            },
        }
    }
}

fn shard_of(shard_filter: ShardFilter) -> ShardInfo {
    let Shard { number, count } = shard_filter.shard.unwrap_or(Shard::ALL);
    ShardInfo {
        number,
        count,
        by: shard_filter.by.name().to_owned(),
        hash: HASH.to_owned(),
    }
}

/// Returns the SHA-256 of everything that `bytes` yields, in hex.
pub(crate) fn sha256(mut bytes: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// One output file.
struct OutputFile {
    option: &'static str,
    path: PathBuf,
    file: OutputStorage,
}

enum OutputStorage {
    /// A temporary file in the same folder, renamed when it is complete.
    Temporary(NamedTempFile),
    /// A device or a pipe, which is written in place.
    Direct(File),
}

impl OutputFile {
    fn create(option: &'static str, path: &Path) -> Result<Self, RunError> {
        let special = path
            .metadata()
            .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        let file = if special || is_standard_stream(path) {
            let file = OpenOptions::new().append(true).open(path);
            file.map(|file| (path.to_owned(), OutputStorage::Direct(file)))
        } else {
            // A symbolic link stays, and its target is replaced.
            let path = if path.is_symlink() {
                path.canonicalize()
            } else {
                Ok(path.to_owned())
            };
            path.and_then(|path| Ok((beside(&path)?, path)))
                .map(|(file, path)| (path, OutputStorage::Temporary(file)))
        };
        match file {
            Ok((path, file)) => Ok(Self { option, path, file }),
            Err(error) => Err(RunError::OutputFile {
                option,
                path: path.display().to_string(),
                error,
            }),
        }
    }

    fn file(&self) -> &File {
        match &self.file {
            OutputStorage::Temporary(file) => file.as_file(),
            OutputStorage::Direct(file) => file,
        }
    }

    /// Returns what the summary says of the file: nothing where it is a device or a pipe.
    fn describe(&self) -> Result<Option<ResultsFile>, RunError> {
        let OutputStorage::Temporary(file) = &self.file else {
            return Ok(None);
        };
        let sum = file.reopen().and_then(sha256);
        let failed = |error| RunError::Output(self.name(), error);
        Ok(Some(ResultsFile {
            file: self.path.clone(),
            sha256: sum.map_err(failed)?,
        }))
    }

    /// Writes the mark of the results: nothing where they are a device or a pipe.
    fn mark(&self, done: &FinishedRun, options: BTreeMap<String, String>) -> Result<(), RunError> {
        let (OutputStorage::Temporary(_), Some(list)) = (&self.file, done.ended.list) else {
            return Ok(());
        };
        let mark = RunMark {
            list: list.sha256.map(|sum| hex(&sum)).unwrap_or_default(),
            options,
            has_failures: done.summary.exit() != Exit::Success,
        };
        mark.write(&self.path)
    }

    /// Whether something has taken its name meanwhile.
    fn is_taken(&self) -> bool {
        matches!(self.file, OutputStorage::Temporary(_)) && self.path.symlink_metadata().is_ok()
    }

    /// Gives the file its name, unless something has taken it meanwhile.
    fn publish(self) -> Result<(), RunError> {
        self.finish(|file, path| {
            let Err(refused) = file.persist_noclobber(path) else {
                return Ok(());
            };
            let kept = kept_as(path, &refused.file.keep().map_err(|error| error.error)?.1);
            let reason = match refused.error.kind() {
                io::ErrorKind::AlreadyExists => "already exists".to_owned(),
                _ => plain(&refused.error),
            };
            let message = format!(
                "{reason}; the results of this run are in {}",
                kept.display()
            );
            Err(io::Error::other(message))
        })
    }

    /// Writes `text` and gives the file its name. Replaces what has that name.
    fn replace(self, text: &str) -> Result<(), RunError> {
        let written = self.file().write_all(text.as_bytes());
        written.map_err(|error| RunError::Output(self.name(), error))?;
        self.finish(|file, path| file.persist(path).map(drop).map_err(|error| error.error))
    }

    /// Leaves the file under its temporary name, and says where and why.
    fn keep(self, why: &str) -> Result<(), RunError> {
        self.finish(|file, path| {
            let kept = kept_as(path, &file.keep().map_err(|error| error.error)?.1);
            print_message(&format!(
                "--results: {}: incomplete, {why}; partial results are in {}",
                path.display(),
                kept.display()
            ));
            Ok(())
        })
    }

    fn finish(
        self,
        name: impl FnOnce(NamedTempFile, &Path) -> io::Result<()>,
    ) -> Result<(), RunError> {
        let shown = self.name();
        let OutputStorage::Temporary(file) = self.file else {
            return Ok(());
        };
        let synced = file.as_file().sync_all();
        let finished = synced.and_then(|()| name(file, &self.path));
        // Some file systems cannot sync a folder, and that is no reason to fail.
        let _ = sync_directory(folder_of(&self.path));
        finished.map_err(|error| RunError::Output(shown, error))
    }

    /// Returns the option and the path, as messages name the file.
    fn name(&self) -> String {
        format!("{}: {}", self.option, self.path.display())
    }
}

/// Returns the path of the file that was kept as `temporary` beside `path`, written as the user wrote `path`.
fn kept_as(path: &Path, temporary: &Path) -> PathBuf {
    match temporary.file_name() {
        Some(name) => path.with_file_name(name),
        None => temporary.to_owned(),
    }
}

/// Whether `path` is what standard output or standard error go to, such as `/dev/stdout`.
fn is_standard_stream(path: &Path) -> bool {
    let identity = FileIdentity::at(path);
    let streams = [
        FileIdentity::of(io::stdout()),
        FileIdentity::of(io::stderr()),
    ];
    identity.is_some() && streams.contains(&identity)
}

/// Creates `NAME.??????.partial` in the folder of `path`, with a mode after the umask.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut prefix = name.to_owned();
    prefix.push(".");
    create_temporary(folder_of(path), &prefix, ".partial")
}
