//! Prepares a run: the files, the clients and the threads that it needs.

use std::io;
use std::mem::{self, ManuallyDrop};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use futures::future::FutureExt as _;
use futures::stream::StreamExt as _;

use super::drive::ActiveRun;
use super::error::RunError;
use super::output_files::{self, OutputFiles};
use super::planner::{Files, Planner};
use super::{dry_run, signals};
use crate::config::Config;
use crate::model::body_sink::BodyStore;
use crate::model::exit::Exit;
use crate::model::input::Input;
use crate::report::{InputCount, Journal, Outputs, ProgressStyle, Reporter};
use crate::save::{Folder, Names, Store, Threads};
use crate::sys::{self, FileIdentity};
use crate::{http, input, save};

/// Maximum number of runtimes. More has not been measured.
const MAX_RUNTIMES: usize = 4;

/// Runs `config` to its end and returns the exit code.
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
    let runtimes = cores.clamp(1, MAX_RUNTIMES).min(config.engine.jobs);
    let fit = http::fit_jobs(config.engine.jobs, config.sources.len(), files, runtimes)?;
    sys::reserve_descriptors(fit.descriptors());
    // Dropped last, so that a write in progress at the end of the run completes.
    let threads = match &config.save {
        Some(save) => Some(Threads::start(save.options.fsync)?),
        None => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Never dropped: that would wait for look-ups, which cannot be cancelled, and close one by one
    // the connections that the system closes at once.
    let runtime = ManuallyDrop::new(runtime);
    let disk = threads.as_ref().map(Threads::disk);
    runtime.block_on(fetch(config, fit, disk))
}

async fn fetch(
    mut config: Config,
    fit: http::Fit,
    disk: Option<save::Disk>,
) -> Result<Exit, RunError> {
    sys::survive_file_size_limit()?;
    output_files::check_stdout(&config.run)?;
    if let Some(exit) = output_files::existing(&config.run, &mut config.sources)? {
        return Ok(exit);
    }
    // Before the files and the journal, which may be in it.
    let folder = config.save.as_ref().map(|save| Folder::open(&save.folder));
    let folder = folder.transpose()?;
    let output_files = OutputFiles::create(&config.run, config.shard_filter)?;
    let Restored {
        journal,
        mut planner,
        store,
    } = Restored::open(&config, folder, disk)?;
    let (workers, warnings) = http_workers(&mut config, &fit, store)?;
    let total = InputCount::default();
    if config.run.progress != ProgressStyle::Hidden && config.shard_filter.shard.is_none() {
        count(&config.sources, &total);
    }
    let streams = Outputs {
        lines: output_files.lines()?,
        progress: config.run.progress,
        live: config.engine.live.clone(),
        shared: config.run.shared,
        journal,
    };
    let (mut reporter, printed) = Reporter::start(config.report, streams, total)?;
    let folder = config.save.and_then(|save| save.warning);
    for warning in warnings.into_iter().chain(planner.warning()).chain(folder) {
        reporter.warn(&warning);
    }
    let run = ActiveRun {
        started: Instant::now(),
        printed,
        stops: signals::stops()?.boxed_local(),
        status: sys::status_requests()?.boxed_local(),
        reader_left: signals::reader_left(output_files.use_stdout()).boxed_local(),
        output: output_files.output_name(),
    };
    let decide = move |input: &mut Input| planner.decide(input);
    let intake = input::read(config.sources, config.defaults, config.shard_filter, decide)?;
    match run.drive(intake, &workers, &config.engine, reporter).await {
        Err(error) => output_files.abandon().and(Err(error)),
        Ok(ControlFlow::Break(exit)) => Ok(exit),
        Ok(ControlFlow::Continue(done)) => {
            // Nothing is in flight any more, and the system closes idle connections faster.
            mem::forget(workers);
            let exit = done.exit(config.run.exit_zero);
            output_files.finish(&done, exit)?;
            Ok(exit)
        }
    }
}

/// The parts of a run that depend on what earlier runs left.
struct Restored {
    journal: Option<Journal>,
    planner: Planner,
    store: Option<Store>,
}

impl Restored {
    fn open(
        config: &Config,
        folder: Option<Folder>,
        disk: Option<save::Disk>,
    ) -> Result<Self, RunError> {
        let mut names = config.save.as_ref().map(|save| {
            let companion = save.options.resume.then_some(save::PART);
            Names::new(save.names.clone(), companion)
        });
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

/// Tells `folder` which files this run reads and writes itself, so that no body replaces them.
fn with_own_files(folder: Folder, config: &Config) -> Folder {
    let run = &config.run;
    let written = || run.results.iter().chain(&run.summary_file);
    let options = run.read.iter().chain(&run.journal).chain(written());
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
    folder.with_files_in_use(own, written().map(AsRef::as_ref))
}

/// Builds the HTTP clients. Also returns the warnings that its options call for.
fn http_workers(
    config: &mut Config,
    fit: &http::Fit,
    store: Option<Store>,
) -> Result<(http::Workers, Vec<String>), RunError> {
    let insecure = match &config.http.connecting.verification {
        http::Verification::All => None,
        http::Verification::Proxies(proxies) if proxies.is_empty() => {
            Some("no certificate is verified")
        }
        http::Verification::Proxies(_) => Some("only the certificates of proxies are verified"),
    };
    let insecure =
        insecure.map(|what| format!("--insecure: {what}, so a response may come from anyone"));
    let too_many = fit.limit.map(|limit| {
        format!(
            "--jobs {} needs more open files than the limit of {limit}: using --jobs {}; raise it with ulimit -n",
            config.engine.jobs, fit.jobs
        )
    });
    config.engine.jobs = fit.jobs;
    let sources = config.sources.iter();
    let inputs: Option<usize> = sources.map(input::Source::most_lines).sum();
    let runtimes = http::RuntimeOptions {
        // A few large bodies share what many requests would.
        jobs: inputs.map_or(fit.jobs, |inputs| fit.jobs.min(inputs)),
        runtimes: fit.runtimes,
        look_ups: fit.look_ups,
        share_hosts: !config.engine.per_host.is_limited(),
    };
    let store = store.map(|store| Arc::new(store) as Arc<dyn BodyStore>);
    let workers = http::Workers::new(
        config.http.clone(),
        fit.pool,
        store,
        runtimes,
        config.engine.live.clone(),
    )?;
    Ok((workers, insecure.into_iter().chain(too_many).collect()))
}

/// Counts the inputs of `sources`: on a thread of its own, if all of them are files that can be read twice, or URLs.
fn count(sources: &[input::Source], total: &InputCount) {
    let urls: usize = sources.iter().filter_map(|source| source.lines).sum();
    let files = sources.iter().filter(|source| source.lines.is_none());
    let files: Option<Vec<_>> = files
        .map(|source| Some((source.regular.clone()?, source.format)))
        .collect();
    let (Some(files), total) = (files, total.clone()) else {
        return;
    };
    let urls = urls as u64;
    if files.is_empty() {
        total.store(urls, Ordering::Relaxed);
        return;
    }
    // Where a source cannot be read, or no thread can be started, the progress bar stays a spinner. Reading the list
    // itself reports what is wrong.
    let count = move || {
        if let Ok(inputs) = input::count(files.iter().map(|(file, format)| (&**file, *format))) {
            total.store(inputs + urls, Ordering::Relaxed);
        }
    };
    drop(thread::Builder::new().name("counter".into()).spawn(count));
}
