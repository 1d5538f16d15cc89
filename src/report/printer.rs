//! The printer: the one thread that writes to standard output, standard error and the journal.
//!
//! It takes batches of whole lines from a queue, and writes everything that is ready with one
//! call. While more than [`MAX_BACKLOG`] bytes wait, the engine takes no new input. So a
//! reader of standard output that pauses stops new requests, but not those in flight.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::task::{Context, Poll};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use tokio::sync::oneshot;

use super::escape::escape;
use super::journal::{Journal, JournalError};
use super::pending_files::PendingFiles;
use super::progress::{InputCount, Progress, ProgressStyle, REDRAW_INTERVAL};
use super::summary::Counts;
use crate::model::captured_body::UnwrittenBody;
use crate::model::live::LiveCounts;
use crate::sys::{AsOpenFile, wait_writable};

/// How many bytes may wait for the printer before no new input is taken.
pub(super) const MAX_BACKLOG: usize = 1024 * 1024;

/// How long the printer sleeps after each write. Without that it was woken for each turn of
/// the engine, which took a twentieth of the CPU time of a run.
const WRITE_PAUSE: Duration = Duration::from_millis(1);

/// Where the printer writes to.
pub struct Outputs {
    /// Receives the records: standard output, or the file of `--results`.
    pub lines: File,
    /// How the progress is shown on standard error.
    pub progress: ProgressStyle,
    /// What the progress shows beside the counts.
    pub live: LiveCounts,
    /// Whether the records go to the terminal that shows the bar.
    pub shared: bool,
    /// Receives each record before `lines` does.
    pub journal: Option<Journal>,
}

/// Whole lines to be written, and the counts at that point of the run.
#[derive(Default)]
pub(super) struct Batch {
    /// Records for [`Outputs::lines`].
    pub(super) lines: Vec<u8>,
    /// Messages for standard error.
    pub(super) messages: Vec<u8>,
    /// Records for the journal.
    pub(super) journal: Vec<u8>,
    /// The number of records in `journal`.
    pub(super) unrecorded: usize,
    /// The bodies that these records show.
    pub(super) bodies: Vec<UnwrittenBody>,
    /// The number of saved files that these records name.
    pub(super) pending_files: usize,
    /// The counts of the run so far.
    pub(super) counts: Counts,
    /// Whether it only asks for a line about the progress.
    asks_for_status: bool,
}

impl Batch {
    /// The number of bytes to be written.
    pub(super) fn len(&self) -> usize {
        self.lines.len() + self.messages.len() + self.journal.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.pending_files == 0
    }
}

/// What waits for the printer. Both ends of the queue share it.
#[derive(Default)]
struct Backlog {
    /// Bytes that are not written yet.
    bytes: AtomicUsize,
    /// Finished inputs whose records are not in the journal yet.
    unrecorded: AtomicUsize,
    /// Wakes the engine when the gate may have opened.
    gate_waker: AtomicWaker,
}

/// The sending end of the queue. When it is dropped, the printer writes what is left and ends.
pub(super) struct Queue {
    sender: mpsc::Sender<Batch>,
    backlog: Arc<Backlog>,
    /// Declared after the sender, so dropped after it: the printer, once woken, finds the
    /// queue closed.
    _waker: WakeOnDrop,
}

/// Wakes the printer from its sleep when dropped.
struct WakeOnDrop(Thread);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

impl Queue {
    /// Queues `batch`.
    pub(super) fn push(&self, batch: Batch) {
        self.backlog.bytes.fetch_add(batch.len(), Ordering::Relaxed);
        // If the printer has ended, the holder of its `PrinterHandle` knows why.
        let _ = self.sender.send(batch);
    }

