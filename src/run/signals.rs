//! What ends a run from outside: signals, and a reader that leaves.

use std::convert::Infallible;
use std::{future, io};

use futures::stream::{Stream, StreamExt as _};

use crate::model::event::Stop;
use crate::report::StatusLine;
use crate::sys::{StopRequest, reader_closed, stop_requests};

/// SIGINT and SIGTERM, whenever they arrive.
///
/// # Errors
///
/// The handlers cannot be installed.
pub(crate) fn stops() -> io::Result<impl Stream<Item = Stop>> {
    Ok(stop_requests()?.map(|request| match request {
        StopRequest::Interrupt => Stop::Interrupted,
        StopRequest::Terminate => Stop::Terminated,
    }))
}

/// Asks for a line about the progress whenever a signal does.
pub(super) async fn answer_status(
    requests: &mut (impl Stream<Item = ()> + Unpin),
    line: StatusLine,
) -> Infallible {
    while requests.next().await.is_some() {
        line.ask();
    }
    future::pending().await
}

/// Completes when the reader of standard output has left, also while nothing is
/// written; never where standard output has no reader, or is not `used`.
pub(crate) async fn reader_left(used: bool) {
    if used {
        reader_closed().await;
    } else {
        future::pending::<()>().await;
    }
}
