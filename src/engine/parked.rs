//! Counts the inputs that are parked: only their places are in memory.

use crate::input::ParkedInput;

/// The number of inputs that may be parked in a temporary file, and the size of their lines.
const MAX_SPILLED: usize = 1_000_000;
const MAX_SPILLED_BYTES: u64 = 1 << 30;

/// The number of inputs that are recalled at a time.
pub(super) const MAX_RECALL: usize = 64;

/// How many inputs are not in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parked {
    inputs: usize,
    /// Those in the temporary file, and the size of their lines.
    spilled: usize,
    spilled_bytes: u64,
    /// Those on their way back into memory.
    recalled: usize,
    /// The hosts that have some.
    hosts: usize,
}

impl Parked {
    /// Returns how many there are, those on their way back included.
    pub(super) fn len(self) -> usize {
        self.inputs + self.recalled
    }

    /// Whether there are none but those on their way back.
    pub(super) fn is_empty(self) -> bool {
        self.inputs == 0
    }

    /// Whether some are in the temporary file.
    pub(super) fn has_spilled(self) -> bool {
        self.spilled > 0
    }

    /// Whether the temporary file may hold no more.
    pub(super) fn is_full(self) -> bool {
        self.spilled >= MAX_SPILLED || self.spilled_bytes >= MAX_SPILLED_BYTES
    }

    /// Returns how many inputs of a host are recalled at a time: so few that all hosts have room for some among `room`.
    pub(super) fn recall_size(self, room: usize) -> usize {
        (room / self.hosts.max(1)).clamp(2, MAX_RECALL)
    }

    /// Counts an input that is parked. `is_first` if its host has no others.
    pub(super) fn add(&mut self, input: &ParkedInput, is_first: bool) {
        self.inputs += 1;
        self.hosts += usize::from(is_first);
        if input.is_spilled() {
            self.spilled += 1;
            self.spilled_bytes += u64::from(input.length());
        }
    }

    /// Counts inputs of a host that are recalled. `is_last` if it has no others.
    pub(super) fn recall(&mut self, inputs: &[ParkedInput], is_last: bool) {
        self.inputs -= inputs.len();
        self.recalled += inputs.len();
        self.hosts -= usize::from(is_last);
        for input in inputs.iter().filter(|input| input.is_spilled()) {
            self.spilled -= 1;
            self.spilled_bytes -= u64::from(input.length());
        }
    }

    /// Counts inputs that were recalled and have come.
    pub(super) fn arrive(&mut self, inputs: usize) {
        self.recalled -= inputs;
    }

    /// Counts no input but those on their way back.
    pub(super) fn clear(&mut self) {
        *self = Self {
            recalled: self.recalled,
            ..Self::default()
        };
    }
}
