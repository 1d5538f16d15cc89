//! What is read, and which of it is this run's.

use std::io::{self, IsTerminal as _};

use super::error::UsageError;
use crate::cli::{InputArgs, SchemeName, ShardBy};
use crate::input::{By, Scheme, ShardFilter};

/// The sources by name; standard input where none is named.
pub(super) fn names(args: &InputArgs) -> Result<Vec<String>, UsageError> {
    match args.sources.as_slice() {
        [] if io::stdin().is_terminal() => Err(UsageError::NoSource),
        [] => Ok(vec!["-".to_owned()]),
        names => Ok(names.to_vec()),
    }
}

/// The scheme of lines without one.
pub(super) fn scheme(args: &InputArgs) -> Scheme {
    match args.default_scheme {
        SchemeName::Https => Scheme::Https,
        SchemeName::Http => Scheme::Http,
    }
}

/// Which of the inputs are this run's. With `digest`, the summary can be merged.
pub(super) fn filter(args: &InputArgs, digest: bool) -> ShardFilter {
    ShardFilter {
        shard: args.shard,
        by: match args.shard_by {
            ShardBy::Host => By::Host,
            ShardBy::Url => By::Url,
        },
        digest,
    }
}
