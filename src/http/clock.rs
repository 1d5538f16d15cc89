//! The clock of one hop: where it is, when the server was last heard of, and
//! which limit runs out first.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use url::Url;

use super::Limits;
use super::upload::Progress;
use crate::model::error::{Failure, Kind, Phase};
use crate::model::origin::OriginId;

tokio::task_local! {
    /// The hop whose request is being polled, for the connector and the resolver, which reqwest calls from within.
    static CURRENT: std::rc::Rc<ExchangeClock>;
}

/// Where a hop is.
#[derive(Debug)]
pub(crate) struct ExchangeClock {
    phase: Cell<Phase>,
    /// Ports that may be connected to: the URL's, and that of the proxy.
    ports: [Option<u16>; 2],
    /// The URL's host, where there is a proxy as well.
    host: Option<String>,
    /// What tells its origin from others, if it is one over TLS.
    tls_origin: Option<OriginId>,
    started: Instant,
    heard: Cell<Instant>,
    /// When the connection this hop asked for was no longer what it waits for.
    overtaken: RefCell<Option<Arc<OnceLock<Instant>>>>,
    /// The content under way to the server.
    upload: RefCell<Option<Progress>>,
    connected: Cell<bool>,
    /// Since when nothing is asked of the wire.
    aside: Cell<Option<Instant>>,
    /// How long nothing was, before that.
    excused: Cell<Duration>,
}

/// A hop that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// How far it came.
    pub(super) phase: Phase,
    /// Its time on the wire.
    pub(super) elapsed: Duration,
}

impl Timing {
    /// Whether a connection was there that may have carried the request.
    pub(super) fn has_sent(self) -> bool {
        !matches!(self.phase, Phase::Resolve | Phase::Connect)
    }
}

impl ExchangeClock {
    /// Of a hop to `url`, maybe through a proxy at this port.
    pub(super) fn start(url: &Url, proxy: Option<u16>) -> Self {
        let now = Instant::now();
        Self {
            phase: Cell::new(Phase::Headers),
            ports: [url.port_or_known_default(), proxy],
            host: proxy.and_then(|_| Some(url.host_str()?.trim_end_matches('.').to_owned())),
            tls_origin: (url.scheme() == "https").then(|| OriginId::of(url)),
            started: now,
            heard: Cell::new(now),
            overtaken: RefCell::default(),
            upload: RefCell::default(),
            connected: Cell::new(false),
            aside: Cell::new(None),
            excused: Cell::new(Duration::ZERO),
        }
    }

    /// What is left of it when the hop is over.
    pub(super) fn timing(&self) -> Timing {
        Timing {
            phase: self.phase(),
            elapsed: self.elapsed(),
        }
    }

