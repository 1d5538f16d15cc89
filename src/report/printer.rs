//! The printer: the one thread that writes, behind a queue with a bound.
//!
//! It takes batches of whole lines, and writes everything that is ready at once.
//! What waits is counted: while that is over [`MAX_BACKLOG`] the engine takes no new
//! input, so a reader that pauses stops the intake and nothing else.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::task::{Context, Poll};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::retry_on_intr;
use tokio::sync::oneshot;

use super::escape::escape;
use super::journal::{Journal, JournalError};
use super::pending_files::PendingFiles;
use super::progress::{Bar, InputCount, REDRAW_INTERVAL};
use super::summary::Counts;

/// Bytes that may wait before the intake stops.
const MAX_BACKLOG: usize = 1024 * 1024;

/// How long the printer rests after it has written: being woken for every turn of
/// the engine took a twentieth of the processor's time.
const WRITE_PAUSE: Duration = Duration::from_millis(1);

/// Where lines and messages go.
pub struct Outputs {
    /// Standard output, or the file of `--results`.
    pub lines: File,
    /// Whether a bar is drawn on standard error.
    pub bar: bool,
    /// Whether lines and bar share a terminal.
    pub shared: bool,
    /// Where records go before they go anywhere else.
    pub journal: Option<Journal>,
}

/// Whole lines, and how far the run is.
#[derive(Default)]
pub(super) struct Batch {
    /// For standard output.
    pub(super) lines: Vec<u8>,
    /// For standard error.
    pub(super) messages: Vec<u8>,
    /// For the journal.
    pub(super) journal: Vec<u8>,
    /// Lines of that.
    pub(super) unrecorded: usize,
    /// How many of the files that it tells of wait for their records.
    pub(super) pending_files: usize,
    pub(super) counts: Counts,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.lines.len() + self.messages.len() + self.journal.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.pending_files == 0
    }
}

/// What is waiting, seen from both ends of the queue.
#[derive(Default)]
struct Backlog {
    bytes: AtomicUsize,
    /// Records that are not in the journal yet.
    unrecorded: AtomicUsize,
    gate_waker: AtomicWaker,
}

/// The engine's end of the queue. When it is dropped, the printer writes what is left and ends.
pub(super) struct Queue {
    sender: mpsc::Sender<Batch>,
    backlog: Arc<Backlog>,
    /// Dropped after the sender, whose end it tells of.
    _waker: WakeOnDrop,
}

/// Ends the rest of the printer when it is dropped.
struct WakeOnDrop(Thread);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

impl Queue {
    pub(super) fn push(&self, batch: Batch) {
        self.backlog.bytes.fetch_add(batch.len(), Ordering::Relaxed);
        // A printer that is gone has said why to whoever holds its `Printed`.
        let _ = self.sender.send(batch);
    }

