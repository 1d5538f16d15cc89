//! The events of a run, which the engine reports to its caller.

use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

use super::hold_up::HoldUp;
use super::input::Input;
use super::outcome::{Attempt, Outcome};

/// Why a run stops early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT arrived.
    Interrupted,
    /// SIGTERM arrived.
    Terminated,
    /// An input failed, and `--fail-fast` is set.
    FailFast,
    /// The `--deadline` passed.
    Deadline,
}

impl Stop {
    /// Whether a signal caused it.
    #[must_use]
    pub const fn is_signal(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }

    /// Returns the name in the summary file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
            Self::FailFast => "fail_fast",
            Self::Deadline => "deadline",
        }
    }
}

/// Something that happened in a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// A redirect is followed.
    Redirected {
        /// The input that is redirected.
        input: &'a Input,
        /// The status of the redirect.
        status: StatusCode,
        /// The next URL.
        to: &'a Url,
    },
    /// An attempt has ended.
    Attempted {
        /// The input that was attempted.
        input: &'a Input,
        /// The result of the attempt.
        attempt: &'a Attempt,
    },
    /// A host is down: what waits for it is not sent, but for a probe now and then.
    HostDown {
        /// The URL of the last request that timed out.
        url: &'a Url,
        /// The number of time-outs in a row.
        timeouts: u32,
        /// The last time-out.
        why: &'a str,
    },
    /// A host that was down answered.
    HostUp {
        /// The URL that it answered.
        url: &'a Url,
    },
    /// Slots stay free although URLs wait. This is reported once.
    HeldUp(HoldUp),
    /// Another attempt will be made.
    Retrying {
        /// The input that is retried.
        input: &'a Input,
        /// The number of attempts so far.
        made: usize,
        /// The number of attempts that the options allow.
        allowed: usize,
        /// The time until the next attempt.
        delay: Duration,
    },
    /// An input is done. Inputs before it may still be in progress.
    Completed(&'a mut Outcome),
    /// The record of an input that is done is due: with `--ordered`, all inputs before it are
    /// done too.
    RecordDue(Box<Outcome>),
    /// Every source was read to its end.
    InputEnded {
        /// The number of inputs in all sources.
        inputs: u64,
    },
    /// Lines of a source that cannot be read twice cannot be kept in a temporary file, for this reason.
    SpillFailed(String),
    /// A source looks like something else than a list, as this text says. It is reported once for a source.
    SourceHint(String),
    /// A source could not be read to its end. Nothing is read after it.
    SourceFailed(String),
    /// The run stops early.
    Stopping {
        /// The reason.
        why: Stop,
        /// The number of requests in flight, which are waited for.
        waiting_for: usize,
    },
    /// Nothing else is ready at the moment, so output that is buffered can be written.
    Pause,
}

/// The totals of a list that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListTotals {
    /// The number of inputs in the list.
    pub inputs: u64,
    /// The number of inputs in this run's shard.
    pub in_shard: u64,
    /// The sum of the hashed indices of all inputs.
    pub fingerprint: u64,
    /// The same sum, of the inputs in this run's shard.
    pub shard_fingerprint: u64,
    /// The SHA-256 of all bytes that were read, if it was asked for.
    pub sha256: Option<[u8; 32]>,
}

/// Why a source could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenSource {
    /// The system reported an error.
    Unreadable,
    /// It is not the table that `--input` asks for.
    NotATable,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// The totals of the list, if every source was read to its end.
    pub list: Option<ListTotals>,
    /// Why a source could not be read to its end, if one could not.
    pub broken: Option<BrokenSource>,
    /// Whether requests in flight were aborted.
    pub aborted: bool,
    /// Why the run stopped early, if it did.
    pub stopped: Option<Stop>,
}
