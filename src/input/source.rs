//! The sources that the command line names, which are opened before the first request.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::lines::LinePosition;
use super::rows::Rows;
use super::source_hint::SourceWatch;
use super::table::{ListFormat, header, is_blank};
use crate::model::error::plain;
use crate::model::mask::mask_text;
use crate::sys::read_at;

/// How many bytes of a file are read in advance to count its lines.
const COUNTED: u64 = 16 * 1024;

/// An open source of lines.
pub struct Source {
    /// The name in records: the file name, `-` or `args`.
    pub name: Arc<str>,
    /// The content.
    pub bytes: Box<dyn Read + Send>,
    /// What it holds.
    pub format: ListFormat,
    /// The path, if it is a regular file, which can be read twice.
    pub regular: Option<Box<Path>>,
    /// The open file, if it is a regular one, whose lines can be read again.
    pub file: Option<Arc<File>>,
    /// The number of lines, if they are in memory.
    pub lines: Option<usize>,
}

impl Source {
    /// Whether it may have nothing to read for a while: it is neither a regular file nor in memory.
    pub(super) fn may_pause(&self) -> bool {
        self.regular.is_none() && self.lines.is_none()
    }

    /// Creates a source that reads `file`, which is a regular one.
    pub(super) fn of_file(name: &str, file: File, format: ListFormat) -> Self {
        let file = Arc::new(file);
        Self {
            name: name.into(),
            bytes: Box::new(FileReader {
                file: file.clone(),
                position: 0,
            }),
            format,
            regular: Some(Path::new(name).into()),
            file: Some(file),
            lines: None,
        }
    }

    /// Returns how many lines there are at most, if that takes no time to find out.
    #[must_use]
    pub fn most_lines(&self) -> Option<usize> {
        if self.lines.is_some() {
            return self.lines;
        }
        let mut bytes = Vec::new();
        let file = File::open(self.regular.as_deref()?).ok()?;
        file.take(COUNTED).read_to_end(&mut bytes).ok()?;
        let is_whole = (bytes.len() as u64) < COUNTED;
        // A list ends with a line end or without one.
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        is_whole.then(|| text.split(|&byte| byte == b'\n').count())
    }
}

/// Reads a regular file from its beginning. Its lines may be read again at the same time, which moves
/// the position of the file on some systems, so it counts itself.
struct FileReader {
    file: Arc<File>,
    position: u64,
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

/// Why a source cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no such file; perhaps a URL was meant.
    #[error("{0}: no such file; if it is a URL, write https://{0}")]
    Missing(String),
    /// The source is a folder.
    #[error("{0}: is a directory, not a list of URLs")]
    Folder(String),
    /// The system reported an error.
    #[error("{0}: {reason}", reason = plain(.1))]
    Io(String, io::Error),
    /// Standard input was named twice.
    #[error("-: standard input can be read only once")]
    StdinTwice,
    /// The source is not the table that `--input` asks for; the text names it.
    #[error("{0}")]
    NotATable(String),
}

/// Opens `names`: each is a URL (it contains `://`), `-`, or a file in `format`. Consecutive URLs become one
/// source, `args`.
///
/// # Errors
///
/// A source cannot be opened, or a regular file is not a table as `format` says; the first one is reported.
pub fn open(names: &[String], format: ListFormat) -> Result<Vec<Source>, SourceError> {
    let mut sources = Vec::new();
    let mut names = names.iter().peekable();
    let mut stdin_taken = false;
    while let Some(name) = names.next() {
        if name.contains("://") {
            // No argument has a NUL inside.
            let mut lines = name.clone();
            let mut count = 1;
            while let Some(next) = names.next_if(|next| next.contains("://")) {
                lines.push('\0');
                lines.push_str(next);
                count += 1;
            }
            sources.push(Source {
                name: "args".into(),
                bytes: Box::new(io::Cursor::new(lines)),
                format: ListFormat::Arguments,
                regular: None,
                file: None,
                lines: Some(count),
            });
        } else if name == "-" {
            if std::mem::replace(&mut stdin_taken, true) {
                return Err(SourceError::StdinTwice);
            }
            sources.push(Source {
                name: "-".into(),
                bytes: Box::new(io::stdin()),
                format,
                regular: None,
                file: None,
                lines: None,
            });
        } else {
            sources.push(open_file(name, format)?);
        }
    }
    Ok(sources)
}

fn open_file(name: &str, format: ListFormat) -> Result<Source, SourceError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => SourceError::Missing(mask_text(name)),
        _ => SourceError::Io(mask_text(name), error),
    };
    let file = File::open(name).map_err(failed)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    if kind.is_dir() {
        return Err(SourceError::Folder(name.to_owned()));
    }
    if !kind.is_file() {
        return Ok(Source {
            name: name.into(),
            bytes: Box::new(file),
            format,
            regular: None,
            file: None,
            lines: None,
        });
    }
    let source = Source::of_file(name, file, format);
    if let (Some(delimiter), Some(file)) = (format.delimiter(), &source.file) {
        check_header(name, file.clone(), format, delimiter)?;
    }
    Ok(source)
}

/// Checks that a table begins with a header, unless there is nothing in it. What cannot be read is reported when the
/// table is read.
fn check_header(
    name: &str,
    file: Arc<File>,
    format: ListFormat,
    delimiter: u8,
) -> Result<(), SourceError> {
    let mut watch = SourceWatch::default();
    let mut rows = Rows::new(FileReader { file, position: 0 }, delimiter);
    let mut found = None;
    loop {
        let read = rows.read(|row, LinePosition { number, .. }| {
            watch.saw_bytes(row.bytes());
            if found.is_none() && !is_blank(row.bytes(), delimiter) {
                found = Some((number, header(&row, delimiter)));
            }
        });
        match (found, read) {
            (Some((_, Ok(_))), _) | (None, Ok(false) | Err(_)) => return Ok(()),
            (Some((number, Err(error))), _) => {
                let why = error.describe(name, number, format, watch.start());
                return Err(SourceError::NotATable(why));
            }
            (None, Ok(true)) => found = None,
        }
    }
}
