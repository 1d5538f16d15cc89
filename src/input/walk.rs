//! Reads sources from the first line to the last.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::lines::{Line, Lines};
use super::parse::{Defaults, LineParser};
use super::shard::fingerprint;
use super::source::Source;
use super::source_hint::SourceWatch;
use crate::model::error::plain;
use crate::model::event::ListTotals;
use crate::model::input::{Input, LineFile};

/// A source could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("{source_name}: {}", plain(.error))]
pub struct ReadError {
    /// The name of the source.
    pub source_name: Arc<str>,
    /// The error of the system.
    pub error: io::Error,
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
    /// From a copy, if one is kept.
    Copy,
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
    mut on_event: impl FnMut(ReadEvent<'_>) -> ControlFlow<()>,
) -> Result<Option<ListTotals>, ReadError> {
    let mut digest = digest.then(Sha256::new);
    let mut parser = LineParser::new(defaults);
    let (mut inputs, mut list_fingerprint) = (0, 0_u64);
    for source in sources {
        let file = source.file.map(|file| {
            Arc::new(LineFile {
                source: source.name.clone(),
                file,
                is_temporary: false,
            })
        });
        let is_in_memory = source.lines.is_some();
        let watch = RefCell::new(SourceWatch::default());
        let mut lines = Lines::new(WatchedReader {
            bytes: source.bytes,
            digest: &mut digest,
            watch: &watch,
        });
        let mut number = 0;
        loop {
            let mut flow = ControlFlow::Continue(());
            let read = lines.read(|line, offset| {
                if flow.is_break() {
                    return;
                }
                number += 1;
                let mut watch = watch.borrow_mut();
                parser.is_binary = watch.is_binary();
                if let Some(input) = parser.parse(&line, &source.name, number, inputs) {
                    watch.saw_input(parser.suspicion);
                    list_fingerprint = list_fingerprint.wrapping_add(fingerprint(inputs));
                    inputs += 1;
                    let reread = match (&line, &file) {
                        (Line::Whole(_), Some(file)) => Reread::At(file, offset),
                        (Line::Whole(_), None) if !is_in_memory => Reread::Copy,
                        _ => Reread::Never,
                    };
                    flow = on_event(ReadEvent::Input(input, line, reread));
                }
            });
            let hint = watch.borrow_mut().take_hint();
            if let Some(hint) = hint.filter(|_| flow.is_continue() && !is_in_memory) {
                flow = on_event(ReadEvent::Hint(hint.describe(&source.name)));
            }
            if flow.is_continue() {
                flow = on_event(ReadEvent::MayPause);
            }
            match read {
                _ if flow.is_break() => return Ok(None),
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let source_name = source.name;
                    return Err(ReadError { source_name, error });
                }
            }
        }
    }
    Ok(Some(ListTotals {
        inputs,
        in_shard: inputs,
        fingerprint: list_fingerprint,
        shard_fingerprint: list_fingerprint,
        sha256: digest.map(|digest| digest.finalize().into()),
    }))
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
pub fn count<'a>(files: impl IntoIterator<Item = &'a Path>) -> io::Result<u64> {
    let mut inputs = 0;
    for file in files {
        let mut lines = Lines::new(File::open(file)?);
        while lines.read(|line, _| inputs += u64::from(line.is_input()))? {}
    }
    Ok(inputs)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::HashMap;

    use super::super::shard::{Shard, ShardKey};
    use super::super::shard_filter::ShardFilter;
    use super::*;

    /// With 100,000 URLs of 5,000 hosts.
    #[test]
    fn every_input_is_in_one_shard_and_every_host_in_one() {
        let url = |n| format!("http://host-{}.example/{n}", n % 5_000);
        let list: Vec<String> = (0..100_000).map(url).collect();
        let source = Source {
            name: "list".into(),
            bytes: Box::new(io::Cursor::new(list.join("\n"))),
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
