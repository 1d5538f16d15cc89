//! What keeps slots free although URLs wait.

/// What keeps slots free although URLs wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldUp {
    /// The number of requests in flight.
    pub in_flight: usize,
    /// The number that may be in flight.
    pub jobs: usize,
    /// What most of the URLs wait for.
    pub obstacle: Obstacle,
    /// The number of URLs that wait for it.
    pub waiting: usize,
    /// The number of hosts that they wait for.
    pub hosts: usize,
    /// The names of some of these hosts.
    pub names: Vec<String>,
}

/// Why a request cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// Its host timed out too often.
    Down,
    /// Its host asked for a pause.
    RetryAfter,
    /// `--rate-per-host`.
    RatePerHost,
    /// `--max-per-host`, which is this.
    MaxPerHost(usize),
    /// Its host said that it is busy.
    Busy,
    /// `--rate`, whatever the host.
    Rate,
}
