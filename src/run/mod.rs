//! The wiring of a run.

mod dry_run;
pub mod merge;
mod output_files;
mod planner;
mod signals;

use std::io;
use std::mem::{self, ManuallyDrop};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::{FutureExt as _, LocalBoxFuture};
use futures::stream::{LocalBoxStream, StreamExt as _};

use self::output_files::OutputFiles;
use self::planner::{Files, Planner};
use crate::config::Config;
use crate::model::error::plain;
use crate::model::event::{Event, RunEnd, Stop};
use crate::model::exit::Exit;
use crate::model::request::Input;
use crate::report::{
    InputCount, Journal, JournalError, Outputs, PrintError, Printed, Reporter, Summary,
};
use crate::save::{Folder, FolderError, Names, Store, Threads};
use crate::sys::{self, FileIdentity};
use crate::{engine, http, input, report, save};

/// How long a printer that cannot write is waited for once the user wants to leave.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a printer is waited for that has not written everything when `--deadline` is over.
const PATIENCE_AFTER_DEADLINE: Duration = Duration::from_secs(10);

/// Runtimes at most: more were not measured.
const RUNTIMES: usize = 4;

/// Why a run cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file that was named cannot be made.
    #[error("{option}: {path}: {}", plain(.error))]
    OutputFile {
        /// The option that names it.
        option: &'static str,
        /// Its path.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// The client cannot be made of the options.
    #[error(transparent)]
    Client(#[from] http::ClientError),
    /// The folder of `--output-dir` cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be used, or not any more.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No connection could be opened.
    #[error(transparent)]
    Descriptors(#[from] http::FileLimitError),
    /// The records cannot be written.
    #[error("{0}: {reason}", reason = plain(.1))]
    Output(String, io::Error),
    /// Nothing can be merged.
    #[error(transparent)]
    Merge(#[from] merge::MergeError),
    /// No thread, no event loop, no signals.
    #[error("the system refuses")]
    System(#[from] io::Error),
}

impl RunError {
    /// The exit code it leads to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Journal(JournalError::Write(..))
            | Self::Output(..)
            | Self::Descriptors(_)
            | Self::System(_) => Exit::CannotGoOn,
            Self::OutputFile { .. }
            | Self::Client(_)
            | Self::Folder(_)
            | Self::Journal(_)
            | Self::Merge(_) => Exit::Usage,
        }
    }
}

/// Runs `config` to its end.
///
/// # Errors
///
/// The run cannot start, or cannot go on.
pub fn run(config: Config) -> Result<Exit, RunError> {
    if config.run.dry_run {
        return dry_run::run(config);
    }
    let files = usize::from(config.save.is_some());
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let runtimes = cores.clamp(1, RUNTIMES).min(config.engine.jobs);
    let fit = http::fit_jobs(config.engine.jobs, config.sources.len(), files, runtimes)?;
    sys::reserve_descriptors(fit.descriptors());
    // Dropped last: what is being written when the run is over comes to its end.
    let threads = match &config.save {
        Some(save) => Some(Threads::start(save.options.fsync)?),
        None => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Look-ups of names are all that blocks.
        .max_blocking_threads(http::LOOKUPS)
        .build()?;
    // Never dropped: that would wait for look-ups, which cannot be cancelled, and close one by one what the system closes at once.
    let runtime = ManuallyDrop::new(runtime);
    let disk = threads.as_ref().and_then(Threads::disk);
    runtime.block_on(fetch(config, fit, disk))
}

async fn fetch(
    mut config: Config,
    fit: http::Fit,
    disk: Option<save::Disk>,
) -> Result<Exit, RunError> {
    sys::survive_file_size_limit()?;
    let Some(drafts) = OutputFiles::create(&config.run, config.take)? else {
        return Ok(Exit::Success);
    };
    let Restored {
        journal,
        mut planner,
        store,
    } = Restored::open(&config, disk)?;
    let (client, warnings) = http_client(&mut config, &fit, store)?;
    let total = InputCount::default();
    if config.run.bar && config.take.shard.is_none() {
        count(&config.sources, &total)?;
    }
    let streams = Outputs {
        lines: drafts.lines()?,
        bar: config.run.bar,
        shared: config.run.shared,
        journal,
    };
    let (mut reporter, printed) = Reporter::start(config.report, streams, total)?;
    for warning in warnings.into_iter().chain(planner.warning()) {
        reporter.warn(&warning);
    }
    let run = ActiveRun {
        started: Instant::now(),
        printed,
        stops: signals::stops()?.boxed_local(),
        reader_left: signals::reader_left(drafts.use_stdout()).boxed_local(),
        output: drafts.output_name(),
    };
    let plan = move |input: &mut Input| planner.plan(input);
    let intake = input::read(config.sources, config.defaults, config.take, plan)?;
    match run.drive(intake, &client, &config.engine, reporter).await {
        Err(error) => drafts.abandon().and(Err(error)),
        Ok(ControlFlow::Break(exit)) => Ok(exit),
        Ok(ControlFlow::Continue(done)) => {
            // Nothing is on the wire any more. What is open, the system closes.
            mem::forget(client);
            let exit = done.exit(config.run.exit_zero);
            drafts.finish(&done, exit)?;
            Ok(exit)
        }
    }
}

/// The parts that know of what earlier runs left.
struct Restored {
    journal: Option<Journal>,
    planner: Planner,
    store: Option<Store>,
}

impl Restored {
    fn open(config: &Config, disk: Option<save::Disk>) -> Result<Self, RunError> {
        let mut names = config.save.as_ref().map(|save| {
            let companion = save.options.resume.then_some(save::PART);
            Names::new(save.names.clone(), companion)
        });
        // Before the journal, which may be in it.
        let folder = config.save.as_ref().map(|save| Folder::open(&save.folder));
        let folder = folder.transpose()?;
        let reserve = |name: &str| {
            if let Some(names) = names.as_mut().filter(|_| save::is_legal(name)) {
                names.reserve(name);
            }
        };
        let journal = config.run.journal.as_deref();
        let opened = journal.map(|path| Journal::open(path, config.run.fsync, reserve));
        let (journal, past) = opened.transpose()?.unzip();
        let (mut files, mut store) = (None, None);
        if let (Some(save), Some(names), Some(folder), Some(disk)) =
            (&config.save, names, folder, disk)
        {
            let folder = Arc::new(with_own_files(folder, config));
            files = Some(Files {
                folder: folder.clone(),
                names,
                if_exists: save.if_exists,
            });
            store = Some(Store {
                folder,
                options: save.options,
                disk,
            });
        }
        Ok(Self {
            journal,
            planner: Planner { past, files },
            store,
        })
    }
}

/// `folder`, which knows the files that this run reads and writes itself: no body takes their place.
fn with_own_files(folder: Folder, config: &Config) -> Folder {
    let run = &config.run;
    let drafts = || run.results.iter().chain(&run.summary_file);
    let options = run.read.iter().chain(&run.journal).chain(drafts());
    let sources = config.sources.iter();
    let named = sources.filter_map(|source| source.regular.as_deref());
    let named = named.chain(options.map(AsRef::as_ref));
    let opened = [
        FileIdentity::of(io::stdin()),
        FileIdentity::of(io::stdout()),
        FileIdentity::of(io::stderr()),
    ];
    let own = named.filter_map(FileIdentity::at);
    let own = own.chain(opened.into_iter().flatten()).collect();
    folder.with_own(own, drafts().map(AsRef::as_ref))
}

/// The client, and what the user should know of it.
fn http_client(
    config: &mut Config,
    fit: &http::Fit,
    store: Option<Store>,
) -> Result<(http::Workers, Vec<String>), RunError> {
    let insecure = match &config.http.connecting.checked {
        http::Verification::All => None,
        http::Verification::Proxies(proxies) if proxies.is_empty() => {
            Some("no certificate is checked")
        }
        http::Verification::Proxies(_) => Some("no certificate is checked but a proxy's"),
    };
    let insecure =
        insecure.map(|what| format!("--insecure: {what}, whoever answers could be anybody"));
    let too_many = fit.limit.map(|limit| {
        format!(
            "--jobs {} needs more than the {limit} open files that are allowed: {} at a time",
            config.engine.jobs, fit.jobs
        )
    });
    config.engine.jobs = fit.jobs;
    let spread = http::RuntimeOptions {
        jobs: fit.jobs,
        runtimes: fit.runtimes,
        hosts: !config.engine.per_host.is_limited(),
    };
    let client = http::Workers::new(config.http.clone(), fit.pool, store, spread)?;
    Ok((client, insecure.into_iter().chain(too_many).collect()))
}

/// Counts the inputs of `sources` in the background, where all of them can be read twice.
fn count(sources: &[input::Source], total: &InputCount) -> io::Result<()> {
    let files: Option<Vec<_>> = sources
        .iter()
        .map(|source| source.regular.clone())
        .collect();
    let (Some(files), total) = (files, total.clone()) else {
        return Ok(());
    };
    // Without a count there is a spinner: the list itself will be read, and say what is wrong.
    let count = move || {
        if let Ok(inputs) = input::count(files.iter().map(AsRef::as_ref)) {
            total.store(inputs, Ordering::Relaxed);
        }
    };
    thread::Builder::new()
        .name("counter".into())
        .spawn(count)
        .map(drop)
}

/// A run, and everything that can end it.
struct ActiveRun<'a> {
    started: Instant,
    printed: Printed,
    stops: LocalBoxStream<'a, Stop>,
    reader_left: LocalBoxFuture<'a, ()>,
    output: String,
}

/// A run that came to its end.
pub(crate) struct FinishedRun {
    ended: RunEnd,
    elapsed: Duration,
    summary: Summary,
}

impl FinishedRun {
    /// Everything in the list was read and done.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended.stopped.is_none() && !self.ended.broken
    }

    fn exit(&self, exit_zero: bool) -> Exit {
        match (self.ended.stopped, self.summary.exit()) {
            (Some(Stop::Interrupted), _) => Exit::Interrupted,
            (Some(Stop::Terminated), _) => Exit::Terminated,
            _ if self.ended.broken => Exit::CannotGoOn,
            // It hides what became of URLs, not that the run did not get to its end.
            (None, Exit::SomeFailed) if exit_zero => Exit::Success,
            (Some(_), Exit::Success) if self.ended.list.is_none() => Exit::SomeFailed,
            (_, exit) => exit,
        }
    }
}

impl ActiveRun<'_> {
    /// Runs the engine, then waits until everything is written.
    async fn drive(
        mut self,
        intake: input::Intake,
        client: &http::Workers,
        options: &engine::EngineOptions,
        mut reporter: Reporter,
    ) -> Result<ControlFlow<Exit, FinishedRun>, RunError> {
        // However this ends, no file stays that no record tells of.
        let _unwritten = reporter.unwritten();
        let gate = reporter.gate(options.jobs);
        let gate = |cx: &mut Context<'_>, in_flight| gate.poll_open(cx, in_flight);
        let tell = |event: Event<'_>| reporter.take(event);
        let mut ended = tokio::select! {
            ended = engine::run(intake, client, options, gate, &mut self.stops, tell) => ended,
            printed = &mut self.printed => {
                let exit = output_ended(report::printed(printed), &self.output)?;
                return Ok(ControlFlow::Break(exit.unwrap_or(Exit::CannotGoOn)));
            }
            () = &mut self.reader_left => return Ok(ControlFlow::Break(Exit::ReaderLeft)),
        };
        let elapsed = self.started.elapsed();
        let summary = reporter.finish(ended, elapsed);
        let left = tokio::select! {
            biased;
            printed = &mut self.printed => match output_ended(report::printed(printed), &self.output)? {
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

/// What the end of writing means for the run: nothing, where everything is written.
fn output_ended(written: Result<(), PrintError>, output: &str) -> Result<Option<Exit>, RunError> {
    match written {
        Ok(()) => Ok(None),
        Err(PrintError::Lines(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Some(Exit::ReaderLeft))
        }
        Err(PrintError::Lines(error)) => Err(RunError::Output(output.to_owned(), error)),
        Err(PrintError::Journal(error)) => Err(error.into()),
    }
}

/// Comes when the user wants to leave although not everything is written yet.
async fn leave(stops: &mut LocalBoxStream<'_, Stop>, ended: RunEnd) -> Stop {
    let stop = match ended.stopped {
        Some(stop) if ended.aborted && stop.is_signal() => stop,
        Some(Stop::Deadline) => {
            match tokio::time::timeout(PATIENCE_AFTER_DEADLINE, stops.next()).await {
                Ok(Some(stop)) => stop,
                _ => return Stop::Deadline,
            }
        }
        _ => match stops.next().await {
            Some(stop) => stop,
            None => std::future::pending().await,
        },
    };
    tokio::time::sleep(PATIENCE).await;
    stop
}
