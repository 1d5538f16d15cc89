//! More than one runtime.
//!
//! The engine and the first client share a runtime and its thread. In a long
//! list, other threads join in, each with a runtime, a client and so a pool of its
//! own; the engine hands them hops and gets them back. Whose a hop is, its host
//! says, so that connections find their requests again. Where many are on the
//! wire, and a connection carries one at a time anyway, hops past a runtime's share
//! of them go to the next one: so a list of one host keeps all of them busy, and
//! still needs no more connections than it has requests on the wire. Over TLS the
//! first runtime may have opened one for each of them already when the version shows.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use futures::StreamExt as _;
use futures::stream;
use reqwest::Version;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::connect::descriptors::room;
use super::connect::pool::{Pool, Shared};
use super::exchange::{AttemptState, Client, ClientError, ExchangeResult};
use super::{HttpOptions, LOOKUPS, Versions};
use crate::model::body_sink::BodyStore;
use crate::model::error::{Failure, Kind, Phase};
use crate::model::origin::OriginId;
use crate::model::outcome::Answer;
use crate::model::request::Request;

/// Hops after which a list is long enough for more threads.
const LONG: u64 = 32;

/// Hops under way that one runtime carries as well as more would.
const FEW: usize = 32;

/// Origins over TLS that are known not to speak HTTP/2, at most: where there are
/// more, their hosts keep the runtimes busy.
const KNOWN: usize = 64;

/// How many runtimes there may be, and who may use them.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeOptions {
    /// Hops under way at most.
    pub jobs: usize,
    /// Runtimes at most.
    pub runtimes: usize,
    /// A host may be asked by more than one of them.
    pub hosts: bool,
}

/// Carries hops, on as many runtimes as pay.
pub struct Workers {
    first: Client,
    others: OnceCell<Vec<Worker>>,
    plan: ClientSetup,
    spread: RuntimeOptions,
    hops: Cell<u64>,
    /// Under way, by runtime.
    load: Vec<Cell<usize>>,
    over_http1: RefCell<HashSet<OriginId>>,
    /// Who was asked before the others joined in, and has a connection.
    early: RefCell<HashSet<OriginId>>,
}

/// What every client is made of.
#[derive(Clone)]
struct ClientSetup {
    options: HttpOptions,
    pool: Pool,
    store: Option<Arc<dyn BodyStore>>,
    shared: Shared,
}

impl ClientSetup {
    fn client(self) -> Result<Client, ClientError> {
        Client::new(self.options, self.pool, self.store, self.shared)
    }
}

/// A hop for another thread.
struct Assignment {
    request: Arc<Request>,
    state: Box<AttemptState>,
    abort: CancellationToken,
    reply: oneshot::Sender<(Box<AttemptState>, Option<ExchangeResult>)>,
}

impl Workers {
    /// One client that opens nothing yet, and the means to make more. Bodies that
    /// have a place go to `store`.
    ///
    /// # Errors
    ///
    /// The libraries below refuse the options.
    pub fn new(
        options: HttpOptions,
        pool: Pool,
        store: Option<Arc<dyn BodyStore>>,
        spread: RuntimeOptions,
    ) -> Result<Self, ClientError> {
        let plan = ClientSetup {
            shared: Shared::new(&options)?,
            options,
            pool,
            store,
        };
        Ok(Self {
            first: plan.clone().client()?,
            others: OnceCell::new(),
            plan,
            spread,
            hops: Cell::new(0),
            load: vec![Cell::default(); spread.runtimes],
            over_http1: RefCell::default(),
            early: RefCell::default(),
        })
    }

    /// Sends the next request of `state`, made for `request`. Gives the chain back,
    /// and what the hop led to: nothing, where `abort` came first.
    pub async fn exchange(
        &self,
        request: Arc<Request>,
        mut state: Box<AttemptState>,
        abort: &CancellationToken,
    ) -> (Box<AttemptState>, Option<ExchangeResult>) {
        if self.load.len() == 1 {
            let exchange = Box::pin(self.first.exchange(&request, &mut state, abort)).await;
            return (state, exchange);
        }
        let origin = OriginId::of(state.url());
        let (number, worker) = self.choose(state.url(), origin);
        let _load = InFlight::on(&self.load[number]);
        let (state, exchange) = match worker {
            None => {
                let exchange = Box::pin(self.first.exchange(&request, &mut state, abort)).await;
                (state, exchange)
            }
            Some(worker) => worker.exchange(request, state, abort).await,
        };
        if let Some(ExchangeResult::Ended(Some(answer), _)) = &exchange {
            self.note(&state, origin, answer);
        }
        (state, exchange)
    }

