//! Where connections go: names, addresses, and sockets.

mod block_private;
mod block_private_ways;
mod families;
mod look_ups;
pub(crate) mod resolve;
mod unix_socket;
