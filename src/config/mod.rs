//! Command line → what each part needs to know. Checks across options are here.

mod connection;
mod proxies;

pub use connection::ConnectionOptionError;

use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, USER_AGENT};

use self::connection::connecting;
use crate::cli::{Cli, FormatName, IfExists, SchemeName, ShardBy, When};
use crate::engine::{self, HostLimits, RetryPolicy};
use crate::http::{self, Capture, Limits, SizeLimit, Versions};
use crate::input::{self, By, Defaults, Scheme, ShardFilter};
use crate::model::error::plain;
use crate::model::request::{RequestError, header, mask_text, method};
use crate::report::{self, Format, Separator, Template, TemplateError, TextStyle, Verbosity};
use crate::save::{self, NameTemplate, NameTemplateError};
use crate::sys::{FileIdentity, StreamKind, stream_kind};

/// The largest body that `--body` keeps in memory, unless told otherwise.
const MAX_KEPT_BODY: u64 = 16 * 1024 * 1024;

/// Bytes of bodies that may wait for the disk: of each, what is written and what gathers.
const BUFFERS: usize = 32 * 1024 * 1024;

/// Headers that may be added to every request.
const MAX_HEADERS: usize = 1_000;

/// Headers of a request, but for what `-H` adds.
const USUAL_HEADERS: usize = 6;

/// Everything a run needs to know, a part at a time.
pub struct Config {
    /// What is read, open.
    pub sources: Vec<input::Source>,
    /// What lines do not say.
    pub defaults: Defaults,
    /// Which of the inputs are this run's.
    pub take: ShardFilter,
    /// The wire.
    pub http: http::HttpOptions,
    /// The engine.
    pub engine: engine::EngineOptions,
    /// The reports.
    pub report: report::ReportOptions,
    /// The files, if bodies are saved.
    pub save: Option<Save>,
    /// The run as a whole.
    pub run: Run,
}

/// How bodies become files.
#[derive(Clone, Debug)]
pub struct Save {
    /// Where.
    pub folder: PathBuf,
    /// Under which names.
    pub names: NameTemplate,
    /// What becomes of files that are there.
    pub if_exists: IfExists,
    /// How.
    pub options: save::SaveOptions,
}

/// What concerns the run as a whole.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "every flag is one")]
pub struct Run {
    /// Count, and send nothing.
    pub dry_run: bool,
    /// Records go here instead of standard output.
    pub results: Option<PathBuf>,
    /// The summary goes here too.
    pub summary_file: Option<PathBuf>,
    /// Records are appended here, and what is done is known from here.
    pub journal: Option<PathBuf>,
    /// What options said was read from here.
    pub read: Vec<PathBuf>,
    /// What is written lasts before it is told.
    pub fsync: bool,
    /// Draw a bar.
    pub bar: bool,
    /// Lines and bar are on one terminal.
    pub shared: bool,
    /// Some URL that is not ok is no reason to exit with 1.
    pub exit_zero: bool,
}

