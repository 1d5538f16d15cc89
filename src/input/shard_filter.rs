//! Selects the inputs of one shard.

use super::lines::Line;
use super::shard::{Shard, ShardKey, shard_number};
use crate::model::input::Input;

/// Selects the inputs of this run, and says what is computed of the whole list.
#[derive(Clone, Copy, Debug)]
pub struct ShardFilter {
    /// The shard of this run; `None` for all inputs.
    pub shard: Option<Shard>,
    /// What decides the shard of an input.
    pub by: ShardKey,
    /// Whether the SHA-256 of the list is computed.
    pub digest: bool,
}

impl ShardFilter {
    /// Whether the input belongs to this run.
    pub(super) fn accepts(&self, input: &Input, line: &Line<'_>) -> bool {
        self.shard
            .is_none_or(|shard| shard_of(input, line, self.by, shard.count) == shard.number)
    }
}

/// Returns the number of the shard, of `count`, for `input`, which was parsed from `line`.
pub(super) fn shard_of(input: &Input, line: &Line<'_>, by: ShardKey, count: u32) -> u32 {
    let url = input.request.as_ref().ok().map(|request| &*request.url);
    shard_number(url, line.bytes(), by, count)
}
