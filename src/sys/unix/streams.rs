//! The standard streams, which other processes may share.

use std::fs::File;
use std::{future, io, thread};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::retry_on_intr;
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use tokio::sync::oneshot;

use super::closed_stdout::was_stdout_closed;
use super::files::AsOpenFile;
use crate::sys::StreamKind;

/// Tells what `stream` is connected to (`fstat(2)`).
#[must_use]
pub fn stream_kind(stream: impl AsOpenFile) -> StreamKind {
    match fstat(stream).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Fifo) => StreamKind::Pipe,
        Ok(FileType::Socket) => StreamKind::Socket,
        _ => StreamKind::Other,
    }
}

/// Returns standard output as a file of its own (`dup(2)`): writing to it goes through no buffer and takes no lock.
///
/// # Errors
///
/// Standard output was closed when the process began, or too many files are open.
pub fn duplicate_stdout() -> io::Result<File> {
    if was_stdout_closed() {
        return Err(io::Error::other(
            "it is closed; use > /dev/null if no output is wanted",
        ));
    }
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// Waits until `stream` can be read or has ended (`poll(2)`). Whoever shares a stream may make it non-blocking; then
/// reading fails with [`io::ErrorKind::WouldBlock`] where it would have waited.
///
/// # Errors
///
/// The system cannot wait for it.
pub fn wait_readable(stream: impl AsOpenFile) -> io::Result<()> {
    wait(stream, PollFlags::IN)
}

/// Waits until `stream` can be written to or is broken (`poll(2)`), as [`wait_readable`] does.
///
/// # Errors
///
/// The system cannot wait for it.
pub fn wait_writable(stream: impl AsOpenFile) -> io::Result<()> {
    wait(stream, PollFlags::OUT)
}

fn wait(stream: impl AsOpenFile, events: PollFlags) -> io::Result<()> {
    retry_on_intr(|| poll(&mut [PollFd::new(&stream, events)], None))?;
    Ok(())
}

/// Completes when nobody can read any more what is written to standard output, even if nothing is written meanwhile;
/// never if standard output is neither a pipe nor a socket, or the system does not tell. Must be
/// called within a tokio runtime.
pub async fn reader_closed() {
    let closed = match stream_kind(io::stdout()) {
        // tokio watches for errors by way of reading, which kqueue does not do on this end of a pipe.
        StreamKind::Pipe if cfg!(target_os = "linux") => pipe_broke().await,
        StreamKind::Pipe | StreamKind::Socket => hung_up().await,
        StreamKind::Other => None,
    };
    if closed.is_none() {
        future::pending::<()>().await;
    }
}

/// Completes when the pipe that is standard output has no reader; with `None` if that cannot be observed.
async fn pipe_broke() -> Option<()> {
    let stdout = io::stdout().as_fd().try_clone_to_owned().ok()?;
    // Unchecked, since the checked constructor makes the pipe non-blocking for everyone who shares it. Nothing is
    // written through this copy.
    let stdout = Sender::from_owned_fd_unchecked(stdout).ok()?;
    stdout.ready(Interest::ERROR).await.ok().map(drop)
}

/// Completes when the other end of standard output is closed in both directions. tokio takes a socket whose other end
/// sends no more for a closed one, hence a thread with a system call of its own.
async fn hung_up() -> Option<()> {
    let (closed, observed) = oneshot::channel();
    let watch = || {
        // `poll` reports errors and the end unasked; macOS watches only if it is asked for something.
        if wait(io::stdout(), PollFlags::HUP).is_ok() {
            let _ = closed.send(());
        }
        // If it cannot wait, nothing is lost: a write will tell.
    };
    let watcher = thread::Builder::new().name("watcher".into());
    watcher.spawn(watch).ok()?;
    observed.await.ok()
}

/// Returns the width of the terminal that standard error goes to (`TIOCGWINSZ`); `None` if there is none, or it does
/// not know.
#[must_use]
pub fn terminal_columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    Some(size.ws_col.into()).filter(|&columns| columns > 0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn pipes_and_sockets_are_told_from_files() {
        let (reader, writer) = io::pipe().unwrap();
        assert_eq!(stream_kind(&reader), StreamKind::Pipe);
        assert_eq!(stream_kind(&writer), StreamKind::Pipe);
        let (socket, _peer) = UnixStream::pair().unwrap();
        assert_eq!(stream_kind(&socket), StreamKind::Socket);
        let file = tempfile::tempfile().unwrap();
        assert_eq!(stream_kind(&file), StreamKind::Other);
    }

    #[test]
    fn waiting_ends_when_the_other_end_is_closed() {
        let (reader, writer) = io::pipe().unwrap();
        wait_writable(&writer).unwrap();
        drop(writer);
        wait_readable(&reader).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        wait_writable(&writer).unwrap();
        wait(&writer, PollFlags::HUP).unwrap();
    }
}