/// Options that do not fit together or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// Nothing to read.
    #[error("no SOURCE: name a file, a URL, or - for standard input (see --help)")]
    NoSource,
    /// A source.
    #[error(transparent)]
    Source(#[from] input::SourceError),
    /// `-H`, without what was given: it may be a secret.
    #[error("--header: {0}")]
    Header(String),
    /// `-X`
    #[error("--method: {0}")]
    Method(RequestError),
    /// `-A`
    #[error("--user-agent: it holds a control character")]
    UserAgent,
    /// `-u`
    #[error("--user: write NAME:PASSWORD")]
    User,
    /// `@FILE`
    #[error("{option}: {file}: {}", plain(.error))]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        file: String,
        /// Why it cannot be read.
        error: io::Error,
    },
    /// `-w`
    #[error("--write-out")]
    Template(#[from] TemplateError),
    /// A file that would be lost.
    #[error("{0}: {1}: is named twice, and would be overwritten")]
    NamedTwice(&'static str, String),
    /// `--name`
    #[error("--name")]
    Name(#[from] NameTemplateError),
    /// `--body` of a body that was continued would be its end only.
    #[error("--continue does not go with bodies in the record (--body, %{{body}})")]
    ContinuedBody,
    /// How connections are made.
    #[error(transparent)]
    ConnectOptions(#[from] ConnectionOptionError),
    /// `--fsync` with nothing that is written.
    #[error("--fsync goes with --output-dir or --journal")]
    NothingToSync,
    /// An option whose result no format in use shows.
    #[error("{0} shows in --format jsonl, --journal and --write-out only")]
    NotShown(&'static str),
}

impl Config {
    /// What `cli` means.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn new(cli: &Cli) -> Result<Self, UsageError> {
        let template: Option<Template> = cli.write_out.as_deref().map(str::parse).transpose()?;
        let keep = keep(cli, template.as_ref())?;
        let (own, given) = headers(cli)?;
        let names = match cli.sources.as_slice() {
            [] if io::stdin().is_terminal() => return Err(UsageError::NoSource),
            [] => &["-".to_owned()],
            names => names,
        };
        let run = run(cli);
        check_files(&run, names)?;
        Ok(Self {
            defaults: defaults(cli, given)?,
            take: ShardFilter {
                shard: cli.shard,
                by: match cli.shard_by {
                    ShardBy::Host => By::Host,
                    ShardBy::Url => By::Url,
                },
                digest: cli.summary_file.is_some(),
            },
            http: http_options(cli, own, keep)?,
            engine: engine::EngineOptions {
                jobs: cli.jobs.get(),
                interval: cli.rate,
                per_host: HostLimits {
                    jobs: cli
                        .max_per_host
                        .map(NonZeroUsize::get)
                        .filter(|&jobs| jobs < cli.jobs.get()),
                    interval: cli.rate_per_host,
                },
                retry: RetryPolicy {
                    max: cli.retry,
                    delay: cli.retry_delay,
                    max_delay: cli.retry_max_delay.0,
                    on: cli.retry_on.clone(),
                },
                ordered: cli.ordered,
                fail_fast: cli.fail_fast,
                deadline: cli.deadline.and_then(|limit| limit.0),
                accept: cli.accept.clone(),
                slow: cli.slow.0,
            },
            report: report::ReportOptions {
                format: format(cli, template),
                keep,
                notes: match (cli.quiet, cli.verbose) {
                    (true, false) => Verbosity::Quiet,
                    (true, true) => Verbosity::Steps,
                    (false, false) => Verbosity::Normal,
                    (false, true) => Verbosity::Verbose,
                },
            },
            sources: input::open(names)?,
            save: save_options(cli, keep)?,
            run,
        })
    }
}

fn save_options(cli: &Cli, keep: Capture) -> Result<Option<Save>, UsageError> {
    if cli.resume && keep.body {
        return Err(UsageError::ContinuedBody);
    }
    let Some(folder) = cli.output_dir.clone() else {
        if cli.fsync && cli.journal.is_none() {
            return Err(UsageError::NothingToSync);
        }
        return Ok(None);
    };
    Ok(Some(Save {
        folder,
        names: cli.name.as_deref().unwrap_or("{basename}").parse()?,
        if_exists: cli.existing.unwrap_or(IfExists::Fail),
        options: save::SaveOptions {
            fsync: cli.fsync,
            resume: cli.resume,
            batch: (BUFFERS / (2 * cli.jobs.get())).clamp(16 * 1024, 256 * 1024),
        },
    }))
}

/// The one name of a file, which may not be there yet.
fn place(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let folder = save::folder_of(path);
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    })
}

/// What this run writes must not be what it reads or writes otherwise.
fn check_files(run: &Run, sources: &[String]) -> Result<(), UsageError> {
    let file = FileIdentity::at;
    let same = |one: &Path, other: &Path| {
        one == other
            || place(one).is_some_and(|one| place(other) == Some(one))
            || file(one).is_some_and(|one| file(other) == Some(one))
    };
    let results = run.results.as_deref();
    let mut others: Vec<&Path> = sources.iter().map(Path::new).chain(results).collect();
    for (option, file) in [
        ("--summary-file", &run.summary_file),
        ("--journal", &run.journal),
    ] {
        let Some(file) = file else {
            continue;
        };
        let is_regular = !file.exists() || file.is_file();
        if is_regular && others.iter().any(|other| same(file, other)) {
            return Err(UsageError::NamedTwice(option, file.display().to_string()));
        }
        others.push(file);
    }
    let journal = run.journal.as_deref().and_then(FileIdentity::at);
    if journal.is_some() && journal == FileIdentity::of(io::stdout()) {
        let name = "standard output".to_owned();
        return Err(UsageError::NamedTwice("--journal", name));
    }
    Ok(())
}

fn defaults(cli: &Cli, headers: HeaderMap) -> Result<Defaults, UsageError> {
    let asked = cli.method.as_deref().map(method).transpose();
    let head = cli.head.then_some(Method::HEAD);
    let authorization = match &cli.user {
        None => None,
        Some(user) if user.contains(':') => input::basic(user.as_bytes()),
        Some(_) => return Err(UsageError::User),
    };
    Ok(Defaults {
        scheme: match cli.default_scheme {
            SchemeName::Https => Scheme::Https,
            SchemeName::Http => Scheme::Http,
        },
        https_only: cli.https_only,
        method: asked.map_err(UsageError::Method)?.or(head),
        headers: Arc::new(headers),
        authorization,
        content: data(&cli.data)?.map(Into::into),
    })
}

/// As curl: several are joined with `&`.
fn data(options: &[String]) -> Result<Option<Bytes>, UsageError> {
    let mut parts = Vec::new();
    for option in options {
        parts.push(match option.strip_prefix('@') {
            None => option.clone().into_bytes(),
            Some(file) => fs::read(file).map_err(|error| UsageError::File {
                option: "--data",
                file: mask_text(file),
                error,
            })?,
        });
    }
    Ok((!parts.is_empty()).then(|| parts.join(&b'&').into()))
}

/// What fetch sends by itself, and what the user adds to that.
fn headers(cli: &Cli) -> Result<(HeaderMap, HeaderMap), UsageError> {
    let agent = match &cli.user_agent {
        None => HeaderValue::from_static(concat!("fetch/", env!("CARGO_PKG_VERSION"))),
        Some(agent) => {
            HeaderValue::from_bytes(agent.as_bytes()).map_err(|_| UsageError::UserAgent)?
        }
    };
    // Every request clones it, and adds its own: here is room for that.
    let mut own = HeaderMap::with_capacity(USUAL_HEADERS);
    own.insert(ACCEPT, HeaderValue::from_static("*/*"));
    own.insert(USER_AGENT, agent);
    if cli.compressed {
        own.insert(ACCEPT_ENCODING, HeaderValue::from_static(http::CODINGS));
    }
    let mut given = HeaderMap::new();
    for option in &cli.headers {
        match option.strip_prefix('@') {
            None => add_header(option, "", &mut own, &mut given)?,
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|error| UsageError::File {
                    option: "--header",
                    file: mask_text(file),
                    error,
                })?;
                for (number, line) in (1..).zip(text.lines()) {
                    if !line.trim().is_empty() && !line.starts_with('#') {
                        add_header(line, &format!("{file}:{number}: "), &mut own, &mut given)?;
                    }
                }
            }
        }
    }
    Ok((own, given))
}

