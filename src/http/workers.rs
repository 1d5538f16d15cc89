//! Carries exchanges on more than one runtime.
//!
//! The engine and the first client share a runtime and its thread. In a long list, other threads join
//! in, each with a runtime, a client and so a pool of its own; the engine hands exchanges over to them
//! and gets them back.
//!
//! The origin decides which runtime carries an exchange, so that the next exchange finds the connection of
//! the one before. That alone would leave a list of one host to one runtime. So where a connection carries one
//! request at a time (HTTP/1.1), a runtime that has its share, and a third more, passes further exchanges on
//! to the next one: with 100 requests in flight on 4 runtimes, the first 34 stay where the origin belongs, the
//! next 34 go to the runtime after that, and so on. Each request in flight needs a connection anyway, so this
//! takes no more of them. (Over TLS, it may: the first runtime can have opened a connection for each request
//! before it is known that the server speaks HTTP/1.1.)

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use futures::StreamExt as _;
use futures::stream;
use reqwest::Version;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::attempt::{AttemptState, ExchangeResult};
use super::client::Client;
use super::connect::descriptors::room;
use super::connect::error::ClientError;
use super::connect::look_ups::LookUpLimits;
use super::connect::pool::{PoolLimits, SharedParts};
use super::connect::windows::Windows;
use super::options::{HttpOptions, Versions};
use crate::model::body_sink::BodyStore;
use crate::model::captured_body::BodyBudget;
use crate::model::error::{Failure, Kind, Phase};
use crate::model::live::LiveCounts;
use crate::model::origin::OriginId;
use crate::model::outcome::Answer;
use crate::model::request::Request;

/// After how many exchanges a list is long enough for more threads.
const LONG_LIST: u64 = 32;

/// How many exchanges in flight one runtime carries as well as several would.
const SMALL_LOAD: usize = 32;

/// How many TLS origins are remembered to lack HTTP/2. Where there are more, their number
/// keeps the runtimes busy.
const REMEMBERED: usize = 64;

/// How many runtimes there may be, and which exchanges they share.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeOptions {
    /// The most exchanges in flight.
    pub jobs: usize,
    /// The most runtimes.
    pub runtimes: usize,
    /// How many names are looked up at a time.
    pub look_ups: LookUpLimits,
    /// Whether several runtimes may send requests to one host.
    pub share_hosts: bool,
}

/// Carries exchanges, on as many runtimes as pay off.
pub struct Workers {
    first: Client,
    others: OnceCell<Vec<Worker>>,
    setup: ClientSetup,
    runtimes: RuntimeOptions,
    /// Exchanges so far.
    exchanges: Cell<u64>,
    /// Exchanges in flight, by runtime.
    load: Vec<Cell<usize>>,
    over_http1: RefCell<HashSet<OriginId>>,
    /// Origins that the first runtime connected to before the others started.
    early: RefCell<HashSet<OriginId>>,
}

/// What a client is made of.
#[derive(Clone)]
struct ClientSetup {
    options: HttpOptions,
    pool: PoolLimits,
    store: Option<Arc<dyn BodyStore>>,
    shared: SharedParts,
    budget: BodyBudget,
    live: LiveCounts,
}

impl ClientSetup {
    fn client(self) -> Result<Client, ClientError> {
        Client::new(
            self.options,
            self.pool,
            self.store,
            self.shared,
            self.budget,
            self.live,
        )
    }
}

/// An exchange for another thread.
struct Assignment {
    request: Arc<Request>,
    state: Box<AttemptState>,
    abort: CancellationToken,
    reply: oneshot::Sender<(Box<AttemptState>, Option<ExchangeResult>)>,
}

impl Workers {
    /// Returns one client without connections, and the means to build more. Bodies of requests with
    /// a save target go to `store`. What arrives is counted in `live`.
    ///
    /// # Errors
    ///
    /// The libraries below reject the options.
    pub fn new(
        options: HttpOptions,
        pool: PoolLimits,
        store: Option<Arc<dyn BodyStore>>,
        runtimes: RuntimeOptions,
        live: LiveCounts,
    ) -> Result<Self, ClientError> {
        let windows = Windows::for_requests(runtimes.jobs);
        let setup = ClientSetup {
            shared: SharedParts::new(&options, runtimes.look_ups, windows)?,
            options,
            pool,
            store,
            budget: BodyBudget::default(),
            live,
        };
        Ok(Self {
            first: setup.clone().client()?,
            others: OnceCell::new(),
            setup,
            load: vec![Cell::default(); runtimes.runtimes],
            runtimes,
            exchanges: Cell::new(0),
            over_http1: RefCell::default(),
            early: RefCell::default(),
        })
    }

    /// Sends the next request of `state`, which belongs to `request`, and reads the answer. Returns the
    /// state, and what the exchange leads to: `None` if `abort` ended it.
    pub async fn exchange(
        &self,
        request: Arc<Request>,
        mut state: Box<AttemptState>,
        abort: &CancellationToken,
    ) -> (Box<AttemptState>, Option<ExchangeResult>) {
        if self.load.len() == 1 {
            let result = Box::pin(self.first.exchange(&request, &mut state, abort)).await;
            return (state, result);
        }
        let origin = OriginId::of(state.url());
        let (number, worker) = self.choose(state.url(), origin);
        let _in_flight = InFlight::count(&self.load[number]);
        let (state, result) = match worker {
            None => {
                let result = Box::pin(self.first.exchange(&request, &mut state, abort)).await;
                (state, result)
            }
            Some(worker) => worker.exchange(request, state, abort).await,
        };
        if let Some(ExchangeResult::Ended(Some(answer), _)) = &result {
            self.remember_version(&state, origin, answer);
        }
        (state, result)
    }

