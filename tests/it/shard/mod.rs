//! `--shard`: which part of a list a run takes.

mod filter;
mod shares;