    /// On the wire, from the start to now.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.excused())
    }

    /// On the wire, from the start to the last sign of the server.
    pub(super) fn until_heard(&self) -> Duration {
        let heard = self.heard.get().duration_since(self.started);
        heard.saturating_sub(self.excused())
    }

    fn excused(&self) -> Duration {
        let aside = self.aside.get().map(|since| since.elapsed());
        self.excused.get() + aside.unwrap_or_default()
    }

    /// Waits for something that is not the wire, a disk: it does not count.
    pub(super) async fn aside<F: Future>(&self, future: F) -> F::Output {
        self.aside.set(Some(Instant::now()));
        let output = future.await;
        self.excused.set(self.excused());
        self.aside.set(None);
        self.heard();
        output
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.get() {
            Phase::Resolve | Phase::Connect if self.overtaken().is_some() => Phase::Headers,
            Phase::Headers if self.to_upload() > 0 => Phase::Request,
            phase => phase,
        }
    }

    /// What it waited for is not what it got: the pool was faster.
    fn overtaken(&self) -> Option<Instant> {
        self.overtaken.borrow().as_ref()?.get().copied()
    }

    /// How much of the content is under way.
    fn to_upload(&self) -> usize {
        self.upload.borrow().as_ref().map_or(0, Progress::left)
    }

    /// This content goes out.
    pub(super) fn uploads(&self, progress: Progress) {
        self.upload.replace(Some(progress));
    }

    /// The hop has come this far, and that is a sign of the server.
    pub(super) fn reached(&self, phase: Phase) {
        self.enters(phase);
        self.heard();
    }

    /// The hop has come this far.
    pub(super) fn enters(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// The server sent something.
    pub(super) fn heard(&self) {
        self.heard.set(Instant::now());
    }

    /// This hop opened a connection, and unless the pool was faster at the last moment, uses it.
    pub(super) fn connected(&self) -> bool {
        self.connected.get()
    }

    /// Ends with a failure when a limit runs out. `spent` is what the attempt had used before this hop.
    pub(super) async fn run_out(&self, limits: &Limits, spent: Duration) -> Failure {
        let mut waited = None;
        loop {
            self.notice();
            let end = limits
                .total
                .map(|total| self.started + total.saturating_sub(spent) + self.excused());
            let silence = limits.silence.map(|silence| match self.phase() {
                // The connector has a limit of its own.
                Phase::Resolve | Phase::Connect => Instant::now() + silence,
                _ => self.heard.get() + silence,
            });
            let Some(next) = end.into_iter().chain(silence).min() else {
                return std::future::pending().await;
            };
            match (limits.total, limits.silence) {
                _ if Some(next) > waited => {
                    sleep_until(next).await;
                    waited = Some(next);
                }
                (Some(total), _) if Some(next) == end => {
                    return self.timeout(format!("not done within {total:?} (--timeout)"));
                }
                (_, Some(silence)) => {
                    return self.timeout(format!("no byte for {silence:?} (--read-timeout)"));
                }
                _ => {}
            }
        }
    }

    /// Takes note of what only shows when one looks.
    fn notice(&self) {
        if self.aside.get().is_some() {
            self.heard();
        }
        if self.phase.get() != self.phase() && self.phase() == Phase::Headers {
            self.enters(Phase::Headers);
            self.heard_at(self.overtaken());
        }
        // What the server takes, it gave a sign for.
        self.heard_at(self.upload.borrow().as_ref().and_then(Progress::last));
    }

    fn heard_at(&self, sign: Option<Instant>) {
        self.heard
            .set(self.heard.get().max(sign.unwrap_or(self.started)));
    }

    fn timeout(&self, message: String) -> Failure {
        Failure::new(Kind::Timeout, self.phase(), message)
    }
}

/// Polls `future` as the work of `clock`.
pub(super) fn watched<F: Future>(
    clock: std::rc::Rc<ExchangeClock>,
    future: F,
) -> impl Future<Output = F::Output> {
    CURRENT.scope(clock, future)
}

/// The hop being polled has come to `phase`, if one is being polled: a connection
/// that hyper opens in the background belongs to none.
pub(super) fn current_reached(phase: Phase) {
    let _ = CURRENT.try_with(|clock| clock.reached(phase));
}

/// What tells the origin of the hop being polled from others, if it is one over TLS.
pub(super) fn current_tls_origin() -> Option<OriginId> {
    CURRENT.try_with(|clock| clock.tls_origin).ok().flatten()
}

/// The ports that the hop being polled may connect to at `host`: of a name that is not
/// the URL's, that is the proxy's only.
pub(super) fn current_ports(host: &str) -> impl Iterator<Item = u16> + use<> {
    let ports = CURRENT.try_with(|clock| match (clock.ports, &clock.host) {
        ([_, proxy], Some(own)) if own != host => [None, proxy],
        (ports, _) => ports,
    });
    ports.unwrap_or_default().into_iter().flatten()
}

/// The hop being polled waits for a new connection, until what this gives is set:
/// then it got one that another request left in the pool.
pub(super) fn current_connects() -> Arc<OnceLock<Instant>> {
    let overtaken = Arc::<OnceLock<Instant>>::default();
    let _ = CURRENT.try_with(|clock| {
        clock.overtaken.replace(Some(overtaken.clone()));
        clock.reached(Phase::Connect);
    });
    overtaken
}

/// Whether a hop is being polled.
pub(super) fn has_current() -> bool {
    CURRENT.try_with(|_| ()).is_ok()
}

/// The hop being polled has a new connection.
pub(super) fn current_connected() {
    let _ = CURRENT.try_with(|clock| {
        clock.connected.set(true);
        clock.reached(Phase::Headers);
    });
}
