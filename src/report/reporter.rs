//! The reporter: formats each event of a run and hands the result to the printer.

use std::io::{self, Write as _};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::escape::escape;
use super::format::formatter::Formatter;
use super::format::record::Record;
use super::hold_up;
use super::options::{ReportOptions, Verbosity};
use super::pending_files::{PendingFiles, UnrecordedFiles};
use super::printer::{self, Batch, Gate, MAX_BACKLOG, Outputs, PrinterHandle, Queue, StatusLine};
use super::progress::{InputCount, ProgressStyle};
use super::summary::{RunTotals, Summary};
use crate::model::authority::Authority;
use crate::model::capture::Capture;
use crate::model::event::{Event, RunEnd, Stop};
use crate::model::input::Input;
use crate::model::outcome::{Attempt, Outcome, Verdict};

/// Formats the events of a run, and collects the result in batches for the printer.
pub struct Reporter {
    formatter: Box<dyn Formatter>,
    capture: Capture,
    verbosity: Verbosity,
    /// Whether messages say what went wrong with an input, because its record cannot.
    tells_failures: bool,
    queue: Queue,
    batch: Batch,
    summary: Summary,
    total: InputCount,
    /// Whether there is a progress bar, which wants the counts at every pause.
    has_bar: bool,
    /// Whether a journal is written.
    has_journal: bool,
    /// The saved files whose records are not written yet.
    pending_files: PendingFiles,
}