/// As curl: `K: V` sends it, `K;` sends it empty, `K:` leaves out what would be sent.
fn add_header(
    line: &str,
    place: &str,
    own: &mut HeaderMap,
    given: &mut HeaderMap,
) -> Result<(), UsageError> {
    let failed = |error: RequestError| UsageError::Header(format!("{place}{error}"));
    let (name, value) = match line.split_once(':') {
        Some((name, value)) if value.trim().is_empty() => {
            let (name, _) = header(name, "").map_err(failed)?;
            if name == ACCEPT {
                // reqwest insists on one.
                let message = "StatusSet cannot be left out, only be given another value";
                return Err(UsageError::Header(format!("{place}{message}")));
            }
            own.remove(name);
            return Ok(());
        }
        Some(name_and_value) => name_and_value,
        None => match line.trim_end().strip_suffix(';') {
            Some(name) => (name, ""),
            None => {
                return Err(UsageError::Header(format!(
                    "{place}write 'Name: value' or @FILE"
                )));
            }
        },
    };
    let (name, value) = header(name, value).map_err(failed)?;
    if given.len() == MAX_HEADERS {
        let message = format!("{place}more than {MAX_HEADERS} headers");
        return Err(UsageError::Header(message));
    }
    given.append(name, value);
    Ok(())
}