    /// The number of the runtime that carries the next hop to `url`, and its worker unless it is the first.
    fn choose(&self, url: &Url, origin: OriginId) -> (usize, Option<&Worker>) {
        self.hops.set(self.hops.get() + 1);
        if self.hops.get() <= LONG {
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
        let under_way: usize = self.load.iter().map(Cell::get).sum();
        let room = room(under_way + 1, runtimes).max(FEW);
        let has_room = |number: &usize| self.load[*number].get() < room;
        let mut in_turn = (own..runtimes).chain(0..own);
        let number = if self.may_spread(url, origin) {
            in_turn.find(has_room).unwrap_or(own)
        } else {
            own
        };
        (number, number.checked_sub(1).map(|number| &others[number]))
    }

    /// As many threads as can be had.
    fn start(&self) -> Vec<Worker> {
        let start = |_| Worker::start(self.plan.clone()).ok();
        (1..self.load.len()).map_while(start).collect()
    }

    /// Whether connections to the server of `url` are for one request at a time, and their number is not limited.
    fn may_spread(&self, url: &Url, origin: OriginId) -> bool {
        // With less room, the first may have more connections already than it will need.
        let may_share = self.spread.hosts && room(self.spread.jobs, self.spread.runtimes) >= FEW;
        may_share
            && match self.plan.options.versions {
                Versions::Http1 => true,
                Versions::Http2 => false,
                Versions::Negotiated => {
                    url.scheme() == "http" || self.over_http1.borrow().contains(&origin)
                }
            }
    }

    fn note(&self, state: &AttemptState, origin: OriginId, answer: &Answer) {
        if state.url().scheme() == "https" && answer.version < Version::HTTP_2 {
            let mut known = self.over_http1.borrow_mut();
            if known.len() < KNOWN {
                known.insert(origin);
            }
        }
    }
}

/// One hop more, until it is over.
struct InFlight<'a>(&'a Cell<usize>);

impl<'a> InFlight<'a> {
    fn on(load: &'a Cell<usize>) -> Self {
        load.set(load.get() + 1);
        Self(load)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A thread with a runtime and a client of its own. Dropped, it takes with it what it has under way.
struct Worker {
    orders: mpsc::UnboundedSender<Assignment>,
    leave: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(plan: ClientSetup) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LOOKUPS)
            .build()?;
        let (sender, orders) = mpsc::unbounded_channel();
        let leave = CancellationToken::new();
        let leaves = leave.clone();
        let work = move || {
            if let Ok(client) = plan.client() {
                runtime.block_on(leaves.run_until_cancelled(work(client, orders)));
            }
            // A look-up cannot be cancelled.
            runtime.shutdown_background();
        };
        Ok(Self {
            orders: sender,
            leave,
            thread: Some(thread::Builder::new().name("worker".into()).spawn(work)?),
        })
    }

    async fn exchange(
        &self,
        request: Arc<Request>,
        state: Box<AttemptState>,
        abort: &CancellationToken,
    ) -> (Box<AttemptState>, Option<ExchangeResult>) {
        let (reply, replied) = oneshot::channel();
        let order = Assignment {
            request: request.clone(),
            state,
            abort: abort.clone(),
            reply,
        };
        let _ = self.orders.send(order);
        replied.await.unwrap_or_else(|_| {
            let failure = Failure::new(Kind::Io, Phase::Request, "a thread of fetch broke off");
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

async fn work(client: Client, mut orders: mpsc::UnboundedReceiver<Assignment>) {
    let client = &client;
    let orders = stream::poll_fn(move |cx| orders.poll_recv(cx));
    orders
        .for_each_concurrent(None, |order| async move {
            let Assignment {
                request,
                mut state,
                abort,
                reply,
            } = order;
            let exchange = client.exchange(&request, &mut state, &abort).await;
            let _ = reply.send((state, exchange));
        })
        .await;
}