    /// Returns the number of the runtime that carries the next exchange with `url`, and its worker unless
    /// it is the first runtime.
    fn choose(&self, url: &Url, origin: OriginId) -> (usize, Option<&Worker>) {
        self.exchanges.set(self.exchanges.get() + 1);
        if self.exchanges.get() <= LONG_LIST {
            self.early.borrow_mut().insert(origin);
            return (0, None);
        }
        let others = self.others.get_or_init(|| self.start());
        let runtimes = others.len() + 1;
        let own = if self.early.borrow().contains(&origin) {
            0
        } else {
            origin.bucket(runtimes)
        };
        let in_flight: usize = self.load.iter().map(Cell::get).sum();
        let room = room(in_flight + 1, runtimes).max(SMALL_LOAD);
        let has_room = |number: &usize| self.load[*number].get() < room;
        let mut in_turn = (own..runtimes).chain(0..own);
        let number = if self.may_spread(url, origin) {
            in_turn.find(has_room).unwrap_or(own)
        } else {
            own
        };
        (number, number.checked_sub(1).map(|number| &others[number]))
    }

    /// Starts as many threads as the system allows.
    fn start(&self) -> Vec<Worker> {
        let start = |_| Worker::start(self.setup.clone()).ok();
        (1..self.load.len()).map_while(start).collect()
    }

    /// Whether connections to `url` carry one request at a time and may be opened by every runtime.
    fn may_spread(&self, url: &Url, origin: OriginId) -> bool {
        // With fewer, the first runtime may already have more connections than it will need.
        let may_share = self.runtimes.share_hosts
            && room(self.runtimes.jobs, self.runtimes.runtimes) >= SMALL_LOAD;
        may_share
            && match self.setup.options.versions {
                Versions::Http1 => true,
                Versions::Http2 => false,
                Versions::Negotiated => {
                    url.scheme() == "http" || self.over_http1.borrow().contains(&origin)
                }
            }
    }

    fn remember_version(&self, state: &AttemptState, origin: OriginId, answer: &Answer) {
        if state.url().scheme() == "https" && answer.version < Version::HTTP_2 {
            let mut known = self.over_http1.borrow_mut();
            if known.len() < REMEMBERED {
                known.insert(origin);
            }
        }
    }
}

/// Counts one exchange in flight until it is dropped.
struct InFlight<'a>(&'a Cell<usize>);

impl<'a> InFlight<'a> {
    fn count(load: &'a Cell<usize>) -> Self {
        load.set(load.get() + 1);
        Self(load)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A thread with a runtime and a client of its own. Dropping it cancels its exchanges.
struct Worker {
    assignments: mpsc::UnboundedSender<Assignment>,
    leave: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(setup: ClientSetup) -> io::Result<Self> {
        let (sender, assignments) = mpsc::unbounded_channel();
        let leave = CancellationToken::new();
        let leaves = leave.clone();
        // The runtime comes last: where the thread cannot be started, it would be dropped here, within another
        // runtime, and tokio panics at that.
        let (hand_over, runtime) = std::sync::mpsc::sync_channel::<Runtime>(1);
        let work = move || {
            if let Ok(runtime) = runtime.recv()
                && let Ok(client) = setup.client()
            {
                runtime.block_on(leaves.run_until_cancelled(work(client, assignments)));
            }
        };
        let thread = thread::Builder::new().name("worker".into()).spawn(work)?;
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let _ = hand_over.send(builder.enable_all().build()?);
        Ok(Self {
            assignments: sender,
            leave,
            thread: Some(thread),
        })
    }

    async fn exchange(
        &self,
        request: Arc<Request>,
        state: Box<AttemptState>,
        abort: &CancellationToken,
    ) -> (Box<AttemptState>, Option<ExchangeResult>) {
        let (reply, replied) = oneshot::channel();
        let assignment = Assignment {
            request: request.clone(),
            state,
            abort: abort.clone(),
            reply,
        };
        let _ = self.assignments.send(assignment);
        replied.await.unwrap_or_else(|_| {
            let failure = Failure::new(
                Kind::Io,
                Phase::Request,
                "a thread of fetch ended unexpectedly",
            );
            (
                Box::new(AttemptState::new(&request)),
                Some(ExchangeResult::Ended(None, Some(failure))),
            )
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.leave.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn work(client: Client, mut assignments: mpsc::UnboundedReceiver<Assignment>) {
    let client = &client;
    let assignments = stream::poll_fn(move |cx| assignments.poll_recv(cx));
    assignments
        .for_each_concurrent(None, |assignment| async move {
            let Assignment {
                request,
                mut state,
                abort,
                reply,
            } = assignment;
            let result = client.exchange(&request, &mut state, &abort).await;
            let _ = reply.send((state, result));
        })
        .await;
}