fn keep(cli: &Cli, template: Option<&Template>) -> Result<Capture, UsageError> {
    let journals_files = cli.output_dir.is_some() && cli.journal.is_some();
    if let Some(template) = template {
        let keep = template.keep();
        return Ok(Capture {
            headers: keep.headers || cli.keep_headers,
            body: keep.body || cli.body,
            sha256: keep.sha256 || cli.sha256 || journals_files,
        });
    }
    let shows_all = cli.json || cli.format == FormatName::Jsonl;
    let shows_all = shows_all || cli.journal.is_some();
    for (asked, option) in [
        (cli.keep_headers, "--headers"),
        (cli.body, "--body"),
        (cli.sha256, "--sha256"),
    ] {
        if asked && !shows_all {
            return Err(UsageError::NotShown(option));
        }
    }
    Ok(Capture {
        headers: cli.keep_headers,
        body: cli.body,
        // Whoever sees it wants to know of every file.
        sha256: cli.sha256 || cli.output_dir.is_some() && shows_all,
    })
}

fn http_options(
    cli: &Cli,
    headers: HeaderMap,
    keep: Capture,
) -> Result<http::HttpOptions, ConnectionOptionError> {
    let max_size = match cli.max_filesize {
        Some(0) => None,
        Some(bytes) => Some(SizeLimit {
            bytes,
            remedy: "--max-filesize",
        }),
        None if keep.body => Some(SizeLimit {
            bytes: MAX_KEPT_BODY,
            remedy: "the most that is kept in a record; --max-filesize allows more",
        }),
        None => None,
    };
    Ok(http::HttpOptions {
        headers: Arc::new(headers),
        max_redirects: cli.max_redirs,
        decode: cli.compressed,
        max_size,
        versions: match (cli.http1, cli.http2_prior_knowledge) {
            (true, _) => Versions::Http1,
            (false, true) => Versions::Http2,
            (false, false) => Versions::Negotiated,
        },
        limits: Limits {
            total: cli.timeout.0,
            connect: cli.connect_timeout.0,
            silence: cli.read_timeout.0,
        },
        capture: keep,
        accept: cli.accept.clone(),
        connecting: connecting(cli)?,
    })
}

fn format(cli: &Cli, template: Option<Template>) -> Format {
    if let Some(template) = template {
        return Format::Template(template);
    }
    let on_terminal = cli.results.is_none() && io::stdout().is_terminal();
    match cli.format {
        _ if cli.json => Format::Jsonl,
        FormatName::Jsonl => Format::Jsonl,
        FormatName::Csv => Format::Table(Separator::Comma),
        FormatName::Tsv => Format::Table(Separator::Tab),
        FormatName::Text => Format::Text(TextStyle {
            color: match cli.color {
                When::Always => true,
                When::Never => false,
                When::Auto => on_terminal && !is_set("NO_COLOR") && !dumb(),
            },
            aligned: on_terminal,
        }),
    }
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn run(cli: &Cli) -> Run {
    // Behind a pipe there may be another program on the same terminal: `| less`.
    let piped = stream_kind(io::stdout()) != StreamKind::Other;
    let alone = cli.results.is_some() || !piped;
    let bar = !cli.quiet
        && !cli.no_progress
        && !cli.dry_run
        && !dumb()
        && alone
        && io::stderr().is_terminal();
    Run {
        dry_run: cli.dry_run,
        results: cli.results.clone(),
        summary_file: cli.summary_file.clone(),
        journal: cli.journal.clone(),
        read: read_by_options(cli),
        fsync: cli.fsync,
        bar,
        shared: bar && cli.results.is_none() && io::stdout().is_terminal(),
        exit_zero: cli.exit_zero,
    }
}

/// The files that options name to be read.
fn read_by_options(cli: &Cli) -> Vec<PathBuf> {
    let texts = cli.headers.iter().chain(&cli.data);
    let named = texts.filter_map(|text| text.strip_prefix('@').map(PathBuf::from));
    let pem = [&cli.cacert, &cli.cert, &cli.key].into_iter().flatten();
    named.chain(pem.cloned()).collect()
}
