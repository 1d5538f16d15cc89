//! The clock of one exchange: how far it has come, when the server last showed a sign of life, and
//! which limit runs out first.
//!
//! reqwest calls the connector and the resolver from within a request. They find the clock of
//! the exchange that they work for in a task-local variable; connections that hyper opens in
//! the background belong to no exchange.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::options::Limits;
use super::upload::Progress;
use crate::model::error::{Failure, Kind, Phase};

/// By how much a limit is noticed late where this process did not run: it was stopped (Ctrl-Z), or the machine slept.
const LATE: Duration = Duration::from_millis(100);

/// The time to read what arrived meanwhile, before a server is called silent.
const CATCH_UP: Duration = Duration::from_millis(500);

tokio::task_local! {
    /// The clock of the exchange whose request is being polled.
    static CURRENT: Rc<ExchangeClock>;
}

/// Measures one exchange and tells when its limits run out.
#[derive(Debug)]
pub(crate) struct ExchangeClock {
    phase: Cell<Phase>,
    started: Instant,
    last_activity: Cell<Instant>,
    /// When the pool supplied a connection other than the one this exchange was waiting for.
    superseded: RefCell<Option<Arc<OnceLock<Instant>>>>,
    /// The request content on its way to the server.
    upload: RefCell<Option<Progress>>,
    opened_connection: Cell<bool>,
    /// The address on this side of that connection, if it has one.
    opened_from: Cell<Option<SocketAddr>>,
    /// Whether the TLS handshake of that connection chose HTTP/1.1.
    negotiated_http1: Cell<bool>,
    /// Since when the exchange waits for something other than the network.
    excluded_since: Cell<Option<Instant>>,
    /// How long earlier waits of that kind took in all.
    excluded: Cell<Duration>,
}

/// What the clock showed when an exchange ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// How far it came.
    pub(super) phase: Phase,
    /// Its time in flight.
    pub(super) elapsed: Duration,
}

impl Timing {
    /// Whether there was a connection that may have carried the request.
    pub(super) fn has_sent(self) -> bool {
        !matches!(self.phase, Phase::Resolve | Phase::Connect)
    }
}

