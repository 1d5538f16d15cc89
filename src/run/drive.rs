//! Drives a run from the first input to the last written record.

use std::ops::ControlFlow;
use std::task::Context;
use std::time::{Duration, Instant};

use futures::future::LocalBoxFuture;
use futures::stream::{LocalBoxStream, StreamExt as _};

use super::error::{RunError, output_ended};
use super::signals;
use crate::model::event::{BrokenSource, Event, RunEnd, Stop};
use crate::model::exit::Exit;
use crate::report::{PrinterHandle, Reporter, Summary};
use crate::{engine, http, input, report};

/// How long to wait for a blocked printer once the user asked to stop.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait for the printer once the `--deadline` has passed.
const GRACE_AFTER_DEADLINE: Duration = Duration::from_secs(10);

/// A run in progress, and everything that can end it.
pub(super) struct ActiveRun<'a> {
    pub(super) started: Instant,
    /// Resolves when the printer ends.
    pub(super) printed: PrinterHandle,
    /// Yields each signal that asks the run to stop.
    pub(super) stops: LocalBoxStream<'a, Stop>,
    /// Yields each signal that asks how far the run is.
    pub(super) status: LocalBoxStream<'a, ()>,
    /// Resolves when the reader of standard output has left.
    pub(super) reader_left: LocalBoxFuture<'a, ()>,
    /// The name of the output in messages.
    pub(super) output: String,
}

/// A run that is over, with everything written.
pub(super) struct FinishedRun {
    pub(super) ended: RunEnd,
    pub(super) elapsed: Duration,
    pub(super) summary: Summary,
}

impl FinishedRun {
    /// Whether the whole list was read and every input has its outcome.
    pub(super) fn is_complete(&self) -> bool {
        self.ended.stopped.is_none() && self.ended.broken.is_none()
    }

    /// Returns the exit code. `exit_zero` hides failed URLs (`--exit-zero`).
    pub(super) fn exit(&self, exit_zero: bool) -> Exit {
        match (self.ended.stopped, self.summary.exit()) {
            (Some(Stop::Interrupted), _) => Exit::Interrupted,
            (Some(Stop::Terminated), _) => Exit::Terminated,
            _ if self.ended.broken == Some(BrokenSource::NotATable) => Exit::Usage,
            _ if self.ended.broken.is_some() => Exit::CannotGoOn,
            // A run that stopped early keeps its exit code.
            (None, Exit::SomeFailed) if exit_zero => Exit::Success,
            (Some(_), Exit::Success) if self.ended.list.is_none() => Exit::SomeFailed,
            (_, exit) => exit,
        }
    }
}

impl ActiveRun<'_> {
    /// Runs the engine, then waits until everything is written. Breaks with an exit code where the
    /// records cannot be written any more.
    ///
    /// # Errors
    ///
    /// An output failed.
    pub(super) async fn drive(
        mut self,
        intake: input::Intake,
        workers: &http::Workers,
        options: &engine::EngineOptions,
        mut reporter: Reporter,
    ) -> Result<ControlFlow<Exit, FinishedRun>, RunError> {
        // However this ends, new files without a record are removed.
        let _unrecorded = reporter.unrecorded_files();
        let gate = reporter.gate(options.jobs);
        let gate = |cx: &mut Context<'_>, in_flight| gate.poll_open(cx, in_flight);
        let line = reporter.status_line();
        let tell = |event: Event<'_>| reporter.report(event);
        let mut ended = tokio::select! {
            ended = engine::run(intake, workers, options, gate, &mut self.stops, tell) => ended,
            printed = &mut self.printed => {
                let exit = output_ended(report::printer_result(printed), &self.output)?;
                return Ok(ControlFlow::Break(exit.unwrap_or(Exit::CannotGoOn)));
            }
            () = &mut self.reader_left => return Ok(ControlFlow::Break(Exit::ReaderLeft)),
            never = signals::answer_status(&mut self.status, line) => match never {},
        };
        let elapsed = self.started.elapsed();
        let summary = reporter.finish(ended, elapsed);
        let left = tokio::select! {
            biased;
            printed = &mut self.printed => match output_ended(report::printer_result(printed), &self.output)? {
                Some(exit) => return Ok(ControlFlow::Break(exit)),
                None => None,
            },
            () = &mut self.reader_left => return Ok(ControlFlow::Break(Exit::ReaderLeft)),
            stop = leave(&mut self.stops, ended) => Some(stop),
        };
        ended.stopped = ended.stopped.or(left);
        Ok(ControlFlow::Continue(FinishedRun {
            ended,
            elapsed,
            summary,
        }))
    }
}

/// Resolves when the user wants to leave although not everything is written yet, and the printer had its
/// grace period.
async fn leave(stops: &mut LocalBoxStream<'_, Stop>, ended: RunEnd) -> Stop {
    let stop = match ended.stopped {
        Some(stop) if ended.aborted && stop.is_signal() => stop,
        Some(Stop::Deadline) => {
            match tokio::time::timeout(GRACE_AFTER_DEADLINE, stops.next()).await {
                Ok(Some(stop)) => stop,
                _ => return Stop::Deadline,
            }
        }
        _ => match stops.next().await {
            Some(stop) => stop,
            None => std::future::pending().await,
        },
    };
    tokio::time::sleep(GRACE).await;
    stop
}
