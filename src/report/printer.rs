//! The printer: the one thread that writes, behind a queue with a bound.
//!
//! It takes batches of whole lines, and writes everything that is ready at once.
//! What waits is counted: while that is over [`BOUND`] the engine takes no new
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
use super::progress::{Bar, InputCount, PACE};
use super::summary::Counts;

/// Bytes that may wait before the intake stops.
const BOUND: usize = 1024 * 1024;

/// How long the printer rests after it has written: being woken for every turn of
/// the engine took a twentieth of the processor's time.
const REST: Duration = Duration::from_millis(1);

/// Where lines and notes go.
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
    pub(super) notes: Vec<u8>,
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
        self.lines.len() + self.notes.len() + self.journal.len()
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
    below: AtomicWaker,
}

/// The engine's end of the queue. When it is dropped, the printer writes what is left and ends.
pub(super) struct Queue {
    sender: mpsc::Sender<Batch>,
    waiting: Arc<Backlog>,
    /// Dropped after the sender, whose end it tells of.
    _wake: Wake,
}

/// Ends the rest of the printer when it is dropped.
struct Wake(Thread);

impl Drop for Wake {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

impl Queue {
    pub(super) fn push(&self, batch: Batch) {
        self.waiting.bytes.fetch_add(batch.len(), Ordering::Relaxed);
        // A printer that is gone has said why to whoever holds its `Printed`.
        let _ = self.sender.send(batch);
    }

    /// One more record will come for the journal.
    pub(super) fn add_unrecorded(&self) {
        self.waiting.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn gate(&self, jobs: Option<usize>) -> Gate {
        Gate {
            waiting: self.waiting.clone(),
            jobs,
        }
    }
}

/// Closed while more waits for the printer than it should.
#[derive(Clone)]
pub struct Gate {
    waiting: Arc<Backlog>,
    /// What is done, and may have to be done again, at most: what is on the wire, and
    /// what is not in the journal yet.
    jobs: Option<usize>,
}

impl Gate {
    /// Ready while the gate is open, with so many jobs on the wire.
    pub fn poll_open(&self, cx: &mut Context<'_>, in_flight: usize) -> Poll<()> {
        let is_open = || {
            let unrecorded = self.waiting.unrecorded.load(Ordering::Relaxed);
            self.waiting.bytes.load(Ordering::Relaxed) <= BOUND
                && self.jobs.is_none_or(|jobs| in_flight + unrecorded < jobs)
        };
        if is_open() {
            return Poll::Ready(());
        }
        self.waiting.below.register(cx.waker());
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
    streams: Outputs,
    total: InputCount,
    pending_files: PendingFiles,
) -> io::Result<(Queue, Printed)> {
    let (sender, batches) = mpsc::channel();
    let (end, printed) = oneshot::channel();
    let waiting = Arc::<Backlog>::default();
    let mut thread = Printer {
        bar: streams.bar.then(Bar::new),
        streams,
        total,
        pending_files,
        batches,
        waiting: waiting.clone(),
        batch: Batch::default(),
        last: None,
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
        waiting,
        _wake: Wake(handle.thread().clone()),
    };
    Ok((queue, printed))
}

struct Printer {
    streams: Outputs,
    bar: Option<Bar>,
    total: InputCount,
    pending_files: PendingFiles,
    batches: mpsc::Receiver<Batch>,
    waiting: Arc<Backlog>,
    /// Taken from the queue and not written yet.
    batch: Batch,
    /// When lines were last written.
    last: Option<Instant>,
}

impl Printer {
    fn run(&mut self) -> Result<(), PrintError> {
        loop {
            let more = self.take();
            self.record()?;
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
                bar.show(self.batch.counts, Some(total).filter(|&total| total > 0));
            }
            // With a journal, the engine waits for what is recorded.
            if self.streams.journal.is_none() {
                thread::park_timeout(REST);
            }
        }
    }

    /// Waits for the next batch and takes all that are there; false when there will be none.
    fn take(&mut self) -> bool {
        let first = match &self.bar {
            Some(_) => match self.batches.recv_timeout(PACE) {
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
        while self.batch.len() < BOUND {
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
            self.batch.notes.extend_from_slice(&batch.notes);
            self.batch.journal.extend_from_slice(&batch.journal);
            self.batch.unrecorded += batch.unrecorded;
            self.batch.pending_files += batch.pending_files;
            self.batch.counts = batch.counts;
        }
    }

    /// Appends to the journal what is for it: at once, the engine waits for that.
    fn record(&mut self) -> Result<(), JournalError> {
        let Some(journal) = &mut self.streams.journal else {
            return Ok(());
        };
        journal.append(&self.batch.journal)?;
        self.pending_files
            .settle(std::mem::take(&mut self.batch.pending_files));
        let (bytes, records) = (self.batch.journal.len(), self.batch.unrecorded);
        self.batch.journal.clear();
        self.batch.unrecorded = 0;
        self.waiting.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.waiting
            .unrecorded
            .fetch_sub(records, Ordering::Relaxed);
        self.waiting.below.wake();
        Ok(())
    }

    /// At once, except beside a bar: drawing it anew for every line would make it flicker.
    fn is_due(&self) -> bool {
        let beside = self.bar.is_some() && (self.streams.shared || !self.batch.notes.is_empty());
        !beside || self.last.is_none_or(|last| last.elapsed() >= PACE)
    }

    fn write(&mut self) -> Result<(), PrintError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (lines, notes) = (&self.batch.lines, &self.batch.notes);
        let streams = || -> io::Result<()> {
            write_all(&self.streams.lines, lines)?;
            // Notes that nobody can read are no reason to stop.
            let _ = write_all(io::stderr(), notes);
            Ok(())
        };
        let aside = self.streams.shared || !notes.is_empty();
        let written = match &self.bar {
            Some(bar) if aside => bar.aside(streams),
            _ => streams(),
        };
        self.waiting
            .bytes
            .fetch_sub(self.batch.len(), Ordering::Relaxed);
        self.waiting.below.wake();
        if written.is_ok() {
            self.pending_files
                .settle(std::mem::take(&mut self.batch.pending_files));
        }
        self.batch.lines.clear();
        self.batch.notes.clear();
        self.last = Some(Instant::now());
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
