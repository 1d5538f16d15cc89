//! Scripts that make a [`Server`](super::Server) an HTTP proxy.

use std::io::Write as _;

use super::{
    Request, Script, Stream,
    tunnel::{carry, dial},
};

/// Answers CONNECT with a tunnel to the named port of this machine, whatever the host, and any other request with
/// [`PROXIED`].
pub(crate) fn proxy() -> Script {
    tunnels(|request| request.target.rsplit(':').next()?.parse().ok())
}

/// A proxy whose tunnels all lead to one port.
pub(crate) fn to(port: u16) -> Script {
    tunnels(move |_| Some(port))
}

/// The body of the answer of [`proxy`] to a request that is not CONNECT.
pub(crate) const PROXIED: &str = "proxied";

fn tunnels(port: impl Fn(&Request) -> Option<u16> + Send + Sync + 'static) -> Script {
    Script::new().run(move |request, stream| {
        if request.method == "CONNECT" {
            match port(request) {
                Some(port) => tunnel(stream, port),
                None => stream.hang_up(),
            }
        } else {
            let length = PROXIED.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{PROXIED}"
            );
        }
    })
}

fn tunnel(stream: &mut Stream, port: u16) {
    if let Some(mut origin) = dial(port)
        && stream
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .is_ok()
    {
        carry(stream, &mut origin);
    }
    stream.hang_up();
}

/// The value of `Proxy-Authorization`.
pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
