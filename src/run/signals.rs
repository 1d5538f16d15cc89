//! What ends a run from outside: signals, and a reader that leaves.

use std::os::fd::AsFd as _;
use std::task::{Context, Poll};
use std::{future, io, thread};

use futures::stream::{Stream, poll_fn, select};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::FileType;
use rustix::io::retry_on_intr;
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::model::event::Stop;
use crate::report;

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
    let left = match report::kind(io::stdout()) {
        Some(FileType::Fifo) if used => pipe_broke().await,
        Some(FileType::Socket) if used => socket_closed().await,
        _ => None,
    };
    if left.is_none() {
        future::pending::<()>().await;
    }
}

/// Comes when nobody has the other end of the pipe that standard output is; with `None` where that cannot be known.
async fn pipe_broke() -> Option<()> {
    let stdout = io::stdout().as_fd().try_clone_to_owned().ok()?;
    // Unchecked: it would be made non-blocking, for everyone who shares this pipe. Nothing is written through it.
    let stdout = Sender::from_owned_fd_unchecked(stdout).ok()?;
    stdout.ready(Interest::ERROR).await.ok().map(drop)
}

/// Comes when the other end of the socket that standard output is has closed it for good. tokio
/// takes one that sends no more for one that is closed: so this is a thread, and a system call of its own.
async fn socket_closed() -> Option<()> {
    let (leave, left) = oneshot::channel();
    let watch = || {
        let stdout = io::stdout();
        // Nothing is asked for: an error is told anyway.
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        // Where one cannot wait, nobody leaves: writing will tell.
        if retry_on_intr(|| poll(&mut watched, None)).is_ok() {
            let _ = leave.send(());
        }
    };
    let watcher = thread::Builder::new().name("watcher".into());
    watcher.spawn(watch).ok()?;
    left.await.ok()
}
