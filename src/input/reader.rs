//! The reader of sources: a thread that parses ahead of the engine, in batches.
//!
//! A batch is what one read gave, so a line is never held back once its source
//! pauses; [`BATCH`] and [`BATCHES`] bound what is held.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{io, thread};

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::lines::{Line, Lines};
use super::parse::{Defaults, Parser};
use super::shard::{By, Shard, fingerprint, number};
use super::source::Source;
use crate::model::error::plain;
use crate::model::event::ListTotals;
use crate::model::input::Input;

/// Lines a batch holds at most.
const BATCH: usize = 64;

/// Batches that wait for the engine at most.
const BATCHES: usize = 4;

/// Which inputs are this run's, and what is to be known of the whole list.
#[derive(Clone, Copy, Debug)]
pub struct ShardFilter {
    /// Only this shard; without it, all.
    pub shard: Option<Shard>,
    /// What keeps inputs together.
    pub by: By,
    /// The list's SHA-256 is wanted.
    pub digest: bool,
}

impl ShardFilter {
    /// Whether an input is this run's.
    fn takes(&self, input: &Input, line: &Line<'_>) -> bool {
        self.shard
            .is_none_or(|shard| shard_of(input, line, self.by, shard.count) == shard.number)
    }
}

/// The number of the shard, of `count`, of `input`, which stood on `line`.
pub(super) fn shard_of(input: &Input, line: &Line<'_>, by: By, count: u32) -> u32 {
    let url = input.request.as_ref().ok().map(|request| &*request.url);
    number(url, line.bytes(), by, count)
}

/// A source broke while it was read.
#[derive(Debug, thiserror::Error)]
#[error("{source_name}: {}", plain(.error))]
pub struct ReadError {
    /// Which one.
    pub source_name: Arc<str>,
    /// What the system said.
    pub error: io::Error,
}

enum Message {
    Batch(VecDeque<Box<Input>>),
    Failed(ReadError),
    End(ListTotals),
}

/// The engine's end of the reader: parsed inputs, in order.
pub struct Intake {
    receiver: mpsc::Receiver<Message>,
    batch: VecDeque<Box<Input>>,
    state: State,
}

enum State {
    Reading,
    Ended(Totals),
}

/// How the reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// Every line of every source was read.
    Complete(ListTotals),
    /// It was told to stop, or a source broke.
    Cut,
}

impl Totals {
    /// The list, where it was read to its end.
    #[must_use]
    pub const fn list(self) -> Option<ListTotals> {
        match self {
            Self::Complete(list) => Some(list),
            Self::Cut => None,
        }
    }
}

impl Intake {
    /// The next input; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// A source that broke, once; nothing is read after it.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Box<Input>, ReadError>>> {
        loop {
            if let Some(input) = self.batch.pop_front() {
                return Poll::Ready(Some(Ok(input)));
            }
            if let State::Ended(_) = self.state {
                return Poll::Ready(None);
            }
            match std::task::ready!(self.receiver.poll_recv(cx)) {
                Some(Message::Batch(batch)) => self.batch = batch,
                Some(Message::End(list)) => self.state = State::Ended(Totals::Complete(list)),
                Some(Message::Failed(error)) => {
                    self.state = State::Ended(Totals::Cut);
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.state = State::Ended(Totals::Cut),
            }
        }
    }

    /// Stops the reader and gives what it had handed over, and the source that
    /// broke. What the reader still holds counts as not read.
    pub fn stop(&mut self) -> (VecDeque<Box<Input>>, Option<ReadError>) {
        let mut broken = None;
        self.receiver.close();
        let mut read = std::mem::take(&mut self.batch);
        while let Ok(message) = self.receiver.try_recv() {
            match message {
                Message::Batch(batch) => read.extend(batch),
                Message::End(list) => self.state = State::Ended(Totals::Complete(list)),
                Message::Failed(error) => broken = Some(error),
            }
        }
        if let State::Reading = self.state {
            self.state = State::Ended(Totals::Cut);
        }
        (read, broken)
    }