    /// Counts a record that a later batch will bring for the journal.
    pub(super) fn add_unrecorded(&self) {
        self.backlog.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns what asks the printer for a line about the progress.
    pub(super) fn status_line(&self) -> StatusLine {
        StatusLine(self.sender.clone())
    }

    /// Returns a gate for new requests; `jobs` as in [`Gate`].
    pub(super) fn gate(&self, jobs: Option<usize>) -> Gate {
        Gate {
            backlog: self.backlog.clone(),
            jobs,
        }
    }
}

/// Asks for a line about the progress. The printer does not end before this is dropped.
pub struct StatusLine(mpsc::Sender<Batch>);

impl StatusLine {
    /// Asks for a line now.
    pub fn ask(&self) {
        // If the printer has ended, so has the run.
        let _ = self.0.send(Batch {
            asks_for_status: true,
            ..Batch::default()
        });
    }
}

/// Lets new requests start unless too much waits for the printer.
#[derive(Clone)]
pub struct Gate {
    backlog: Arc<Backlog>,
    /// With a journal: the largest sum of requests in flight and results that are not in the
    /// journal yet. These would have to be fetched again after a crash.
    jobs: Option<usize>,
}

impl Gate {
    /// Returns `Ready` if a request may start while `in_flight` others run.
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
        // The printer may have made room after the first check and before `register`.
        if is_open() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Records can no longer be written.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// Standard output, or the file of `--results`, failed.
    #[error(transparent)]
    Lines(#[from] io::Error),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Resolves when the printer has ended, with the error that ended it, if there was one.
pub type PrinterHandle = oneshot::Receiver<Result<(), PrintError>>;

/// Turns what [`PrinterHandle`] resolved to into one result.
///
/// # Errors
///
/// Something could not be written, or the printer panicked.
pub fn printer_result(
    result: Result<Result<(), PrintError>, oneshot::error::RecvError>,
) -> Result<(), PrintError> {
    result.unwrap_or_else(|_| {
        Err(io::Error::other("the thread that writes the output panicked").into())
    })
}

/// Starts the thread of the printer.
///
/// # Errors
///
/// The thread cannot be started.
pub(super) fn start(
    outputs: Outputs,
    total: InputCount,
    pending_files: PendingFiles,
) -> io::Result<(Queue, PrinterHandle)> {
    let (sender, batches) = mpsc::channel();
    let (end, printed) = oneshot::channel();
    let backlog = Arc::<Backlog>::default();
    let mut thread = Printer {
        progress: Progress::new(outputs.progress, total, outputs.live.clone()),
        is_asked: false,
        outputs,
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
            thread.progress.clear();
            let _ = end.send(result);
        })?;
    let queue = Queue {
        sender,
        backlog,
        _waker: WakeOnDrop(handle.thread().clone()),
    };
    Ok((queue, printed))
}

/// The state of the printer's thread.
struct Printer {
    outputs: Outputs,
    progress: Progress,
    /// Whether a line about the progress was asked for.
    is_asked: bool,
    pending_files: PendingFiles,
    batches: mpsc::Receiver<Batch>,
    backlog: Arc<Backlog>,
    /// Everything that was taken from the queue and is not written yet.
    batch: Batch,
    /// When something was last written to standard output or standard error.
    last_write: Option<Instant>,
}

impl Printer {
    fn run(&mut self) -> Result<(), PrintError> {
        loop {
            let more = self.receive();
            self.append_to_journal()?;
            if more {
                self.show_progress();
            } else {
                self.progress.clear();
            }
            if self.is_due() || !more {
                self.write()?;
            }
            if !more {
                return match &self.outputs.journal {
                    Some(journal) => Ok(journal.verify()?),
                    None => Ok(()),
                };
            }
            // With a journal no sleep: the engine waits until results are recorded.
            if self.outputs.journal.is_none() {
                thread::park_timeout(WRITE_PAUSE);
            }
        }
    }

    fn show_progress(&mut self) {
        let is_asked = mem::take(&mut self.is_asked);
        if let Some(line) = self.progress.update(self.batch.counts, is_asked) {
            let line = format!("fetch: {line}\n");
            self.backlog.bytes.fetch_add(line.len(), Ordering::Relaxed);
            self.batch.messages.extend_from_slice(line.as_bytes());
        }
    }

    /// Waits for a batch, then takes all that are ready. Returns false once the queue is closed
    /// and empty.
    fn receive(&mut self) -> bool {
        let first = match self.progress.patience() {
            Some(patience) => match self.batches.recv_timeout(patience) {
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
        if batch.asks_for_status {
            self.is_asked = true;
        } else if self.batch.is_empty() {
            self.batch = batch;
        } else {
            self.batch.lines.extend_from_slice(&batch.lines);
            self.batch.messages.extend_from_slice(&batch.messages);
            self.batch.journal.extend_from_slice(&batch.journal);
            self.batch.unrecorded += batch.unrecorded;
            self.batch.bodies.extend(batch.bodies);
            self.batch.pending_files += batch.pending_files;
            self.batch.counts = batch.counts;
        }
    }

    /// Appends records to the journal. This is never put off, since the engine waits for it.
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

    /// Whether to write now. Lines that the bar has to be hidden for are collected: redrawing it
    /// after each of them would make it flicker.
    fn is_due(&self) -> bool {
        let hides_bar = self.outputs.shared || !self.batch.messages.is_empty();
        let last = self.last_write;
        let is_recent = last.is_some_and(|last| last.elapsed() < REDRAW_INTERVAL);
        !(self.progress.bar().is_some() && hides_bar && is_recent)
    }

    fn write(&mut self) -> Result<(), PrintError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (lines, messages) = (&self.batch.lines, &self.batch.messages);
        let write = || -> io::Result<()> {
            write_all(&self.outputs.lines, lines)?;
            // A message that cannot be shown is no reason to end the run.
            let _ = write_all(io::stderr(), messages);
            Ok(())
        };
        let hides_bar = self.outputs.shared || !messages.is_empty();
        let written = match self.progress.bar() {
            Some(bar) if hides_bar => bar.hide_during(write),
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
        self.batch.bodies.clear();
        self.batch.messages.clear();
        self.last_write = Some(Instant::now());
        Ok(written?)
    }
}

/// Prints a message on standard error, where no printer runs.
pub fn print_message(message: &str) {
    let _ = writeln!(io::stderr(), "fetch: {}", escape(message));
}

/// Writes all of `bytes`, even to a stream that another process, which shares it, has made
/// non-blocking.
fn write_all(mut file: impl Write + AsOpenFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_writable(&file)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
