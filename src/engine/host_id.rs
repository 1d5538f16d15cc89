//! Identifies a host.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use url::Url;

/// Identifies a host by name and port, as a hash: what caps, rates and pauses apply to, and what is found
/// unreachable or busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct HostId(u64);

impl HostId {
    /// Returns the host of `url`.
    pub(super) fn of(url: &Url) -> Self {
        let mut hasher = DefaultHasher::new();
        url.host_str().hash(&mut hasher);
        url.port_or_known_default().hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The place of a host in the table of hosts, as long as it is there.
pub(super) type HostIndex = usize;
