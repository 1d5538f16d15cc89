//! The receiving end of the reader, from which the engine takes inputs.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::parked::ParkedInput;
use super::walk::ReadError;
use crate::model::event::ListTotals;
use crate::model::input::Input;

/// A message from the reader.
pub(super) enum Message {
    Batch(VecDeque<Box<Input>>),
    Failed(ReadError),
    End(ListTotals),
}

/// The receiving end of the reader: parsed inputs, in order.
pub struct Intake {
    receiver: mpsc::Receiver<Message>,
    batch: VecDeque<Box<Input>>,
    state: IntakeState,
    may_pause: bool,
    recalled: VecDeque<Recalled>,
}

/// Inputs that were asked for again.
pub struct Recalled {
    /// The tag.
    pub tag: usize,
    /// The inputs.
    pub inputs: VecDeque<Box<Input>>,
}

enum IntakeState {
    Reading,
    Ended(Totals),
}

/// How the reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// Every line of every source was read.
    Complete(ListTotals),
    /// The reader was stopped, or a source could not be read to its end.
    Cut,
}

impl Totals {
    /// Returns the totals of the list, if it was read to its end.
    #[must_use]
    pub const fn list(self) -> Option<ListTotals> {
        match self {
            Self::Complete(list) => Some(list),
            Self::Cut => None,
        }
    }
}

impl Intake {
    /// Creates the receiving end of a reader that sends to `receiver`. `may_pause` says whether some source may have nothing
    /// to read for a while.
    pub(super) fn new(receiver: mpsc::Receiver<Message>, may_pause: bool) -> Self {
        Self {
            receiver,
            batch: VecDeque::new(),
            state: IntakeState::Reading,
            may_pause,
            recalled: VecDeque::new(),
        }
    }

    /// Whether some source may have nothing to read for a while: it is neither a regular file nor in memory.
    #[must_use]
    pub fn may_pause(&self) -> bool {
        self.may_pause
    }

    /// Keep.
    pub fn keep_lines(&self, _: bool) {}

    /// Recall.
    pub fn recall(&mut self, tag: usize, parked: Vec<ParkedInput>) {
        let inputs = parked.into_iter().map(|parked| parked.0).collect();
        self.recalled.push_back(Recalled { tag, inputs });
    }

    /// Recalled.
    pub fn poll_recalled(&mut self, _: &mut Context<'_>) -> Poll<Recalled> {
        self.recalled.pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    /// Error.
    pub fn take_spill_error(&mut self) -> Option<String> {
        None
    }

    /// Polls for the next input; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// A source could not be read to its end. This is reported once, and nothing is read
    /// after it.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Box<Input>, ReadError>>> {
        loop {
            if let Some(input) = self.batch.pop_front() {
                return Poll::Ready(Some(Ok(input)));
            }
            if let IntakeState::Ended(_) = self.state {
                return Poll::Ready(None);
            }
            match std::task::ready!(self.receiver.poll_recv(cx)) {
                Some(Message::Batch(batch)) => self.batch = batch,
                Some(Message::End(list)) => self.state = IntakeState::Ended(Totals::Complete(list)),
                Some(Message::Failed(error)) => {
                    self.state = IntakeState::Ended(Totals::Cut);
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.state = IntakeState::Ended(Totals::Cut),
            }
        }
    }

    /// Stops the reader. Returns the inputs that it had handed over, and the error of a source
    /// that failed. Lines that the reader still holds count as not read.
    pub fn stop(&mut self) -> (VecDeque<Box<Input>>, Option<ReadError>) {
        let mut broken = None;
        self.receiver.close();
        let mut read = std::mem::take(&mut self.batch);
        while let Ok(message) = self.receiver.try_recv() {
            match message {
                Message::Batch(batch) => read.extend(batch),
                Message::End(list) => self.state = IntakeState::Ended(Totals::Complete(list)),
                Message::Failed(error) => broken = Some(error),
            }
        }
        if let IntakeState::Reading = self.state {
            self.state = IntakeState::Ended(Totals::Cut);
        }
        (read, broken)
    }

    /// Returns how the reading ended; `None` while more inputs may come.
    #[must_use]
    pub fn totals(&self) -> Option<Totals> {
        match self.state {
            IntakeState::Ended(totals) if self.batch.is_empty() => Some(totals),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::super::lines::Line;
    use super::super::parse::{Defaults, LineParser};
    use super::*;
    use crate::model::input::Place;

    /// Creates the intake of a list in memory, without a thread.
    pub(crate) fn inputs(lines: impl IntoIterator<Item = String>) -> Intake {
        parkable_inputs(lines, None)
    }

    /// The same, of inputs that can be parked.
    pub(crate) fn parkable_inputs(
        lines: impl IntoIterator<Item = String>,
        place: Option<Place>,
    ) -> Intake {
        let defaults = Defaults::for_tests();
        let mut parser = LineParser::new(&defaults);
        let source = Arc::from("list");
        let batch = (0..).zip(lines).filter_map(|(index, line)| {
            let line = Line::Whole(line.as_bytes());
            let mut input = parser.parse(&line, &source, index + 1, index)?;
            input.position = index;
            input.place = place;
            Some(input)
        });
        let batch: VecDeque<_> = batch.collect();
        let inputs = batch.len() as u64;
        Intake {
            receiver: mpsc::channel(1).1,
            batch,
            state: IntakeState::Ended(Totals::Complete(ListTotals {
                inputs,
                in_shard: inputs,
                fingerprint: 0,
                shard_fingerprint: 0,
                sha256: None,
            })),
            may_pause: false,
            recalled: VecDeque::new(),
        }
    }
}
