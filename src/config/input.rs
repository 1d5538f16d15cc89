//! Options of the input: the sources, and which of their lines belong to this run.

use std::io::{self, IsTerminal as _};

use super::error::UsageError;
use crate::cli::{InputArgs, InputFormatName, SchemeName, ShardBy};
use crate::input::{ListFormat, Scheme, ShardFilter, ShardKey};

/// Returns the names of the sources: standard input if there is none.
pub(super) fn names(args: &InputArgs) -> Result<Vec<String>, UsageError> {
    match args.sources.as_slice() {
        [] if io::stdin().is_terminal() => Err(UsageError::NoSource),
        [] => Ok(vec!["-".to_owned()]),
        names => Ok(names.to_vec()),
    }
}

/// Returns what the sources hold.
pub(super) fn format(args: &InputArgs) -> ListFormat {
    match args.input {
        InputFormatName::Lines => ListFormat::Lines,
        InputFormatName::Csv => ListFormat::Csv,
        InputFormatName::Tsv => ListFormat::Tsv,
    }
}

/// Returns the scheme of lines that have none.
pub(super) fn scheme(args: &InputArgs) -> Scheme {
    match args.default_scheme {
        SchemeName::Https => Scheme::Https,
        SchemeName::Http => Scheme::Http,
    }
}

/// Returns the filter of the shard. `digest` asks for the digest of the list.
pub(super) fn filter(args: &InputArgs, digest: bool) -> ShardFilter {
    ShardFilter {
        shard: args.shard,
        by: match args.shard_by {
            None | Some(ShardBy::Host) => ShardKey::Host,
            Some(ShardBy::Url) => ShardKey::Url,
        },
        digest,
    }
}
