//! Outcomes in the order of the input.

use std::collections::BTreeMap;

use crate::outcome::Outcome;

/// Holds outcomes back until those before them are there.
#[derive(Default)]
pub(super) struct Order {
    next: u64,
    early: BTreeMap<u64, Box<Outcome>>,
}

impl Order {
    /// The index of the outcome that all others wait for.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Takes one outcome.
    pub(super) fn push(&mut self, outcome: Box<Outcome>) {
        self.early.insert(outcome.input.index, outcome);
    }

    /// The next outcome in order, if it is there.
    pub(super) fn pop(&mut self) -> Option<Box<Outcome>> {
        let outcome = self.early.remove(&self.next)?;
        self.next += 1;
        Some(outcome)
    }
}
