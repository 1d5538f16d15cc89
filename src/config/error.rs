//! Errors of the options: the messages name the option, say why, and what to write instead.

use std::io;

use crate::input::SourceError;
use crate::model::error::plain;
use crate::model::request::RequestError;
use crate::report::TemplateError;
use crate::save::NameTemplateError;

/// Options that are wrong or do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// No source is named, and standard input is a terminal.
    #[error(
        "no SOURCE: standard input is a terminal; name a file or a URL, or pipe a list into fetch"
    )]
    NoSource,
    /// A source cannot be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// `--header` is wrong. The message does not contain the value, which may be a secret.
    #[error("--header: {0}")]
    Header(String),
    /// `--method` is wrong.
    #[error("--method: {0}")]
    Method(RequestError),
    /// `--user-agent` contains a control character.
    #[error("--user-agent: the value contains a control character; remove it")]
    UserAgent,
    /// `--user` has no colon.
    #[error("--user: the value has no colon; write NAME:PASSWORD")]
    User,
    /// The file of an option with `@FILE` cannot be read.
    #[error("{option}: {file}: {}", plain(.error))]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        file: String,
        /// Why it cannot be read.
        error: io::Error,
    },
    /// An option with `@FILE` has no name after the `@`.
    #[error("{0}: the file name after @ is missing")]
    FileName(&'static str),
    /// The body is read from standard input, and so is the list.
    #[error(
        "--data: {0}: the list is read from standard input already; put one of the two into a file"
    )]
    StdinTwice(String),
    /// The template would be read from standard input.
    #[error("--write-out: @-: standard input is the list; put the template into a file")]
    TemplateFromStdin,
    /// The name of an output file is `-`.
    #[error("{0}: -: is not standard output here; {1}")]
    NotAStream(&'static str, &'static str),
    /// `--output-dir` names something that is no directory.
    #[error("--output-dir: {0}: is not a directory; {1}")]
    NotADirectory(String, &'static str),
    /// `--continue` without a directory: other tools keep cookies or count connections with `-c`.
    #[error(
        "--continue: needs --output-dir, where it continues incomplete files; for cookies, write -H 'Cookie: NAME=VALUE'; for -c N of ab or httpx, write -j N"
    )]
    NothingToContinue,
    /// A Host header that every request has cannot be sent over HTTP/2.
    #[error(
        "--header: a custom Host header cannot be sent over HTTP/2; leave out --http2-prior-knowledge"
    )]
    HostOverHttp2,
    /// The template of `--write-out` is wrong.
    #[error("--write-out")]
    Template(#[from] TemplateError),
    /// An output file would overwrite a file that the run uses already.
    #[error("{0}: {1}: this run uses the same file for something else; name another file")]
    NamedTwice(&'static str, String),
    /// The template of `--name` is wrong.
    #[error("--name")]
    Name(#[from] NameTemplateError),
    /// `--continue` with `--body`: the record would contain only the part that was missing.
    #[error(
        "--continue: cannot be used with --body or %{{body}}: a record must hold a whole body; leave one out"
    )]
    ContinuedBody,
    /// An option has no effect without another one.
    #[error("{0}: needs {1}; add it, or leave {0} out")]
    Needs(&'static str, &'static str),
    /// An option of connections is wrong.
    #[error(transparent)]
    Connection(#[from] ConnectionOptionError),
    /// `--fsync` without a file to sync.
    #[error("--fsync: there is nothing to sync; add --output-dir or --journal")]
    NothingToSync,
    /// A value is added to the record, but no output in use shows it.
    #[error(
        "{0} has no effect with this format; use --format jsonl or --write-out, or add --journal"
    )]
    NotShown(&'static str),
}

/// Options of connections that are wrong or do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionOptionError {
    /// A file of certificates or keys cannot be used.
    #[error("{option}: {path}: {reason}")]
    Pem {
        /// The option.
        option: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A proxy cannot be used. The message does not contain the value, which may hold a password.
    #[error(
        "{0}: not a proxy; write http://, https://, socks4://, socks5:// or socks5h://HOST:PORT"
    )]
    Proxy(&'static str),
    /// `--block-private` with a proxy, which resolves names and connects by itself.
    #[error("--block-private: cannot be used with a proxy, which makes the connection itself; {0}")]
    BlockPrivateWithProxy(&'static str),
    /// An entry of `--noproxy` can fit no host.
    #[error(
        "--noproxy: '{0}': not a host or a network; write for example example.com, 192.0.2.1 or 10.0.0.0/8"
    )]
    NoProxy(String),
    /// `--unix-socket` with `--proxy`: both say where every connection goes.
    #[error("--unix-socket: cannot be used with --proxy; leave one out")]
    SocketWithProxy,
    /// `--block-private` with a socket, which has no address.
    #[error(
        "--block-private: cannot be used with --unix-socket, which has no address to check; leave one out"
    )]
    BlockPrivateWithSocket,
    /// `--cert` with an https proxy. One TLS configuration serves both, so the proxy would receive the certificate.
    #[error(
        "--cert: cannot be used with an https proxy ({0}), which would receive it too; use an http or socks proxy"
    )]
    CertWithProxy(&'static str),
}
