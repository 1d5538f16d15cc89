//! Looks names up with the system resolver: once per host at a time, and keeps the answers for a while.

use std::collections::HashMap;
use std::future::ready;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, Shared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

use super::guard::{AddressError, Guard};
use super::target;
use crate::http::clock;
use crate::model::error::{Phase, plain};
use crate::model::lock::lock;
use crate::model::thread_pool::ThreadPool;

/// How long an answer is kept.
const TTL: Duration = Duration::from_secs(60);

/// How many answers are kept.
const CAPACITY: usize = 4_096;

/// Addresses of hosts that are not looked up, by name and port (`--resolve`).
pub type Overrides = HashMap<(String, u16), Vec<IpAddr>>;

/// The name in [`Overrides`] that stands for every other.
const ANY: &str = "*";

/// Why there is no address for a name.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::http) enum ResolveError {
    /// The system does not know the name.
    #[error("{0}")]
    Unknown(String),
    /// The system provides no thread to look it up.
    #[error("cannot start a thread to look the name up: {0}")]
    NoThread(String),
    /// None of the addresses may be connected to.
    #[error(transparent)]
    Blocked(#[from] AddressError),
}

type Addresses = Result<Arc<[IpAddr]>, ResolveError>;

/// Looks up one name.
type SystemResolver = dyn Fn(String) -> BoxFuture<'static, Addresses> + Send + Sync;

/// A look-up, finished or not.
struct LookUp {
    found: Shared<BoxFuture<'static, Addresses>>,
    started: Instant,
}

impl LookUp {
    /// Whether its answer, once there, is still to be used.
    fn is_fresh(&self) -> bool {
        match self.found.peek() {
            None => true,
            Some(Ok(_)) => self.started.elapsed() < TTL,
            Some(Err(_)) => false,
        }
    }
}

/// The resolver of a run. It advances the clock of the exchange that it works for.
#[derive(Clone)]
pub(in crate::http) struct Resolver {
    guard: Guard,
    overrides: Arc<Overrides>,
    look_ups: Arc<Mutex<HashMap<String, LookUp>>>,
    system: Arc<SystemResolver>,
}

impl Resolver {
    /// Returns a resolver that asks the system for up to `lookups` names at a time. Its threads start at the first
    /// name, since many lists have only addresses or names of `--resolve`.
    pub(in crate::http) fn new(guard: Guard, overrides: Arc<Overrides>, lookups: usize) -> Self {
        let threads = Mutex::new(None);
        let system = move |name| match started(&threads, lookups) {
            Ok(threads) => ask_system(&threads, name).boxed(),
            Err(error) => ready(Err(ResolveError::NoThread(error))).boxed(),
        };
        Self {
            guard,
            overrides,
            look_ups: Arc::default(),
            system: Arc::new(system),
        }
    }

