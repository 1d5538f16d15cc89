//! The files a run leaves behind: written under another name, whole or absent under their own.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::config::Run;
use crate::exit::Exit;
use crate::report::say;
use crate::{Done, RunError};

/// What `--results` and `--summary-file` ask for.
pub(crate) struct Drafts {
    results: Option<Draft>,
    summary: Option<Draft>,
}

impl Drafts {
    /// Starts the files, before the first request; `None` where the results are there already.
    pub(crate) fn create(run: &Run) -> Result<Option<Self>, RunError> {
        if let Some(path) = run.results.as_deref().filter(|path| path.is_file()) {
            say(&format!(
                "{}: is there already, nothing to do",
                path.display()
            ));
            return Ok(None);
        }
        let create = |option, path: Option<&PathBuf>| {
            path.map(|path| Draft::create(option, path)).transpose()
        };
        Ok(Some(Self {
            results: create("--results", run.results.as_ref())?,
            summary: create("--summary-file", run.summary_file.as_ref())?,
        }))
    }

    /// Where the records go.
    pub(crate) fn lines(&self) -> io::Result<File> {
        match &self.results {
            Some(draft) => draft.file.as_file().try_clone(),
            None => Ok(io::stdout().as_fd().try_clone_to_owned()?.into()),
        }
    }

    /// Whether the records go to standard output.
    pub(crate) fn use_stdout(&self) -> bool {
        self.results.is_none()
    }

    /// What messages call the place where the records go.
    pub(crate) fn output_name(&self) -> String {
        match &self.results {
            Some(draft) => draft.path.display().to_string(),
            None => "standard output".to_owned(),
        }
    }

    /// Gives the files their names. Results of a run that stopped early keep their draft's.
    pub(crate) fn finish(self, done: &Done, exit: Exit) -> Result<(), RunError> {
        if let Some(draft) = self.results {
            if done.ended.stopped.is_none() && !done.ended.broken {
                draft.publish()?;
            } else {
                draft.keep()?;
            }
        }
        if let Some(mut draft) = self.summary {
            let json = done.summary.json(done.ended, done.elapsed, exit);
            let written = draft.file.as_file_mut().write_all(json.as_bytes());
            written.map_err(|error| draft.failed(error))?;
            draft.replace()?;
        }
        Ok(())
    }
}

/// One file that is not there yet.
struct Draft {
    option: &'static str,
    path: PathBuf,
    file: Temporary,
}

enum Temporary {
    /// Renamed when it is whole.
    Beside(NamedTempFile),
    /// A device or a pipe: nothing to rename.
    Direct(File),
}

impl Temporary {
    fn as_file(&self) -> &File {
        match self {
            Self::Beside(file) => file.as_file(),
            Self::Direct(file) => file,
        }
    }

    fn as_file_mut(&mut self) -> &mut File {
        match self {
            Self::Beside(file) => file.as_file_mut(),
            Self::Direct(file) => file,
        }
    }
}

impl Draft {
    fn create(option: &'static str, path: &Path) -> Result<Self, RunError> {
        let special = path
            .metadata()
            .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        let file = if special {
            OpenOptions::new()
                .write(true)
                .open(path)
                .map(Temporary::Direct)
        } else {
            beside(path).map(Temporary::Beside)
        };
        match file {
            Ok(file) => Ok(Self {
                option,
                path: path.to_owned(),
                file,
            }),
            Err(error) => Err(failed(option, path, error)),
        }
    }

    fn failed(&self, error: io::Error) -> RunError {
        failed(self.option, &self.path, error)
    }

    fn publish(self) -> Result<(), RunError> {
        self.finish(|file, path| file.persist_noclobber(path).map_err(|error| error.error))
    }

    fn replace(self) -> Result<(), RunError> {
        self.finish(|file, path| file.persist(path).map_err(|error| error.error))
    }

    fn keep(self) -> Result<(), RunError> {
        self.finish(|file, path| {
            let (file, kept) = file.keep().map_err(|error| error.error)?;
            say(&format!(
                "{}: not written, the run stopped early; what there is, is in {}",
                path.display(),
                kept.display()
            ));
            Ok(file)
        })
    }

    fn finish(
        self,
        name: impl FnOnce(NamedTempFile, &Path) -> io::Result<File>,
    ) -> Result<(), RunError> {
        let (option, path) = (self.option, self.path);
        match self.file {
            Temporary::Direct(_) => Ok(()),
            Temporary::Beside(file) => file
                .as_file()
                .sync_all()
                .and_then(|()| name(file, &path))
                .map(drop)
                .map_err(|error| failed(option, &path, error)),
        }
    }
}

/// `NAME.??????.partial` in the folder of `path`, readable as the umask says.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut prefix = name.to_owned();
    prefix.push(".");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    Builder::new()
        .prefix(&prefix)
        .suffix(".partial")
        .permissions(mode)
        .tempfile_in(folder)
}

fn failed(option: &'static str, path: &Path, error: io::Error) -> RunError {
    RunError::Draft {
        option,
        path: path.display().to_string(),
        error,
    }
}
