//! Puts outcomes into the order of the input, for `--ordered`.

use std::collections::BTreeMap;

use crate::model::outcome::Outcome;

/// Holds outcomes back until all before them have been reported.
#[derive(Default)]
pub(super) struct InputOrder {
    next_position: u64,
    waiting: BTreeMap<u64, Box<Outcome>>,
    /// The size of the header fields and bodies that wait.
    bytes: usize,
}

impl InputOrder {
    /// Returns the position of the outcome that all others wait for.
    pub(super) fn next_position(&self) -> u64 {
        self.next_position
    }

    /// Returns the size of the header fields and bodies that wait, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds an outcome.
    pub(super) fn push(&mut self, outcome: Box<Outcome>) {
        self.bytes += held_bytes(&outcome);
        self.waiting.insert(outcome.input.position, outcome);
    }

    /// Removes the next outcome in order, if it has been added.
    pub(super) fn pop(&mut self) -> Option<Box<Outcome>> {
        let outcome = self.waiting.remove(&self.next_position)?;
        self.next_position += 1;
        self.bytes -= held_bytes(&outcome);
        Some(outcome)
    }
}

fn held_bytes(outcome: &Outcome) -> usize {
    let Some(answer) = outcome.answer() else {
        return 0;
    };
    let fields = answer.headers.iter().flat_map(|headers| headers.iter());
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len());
    fields.sum::<usize>() + answer.body.as_ref().map_or(0, |body| body.len())
}
