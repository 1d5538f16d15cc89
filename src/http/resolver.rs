//! Names → addresses, by the system.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::watch;
use crate::error::Phase;

/// The system could not resolve a name.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ResolveError(String);

/// The system's resolver, which tells the hop that it is at work.
#[derive(Debug)]
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            watch::current_reached(Phase::Resolve);
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            watch::current_reached(Phase::Connect);
            match found {
                Ok(addrs) => Ok(Box::new(addrs.collect::<Vec<_>>().into_iter()) as Addrs),
                Err(error) => {
                    watch::current_reached(Phase::Resolve);
                    let text = error.to_string();
                    let reason = text.rsplit(": ").next().unwrap_or_default();
                    Err(ResolveError(reason.to_lowercase()).into())
                }
            }
        })
    }
}
