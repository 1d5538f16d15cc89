//! The reader of sources: a thread that parses ahead of the engine, in batches.
//!
//! A batch is sent at the latest after each read, so no line is held back when its source
//! pauses. [`BATCH`] and [`BATCHES`] limit the memory.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::{io, thread};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::intake::{Intake, Message};
use super::parse::Defaults;
use super::shard::fingerprint;
use super::shard_filter::ShardFilter;
use super::source::Source;
use super::walk::{ReadEvent, walk};
use crate::model::event::ListTotals;
use crate::model::input::Input;

/// The maximum number of inputs in a batch.
const BATCH: usize = 64;

/// The maximum number of batches that wait for the engine.
const BATCHES: usize = 4;

/// Starts the reader, which reads `sources` one after the other and calls `decide` with every
/// input that `filter` accepts before it hands the input on. A few URLs from the command line
/// are read at once, without a thread.
///
/// # Errors
///
/// The thread cannot be started.
pub fn read(
    sources: Vec<Source>,
    defaults: Defaults,
    filter: ShardFilter,
    decide: impl FnMut(&mut Input) + Send + 'static,
) -> io::Result<Intake> {
    let lines: Option<usize> = sources.iter().map(|source| source.lines).sum();
    let few = lines.filter(|&lines| lines <= BATCH);
    // No batch is empty, and the end is one more message, so all fit into the channel.
    let room = few.map_or(BATCHES, |lines| lines + 1);
    let (sender, receiver) = mpsc::channel(room);
    let may_pause = sources.iter().any(Source::may_pause);
    let read = move || read_all(sources, &defaults, filter, decide, &sender);
    if few.is_some() {
        read();
    } else {
        thread::Builder::new().name("reader".into()).spawn(read)?;
    }
    Ok(Intake::new(receiver, may_pause))
}

/// Reads and sends all inputs; stops early if the receiver is gone.
fn read_all(
    sources: Vec<Source>,
    defaults: &Defaults,
    filter: ShardFilter,
    mut decide: impl FnMut(&mut Input),
    sender: &mpsc::Sender<Message>,
) {
    let mut outbox = Outbox {
        sender,
        batch: VecDeque::new(),
        closed: false,
    };
    let (mut accepted, mut fingerprint_of_accepted) = (0, 0_u64);
    let walked = walk(sources, defaults, filter.digest, |event| {
        match event {
            ReadEvent::Input(mut input, line) if filter.accepts(&input, &line) => {
                input.position = accepted;
                accepted += 1;
                fingerprint_of_accepted =
                    fingerprint_of_accepted.wrapping_add(fingerprint(input.index));
                decide(&mut input);
                outbox.push(input);
            }
            ReadEvent::Input(..) => {}
            ReadEvent::MayPause => outbox.flush(),
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
            outbox.send(Message::End(ListTotals {
                in_shard: accepted,
                shard_fingerprint: fingerprint_of_accepted,
                ..list
            }));
        }
        Err(error) => outbox.send(Message::Failed(error)),
    }
}

/// Gathers inputs into batches and sends them.
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
