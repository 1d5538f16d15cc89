//! The engine's end of the reader.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::walk::ReadError;
use crate::model::event::ListTotals;
use crate::model::input::Input;

/// What the reader sends.
pub(super) enum Message {
    Batch(VecDeque<Box<Input>>),
    Failed(ReadError),
    End(ListTotals),
}

/// The engine's end of the reader: parsed inputs, in order.
pub struct Intake {
    receiver: mpsc::Receiver<Message>,
    batch: VecDeque<Box<Input>>,
    state: IntakeState,
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
    /// The engine's end of a reader that sends to `receiver`.
    pub(super) fn new(receiver: mpsc::Receiver<Message>) -> Self {
        Self {
            receiver,
            batch: VecDeque::new(),
            state: IntakeState::Reading,
        }
    }

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

    /// Stops the reader and gives what it had handed over, and the source that
    /// broke. What the reader still holds counts as not read.
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

    /// How the reading ended; `None` while there are, or may be, more inputs.
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

    /// The intake of a list that is all there, without a thread.
    pub(crate) fn inputs(lines: impl IntoIterator<Item = String>) -> Intake {
        let defaults = Defaults::for_tests();
        let mut parser = LineParser::new(&defaults);
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
            state: IntakeState::Ended(Totals::Complete(ListTotals {
                inputs,
                taken: inputs,
                fingerprints: [0; 2],
                sha256: None,
            })),
        }
    }
}
