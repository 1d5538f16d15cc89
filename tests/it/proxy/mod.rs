//! Proxies that speak HTTP or SOCKS: `-x`, the environment, and `--noproxy`.

mod env;
mod errors;
mod http;
mod noproxy;
mod secrets;
mod socks;
