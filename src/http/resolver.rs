//! Names → addresses, by the system: once per host at a time, and kept for a while.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, Shared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

use super::guard::{Guard, Refused};
use super::watch;
use crate::error::Phase;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(60);

/// How many answers are kept.
const MOST: usize = 4_096;

/// Where hosts are, by name and port, whatever the system says (`--resolve`).
pub type Overrides = HashMap<(String, u16), Vec<IpAddr>>;

/// Why a name leads nowhere.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ResolveError {
    /// The system does not know it.
    #[error("{0}")]
    Unknown(String),
    /// Where it leads, nobody goes.
    #[error(transparent)]
    Refused(#[from] Refused),
}

type Found = Result<Arc<[IpAddr]>, ResolveError>;

/// A look-up, over or not.
struct LookUp {
    found: Shared<BoxFuture<'static, Found>>,
    started: Instant,
}

impl LookUp {
    /// Whether what it found, or will find, can be relied upon.
    fn is_fresh(&self) -> bool {
        match self.found.peek() {
            None => true,
            Some(Ok(_)) => self.started.elapsed() < KEPT,
            Some(Err(_)) => false,
        }
    }
}

/// The resolver of a run. It tells the hop that it is at work.
#[derive(Clone)]
pub(super) struct Resolver {
    guard: Guard,
    overrides: Arc<Overrides>,
    look_ups: Arc<Mutex<HashMap<String, LookUp>>>,
}

impl Resolver {
    pub(super) fn new(guard: Guard, overrides: Arc<Overrides>) -> Self {
        Self {
            guard,
            overrides,
            look_ups: Arc::default(),
        }
    }

    /// The look-up of `name`, begun now if none can be shared.
    fn look_up(&self, name: &str) -> Shared<BoxFuture<'static, Found>> {
        let mut look_ups = self.look_ups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look_up) = look_ups.get(name).filter(|look_up| look_up.is_fresh()) {
            return look_up.found.clone();
        }
        if look_ups.len() >= MOST {
            look_ups.retain(|_, look_up| look_up.is_fresh());
        }
        if look_ups.len() >= MOST {
            look_ups.retain(|_, look_up| look_up.found.peek().is_none());
        }
        let found = ask_system(name.to_owned()).boxed().shared();
        let look_up = LookUp {
            found: found.clone(),
            started: Instant::now(),
        };
        look_ups.insert(name.to_owned(), look_up);
        found
    }

    /// Those of `found` that may be connected to.
    fn admitted(&self, found: &[IpAddr]) -> Result<Addrs, ResolveError> {
        let mut refused = None;
        let mut admitted = Vec::new();
        for &address in found {
            match self.guard.check(address) {
                Ok(()) => admitted.push(SocketAddr::new(address, 0)),
                // Whoever has one of the right family wants to know why it is not taken.
                Err(why @ Refused::Private(_)) => refused = Some(why),
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
        watch::current_reached(Phase::Resolve);
        let name = name.as_str().to_ascii_lowercase();
        let host = name.trim_end_matches('.');
        let overridden = watch::current_ports()
            .find_map(|port| self.overrides.get(&(host.to_owned(), port)).cloned());
        let resolver = self.clone();
        Box::pin(async move {
            // SOCKS asks for addresses as if they were names.
            let bare = name.trim_matches(['[', ']']);
            let found = match (overridden, bare.parse()) {
                (Some(addresses), _) => resolver.admitted(&addresses),
                (None, Ok(address)) => resolver.admitted(&[address]),
                (None, Err(_)) => match resolver.look_up(&name).await {
                    Ok(found) => resolver.admitted(&found),
                    Err(error) => Err(error),
                },
            };
            if found.is_ok() {
                watch::current_reached(Phase::Connect);
            }
            Ok(found?)
        })
    }
}

async fn ask_system(name: String) -> Found {
    match tokio::net::lookup_host((name, 0)).await {
        Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
        Err(error) => {
            let text = error.to_string();
            let reason = text.rsplit(": ").next().unwrap_or_default();
            Err(ResolveError::Unknown(reason.to_lowercase()))
        }
    }
}
