//! Reads sources from the first line to the last.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::lines::{Line, LinePosition};
use super::parse::{Defaults, LineParser};
use super::records::{Records, has_content};
use super::shard::fingerprint;
use super::source::Source;
use super::source_hint::SourceWatch;
use super::table::{ListFormat, header};
use crate::model::columns::Columns;
use crate::model::error::plain;
use crate::model::event::{BrokenSource, ListTotals};
use crate::model::input::{Input, LineFile};

/// A source could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system reported an error.
    #[error("{0}: {reason}", reason = plain(.1))]
    Io(Arc<str>, io::Error),
    /// It is not the table that `--input` asks for; the text names it.
    #[error("{0}")]
    NotATable(String),
}

impl ReadError {
    /// Returns what the error means for the run.
    #[must_use]
    pub const fn broken_source(&self) -> BrokenSource {
        match self {
            Self::Io(..) => BrokenSource::Unreadable,
            Self::NotATable(_) => BrokenSource::NotATable,
        }
    }
}

/// What happens while a list is read.
pub(super) enum ReadEvent<'a> {
    /// An input was read from this line.
    Input(Box<Input>, Line<'a>, Reread<'a>),
    /// All that one read returned is parsed; the next read may take long.
    MayPause,
    /// A source looks like something else than a list, as this text says.
    Hint(String),
}

/// How a line can be read again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reread<'a> {
    /// From this position in its file.
    At(&'a Arc<LineFile>, u64),
    /// From a copy, if one is kept; a row with these columns.
    Copy(Option<&'a Arc<Columns>>),
    /// Not at all: it is too long, or in memory.
    Never,
}

/// Reads `sources` and calls `on_event` with every input, in order. Returns the totals of the
/// list; `None` if `on_event` stopped it.
///
/// # Errors
///
/// A source cannot be read to its end; nothing is read after it.
pub(super) fn walk(
    sources: Vec<Source>,
    defaults: &Defaults,
    digest: bool,
    on_event: impl FnMut(ReadEvent<'_>) -> ControlFlow<()>,
) -> Result<Option<ListTotals>, ReadError> {
    let mut digest = digest.then(Sha256::new);
    let mut walker = Walker {
        parser: LineParser::new(defaults),
        inputs: 0,
        fingerprint: 0,
        on_event,
    };
    for source in sources {
        if walker.read(source, &mut digest)?.is_break() {
            return Ok(None);
        }
    }
    let Walker {
        inputs,
        fingerprint,
        ..
    } = walker;
    Ok(Some(ListTotals {
        inputs,
        in_shard: inputs,
        fingerprint,
        shard_fingerprint: fingerprint,
        sha256: digest.map(|digest| digest.finalize().into()),
    }))
}

/// Reads one source after the other.
struct Walker<'a, F> {
    parser: LineParser<'a>,
    /// The number of inputs so far.
    inputs: u64,
    /// The sum of their hashed indices.
    fingerprint: u64,
    on_event: F,
}

/// The source that is read.
struct Current<'a> {
    name: Arc<str>,
    format: ListFormat,
    is_in_memory: bool,
    file: Option<Arc<File>>,
    /// The file as the places of its lines see it.
    lines: Option<Arc<LineFile>>,
    /// The columns of a table, once its header was read.
    columns: Option<Arc<Columns>>,
    watch: &'a RefCell<SourceWatch>,
}

