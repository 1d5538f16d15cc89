//! What ends a run from outside: signals, and a reader that leaves.

use std::task::{Context, Poll};
use std::{future, io, thread};

use futures::stream::{Stream, poll_fn, select};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::event::Stop;
use crate::report::is_pipe;

/// SIGINT and SIGTERM, each time they come.
///
/// # Errors
///
/// The system lets nobody handle them.
pub(crate) fn stops() -> io::Result<impl Stream<Item = Stop>> {
    let interrupts = of(signal(SignalKind::interrupt())?, Stop::Interrupted);
    let terminations = of(signal(SignalKind::terminate())?, Stop::Terminated);
    Ok(select(interrupts, terminations))
}

/// From now on, a file that grows over the limit of the system (`ulimit -f`) is an
/// error where it is written; otherwise it would be the end of the process.
///
/// # Errors
///
/// The system lets nobody handle that signal.
pub(crate) fn survive_large_files() -> io::Result<()> {
    let over_limit = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    signal(over_limit).map(drop)
}

fn of(mut signal: Signal, stop: Stop) -> impl Stream<Item = Stop> {
    poll_fn(move |cx: &mut Context<'_>| -> Poll<Option<Stop>> {
        signal.poll_recv(cx).map(|signal| signal.map(|()| stop))
    })
}

/// Comes when the reader of standard output has left, also while nothing is
/// written; never where standard output has no reader, or is not `used`.
pub(crate) async fn reader_left(used: bool) {
    let (leave, left) = oneshot::channel();
    let watch = || {
        wait_for_reader_to_leave();
        let _ = leave.send(());
    };
    let watched = used && is_pipe(io::stdout());
    let watched = watched
        && thread::Builder::new()
            .name("watcher".into())
            .spawn(watch)
            .is_ok();
    if !watched || left.await.is_err() {
        future::pending::<()>().await;
    }
}

/// A system call of its own: what tokio watches would have to be non-blocking,
/// for everyone who shares this pipe.
fn wait_for_reader_to_leave() {
    let stdout = io::stdout();
    // Nothing is asked for: an error is told anyway.
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    // Where one cannot wait, nobody leaves: writing will tell.
    if retry_on_intr(|| poll(&mut watched, None)).is_err() {
        thread::park();
    }
}
