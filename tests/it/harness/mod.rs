//! The support module keeps its own promises.

mod canary;
mod proxy;
mod server;
