//! Names a server in messages.

use std::fmt;

use url::Url;

/// `host:port` of `url`, the port always shown.
pub struct Authority<'a>(pub &'a Url);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.0.port_or_known_default().unwrap_or_default();
        write!(f, "{}:{port}", self.0.host_str().unwrap_or_default())
    }
}
