//! Selects the inputs of one shard.

use super::lines::Line;
use super::shard::{By, Shard, shard_number};
use crate::model::input::Input;

/// Which inputs are this run's, and what is to be known of the whole list.
#[derive(Clone, Copy, Debug)]
pub struct ShardFilter {
    /// Only this shard; without it, all.
    pub shard: Option<Shard>,
    /// What keeps inputs together.
    pub by: By,
    /// The list's SHA-256 is wanted.
    pub digest: bool,
}

impl ShardFilter {
    /// Whether an input is this run's.
    pub(super) fn accepts(&self, input: &Input, line: &Line<'_>) -> bool {
        self.shard
            .is_none_or(|shard| shard_of(input, line, self.by, shard.count) == shard.number)
    }
}

/// The number of the shard, of `count`, of `input`, which stood on `line`.
pub(super) fn shard_of(input: &Input, line: &Line<'_>, by: By, count: u32) -> u32 {
    let url = input.request.as_ref().ok().map(|request| &*request.url);
    shard_number(url, line.bytes(), by, count)
}
