//! Connections: which ones are opened, reused and shared, and to which addresses.
//!
//! [`pool`] builds reqwest's clients and bounds their connections, [`connector`] is called for each new
//! connection, [`resolver`] and [`guard`] choose its addresses ([`target`] tells them of which exchange), [`look_ups`] asks
//! the system for them, [`tls`] verifies the peer, and [`tunnel`] tells why a proxy refused.

mod connect_limiter;
mod connector;
pub(in crate::http) mod descriptors;
pub(in crate::http) mod error;
mod first_handshake;
pub(in crate::http) mod guard;
pub(in crate::http) mod look_ups;
pub(in crate::http) mod options;
pub(in crate::http) mod pool;
pub(in crate::http) mod resolver;
mod signatures;
pub(in crate::http) mod streams;
pub(in crate::http) mod target;
mod tls;
pub(in crate::http) mod tunnel;
pub(in crate::http) mod windows;
