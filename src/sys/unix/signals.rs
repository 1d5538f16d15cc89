//! Signals of the process.

use std::io;
use std::task::{Context, Poll};

use futures::stream::{Stream, poll_fn, select};
use tokio::runtime::Builder;
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

/// Keeps `SIGUSR1` and `SIGINFO` from ending the process from now on, before [`status_requests`] hears them.
///
/// # Errors
///
/// The handlers cannot be installed (`sigaction(2)`).
pub fn survive_status_requests() -> io::Result<()> {
    // The handlers stay when the runtime is gone.
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let _context = runtime.enter();
    status_requests().map(drop)
}

/// Returns every `SIGUSR1` from now on as an item, and every `SIGINFO` (Ctrl-T) where there is one; neither ends the
/// process any more. Must be called within a tokio runtime.
///
/// # Errors
///
/// The handlers cannot be installed (`sigaction(2)`).
pub fn status_requests() -> io::Result<impl Stream<Item = ()>> {
    let mut asked = signal(SignalKind::user_defined1())?;
    let mut info = info()?;
    Ok(poll_fn(move |cx: &mut Context<'_>| {
        let by_info = info
            .as_mut()
            .is_some_and(|info| info.poll_recv(cx).is_ready());
        if by_info || asked.poll_recv(cx).is_ready() {
            Poll::Ready(Some(()))
        } else {
            Poll::Pending
        }
    }))
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
))]
fn info() -> io::Result<Option<Signal>> {
    signal(SignalKind::info()).map(Some)
}

/// Linux has no such signal.
#[cfg(not(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn info() -> io::Result<Option<Signal>> {
    Ok(None)
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