impl Reporter {
    /// Starts a reporter and the thread of its printer.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(
        options: ReportOptions,
        outputs: Outputs,
        total: InputCount,
    ) -> io::Result<(Self, PrinterHandle)> {
        let (has_bar, has_journal) = (
            outputs.progress == ProgressStyle::Bar,
            outputs.journal.is_some(),
        );
        let pending_files = PendingFiles::default();
        let (queue, printed) = printer::start(outputs, total.clone(), pending_files.clone())?;
        let mut batch = Batch::default();
        let tells_failures = options.format.is_body_only();
        let mut formatter = options.format.formatter();
        formatter.begin(&mut batch.lines);
        let mut reporter = Self {
            formatter,
            capture: options.capture,
            verbosity: options.verbosity,
            tells_failures,
            queue,
            batch,
            summary: Summary::new(),
            total,
            has_bar,
            has_journal,
            pending_files,
        };
        reporter.flush();
        Ok((reporter, printed))
    }

    /// Returns a gate for new requests, which is closed while too many bytes wait for the
    /// printer. With a journal, it is also closed while the requests in flight and the
    /// results that the journal does not have yet add up to `jobs`: a crash costs no more
    /// than `jobs` requests.
    #[must_use]
    pub fn gate(&self, jobs: usize) -> Gate {
        self.queue.gate(self.has_journal.then_some(jobs))
    }

    /// Returns what asks for a line about the progress. The report does not end before it is dropped.
    #[must_use]
    pub fn status_line(&self) -> StatusLine {
        self.queue.status_line()
    }

    /// Returns a guard that, when dropped, removes the new files that have no record yet.
    #[must_use]
    pub fn unrecorded_files(&self) -> UnrecordedFiles {
        UnrecordedFiles(self.pending_files.clone())
    }

    /// Reports one event.
    pub fn report(&mut self, event: Event<'_>) {
        match event {
            Event::Completed(outcome) if self.has_journal => self.append_to_journal(outcome),
            Event::RecordDue(mut outcome) => self.complete(&mut outcome),
            Event::Attempted { input, attempt } if self.verbosity.shows_attempts() => {
                self.write_message(&describe_attempt(input, attempt));
            }
            Event::Redirected { input, status, to } if self.verbosity.shows_attempts() => {
                let (location, status) = (location(input), status.as_u16());
                self.write_message(&format!("{location}: {status} redirects to {to}"));
            }
            Event::Retrying {
                input,
                made,
                allowed,
                delay,
            } if self.verbosity.shows_attempts() => {
                let (location, next) = (location(input), made + 1);
                let delay = delay.as_secs_f64();
                self.write_message(&format!(
                    "{location}: attempt {next} of {allowed} in {delay:.3}s"
                ));
            }
            Event::HostDown { url, timeouts, why } if self.verbosity.shows_attempts() => {
                let host = Authority(url);
                self.write_message(&format!(
                    "{host} is down: {timeouts} requests in a row timed out, the last one: {why}; its other URLs wait"
                ));
            }
            Event::HostUp { url } if self.verbosity.shows_attempts() => {
                self.write_message(&format!("{} is up again", Authority(url)));
            }
            Event::Completed(_)
            | Event::Attempted { .. }
            | Event::HostDown { .. }
            | Event::HostUp { .. }
            | Event::Redirected { .. }
            | Event::Retrying { .. } => {}
            Event::InputEnded { inputs } => self.total.store(inputs, Ordering::Relaxed),
            Event::HeldUp(hold_up) => self.note(&hold_up::describe(&hold_up)),
            Event::SpillFailed(why) => self.warn(&format!(
                "{why}: no more of the list is read while what was read waits for its hosts"
            )),
            Event::SourceHint(hint) => self.warn(&hint),
            Event::SourceFailed(message) => self.error(&message),
            Event::Stopping { why, waiting_for } => self.announce_stop(why, waiting_for),
            Event::Pause => self.flush(),
        }
    }

    /// Appends the record to the journal, unless the input was skipped: then the journal
    /// already has its record, or this run has done nothing that is worth one.
    fn append_to_journal(&mut self, outcome: &mut Outcome) {
        if outcome.verdict == Verdict::Skipped {
            return;
        }
        self.batch.pending_files += self.pending_files.push(outcome);
        let journal = &mut self.batch.journal;
        let capture = self.capture;
        Record { outcome, capture }.write_json(journal);
        journal.push(b'\n');
        self.batch.unrecorded += 1;
        self.queue.add_unrecorded();
    }

    fn complete(&mut self, outcome: &mut Outcome) {
        self.summary.add(outcome);
        self.batch.pending_files += self.pending_files.push(outcome);
        let capture = self.capture;
        let before = self.batch.lines.len();
        let record = Record { outcome, capture };
        self.formatter.record(record, &mut self.batch.lines);
        if self.tells_failures && matches!(outcome.verdict, Verdict::HttpError | Verdict::Error) {
            self.write_message(&describe_failure(outcome));
        }
        if let Some(body) = outcome.take_body() {
            let bytes = self.batch.lines.len() - before;
            self.batch.bodies.push(body.into_unwritten(bytes));
            if self.batch.len() > MAX_BACKLOG {
                // Joined to others, it would be copied.
                self.flush();
            }
        }
    }

    fn announce_stop(&mut self, why: Stop, waiting_for: usize) {
        let again = match why {
            Stop::Terminated => "send SIGTERM again",
            _ => "press Ctrl-C again",
        };
        let waits = match waiting_for {
            1 => format!("waiting for 1 request ({again} to abort it)"),
            _ => format!("waiting for {waiting_for} requests ({again} to abort them)"),
        };
        if why.is_signal() && waiting_for > 0 {
            self.warn(&format!("{}; {waits}", why.name()));
        }
        self.flush();
    }

    /// Prints a warning at once, unless `--quiet` was given.
    pub fn warn(&mut self, message: &str) {
        if self.verbosity.shows_summary() {
            self.write_message(&format!("warning: {message}"));
            self.flush();
        }
    }

    /// Prints something worth knowing, unless `--quiet` is set.
    fn note(&mut self, message: &str) {
        if self.verbosity.shows_summary() {
            self.write_message(message);
            self.flush();
        }
    }

    /// Prints an error of the run itself, as opposed to one of a URL.
    pub fn error(&mut self, message: &str) {
        self.write_message(message);
    }

    fn write_message(&mut self, message: &str) {
        let _ = writeln!(self.batch.messages, "fetch: {}", escape(message));
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() || self.has_bar {
            let mut batch = std::mem::take(&mut self.batch);
            batch.counts = self.summary.counts();
            self.queue.push(batch);
        }
    }

    /// Writes the footer of the format and the summary, then lets the printer end.
    #[must_use]
    pub fn finish(mut self, ended: RunEnd, elapsed: Duration) -> Summary {
        if ended.list.is_some_and(|list| list.inputs == 0) {
            self.warn("no URLs in the input");
        }
        let totals = RunTotals {
            summary: &self.summary,
            ended,
            elapsed,
        };
        self.formatter.end(&totals, &mut self.batch.lines);
        if self.verbosity.shows_summary() {
            let messages = &mut self.batch.messages;
            messages.extend_from_slice(totals.text().as_bytes());
        }
        self.flush();
        self.summary
    }
}

