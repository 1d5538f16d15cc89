//! Limits that a busy machine cannot miss: a short one is tried first, and a longer one where it passed too early.

use std::{fmt, time::Duration};

/// A time limit that a test gives to a run.
#[derive(Clone, Copy)]
pub(crate) struct Limit(Duration);

/// The first is enough on a machine at rest. The last is shorter than the limits that a run has by default (30 s of
/// silence, 60 s in all), so that a run that forgets its limit is not taken for one that keeps it.
const LIMITS: [Limit; 3] = [
    Limit(Duration::from_millis(500)),
    Limit(Duration::from_secs(4)),
    Limit(Duration::from_secs(16)),
];

impl Limit {
    pub(crate) fn seconds(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// A multiple or a fraction of it in milliseconds, for pauses of a server.
    pub(crate) fn milliseconds(self, percent: u64) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap() * percent / 100
    }
}

/// As an option takes it: `500ms`.
impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

/// Runs `attempt` with a short limit, and with a longer one each time it returns `None`: the limit passed before the
/// run had come as far as the test needs. What does not depend on the speed of the machine is asserted in `attempt`.
#[track_caller]
pub(crate) fn with_time_enough<T>(attempt: impl FnMut(Limit) -> Option<T>) -> T {
    LIMITS
        .into_iter()
        .find_map(attempt)
        .expect("even the longest limit passed too early")
}
