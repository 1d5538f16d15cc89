//! What can be wrong with the options.

use std::io;

use crate::input::SourceError;
use crate::model::error::plain;
use crate::model::request::RequestError;
use crate::report::TemplateError;
use crate::save::NameTemplateError;

/// Options that do not fit together or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// Nothing to read.
    #[error("no SOURCE: name a file, a URL, or - for standard input (see --help)")]
    NoSource,
    /// A source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// `-H`, without what was given: it may be a secret.
    #[error("--header: {0}")]
    Header(String),
    /// `-X`
    #[error("--method: {0}")]
    Method(RequestError),
    /// `-A`
    #[error("--user-agent: it holds a control character")]
    UserAgent,
    /// `-u`
    #[error("--user: write NAME:PASSWORD")]
    User,
    /// `@FILE`
    #[error("{option}: {file}: {}", plain(.error))]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        file: String,
        /// Why it cannot be read.
        error: io::Error,
    },
    /// `-w`
    #[error("--write-out")]
    Template(#[from] TemplateError),
    /// A file that would be lost.
    #[error("{0}: {1}: is named twice, and would be overwritten")]
    NamedTwice(&'static str, String),
    /// `--name`
    #[error("--name")]
    Name(#[from] NameTemplateError),
    /// `--body` of a body that was continued would be its end only.
    #[error("--continue does not go with bodies in the record (--body, %{{body}})")]
    ContinuedBody,
    /// How connections are made.
    #[error(transparent)]
    ConnectOptions(#[from] ConnectionOptionError),
    /// `--fsync` with nothing that is written.
    #[error("--fsync goes with --output-dir or --journal")]
    NothingToSync,
    /// An option whose result no format in use shows.
    #[error("{0} shows in --format jsonl, --journal and --write-out only")]
    NotShown(&'static str),
}

/// Options of connections that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionOptionError {
    /// A file of certificates or keys.
    #[error("{option}: {path}: {reason}")]
    Pem {
        /// The option.
        option: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A proxy, without what was given: it may hold a secret.
    #[error(
        "{0}: not a proxy; write http://, https://, socks4://, socks5:// or socks5h://HOST:PORT"
    )]
    Proxy(&'static str),
    /// Addresses that somebody else resolves cannot be checked.
    #[error("--block-private does not go with {0}: what is connected to is not decided here")]
    Unchecked(&'static str),
    /// One TLS configuration serves origins and proxies.
    #[error("--cert does not go with a https proxy ({0}), which would be shown it as well")]
    ShownToProxy(&'static str),
}
