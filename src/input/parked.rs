//! Stub, replaced by the branch of the input side.
use crate::model::input::Input;

/// An input of which only the place of its line is kept in memory.
#[derive(Debug)]
pub struct ParkedInput(pub(super) Box<Input>);

impl ParkedInput {
    /// Parks `input`.
    ///
    /// # Errors
    ///
    /// It has no place.
    pub fn park(input: Box<Input>) -> Result<Self, Box<Input>> {
        match input.place {
            Some(_) => Ok(Self(input)),
            None => Err(input),
        }
    }
    /// Position.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.0.position
    }
    /// Spilled.
    #[must_use]
    pub fn is_spilled(&self) -> bool {
        self.0.place.is_some_and(|place| place.file > 0)
    }
    /// Length.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.0.place.map_or(0, |place| place.length)
    }
}
