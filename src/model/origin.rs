//! The identity of an origin.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use url::{Position, Url};

/// Identifies the origin (scheme, host and port) of a URL, as a hash: the tables of connections hold
/// one for each origin, and comparing two takes one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginId(u64);

impl OriginId {
    /// Returns the identity of the origin of `url`. Userinfo in the URL counts as
    /// part of it; requests carry none.
    #[must_use]
    pub fn of(url: &Url) -> Self {
        let mut hasher = DefaultHasher::new();
        url[..Position::BeforePath].hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Returns the bucket of this origin among `count` of them; `count` must not be 0.
    #[must_use]
    pub fn bucket(self, count: usize) -> usize {
        usize::try_from(self.0 % count as u64).unwrap_or_default()
    }
}

#[cfg(test)]
impl From<u64> for OriginId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}