    /// How the reading ended; `None` while there are, or may be, more inputs.
    #[must_use]
    pub fn totals(&self) -> Option<Totals> {
        match self.state {
            State::Ended(totals) if self.batch.is_empty() => Some(totals),
            _ => None,
        }
    }
}

/// Starts the reader of `sources`, one after the other. It gives every input that
/// `take` takes to `plan` before anybody else sees it, in order. What was named on the
/// command line, and is little, needs no thread: it is read when this comes back.
///
/// # Errors
///
/// No thread can be had.
pub fn read(
    sources: Vec<Source>,
    defaults: Defaults,
    take: ShardFilter,
    plan: impl FnMut(&mut Input) + Send + 'static,
) -> io::Result<Intake> {
    let lines: Option<usize> = sources.iter().map(|source| source.lines).sum();
    let few = lines.filter(|&lines| lines <= BATCH);
    // No batch is empty, and the end is one message more: these fit without waiting.
    let room = few.map_or(BATCHES, |lines| lines + 1);
    let (sender, receiver) = mpsc::channel(room);
    let read = move || read_all(sources, &defaults, take, plan, &sender);
    if few.is_some() {
        read();
    } else {
        thread::Builder::new().name("reader".into()).spawn(read)?;
    }
    Ok(Intake {
        receiver,
        batch: VecDeque::new(),
        state: State::Reading,
    })
}

/// Ends early only when nobody receives any more.
fn read_all(
    sources: Vec<Source>,
    defaults: &Defaults,
    take: ShardFilter,
    mut plan: impl FnMut(&mut Input),
    sender: &mpsc::Sender<Message>,
) {
    let mut outbox = Outbox {
        sender,
        batch: VecDeque::new(),
        closed: false,
    };
    let (mut taken, mut mine) = (0, 0_u64);
    let walked = walk(sources, defaults, take.digest, |step| {
        match step {
            Step::Input(mut input, line) if take.takes(&input, &line) => {
                input.turn = taken;
                taken += 1;
                mine = mine.wrapping_add(fingerprint(input.index));
                plan(&mut input);
                outbox.push(input);
            }
            Step::Input(..) => {}
            Step::Pause => outbox.flush(),
        }
        if outbox.closed {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    match walked {
        Ok(None) => {}
        Ok(Some(list)) => {
            let fingerprints = [list.fingerprints[0], mine];
            outbox.send(Message::End(ListTotals {
                taken,
                fingerprints,
                ..list
            }));
        }
        Err(error) => outbox.send(Message::Failed(error)),
    }
}

/// What comes of reading a list.
pub(super) enum Step<'a> {
    /// An input, and the line that holds it.
    Input(Box<Input>, Line<'a>),
    /// The source may pause now.
    Pause,
}

/// Gives `visit` every input of `sources`, in order; `None` where that breaks off.
///
/// # Errors
///
/// A source that broke; nothing is read after it.
pub(super) fn walk(
    sources: Vec<Source>,
    defaults: &Defaults,
    digest: bool,
    mut visit: impl FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Option<ListTotals>, ReadError> {
    let mut digest = digest.then(Sha256::new);
    let mut parser = Parser::new(defaults);
    let (mut inputs, mut all) = (0, 0_u64);
    for source in sources {
        let mut lines = Lines::new(Digested {
            bytes: source.bytes,
            digest: &mut digest,
        });
        let mut number = 0;
        loop {
            let mut flow = ControlFlow::Continue(());
            let read = lines.read(|line| {
                if flow.is_break() {
                    return;
                }
                number += 1;
                if let Some(input) = parser.parse(&line, &source.name, number, inputs) {
                    all = all.wrapping_add(fingerprint(inputs));
                    inputs += 1;
                    flow = visit(Step::Input(input, line));
                }
            });
            if flow.is_continue() {
                flow = visit(Step::Pause);
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
        taken: inputs,
        fingerprints: [all; 2],
        sha256: digest.map(|digest| digest.finalize().into()),
    }))
}

/// Bytes that are hashed as they are read.
struct Digested<'a, R> {
    bytes: R,
    digest: &'a mut Option<Sha256>,
}

impl<R: Read> Read for Digested<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        if let Some(digest) = self.digest {
            digest.update(&buffer[..read]);
        }
        Ok(read)
    }
}

struct Outbox<'a> {
    sender: &'a mpsc::Sender<Message>,
    batch: VecDeque<Box<Input>>,
    closed: bool,
}