    /// Returns the look-up of `name`, and starts one if none can be shared.
    fn look_up(&self, name: &str) -> Shared<BoxFuture<'static, Addresses>> {
        let mut look_ups = lock(&self.look_ups);
        if let Some(look_up) = look_ups.get(name).filter(|look_up| look_up.is_fresh()) {
            return look_up.found.clone();
        }
        if look_ups.len() >= CAPACITY {
            look_ups.retain(|_, look_up| look_up.is_fresh());
        }
        if look_ups.len() >= CAPACITY {
            look_ups.retain(|_, look_up| look_up.found.peek().is_none());
        }
        let found = (self.system)(name.to_owned()).shared();
        let look_up = LookUp {
            found: found.clone(),
            started: Instant::now(),
        };
        look_ups.insert(name.to_owned(), look_up);
        found
    }

    /// Returns the addresses that `--resolve` gives for `host`.
    fn overridden(&self, host: &str) -> Option<&[IpAddr]> {
        let entry = |name: &str| {
            target::current_ports(host)
                .find_map(|port| self.overrides.get(&(name.to_owned(), port)))
                .map(Vec::as_slice)
        };
        let any = || entry(ANY).filter(|_| bare(host).parse::<IpAddr>().is_err());
        entry(host).or_else(any)
    }

    /// Returns those of `found` that may be connected to.
    fn admitted(&self, found: &[IpAddr]) -> Result<Addrs, ResolveError> {
        let mut refused = None;
        let mut admitted = Vec::new();
        for &address in found {
            match self.guard.check(address) {
                Ok(()) => admitted.push(SocketAddr::new(address, 0)),
                // An address of the right family says more about the cause.
                Err(why @ AddressError::Private(_)) => refused = Some(why),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        match refused {
            Some(refused) if admitted.is_empty() => Err(refused.into()),
            _ => Ok(Box::new(admitted.into_iter())),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        clock::advance_current(Phase::Resolve);
        let name = name.as_str().to_ascii_lowercase();
        let host = name.trim_end_matches('.');
        let overridden = self.overridden(host).map(<[_]>::to_vec);
        let resolver = self.clone();
        Box::pin(async move {
            let found = match (overridden, bare(&name).parse()) {
                (Some(addresses), _) => resolver.admitted(&addresses),
                (None, Ok(address)) => resolver.admitted(&[address]),
                (None, Err(_)) => match resolver.look_up(&name).await {
                    Ok(found) => resolver.admitted(&found),
                    Err(error) => Err(error),
                },
            };
            if found.is_ok() {
                clock::advance_current(Phase::Connect);
            }
            Ok(found?)
        })
    }
}

/// Removes the brackets that SOCKS leaves on IPv6 addresses.
fn bare(name: &str) -> &str {
    name.trim_matches(['[', ']'])
}

/// Returns the threads that ask the system, and starts them if they are not running.
fn started(threads: &Mutex<Option<ThreadPool>>, max: usize) -> Result<ThreadPool, String> {
    let mut threads = lock(threads);
    if let Some(threads) = &*threads {
        return Ok(threads.clone());
    }
    let started = ThreadPool::start("resolver", max).map_err(|error| plain(&error))?;
    Ok(threads.insert(started).clone())
}

fn ask_system(threads: &ThreadPool, name: String) -> impl Future<Output = Addresses> + use<> {
    let found = threads.spawn(move || (name, 0).to_socket_addrs());
    async {
        match found.await {
            Ok(Ok(addresses)) => Ok(addresses.map(|address| address.ip()).collect()),
            Ok(Err(error)) => {
                let text = error.to_string();
                let reason = text.rsplit(": ").next().unwrap_or_default();
                Err(ResolveError::Unknown(reason.to_lowercase()))
            }
            Err(_) => Err(ResolveError::Unknown("the look-up failed".to_owned())),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::future::pending;
    use std::net::Ipv4Addr;

    use futures::future::join_all;
    use tokio::time::{advance, sleep};

    use super::*;

    const PUBLIC: Ipv4Addr = Ipv4Addr::new(1, 1, 1, 1);

    /// A resolver, and how often it asked the system for each name.
    struct Asking {
        resolver: Resolver,
        asked: Arc<Mutex<HashMap<String, usize>>>,
    }

    /// Returns a resolver whose system answers by name and by how often it was asked for it before.
    fn asking(
        answer: impl Fn(&str, usize) -> BoxFuture<'static, Addresses> + Send + Sync + 'static,
    ) -> Asking {
        let asked = Arc::<Mutex<HashMap<String, usize>>>::default();
        let noted = asked.clone();
        let guard = Guard {
            block_private: true,
            ..Guard::default()
        };
        let system = move |name: String| {
            let mut noted = noted.lock().unwrap();
            let times = noted.entry(name.clone()).or_default();
            *times += 1;
            answer(&name, *times - 1)
        };
        let resolver = Resolver {
            system: Arc::new(system),
            ..Resolver::new(guard, Arc::default(), 1)
        };
        Asking { resolver, asked }
    }

    fn at(address: Ipv4Addr) -> BoxFuture<'static, Addresses> {
        ready(Ok([address.into()].into())).boxed()
    }

    impl Asking {
        async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, String> {
            let found = self.resolver.resolve(name.parse().unwrap()).await;
            let found = found.map_err(|error| error.to_string())?;
            Ok(found.map(|address| address.ip()).collect())
        }

        fn times_asked(&self, name: &str) -> usize {
            self.asked.lock().unwrap().get(name).copied().unwrap_or(0)
        }

        fn cached(&self) -> usize {
            self.resolver.look_ups.lock().unwrap().len()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_resolves_to_a_private_address_later_is_refused_then() {
        let system = asking(|_, before| at([PUBLIC, Ipv4Addr::LOCALHOST][before]));
        let public = Ok(vec![PUBLIC.into()]);
        assert_eq!(system.resolve("rebinds.test").await, public);
        advance(TTL * 59 / 60).await;
        assert_eq!(system.resolve("REBINDS.test").await, public);
        assert_eq!(system.times_asked("rebinds.test"), 1);
        advance(TTL / 60).await;
        for _ in 0..2 {
            let refused = system.resolve("rebinds.test").await.unwrap_err();
            assert_eq!(
                refused,
                AddressError::Private(Ipv4Addr::LOCALHOST.into()).to_string()
            );
        }
        assert_eq!(system.times_asked("rebinds.test"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_look_up_is_shared_however_long_it_takes() {
        let system = asking(|_, _| {
            let found = async {
                sleep(3 * TTL).await;
                at(PUBLIC).await
            };
            found.boxed()
        });
        let late = async {
            sleep(2 * TTL).await;
            system.resolve("slow.test").await
        };
        // A waiter that gives up does not cancel the look-up of the others.
        let leaves = tokio::time::timeout(TTL, system.resolve("slow.test"));
        let stays = join_all((0..10).map(|_| system.resolve("slow.test")));
        let (left, stayed, late) = tokio::join!(leaves, stays, late);
        assert!(left.is_err());
        assert_eq!(stayed, vec![Ok(vec![PUBLIC.into()]); 10]);
        assert_eq!(late, Ok(vec![PUBLIC.into()]));
        assert_eq!(system.times_asked("slow.test"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_look_up_fails_its_waiters_and_is_not_cached() {
        let system = asking(|_, before| {
            let found = async move {
                sleep(Duration::from_secs(1)).await;
                match before {
                    0 => Err(ResolveError::Unknown("not yet".to_owned())),
                    _ => at(PUBLIC).await,
                }
            };
            found.boxed()
        });
        let name = "new.test";
        let both = tokio::join!(system.resolve(name), system.resolve(name));
        assert_eq!(both, (Err("not yet".to_owned()), Err("not yet".to_owned())));
        assert_eq!(system.times_asked(name), 1);
        assert_eq!(system.resolve(name).await, Ok(vec![PUBLIC.into()]));
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_is_bounded() {
        let system = asking(|name, _| match name {
            "slow.test" => pending().boxed(),
            _ => at(PUBLIC),
        });
        let slow = || system.resolve("slow.test").now_or_never();
        assert_eq!(slow(), None);
        for number in 0..CAPACITY - 2 {
            system.resolve(&format!("{number}.test")).await.unwrap();
        }
        advance(TTL).await;
        system.resolve("fresh.test").await.unwrap();
        assert_eq!(system.cached(), CAPACITY);
        // Old answers go first, running look-ups never.
        system.resolve("one-more.test").await.unwrap();
        assert_eq!(system.cached(), 3);
        for number in 0..3 * CAPACITY {
            system.resolve(&format!("{number}.test")).await.unwrap();
            assert!(system.cached() <= CAPACITY);
            if number == 0 {
                system.resolve("fresh.test").await.unwrap();
                assert_eq!(system.times_asked("fresh.test"), 1);
            }
        }
        assert_eq!(slow(), None);
        assert_eq!(system.times_asked("slow.test"), 1);
    }
}