/// Names the source and the line of `input`.
fn location(input: &Input) -> String {
    format!("{}:{}", input.source, input.line)
}

/// Describes what went wrong with an input, where its record does not say so.
fn describe_failure(outcome: &Outcome) -> String {
    let location = location(&outcome.input);
    let url = &outcome.input.display_url;
    let answer = outcome.last.as_ref().and_then(|last| last.answer.as_ref());
    match (&outcome.failure, answer) {
        (Some(failure), _) => format!("{location}: {url}: {failure}"),
        (None, Some(answer)) => format!("{location}: {url}: status {}", answer.status),
        (None, None) => format!("{location}: {url}"),
    }
}

/// Describes an attempt for `--verbose`.
fn describe_attempt(input: &Input, attempt: &Attempt) -> String {
    let location = location(input);
    let time = attempt.total.as_secs_f64();
    let url = &attempt.final_url;
    match (&attempt.failure, &attempt.answer) {
        (Some(failure), _) => format!("{location}: {url}: {failure} ({time:.3}s)"),
        (None, Some(answer)) => format!("{location}: {url}: {} in {time:.3}s", answer.status),
        (None, None) => location,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::live::LiveCounts;
    use crate::report::format::choice::Format;
    use crate::report::format::tests::{failed, ok};
    use std::io::{Read as _, Seek as _};

    /// A format that ends with a line of totals.
    struct WithFooter;

    impl Formatter for WithFooter {
        fn record(&mut self, record: Record<'_>, out: &mut Vec<u8>) {
            let _ = writeln!(out, "{}", record.outcome.verdict.name());
        }

        fn end(&mut self, totals: &RunTotals<'_>, out: &mut Vec<u8>) {
            let (counts, stopped) = (totals.summary.counts(), totals.ended.stopped);
            let _ = writeln!(
                out,
                "{} of {} in {:?}, stopped by {:?}",
                counts.ok, counts.inputs, totals.elapsed, stopped
            );
        }
    }

    /// What a run that ended like this leaves on its output.
    fn output(stopped: Option<Stop>) -> String {
        let mut lines = tempfile::tempfile().unwrap();
        let options = ReportOptions {
            format: Format::Jsonl,
            capture: Capture::default(),
            verbosity: Verbosity::Quiet,
        };
        let outputs = Outputs {
            lines: lines.try_clone().unwrap(),
            progress: ProgressStyle::Hidden,
            live: LiveCounts::default(),
            shared: false,
            journal: None,
        };
        let (mut reporter, printed) =
            Reporter::start(options, outputs, InputCount::default()).unwrap();
        reporter.formatter = Box::new(WithFooter);
        reporter.report(Event::RecordDue(Box::new(ok())));
        reporter.report(Event::RecordDue(Box::new(failed())));
        let ended = RunEnd {
            list: None,
            broken: None,
            aborted: stopped.is_some_and(Stop::is_signal),
            stopped,
        };
        let _ = reporter.finish(ended, Duration::from_secs(3));
        printed.blocking_recv().unwrap().unwrap();
        let mut output = String::new();
        lines.rewind().unwrap();
        lines.read_to_string(&mut output).unwrap();
        output
    }

    #[test]
    fn a_footer_is_written_however_the_run_ends() {
        for stopped in [
            None,
            Some(Stop::Interrupted),
            Some(Stop::Terminated),
            Some(Stop::FailFast),
            Some(Stop::Deadline),
        ] {
            let footer = format!("1 of 2 in 3s, stopped by {stopped:?}");
            assert_eq!(output(stopped), format!("ok\nerror\n{footer}\n"));
        }
    }
}
