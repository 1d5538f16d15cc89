//! The look-ups of names: one for each name at a time, begun in turn, and their answers kept for a while.
//!
//! The resolver of the system cannot be cancelled: where a name server is silent, it keeps its thread for 5 to 30 s, long
//! after the request has given up. So a look-up holds its place among those that run at a time for [`STUCK`] only. After
//! that, the next one begins on a thread of its own: names that never resolve hold up the others for a moment each, until
//! there are as many threads as there may be.
//!
//! A request whose look-up waits for its turn is told so, and waits outside the stack, where the time limit of
//! connecting does not run (see `http::send`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::model::lock::lock;

/// How long an answer is kept.
pub(super) const TTL: Duration = Duration::from_secs(60);

/// How many answers are kept.
const CAPACITY: usize = 4_096;

/// After how long a look-up no longer keeps others from beginning. Most answers are there by then.
const STUCK: Duration = Duration::from_millis(100);

/// How long a request waits for the turn of its look-up before the time limit of connecting begins all the same. The
/// resolver of the system takes up to 30 s for a name; this ends the request where it takes for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many look-ups there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookUpLimits {
    /// Look-ups at a time, not counting those that take longer than usual.
    pub at_once: usize,
    /// Look-ups at a time, all in all; each has a thread.
    pub threads: usize,
}

/// Why a look-up has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum LookUpError {
    /// The system does not know the name.
    #[error("{0}")]
    Unknown(String),
    /// No name server has an answer in the time that the system allows.
    #[error("not resolved within {0:.1?}: {1}")]
    TimedOut(Duration, String),
    /// The system provides no thread to look it up.
    #[error("cannot start a thread to look the name up: {0}")]
    NoThread(String),
}

/// What a look-up finds.
pub(super) type Addresses = Result<Arc<[IpAddr]>, LookUpError>;

/// Begins to look up a name. Returns `None` if there is no thread for it; there will be one when a look-up has ended.
type System = dyn Fn(&str) -> Option<BoxFuture<'static, Addresses>> + Send + Sync;

/// How far a look-up has come.
#[derive(Clone, Debug)]
enum Progress {
    /// It waits for its turn, since then.
    Queued(Instant),
    /// It has begun.
    Running,
    /// It began then, and has ended.
    Done(Instant, Addresses),
}

/// A look-up, as requests see it.
#[derive(Clone, Debug)]
pub(in crate::http) struct PendingLookUp(watch::Receiver<Progress>);

impl PendingLookUp {
    /// Whether it waits for its turn, and the request has not waited long enough for that.
    pub(super) fn is_queued(&self) -> bool {
        matches!(&*self.0.borrow(), Progress::Queued(since) if since.elapsed() < PATIENCE)
    }

    /// Waits until it has begun, but not for ever.
    pub(in crate::http) async fn begun(mut self) {
        let Progress::Queued(since) = self.0.borrow().clone() else {
            return;
        };
        let begun = self
            .0
            .wait_for(|progress| !matches!(progress, Progress::Queued(_)));
        // If it times out or is dropped, the next attempt to connect finds out.
        let _ = timeout_at(since + PATIENCE, begun).await;
    }

    /// Waits for the answer.
    pub(super) async fn found(mut self) -> Addresses {
        let done = self
            .0
            .wait_for(|progress| matches!(progress, Progress::Done(..)));
        match done.await.as_deref() {
            Ok(Progress::Done(_, found)) => found.clone(),
            _ => Err(LookUpError::Unknown("the look-up failed".to_owned())),
        }
    }
}

/// A look-up, as it runs.
type LookUp = watch::Sender<Progress>;

/// Whether the answer of `look_up`, once there, is still to be used.
fn is_fresh(look_up: &LookUp) -> bool {
    match &*look_up.borrow() {
        Progress::Queued(_) | Progress::Running => true,
        Progress::Done(begun, Ok(_)) => begun.elapsed() < TTL,
        // Those that waited for it to begin come for it now.
        Progress::Done(begun, Err(_)) => begun.elapsed() < STUCK,
    }
}

/// The look-ups of a run. Clones share them.
#[derive(Clone)]
pub(super) struct LookUps(Arc<Shared>);

