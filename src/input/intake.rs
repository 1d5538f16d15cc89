//! The receiving end of the reader, from which the engine takes inputs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::parked::ParkedInput;
use super::recall::{Recall, Recalled};
use super::spill::KeepSwitch;
use super::walk::ReadError;
use crate::model::event::ListTotals;
use crate::model::input::Input;

/// A message from the reader.
pub(super) enum Message {
    Batch(VecDeque<Box<Input>>),
    Hint(String),
    Failed(ReadError),
    End(ListTotals),
}

/// The receiving end of the reader: parsed inputs, in order.
pub struct Intake {
    receiver: mpsc::Receiver<Message>,
    batch: VecDeque<Box<Input>>,
    state: IntakeState,
    may_pause: bool,
    keep_switch: Arc<KeepSwitch>,
    /// The error of keeping lines was taken.
    error_taken: bool,
    /// What sources look like that are no lists.
    hints: Vec<String>,
    recall: Recall,
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
    /// Creates the receiving end of a reader that sends to `receiver` and keeps lines as
    /// `keep_switch` says. `may_pause` says whether some source may have nothing to read for a while.
    pub(super) fn new(
        receiver: mpsc::Receiver<Message>,
        may_pause: bool,
        keep_switch: Arc<KeepSwitch>,
        recall: Recall,
    ) -> Self {
        Self {
            receiver,
            batch: VecDeque::new(),
            state: IntakeState::Reading,
            may_pause,
            keep_switch,
            error_taken: false,
            hints: Vec::new(),
            recall,
        }
    }

    /// Whether some source may have nothing to read for a while: it is neither a regular file nor in memory.
    #[must_use]
    pub fn may_pause(&self) -> bool {
        self.may_pause
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
                Some(Message::Hint(hint)) => self.hints.push(hint),
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
                Message::Hint(hint) => self.hints.push(hint),
                Message::End(list) => self.state = IntakeState::Ended(Totals::Complete(list)),
                Message::Failed(error) => broken = Some(error),
            }
        }
        if let IntakeState::Reading = self.state {
            self.state = IntakeState::Ended(Totals::Cut);
        }
        (read, broken)
    }

    /// Says whether lines of sources that can be read only once are kept in a temporary file from
    /// now on. Only inputs that are read then can be parked. What the reader has read ahead is not
    /// affected.
    pub fn keep_lines(&self, keep: bool) {
        self.keep_switch.set(keep);
    }

    /// Takes the reason why lines cannot be kept in a temporary file, the first time that happens.
    pub fn take_spill_error(&mut self) -> Option<String> {
        if self.error_taken {
            return None;
        }
        let error = self.keep_switch.error()?;
        self.error_taken = true;
        Some(error.to_owned())
    }

    /// Takes what was found out about sources that look like something else than a list, once for each source.
    pub fn take_hints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.hints)
    }

    /// Asks for parked inputs again; `tag` comes back with them. They come even after
    /// [`stop`](Self::stop).
    pub fn recall(&mut self, tag: usize, parked: Vec<ParkedInput>) {
        self.recall.ask(tag, parked);
    }

    /// Polls for inputs that were asked for again. Where none was asked for, it is pending, and
    /// the task is woken when one is.
    pub fn poll_recalled(&mut self, cx: &mut Context<'_>) -> Poll<Recalled> {
        self.recall.poll(cx)
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
#[expect(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use std::io::Write as _;

    use super::super::lines::Line;
    use super::super::parse::{Defaults, LineParser};
    use super::super::place::place;
    use super::super::recall::ThreadUse;
    use super::*;
    use crate::model::input::LineFile;

    /// Creates the intake of a list in a file, without threads. Its inputs can be parked.
    /// `is_temporary` says that it came from a pipe.
    pub(crate) fn inputs_in_file(
        lines: impl IntoIterator<Item = String>,
        is_temporary: bool,
    ) -> Intake {
        let mut file = tempfile::tempfile().unwrap();
        let (mut text, mut lengths) = (String::new(), Vec::new());
        let mut intake = inputs(lines.into_iter().inspect(|line| {
            lengths.push(line.len());
            text.push_str(line);
        }));
        file.write_all(text.as_bytes()).unwrap();
        let file = Arc::new(LineFile {
            source: Arc::from("list"),
            columns: None,
            file: Arc::new(file),
            is_temporary,
        });
        let mut start = 0;
        let mut lines = lengths.into_iter().map(|length| {
            let line = start..start + length;
            start = line.end;
            place(&file, line.start as u64, &text.as_bytes()[line])
        });
        for input in &mut intake.batch {
            assert_eq!(input.line, input.index + 1, "a line is no input");
            input.place = lines.next().flatten();
        }
        intake
    }

    /// Creates the intake of a list in memory, without a thread. Its inputs cannot be parked.
    pub(crate) fn inputs(lines: impl IntoIterator<Item = String>) -> Intake {
        let defaults = Defaults::for_tests();
        let mut parser = LineParser::new(&defaults);
        let source = Arc::from("list");
        let batch = (0..).zip(lines).filter_map(|(index, line)| {
            let line = Line::Whole(line.as_bytes());
            let mut input = parser.parse(&line, &source, None, index + 1, index)?;
            input.position = index;
            Some(input)
        });
        let batch: VecDeque<_> = batch.collect();
        let inputs = batch.len() as u64;
        Intake {
            receiver: mpsc::channel(1).1,
            keep_switch: Arc::default(),
            error_taken: false,
            hints: Vec::new(),
            recall: Recall::new(defaults.clone(), ThreadUse::Never),
            batch,
            state: IntakeState::Ended(Totals::Complete(ListTotals {
                inputs,
                in_shard: inputs,
                fingerprint: 0,
                shard_fingerprint: 0,
                sha256: None,
            })),
            may_pause: false,
        }
    }
}
