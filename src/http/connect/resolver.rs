//! Chooses the addresses of a host: those that `--resolve` gives, or those that the system finds and the guard admits.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt as _, ready};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::{AddressError, Guard};
use super::look_ups::{Addresses, LookUpError, LookUpLimits, LookUps, PendingLookUp};
use super::target;
use crate::http::clock;
use crate::model::error::{Phase, plain};
use crate::model::lock::lock;
use crate::model::thread_pool::{PoolSize, ThreadPool};

/// The stack of a thread that asks the system, a quarter of the usual: there may be a thousand of them where names never
/// resolve.
const STACK: usize = 512 * 1024;

/// The shortest time that the system can be told to wait for a name server (`resolv.conf(5)`, `timeout`). A temporary
/// failure that comes sooner is what a name server says.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// Addresses of hosts that are not looked up, by name and port (`--resolve`).
pub type Overrides = HashMap<(String, u16), Vec<IpAddr>>;

/// The name in [`Overrides`] that stands for every other.
const ANY: &str = "*";

/// Why there is no address for a name.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::http) enum ResolveError {
    /// The look-up has no answer.
    #[error(transparent)]
    Failed(#[from] LookUpError),
    /// The look-up has not begun yet. The connection is to be tried again when it has.
    #[error("the name waits to be looked up")]
    Queued(PendingLookUp),
    /// None of the addresses may be connected to.
    #[error(transparent)]
    Blocked(#[from] AddressError),
}

/// The resolver of a run. It advances the clock of the exchange that it works for.
#[derive(Clone)]
pub(in crate::http) struct Resolver {
    guard: Guard,
    overrides: Arc<Overrides>,
    look_ups: LookUps,
}

impl Resolver {
    /// Returns a resolver that asks the system. Its threads start at the first name, since many lists have only
    /// addresses or names of `--resolve`.
    pub(in crate::http) fn new(
        guard: Guard,
        overrides: Arc<Overrides>,
        limits: LookUpLimits,
    ) -> Self {
        let threads = Mutex::new(None);
        let begin = move |name: &str| match started(&threads, limits) {
            Ok(threads) => ask_system(&threads, name),
            Err(error) => Some(ready(Err(LookUpError::NoThread(error))).boxed()),
        };
        Self {
            guard,
            overrides,
            look_ups: LookUps::new(limits, begin),
        }
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

    /// Returns what the look-up of `name` finds, if it has begun.
    async fn look_up(&self, name: &str) -> Result<Arc<[IpAddr]>, ResolveError> {
        let look_up = self.look_ups.look_up(name);
        if look_up.is_queued() {
            return Err(ResolveError::Queued(look_up));
        }
        Ok(look_up.found().await?)
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
fn started(
    threads: &Mutex<Option<ThreadPool>>,
    limits: LookUpLimits,
) -> Result<ThreadPool, String> {
    let mut threads = lock(threads);
    if let Some(threads) = &*threads {
        return Ok(threads.clone());
    }
    let size = PoolSize {
        most: limits.threads,
        kept: limits.at_once,
        stack: Some(STACK),
    };
    let started = ThreadPool::start("resolver", size).map_err(|error| plain(&error))?;
    Ok(threads.insert(started).clone())
}

/// Has one of `threads` look up `name`, if one is free.
fn ask_system(threads: &ThreadPool, name: &str) -> Option<BoxFuture<'static, Addresses>> {
    let name = name.to_owned();
    let found = threads.spawn_now(move || {
        let begun = Instant::now();
        let found = (name, 0).to_socket_addrs();
        found.map_err(|error| look_up_error(&error.to_string(), begun.elapsed()))
    })?;
    let found = async {
        match found.await {
            Ok(Ok(addresses)) => Ok(addresses.map(|address| address.ip()).collect()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(LookUpError::Unknown("the look-up failed".to_owned())),
        }
    };
    Some(found.boxed())
}

/// Returns what it means that the system says `text` after it has tried for so long.
fn look_up_error(text: &str, tried: Duration) -> LookUpError {
    let reason = text.rsplit(": ").next().unwrap_or_default().to_lowercase();
    // `EAI_AGAIN` of glibc, FreeBSD and macOS, and of musl. The standard library shows it in its text only.
    let may_pass = reason.starts_with("temporary failure") || reason == "try again";
    if may_pass && tried >= LEAST_PATIENCE {
        LookUpError::TimedOut(tried, reason)
    } else {
        LookUpError::Unknown(reason)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::pending;
    use tokio::time::advance;

    use super::super::look_ups::TTL;
    use super::*;

    const PUBLIC: Ipv4Addr = Ipv4Addr::new(1, 1, 1, 1);

    const LIMITS: LookUpLimits = LookUpLimits {
        at_once: 1,
        threads: 1,
    };

    /// Returns a resolver for public addresses whose look-ups begin so.
    fn resolver(
        begin: impl Fn(&str) -> Option<BoxFuture<'static, Addresses>> + Send + Sync + 'static,
    ) -> Resolver {
        let guard = Guard {
            block_private: true,
            ..Guard::default()
        };
        Resolver {
            look_ups: LookUps::new(LIMITS, begin),
            ..Resolver::new(guard, Arc::default(), LIMITS)
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "what the system returns")]
    fn at(address: Ipv4Addr) -> Option<BoxFuture<'static, Addresses>> {
        Some(ready(Ok([address.into()].into())).boxed())
    }

    async fn resolve(resolver: &Resolver, name: &str) -> Result<Vec<IpAddr>, String> {
        let found = resolver.resolve(name.parse().unwrap()).await;
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.map(|address| address.ip()).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_resolves_to_a_private_address_later_is_refused_then() {
        let asked = Arc::<AtomicUsize>::default();
        let times_asked = || asked.load(Ordering::Relaxed);
        let counted = asked.clone();
        let resolver = resolver(move |_| {
            let before = counted.fetch_add(1, Ordering::Relaxed);
            at([PUBLIC, Ipv4Addr::LOCALHOST][before])
        });
        let public = Ok(vec![PUBLIC.into()]);
        assert_eq!(resolve(&resolver, "rebinds.test").await, public);
        advance(TTL * 59 / 60).await;
        assert_eq!(resolve(&resolver, "REBINDS.test").await, public);
        assert_eq!(times_asked(), 1);
        advance(TTL / 60).await;
        for _ in 0..2 {
            let refused = resolve(&resolver, "rebinds.test").await.unwrap_err();
            assert_eq!(
                refused,
                AddressError::Private(Ipv4Addr::LOCALHOST.into()).to_string()
            );
        }
        assert_eq!(times_asked(), 2);
    }

    #[test]
    fn a_temporary_failure_that_took_long_is_a_time_out() {
        let temporary =
            "failed to lookup address information: Temporary failure in name resolution";
        let unknown = "failed to lookup address information: Name or service not known";
        for (text, seconds, expected) in [
            (
                temporary,
                10,
                "not resolved within 10.0s: temporary failure in name resolution",
            ),
            ("x: Try again", 1, "not resolved within 1.0s: try again"),
            (temporary, 0, "temporary failure in name resolution"),
            (unknown, 10, "name or service not known"),
        ] {
            let error = look_up_error(text, Duration::from_secs(seconds));
            assert_eq!(error.to_string(), expected);
            let is_time_out = matches!(error, LookUpError::TimedOut(..));
            assert_eq!(is_time_out, expected.starts_with("not resolved"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_told_to_wait_while_its_look_up_has_not_begun() {
        let resolver = resolver(|name| match name {
            "dead.test" => Some(pending().boxed()),
            _ => None,
        });
        let resolve = |name: &str| resolver.resolve(name.parse().unwrap()).now_or_never();
        assert!(resolve("dead.test").is_none());
        let error = resolve("good.test").unwrap().map(drop).unwrap_err();
        let error = error.downcast_ref::<ResolveError>();
        assert!(matches!(error, Some(ResolveError::Queued(_))), "{error:?}");
    }
}