impl ExchangeClock {
    /// Starts the clock of an exchange. It begins in [`Phase::Headers`], because with a connection from the pool there is
    /// nothing before that; the resolver and the connector set the earlier phases when they are called.
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self {
            phase: Cell::new(Phase::Headers),
            started: now,
            last_activity: Cell::new(now),
            superseded: RefCell::default(),
            upload: RefCell::default(),
            opened_connection: Cell::new(false),
            opened_from: Cell::new(None),
            negotiated_http1: Cell::new(false),
            excluded_since: Cell::new(None),
            excluded: Cell::new(Duration::ZERO),
        }
    }

    /// Reads the clock when the exchange is over.
    pub(super) fn timing(&self) -> Timing {
        Timing {
            phase: self.phase(),
            elapsed: self.elapsed(),
        }
    }

    /// Returns the time in flight so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.excluded())
    }

    /// Returns the time in flight up to the last sign of life of the server.
    pub(super) fn time_to_last_activity(&self) -> Duration {
        let active = self.last_activity.get().duration_since(self.started);
        active.saturating_sub(self.excluded())
    }

    /// Returns when the server last showed a sign of life.
    pub(super) fn last_activity(&self) -> Instant {
        self.last_activity.get()
    }

    /// Returns the middle of the time since the start.
    pub(super) fn midpoint(&self) -> Instant {
        self.started + self.started.elapsed() / 2
    }

    fn excluded(&self) -> Duration {
        let current = self.excluded_since.get().map(|since| since.elapsed());
        self.excluded.get() + current.unwrap_or_default()
    }

    /// Awaits something other than the network, such as a disk. The time it takes does not count.
    pub(super) async fn excluding<F: Future>(&self, future: F) -> F::Output {
        self.excluded_since.set(Some(Instant::now()));
        let output = future.await;
        self.excluded.set(self.excluded());
        self.excluded_since.set(None);
        self.note_activity();
        output
    }

    /// Returns how far the exchange has come.
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.get() {
            Phase::Resolve | Phase::Connect if self.superseded_at().is_some() => Phase::Headers,
            Phase::Headers if self.left_to_upload() > 0 => Phase::Request,
            phase => phase,
        }
    }

    /// Returns when the pool supplied a connection other than the one this exchange was waiting for.
    fn superseded_at(&self) -> Option<Instant> {
        self.superseded.borrow().as_ref()?.get().copied()
    }

    fn left_to_upload(&self) -> usize {
        self.upload.borrow().as_ref().map_or(0, Progress::left)
    }

    /// Watches the `progress` of the request content: what the server accepts is a sign of life.
    pub(super) fn watch_upload(&self, progress: Progress) {
        self.upload.replace(Some(progress));
    }

    /// Notes that the exchange has come to `phase`, which is a sign of life of the server.
    pub(super) fn advance(&self, phase: Phase) {
        self.set_phase(phase);
        self.note_activity();
    }

    /// Notes that the exchange has come to `phase` by itself.
    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Notes a sign of life of the server.
    pub(super) fn note_activity(&self) {
        self.last_activity.set(Instant::now());
    }

    /// Whether this exchange opened a connection. It uses that one, unless the pool handed over another one
    /// at the last moment: see [`Self::opened_from`].
    pub(super) fn opened_connection(&self) -> bool {
        self.opened_connection.get()
    }

    /// Returns the address on this side of the connection that this exchange opened last.
    pub(super) fn opened_from(&self) -> Option<SocketAddr> {
        self.opened_from.get()
    }

    /// Whether this exchange opened a connection whose TLS handshake chose HTTP/1.1.
    pub(super) fn negotiated_http1(&self) -> bool {
        self.negotiated_http1.get()
    }

    /// Waits until one of `limits` runs out, and returns the failure that this is. `spent` is the
    /// time in flight of the attempt before this exchange.
    pub(super) async fn expired(&self, limits: &Limits, spent: Duration) -> Failure {
        let mut waited = None;
        loop {
            self.update();
            let end = limits
                .total
                .map(|total| self.started + total.saturating_sub(spent) + self.excluded());
            let silence = limits.silence.map(|silence| match self.phase() {
                // The connector limits these phases itself (see `connect::pool`).
                Phase::Resolve | Phase::Connect => Instant::now() + silence,
                _ => self.last_activity.get() + silence,
            });
            let Some(next) = end.into_iter().chain(silence).min() else {
                return std::future::pending().await;
            };
            match (limits.total, limits.silence) {
                _ if Some(next) > waited => {
                    sleep_until(next).await;
                    waited = Some(next);
                    if next.elapsed() > LATE {
                        sleep(CATCH_UP).await;
                    }
                }
                (Some(total), _) if Some(next) == end => {
                    return self.timeout(format!("not finished within {total:?} (--timeout)"));
                }
                (_, Some(silence)) => {
                    return self
                        .timeout(format!("nothing received for {silence:?} (--read-timeout)"));
                }
                _ => {}
            }
        }
    }

    /// Takes account of what has to be polled: waits that are under way, a connection from the pool,
    /// the progress of an upload.
    fn update(&self) {
        if self.excluded_since.get().is_some() {
            self.note_activity();
        }
        if self.phase.get() != self.phase() && self.phase() == Phase::Headers {
            self.set_phase(Phase::Headers);
            self.note_activity_at(self.superseded_at());
        }
        self.note_activity_at(self.upload.borrow().as_ref().and_then(Progress::last));
    }

    fn note_activity_at(&self, at: Option<Instant>) {
        let last = self.last_activity.get();
        self.last_activity.set(last.max(at.unwrap_or(self.started)));
    }

    fn timeout(&self, message: String) -> Failure {
        Failure::new(Kind::Timeout, self.phase(), message)
    }
}

/// Polls `future` as work for the exchange of `clock`.
pub(super) fn scope<F: Future>(
    clock: Rc<ExchangeClock>,
    future: F,
) -> impl Future<Output = F::Output> {
    CURRENT.scope(clock, future)
}

/// Notes that the exchange being polled has come to `phase`. Does nothing where none is being polled.
pub(super) fn advance_current(phase: Phase) {
    let _ = CURRENT.try_with(|clock| clock.advance(phase));
}

/// Notes that the exchange being polled waits for a new connection. The connector sets the
/// returned cell when the pool has handed over another connection meanwhile.
pub(super) fn current_awaits_connection() -> Arc<OnceLock<Instant>> {
    let superseded = Arc::<OnceLock<Instant>>::default();
    let _ = CURRENT.try_with(|clock| {
        clock.superseded.replace(Some(superseded.clone()));
        clock.advance(Phase::Connect);
    });
    superseded
}

/// Whether an exchange is being polled.
pub(super) fn has_current() -> bool {
    CURRENT.try_with(|_| ()).is_ok()
}

/// Notes that the TLS handshake of the exchange being polled chose HTTP/1.1.
pub(super) fn current_negotiated_http1() {
    let _ = CURRENT.try_with(|clock| clock.negotiated_http1.set(true));
}

/// Notes that the exchange being polled has a new connection, with this address on this side.
pub(super) fn current_connected(from: Option<SocketAddr>) {
    let _ = CURRENT.try_with(|clock| {
        clock.opened_from.set(from);
        clock.opened_connection.set(true);
        clock.advance(Phase::Headers);
    });
}
