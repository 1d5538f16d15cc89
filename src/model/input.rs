//! One input: a line of the list, and what is to be done about it.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::error::Failure;
use super::request::Request;

/// One line of the input: where it stood, how it is shown, and what it asks for.
#[derive(Debug)]
pub struct Input {
    /// 0-based number in the whole list, whichever shard of it this run has.
    pub index: u64,
    /// 0-based number among the inputs of this run.
    pub turn: u64,
    /// A file name, `-` or `args`.
    pub source: Arc<str>,
    /// 1-based line in its source.
    pub line: u64,
    /// The URL as asked, its userinfo masked.
    pub shown: String,
    /// The `id` of a JSON line.
    pub id: Option<Box<str>>,
    /// The `meta` of a JSON line, echoed as it is.
    pub meta: Option<Box<RawValue>>,
    /// The request, or why the line holds none.
    pub request: Result<Arc<Request>, Failure>,
    /// What is to be done about it.
    pub plan: Decision,
}

/// What is to be done about an input that holds a request.
#[derive(Debug, Default)]
pub enum Decision {
    /// The request is sent.
    #[default]
    Send,
    /// There is no need to.
    Skip {
        /// Why.
        why: Skip,
        /// The file that is there.
        file: Option<Arc<str>>,
    },
    /// There is no sense in it: this is why.
    Refuse(Failure),
}

/// Why a request need not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The journal says that it is done.
    Done,
    /// Its file is there.
    Exists,
}
