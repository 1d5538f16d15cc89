//! Inputs that wait for long, in little memory.

use crate::model::input::{Input, Place};
use crate::model::saved_file::SaveTarget;

/// An input of which only the place of its line is kept in memory. What depends on the order of the
/// list was decided when the line was first read, and is kept, too.
#[derive(Debug)]
pub struct ParkedInput {
    pub(super) index: u64,
    pub(super) position: u64,
    pub(super) line: u64,
    pub(super) place: Place,
    /// Boxed, because only runs with `--output-dir` have one.
    pub(super) save_target: Option<Box<SaveTarget>>,
}

impl ParkedInput {
    /// Parks `input`.
    ///
    /// # Errors
    ///
    /// Returns the input if its line cannot be read again, or if there is no request to be sent.
    pub fn park(mut input: Box<Input>) -> Result<Self, Box<Input>> {
        if !input.is_to_send() {
            return Err(input);
        }
        let Some(place) = input.place.take() else {
            return Err(input);
        };
        let target = input.request.as_ref().ok();
        let target = target.and_then(|request| request.save_target.clone());
        Ok(Self {
            index: input.index,
            position: input.position,
            line: input.line,
            place,
            save_target: target.map(Box::new),
        })
    }

    /// Returns the 0-based number of the input among the inputs of this run.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether its line is in a temporary file, because its source can be read only once. When the
    /// run stops, it was read; what is parked of a regular file counts as not read.
    #[must_use]
    pub fn is_spilled(&self) -> bool {
        self.place.file.is_temporary
    }

    /// Returns the length of its line in bytes.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.place.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of millions may be parked.
    #[test]
    fn a_parked_input_is_small() {
        assert!(size_of::<ParkedInput>() <= 56);
    }
}
