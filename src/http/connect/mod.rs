//! How connections are made.

pub(in crate::http) mod connect_limiter;
pub(in crate::http) mod descriptors;
pub(in crate::http) mod first_handshake;
pub(in crate::http) mod guard;
pub(in crate::http) mod pool;
pub(in crate::http) mod resolver;
pub(in crate::http) mod streams;
pub(in crate::http) mod tls;
