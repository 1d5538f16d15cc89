//! The configuration of a run, put together from its parts.

use std::sync::Arc;

use super::error::UsageError;
use super::run::RunOptions;
use super::save::SaveConfig;
use super::{checks, connection, engine, input, report, request, run, save, time};
use crate::cli::Cli;
use crate::engine::EngineOptions;
use crate::http::HttpOptions;
use crate::input::{Content, Defaults, ShardFilter, Source};
use crate::report::ReportOptions;

/// The options of a run, one struct for each part of the program.
pub struct Config {
    /// The sources, already open.
    pub sources: Vec<Source>,
    /// What a request is where its line does not say otherwise.
    pub defaults: Defaults,
    /// Which inputs belong to the shard of this run.
    pub shard_filter: ShardFilter,
    /// How requests are sent and responses are read.
    pub http: HttpOptions,
    /// How requests are scheduled and retried.
    pub engine: EngineOptions,
    /// How results are printed.
    pub report: ReportOptions,
    /// How bodies are saved; `None` without `--output-dir`.
    pub save: Option<SaveConfig>,
    /// The files and the output of the run as a whole.
    pub run: RunOptions,
}

impl Config {
    /// Builds the configuration that `cli` and the environment ask for, and opens the sources.
    ///
    /// # Errors
    ///
    /// Returns the first option or source that is wrong.
    pub fn new(cli: &Cli) -> Result<Self, UsageError> {
        let format = report::format(&cli.result, &cli.run)?;
        checks::check_groups(cli, &format)?;
        let capture = report::capture(&cli.result, &cli.save, &format);
        let headers = request::headers(&cli.request)?;
        let versions = request::versions(&cli.request, &headers.given);
        let names = input::names(&cli.input)?;
        let read = [
            request::files(&cli.request),
            connection::files(&cli.connection),
            report::files(&cli.result),
        ]
        .concat();
        let content = request::content(&cli.request, &names)?.map(Content::from);
        let record_options = run::record_options(cli, content.as_ref());
        let run = run::run(&cli.run, &cli.save, cli.input.dry_run, read, record_options);
        checks::check_files(&run, &names)?;
        Ok(Self {
            defaults: Defaults {
                scheme: input::scheme(&cli.input),
                https_only: cli.connection.https_only,
                method: request::method(&cli.request)?,
                headers: Arc::new(headers.given),
                authorization: request::authorization(&cli.request)?,
                content,
            },
            shard_filter: input::filter(&cli.input, run.needs_digest()),
            http: HttpOptions {
                headers: Arc::new(headers.own),
                max_redirects: cli.request.max_redirs,
                decode: cli.request.compressed,
                max_size: request::max_size(&cli.request, capture),
                versions,
                limits: time::limits(&cli.time),
                capture,
                accept: cli.result.accept.clone(),
                connecting: connection::options(&cli.connection)?,
            },
            engine: engine::options(&cli.concurrency, &cli.retry, &cli.result),
            report: ReportOptions {
                format,
                capture,
                verbosity: report::verbosity(&cli.run),
            },
            sources: crate::input::open(&names, input::format(&cli.input))?,
            save: save::save(&cli.save, cli.concurrency.jobs, &names)?,
            run,
        })
    }
}
