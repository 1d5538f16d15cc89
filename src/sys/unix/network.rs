//! Options of sockets.

use reqwest::ClientBuilder;

/// Keeps reqwest from setting `TCP_USER_TIMEOUT` on every connection, which only Linux has: it ends a connection whose
/// data stays unacknowledged for that long.
pub fn without_user_timeout(builder: ClientBuilder) -> ClientBuilder {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let builder = builder.tcp_user_timeout(None);
    builder
}