struct Shared {
    known: Mutex<HashMap<String, Arc<LookUp>>>,
    /// For look-ups that take no longer than usual.
    turns: Arc<Semaphore>,
    /// For all look-ups.
    threads: Arc<Semaphore>,
    system: Box<System>,
}

/// A look-up that has begun, and what it holds.
struct Begun {
    turn: OwnedSemaphorePermit,
    thread: OwnedSemaphorePermit,
    found: BoxFuture<'static, Addresses>,
}

impl LookUps {
    /// Returns look-ups by `system`.
    pub(super) fn new(
        limits: LookUpLimits,
        system: impl Fn(&str) -> Option<BoxFuture<'static, Addresses>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            known: Mutex::default(),
            turns: Arc::new(Semaphore::new(limits.at_once)),
            threads: Arc::new(Semaphore::new(limits.threads)),
            system: Box::new(system),
        }))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<LookUp>>> {
        lock(&self.0.known)
    }

    /// Returns the look-up of `name`, and starts one if none can be shared. Must be called on a runtime, where the
    /// look-up goes on when nobody waits for it any more: its thread cannot be had back sooner.
    pub(super) fn look_up(&self, name: &str) -> PendingLookUp {
        let mut known = self.known();
        if let Some(look_up) = known.get(name).filter(|look_up| is_fresh(look_up)) {
            return PendingLookUp(look_up.subscribe());
        }
        if known.len() >= CAPACITY {
            known.retain(|_, look_up| is_fresh(look_up));
        }
        if known.len() >= CAPACITY {
            known.retain(|_, look_up| !matches!(&*look_up.borrow(), Progress::Done(..)));
        }
        let begun = self.try_begin(name);
        let progress = match begun {
            Some(_) => Progress::Running,
            None => Progress::Queued(Instant::now()),
        };
        let look_up = Arc::new(LookUp::new(progress));
        let pending = PendingLookUp(look_up.subscribe());
        known.insert(name.to_owned(), look_up.clone());
        drop(known);
        tokio::spawn(self.clone().run(name.to_owned(), look_up, begun));
        pending
    }

    fn try_begin(&self, name: &str) -> Option<Begun> {
        let turn = self.0.turns.clone().try_acquire_owned().ok()?;
        let thread = self.0.threads.clone().try_acquire_owned().ok()?;
        let found = (self.0.system)(name);
        if let Some(found) = found {
            return Some(Begun {
                turn,
                thread,
                found,
            });
        }
        thread.forget();
        None
    }

    /// Begins to look up `name` in turn. Returns `None` if that is not possible any more.
    async fn begin(&self, name: &str) -> Option<Begun> {
        let turn = self.0.turns.clone().acquire_owned().await.ok()?;
        loop {
            let thread = self.0.threads.clone().acquire_owned().await.ok()?;
            if let Some(found) = (self.0.system)(name) {
                return Some(Begun {
                    turn,
                    thread,
                    found,
                });
            }
            // The system has no more threads than those that run, each of which has a permit.
            thread.forget();
        }
    }

    /// Brings `look_up` to its end.
    async fn run(self, name: String, look_up: Arc<LookUp>, begun: Option<Begun>) {
        let begun = match begun {
            Some(begun) => Some(begun),
            None => self.begin_if_wanted(&name, &look_up).await,
        };
        let Some(Begun {
            turn,
            thread,
            mut found,
        }) = begun
        else {
            return;
        };
        let start = Instant::now();
        look_up.send_replace(Progress::Running);
        let found = if let Ok(found) = timeout(STUCK, &mut found).await {
            found
        } else {
            drop(turn);
            found.await
        };
        drop(thread);
        look_up.send_replace(Progress::Done(start, found));
    }

    /// Begins to look up `name` in turn, unless all who waited for it have given up.
    async fn begin_if_wanted(&self, name: &str, look_up: &Arc<LookUp>) -> Option<Begun> {
        let mut beginning = pin!(self.begin(name));
        loop {
            select! {
                biased;
                () = look_up.closed() => {
                    let mut known = self.known();
                    if look_up.is_closed() {
                        if known.get(name).is_some_and(|known| Arc::ptr_eq(known, look_up)) {
                            known.remove(name);
                        }
                        return None;
                    }
                }
                begun = &mut beginning => return begun,
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