impl Current<'_> {
    /// Begins to read lines, or the rows below a header with `columns`.
    fn begin(&mut self, columns: Option<Arc<Columns>>) {
        self.lines = self.file.take().map(|file| {
            Arc::new(LineFile {
                source: self.name.clone(),
                columns: columns.clone(),
                file,
                is_temporary: false,
            })
        });
        self.columns = columns;
    }

    /// Reads the header of a table if `line` is the first one.
    fn read_header(&mut self, line: &Line<'_>, number: u64) -> Result<ControlFlow<()>, ReadError> {
        let Some(delimiter) = self.format.delimiter().filter(|_| self.columns.is_none()) else {
            return Ok(ControlFlow::Continue(()));
        };
        if has_content(line, self.format) {
            let columns = header(line, delimiter).map_err(|error| {
                let watch = self.watch.borrow();
                ReadError::NotATable(error.describe(&self.name, number, self.format, watch.start()))
            })?;
            self.begin(Some(Arc::new(columns)));
        }
        Ok(ControlFlow::Break(()))
    }

    fn reread(&self, line: &Line<'_>, offset: u64) -> Reread<'_> {
        match (line, &self.lines) {
            (Line::Whole(_), Some(lines)) => Reread::At(lines, offset),
            (Line::Whole(_), None) if !self.is_in_memory => Reread::Copy(self.columns.as_ref()),
            _ => Reread::Never,
        }
    }
}

impl<F: FnMut(ReadEvent<'_>) -> ControlFlow<()>> Walker<'_, F> {
    /// Reads `source` to its end; breaks where the caller stopped it.
    fn read(
        &mut self,
        source: Source,
        digest: &mut Option<Sha256>,
    ) -> Result<ControlFlow<()>, ReadError> {
        let watch = RefCell::new(SourceWatch::default());
        let bytes = WatchedReader {
            bytes: source.bytes,
            digest,
            watch: &watch,
        };
        let mut records = Records::new(bytes, source.format);
        let mut current = Current {
            name: source.name,
            format: source.format,
            is_in_memory: source.lines.is_some(),
            file: source.file,
            lines: None,
            columns: None,
            watch: &watch,
        };
        if source.format.delimiter().is_none() {
            current.begin(None);
        }
        loop {
            let mut flow = Ok(ControlFlow::Continue(()));
            let read = records.read(|line, position| {
                if matches!(flow, Ok(ControlFlow::Continue(()))) {
                    flow = self.take(line, position, &mut current);
                }
            });
            if flow?.is_break() || self.end_of_read(&current).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            match read {
                Ok(true) => {}
                Ok(false) => return Ok(ControlFlow::Continue(())),
                Err(error) => return Err(ReadError::Io(current.name, error)),
            }
        }
    }

    /// Takes a line or a row.
    fn take(
        &mut self,
        line: Line<'_>,
        LinePosition { offset, number }: LinePosition,
        current: &mut Current<'_>,
    ) -> Result<ControlFlow<()>, ReadError> {
        if current.read_header(&line, number)?.is_break() {
            return Ok(ControlFlow::Continue(()));
        }
        let mut watch = current.watch.borrow_mut();
        self.parser.are_arguments = current.format == ListFormat::Arguments;
        self.parser.is_binary = watch.is_binary() && !self.parser.are_arguments;
        let columns = current.columns.as_deref();
        let input = self
            .parser
            .parse(&line, &current.name, columns, number, self.inputs);
        let Some(input) = input else {
            return Ok(ControlFlow::Continue(()));
        };
        watch.saw_input(self.parser.suspicion);
        self.fingerprint = self.fingerprint.wrapping_add(fingerprint(self.inputs));
        self.inputs += 1;
        let reread = current.reread(&line, offset);
        Ok((self.on_event)(ReadEvent::Input(input, line, reread)))
    }

    /// Says what was found out about the source, and that the next read may take long.
    fn end_of_read(&mut self, current: &Current<'_>) -> ControlFlow<()> {
        // What is written on the command line, or read as a table, is what it is.
        let may_be_other = current.format == ListFormat::Lines;
        let hint = current.watch.borrow_mut().take_hint();
        if let Some(hint) = hint.filter(|_| may_be_other) {
            (self.on_event)(ReadEvent::Hint(hint.describe(&current.name, "")))?;
        }
        (self.on_event)(ReadEvent::MayPause)
    }
}

/// A reader that shows what is read to a watch, and hashes it if the hash was asked for.
struct WatchedReader<'a, R> {
    bytes: R,
    digest: &'a mut Option<Sha256>,
    watch: &'a RefCell<SourceWatch>,
}

