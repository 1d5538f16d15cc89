//! The reader of sources: a thread that parses ahead of the engine, in batches.
//!
//! A batch is what one read gave, so a line is never held back once its source
//! pauses; [`BATCH`] and [`BATCHES`] bound what is held.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{io, thread};

use tokio::sync::mpsc;

use super::lines::Lines;
use super::parse::{Defaults, parse};
use super::source::Source;
use crate::error::plain;
use crate::request::Input;

/// Lines a batch holds at most.
const BATCH: usize = 64;

/// Batches that wait for the engine at most.
const BATCHES: usize = 8;

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
    Batch(Vec<Input>),
    Failed(ReadError),
    End,
}

/// The engine's end of the reader: parsed inputs, in order.
pub struct Intake {
    receiver: mpsc::Receiver<Message>,
    batch: VecDeque<Input>,
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
    Complete,
    /// It was told to stop, or a source broke.
    Cut,
}

impl Intake {
    /// The next input; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// A source that broke, once; nothing is read after it.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Input, ReadError>>> {
        loop {
            if let Some(input) = self.batch.pop_front() {
                return Poll::Ready(Some(Ok(input)));
            }
            if let State::Ended(_) = self.state {
                return Poll::Ready(None);
            }
            match std::task::ready!(self.receiver.poll_recv(cx)) {
                Some(Message::Batch(batch)) => self.batch = batch.into(),
                Some(Message::End) => self.state = State::Ended(Totals::Complete),
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
    pub fn stop(&mut self) -> (Vec<Input>, Option<ReadError>) {
        let mut broken = None;
        self.receiver.close();
        let mut read: Vec<Input> = self.batch.drain(..).collect();
        while let Ok(message) = self.receiver.try_recv() {
            match message {
                Message::Batch(batch) => read.extend(batch),
                Message::End => self.state = State::Ended(Totals::Complete),
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

/// Starts the reader of `sources`, one after the other. It gives every input to
/// `plan` before anybody else sees it, in order.
///
/// # Errors
///
/// No thread can be had.
pub fn read(
    sources: Vec<Source>,
    defaults: Defaults,
    plan: impl FnMut(&mut Input) + Send + 'static,
) -> io::Result<Intake> {
    let (sender, receiver) = mpsc::channel(BATCHES);
    thread::Builder::new()
        .name("reader".into())
        .spawn(move || read_all(sources, &defaults, plan, &sender))?;
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
    mut plan: impl FnMut(&mut Input),
    sender: &mpsc::Sender<Message>,
) {
    let mut outbox = Outbox {
        sender,
        batch: Vec::new(),
        closed: false,
    };
    let mut index = 0;
    for source in sources {
        let mut lines = Lines::new(source.bytes);
        let mut number = 0;
        loop {
            let read = lines.read(|line| {
                number += 1;
                if let Some(mut input) = parse(&line, &source.name, number, index, defaults) {
                    index += 1;
                    plan(&mut input);
                    outbox.push(input);
                }
            });
            outbox.flush();
            match read {
                _ if outbox.closed => return,
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let source_name = source.name;
                    outbox.send(Message::Failed(ReadError { source_name, error }));
                    return;
                }
            }
        }
    }
    outbox.send(Message::End);
}

struct Outbox<'a> {
    sender: &'a mpsc::Sender<Message>,
    batch: Vec<Input>,
    closed: bool,
}

impl Outbox<'_> {
    fn push(&mut self, input: Input) {
        self.batch.push(input);
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
        self.closed = self.closed || self.sender.blocking_send(message).is_err();
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

/// The intake of a list that is all there, without a thread.
#[cfg(test)]
pub(crate) fn inputs(lines: impl IntoIterator<Item = String>) -> Intake {
    let defaults = Defaults {
        scheme: super::Scheme::Https,
        https_only: false,
        method: None,
        headers: Arc::default(),
        authorization: None,
        content: None,
    };
    let source = Arc::from("list");
    let batch = (0..).zip(lines).filter_map(|(index, line)| {
        let line = super::lines::Line::Whole(line.as_bytes());
        parse(&line, &source, index + 1, index, &defaults)
    });
    Intake {
        receiver: mpsc::channel(1).1,
        batch: batch.collect(),
        state: State::Ended(Totals::Complete),
    }
}