    /// One more record will come for the journal.
    pub(super) fn add_unrecorded(&self) {
        self.backlog.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn gate(&self, jobs: Option<usize>) -> Gate {
        Gate {
            backlog: self.backlog.clone(),
            jobs,
        }
    }
}

/// Closed while more waits for the printer than it should.
#[derive(Clone)]
pub struct Gate {
    backlog: Arc<Backlog>,
    /// What is done, and may have to be done again, at most: what is on the wire, and
    /// what is not in the journal yet.
    jobs: Option<usize>,
}

impl Gate {
    /// Ready while the gate is open, with so many jobs on the wire.
    pub fn poll_open(&self, cx: &mut Context<'_>, in_flight: usize) -> Poll<()> {
        let is_open = || {
            let unrecorded = self.backlog.unrecorded.load(Ordering::Relaxed);
            self.backlog.bytes.load(Ordering::Relaxed) <= MAX_BACKLOG
                && self.jobs.is_none_or(|jobs| in_flight + unrecorded < jobs)
        };
        if is_open() {
            return Poll::Ready(());
        }
        self.backlog.gate_waker.register(cx.waker());
        // The printer may have come below the bound before it could know whom to wake.
        if is_open() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Why records cannot be written any more.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// Standard output, or the file in its place.
    #[error(transparent)]
    Lines(#[from] io::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Comes when the printer ends: with what went wrong, if anything did.
pub type Printed = oneshot::Receiver<Result<(), PrintError>>;

/// What a printer that ended said.
///
/// # Errors
///
/// What could not be written, or that the printer itself failed.
pub fn printed(
    result: Result<Result<(), PrintError>, oneshot::error::RecvError>,
) -> Result<(), PrintError> {
    result.unwrap_or_else(|_| Err(io::Error::other("the printer is gone").into()))
}

/// Starts the printer.
///
/// # Errors
///
/// No thread can be had.
pub(super) fn start(
    outputs: Outputs,
    total: InputCount,
    pending_files: PendingFiles,
) -> io::Result<(Queue, Printed)> {
    let (sender, batches) = mpsc::channel();
    let (end, printed) = oneshot::channel();
    let backlog = Arc::<Backlog>::default();
    let mut thread = Printer {
        bar: outputs.bar.then(Bar::new),
        outputs,
        total,
        pending_files,
        batches,
        backlog: backlog.clone(),
        batch: Batch::default(),
        last_write: None,
    };
    let handle = thread::Builder::new()
        .name("printer".into())
        .spawn(move || {
            let result = thread.run();
            if let Some(bar) = thread.bar.take() {
                bar.clear();
            }
            let _ = end.send(result);
        })?;
    let queue = Queue {
        sender,
        backlog,
        _waker: WakeOnDrop(handle.thread().clone()),
    };
    Ok((queue, printed))
}

struct Printer {
    outputs: Outputs,
    bar: Option<Bar>,
    total: InputCount,
    pending_files: PendingFiles,
    batches: mpsc::Receiver<Batch>,
    backlog: Arc<Backlog>,
    /// Taken from the queue and not written yet.
    batch: Batch,
    /// When lines were last written.
    last_write: Option<Instant>,
}

impl Printer {
    fn run(&mut self) -> Result<(), PrintError> {
        loop {
            let more = self.receive();
            self.append_to_journal()?;
            if !more && let Some(bar) = self.bar.take() {
                bar.clear();
            }
            if self.is_due() || !more {
                self.write()?;
            }
            if !more {
                return Ok(());
            }
            if let Some(bar) = &mut self.bar {
                let total = self.total.load(Ordering::Relaxed);
                bar.update(self.batch.counts, Some(total).filter(|&total| total > 0));
            }
            // With a journal, the engine waits for what is recorded.
            if self.outputs.journal.is_none() {
                thread::park_timeout(WRITE_PAUSE);
            }
        }
    }

    /// Waits for the next batch and takes all that are there; false when there will be none.
    fn receive(&mut self) -> bool {
        let first = match &self.bar {
            Some(_) => match self.batches.recv_timeout(REDRAW_INTERVAL) {
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => None,
                Ok(batch) => Some(batch),
            },
            None => self.batches.recv().ok(),
        };
        let Some(first) = first else {
            return false;
        };
        self.append(first);
        while self.batch.len() < MAX_BACKLOG {
            match self.batches.try_recv() {
                Ok(batch) => self.append(batch),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn append(&mut self, batch: Batch) {
        if self.batch.is_empty() {
            self.batch = batch;
        } else {
            self.batch.lines.extend_from_slice(&batch.lines);
            self.batch.messages.extend_from_slice(&batch.messages);
            self.batch.journal.extend_from_slice(&batch.journal);
            self.batch.unrecorded += batch.unrecorded;
            self.batch.pending_files += batch.pending_files;
            self.batch.counts = batch.counts;
        }
    }

    /// Appends to the journal what is for it: at once, the engine waits for that.
    fn append_to_journal(&mut self) -> Result<(), JournalError> {
        let Some(journal) = &mut self.outputs.journal else {
            return Ok(());
        };
        journal.append(&self.batch.journal)?;
        self.pending_files
            .mark_recorded(std::mem::take(&mut self.batch.pending_files));
        let (bytes, records) = (self.batch.journal.len(), self.batch.unrecorded);
        self.batch.journal.clear();
        self.batch.unrecorded = 0;
        self.backlog.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.backlog
            .unrecorded
            .fetch_sub(records, Ordering::Relaxed);
        self.backlog.gate_waker.wake();
        Ok(())
    }

    /// At once, except beside a bar: drawing it anew for every line would make it flicker.
    fn is_due(&self) -> bool {
        let beside_bar =
            self.bar.is_some() && (self.outputs.shared || !self.batch.messages.is_empty());
        !beside_bar
            || self
                .last_write
                .is_none_or(|last| last.elapsed() >= REDRAW_INTERVAL)
    }

    fn write(&mut self) -> Result<(), PrintError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (lines, messages) = (&self.batch.lines, &self.batch.messages);
        let write = || -> io::Result<()> {
            write_all(&self.outputs.lines, lines)?;
            // Notes that nobody can read are no reason to stop.
            let _ = write_all(io::stderr(), messages);
            Ok(())
        };
        let beside_bar = self.outputs.shared || !messages.is_empty();
        let written = match &self.bar {
            Some(bar) if beside_bar => bar.hide_during(write),
            _ => write(),
        };
        self.backlog
            .bytes
            .fetch_sub(self.batch.len(), Ordering::Relaxed);
        self.backlog.gate_waker.wake();
        if written.is_ok() {
            self.pending_files
                .mark_recorded(std::mem::take(&mut self.batch.pending_files));
        }
        self.batch.lines.clear();
        self.batch.messages.clear();
        self.last_write = Some(Instant::now());
        Ok(written?)
    }
}

/// Says one line on standard error, when no printer runs.
pub fn say(message: &str) {
    let _ = writeln!(io::stderr(), "fetch: {}", escape(message));
}

/// What `stream` is, if the system says so.
pub fn kind(stream: impl AsFd) -> Option<FileType> {
    let stat = fstat(stream).ok()?;
    Some(FileType::from_raw_mode(stat.st_mode))
}

/// Writes all of `bytes`, also where someone who shares the stream has made it non-blocking.
fn write_all(mut file: impl Write + AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                retry_on_intr(|| poll(&mut [PollFd::new(&file, PollFlags::OUT)], None))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