impl<R: Read> Read for WatchedReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.watch.borrow_mut().saw_bytes(&buffer[..read]);
        if let Some(digest) = self.digest {
            digest.update(&buffer[..read]);
        }
        Ok(read)
    }
}

/// Counts the inputs of regular files, for a progress bar that knows its end.
///
/// # Errors
///
/// A file cannot be read.
pub fn count<'a>(files: impl IntoIterator<Item = (&'a Path, ListFormat)>) -> io::Result<u64> {
    let mut inputs = 0;
    for (file, format) in files {
        let mut records = Records::new(File::open(file)?, format);
        let mut found: u64 = 0;
        while records.read(|line, _| found += u64::from(has_content(&line, format)))? {}
        let header = u64::from(format.delimiter().is_some());
        inputs += found.saturating_sub(header);
    }
    Ok(inputs)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::HashMap;
    use std::io::Write as _;

    use super::super::shard::{Shard, ShardKey};
    use super::super::shard_filter::ShardFilter;
    use super::*;

    #[test]
    fn inputs_are_counted_as_they_are_read() {
        let count_all = |text: &str, format| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            count([(file.path(), format)]).unwrap()
        };
        for (text, format, expected) in [
            ("", ListFormat::Lines, 0),
            ("http://a/\n# no\n\nhttp://b/", ListFormat::Lines, 2),
            ("", ListFormat::Csv, 0),
            ("\nurl,x\n", ListFormat::Csv, 0),
            ("url,x\r\na,\"1\n2\"\r\n\r\n,\r\nb,\n", ListFormat::Csv, 2),
            ("url\tx\na\t\n#\t\n", ListFormat::Tsv, 2),
        ] {
            assert_eq!(count_all(text, format), expected, "{text:?}");
        }
    }

    /// With 100,000 URLs of 5,000 hosts.
    #[test]
    fn every_input_is_in_one_shard_and_every_host_in_one() {
        let url = |n| format!("http://host-{}.example/{n}", n % 5_000);
        let list: Vec<String> = (0..100_000).map(url).collect();
        let source = Source {
            name: "list".into(),
            bytes: Box::new(io::Cursor::new(list.join("\n"))),
            format: ListFormat::Lines,
            regular: None,
            file: None,
            lines: None,
        };
        let counts = [1, 2, 7, 64];
        let mut shards_of_hosts: HashMap<(u32, String), u32> = HashMap::new();
        let walked = walk(vec![source], &Defaults::for_tests(), false, |step| {
            let ReadEvent::Input(input, line, _) = step else {
                return ControlFlow::Continue(());
            };
            let host = input.request.as_ref().unwrap().url.host_str().unwrap();
            for count in counts {
                let accepts = |&number: &u32| {
                    let filter = ShardFilter {
                        shard: Some(Shard { number, count }),
                        by: ShardKey::Host,
                        digest: false,
                    };
                    filter.accepts(&input, &line)
                };
                let mut shards = (0..count).filter(accepts);
                let shard = shards.next().unwrap();
                assert_eq!(shards.next(), None, "two shards of {count}");
                let first = shards_of_hosts
                    .entry((count, host.to_owned()))
                    .or_insert(shard);
                assert_eq!(*first, shard, "{host} is split");
            }
            ControlFlow::Continue(())
        });
        assert_eq!(walked.unwrap().unwrap().inputs, 100_000);
        for count in counts {
            let used: std::collections::BTreeSet<_> = shards_of_hosts
                .iter()
                .filter_map(|((shards, _), shard)| (*shards == count).then_some(shard))
                .collect();
            assert_eq!(used.len(), count as usize, "an empty shard of {count}");
        }
    }
}
