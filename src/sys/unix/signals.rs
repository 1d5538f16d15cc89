//! Signals of the process.

use std::io;
use std::task::{Context, Poll};

use futures::stream::{Stream, poll_fn, select};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::sys::StopRequest;

/// Returns every `SIGINT` and `SIGTERM` from now on as an item; neither ends the process any more. Must be called within
/// a tokio runtime.
///
/// # Errors
///
/// The handlers cannot be installed (`sigaction(2)`).
pub fn stop_requests() -> io::Result<impl Stream<Item = StopRequest>> {
    let interrupts = each(signal(SignalKind::interrupt())?, StopRequest::Interrupt);
    let terminations = each(signal(SignalKind::terminate())?, StopRequest::Terminate);
    Ok(select(interrupts, terminations))
}

/// Makes writing past the limit of file sizes (`ulimit -f`) an error of that write. By default, its signal (`SIGXFSZ`)
/// kills the process. Must be called within a tokio runtime.
///
/// # Errors
///
/// The handler cannot be installed (`sigaction(2)`).
pub fn survive_file_size_limit() -> io::Result<()> {
    let over_limit = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    signal(over_limit).map(drop)
}

fn each(mut signal: Signal, request: StopRequest) -> impl Stream<Item = StopRequest> {
    poll_fn(move |cx: &mut Context<'_>| -> Poll<Option<StopRequest>> {
        signal.poll_recv(cx).map(|signal| signal.map(|()| request))
    })
}