impl Outbox<'_> {
    fn push(&mut self, input: Box<Input>) {
        self.batch.push_back(input);
        if self.batch.len() == BATCH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.send(Message::Batch(batch));
        }
    }

    fn send(&mut self, message: Message) {
        let sent = match self.sender.try_send(message) {
            Err(TrySendError::Full(message)) => self.sender.blocking_send(message).is_ok(),
            sent => sent.is_ok(),
        };
        self.closed |= !sent;
    }
}

/// Counts the inputs of regular files, for a progress bar that knows its end.
///
/// # Errors
///
/// A file that cannot be read.
pub fn count<'a>(files: impl IntoIterator<Item = &'a Path>) -> io::Result<u64> {
    let mut inputs = 0;
    for file in files {
        let mut lines = Lines::new(File::open(file)?);
        while lines.read(|line| inputs += u64::from(line.is_input()))? {}
    }
    Ok(inputs)
}

#[cfg(test)]
fn test_defaults() -> Defaults {
    Defaults {
        scheme: crate::input::Scheme::Https,
        https_only: false,
        method: None,
        headers: Arc::default(),
        authorization: None,
        content: None,
    }
}

/// The intake of a list that is all there, without a thread.
#[cfg(test)]
pub(crate) fn inputs(lines: impl IntoIterator<Item = String>) -> Intake {
    let defaults = test_defaults();
    let mut parser = Parser::new(&defaults);
    let source = Arc::from("list");
    let batch = (0..).zip(lines).filter_map(|(index, line)| {
        let line = Line::Whole(line.as_bytes());
        parser.parse(&line, &source, index + 1, index)
    });
    let batch: VecDeque<_> = batch.collect();
    let inputs = batch.len() as u64;
    Intake {
        receiver: mpsc::channel(1).1,
        batch,
        state: State::Ended(Totals::Complete(ListTotals {
            inputs,
            taken: inputs,
            fingerprints: [0; 2],
            sha256: None,
        })),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// A hundred thousand URLs of five thousand hosts.
    #[test]
    fn every_input_is_in_one_shard_and_every_host_in_one() {
        let url = |n| format!("http://host-{}.example/{n}", n % 5_000);
        let list: Vec<String> = (0..100_000).map(url).collect();
        let source = Source {
            name: "list".into(),
            bytes: Box::new(io::Cursor::new(list.join("\n"))),
            regular: None,
            lines: None,
        };
        let counts = [1, 2, 7, 64];
        let mut homes: HashMap<(u32, String), u32> = HashMap::new();
        let walked = walk(vec![source], &test_defaults(), false, |step| {
            let Step::Input(input, line) = step else {
                return ControlFlow::Continue(());
            };
            let host = input.request.as_ref().unwrap().url.host_str().unwrap();
            for count in counts {
                let takes = |&number: &u32| {
                    let take = ShardFilter {
                        shard: Some(Shard { number, count }),
                        by: By::Host,
                        digest: false,
                    };
                    take.takes(&input, &line)
                };
                let mut shards = (0..count).filter(takes);
                let shard = shards.next().unwrap();
                assert_eq!(shards.next(), None, "two shards of {count}");
                let home = homes.entry((count, host.to_owned())).or_insert(shard);
                assert_eq!(*home, shard, "{host} is split");
            }
            ControlFlow::Continue(())
        });
        assert_eq!(walked.unwrap().unwrap().inputs, 100_000);
        for count in counts {
            let used: std::collections::BTreeSet<_> = homes
                .iter()
                .filter_map(|((of, _), home)| (*of == count).then_some(home))
                .collect();
            assert_eq!(used.len(), count as usize, "an empty shard of {count}");
        }
    }
}
