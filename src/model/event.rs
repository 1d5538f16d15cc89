//! What the engine tells its caller while it runs.

use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

use super::input::Input;
use super::outcome::{Attempt, Outcome};

/// Why a run stops before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// `--fail-fast`.
    FailFast,
    /// `--deadline`.
    Deadline,
}

impl Stop {
    /// Whether the user sent it.
    #[must_use]
    pub const fn is_signal(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }

    /// The name in the summary file.
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

/// What the engine tells while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// An answer leads elsewhere.
    Redirected {
        /// Whose.
        input: &'a Input,
        /// The answer.
        status: StatusCode,
        /// Where to.
        to: &'a Url,
    },
    /// An attempt is over.
    Attempted {
        /// Whose.
        input: &'a Input,
        /// How it went.
        attempt: &'a Attempt,
    },
    /// An attempt will be made again.
    Retrying {
        /// Whose.
        input: &'a Input,
        /// Attempts so far.
        made: usize,
        /// How long that waits.
        delay: Duration,
    },
    /// An input is done; those before it may not be.
    Completed(&'a mut Outcome),
    /// An input is done, and with `--ordered` so are all before it.
    Done(Box<Outcome>),
    /// Every source was read to its end.
    InputEnded {
        /// Inputs in all.
        inputs: u64,
    },
    /// A source broke; nothing is read after it.
    SourceFailed(String),
    /// The run stops before its end.
    Stopping {
        /// Why.
        why: Stop,
        /// Requests that are still on the wire and will be waited for.
        waiting_for: usize,
    },
    /// Nothing more is ready at this moment.
    Pause,
}

/// A list that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListTotals {
    /// Inputs in it.
    pub inputs: u64,
    /// Those of this run's shard.
    pub taken: u64,
    /// Their indices, each hashed, in sum: of all, and of those of this run's shard.
    pub fingerprints: [u64; 2],
    /// Of all bytes that were read, if anybody wants to know.
    pub sha256: Option<[u8; 32]>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// What was read, if that is every line of every source.
    pub list: Option<ListTotals>,
    /// A source broke.
    pub broken: bool,
    /// What was on the wire was cut off.
    pub aborted: bool,
    /// Why it stopped before its end.
    pub stopped: Option<Stop>,
}
