//! What an exchange connects to, for those that reqwest calls: the connector and the resolver.
//!
//! They are not told which request they work for. They find its target in a task-local variable, which is set while
//! the request is polled.

use std::rc::Rc;

use url::Url;

use crate::model::origin::OriginId;

tokio::task_local! {
    /// The target of the exchange whose request is being polled.
    static CURRENT: Rc<ConnectTarget>;
}

/// What one exchange connects to.
#[derive(Debug)]
pub(in crate::http) struct ConnectTarget {
    /// Ports that may be connected to: the URL's and that of the proxy.
    ports: [Option<u16>; 2],
    /// The URL's host; set only where a proxy has a host as well.
    host: Option<String>,
    /// The origin of the URL; set only for https.
    tls_origin: Option<OriginId>,
}

impl ConnectTarget {
    /// Returns the target of an exchange with `url`. `proxy` is the port of the proxy, if there is one.
    pub(in crate::http) fn new(url: &Url, proxy: Option<u16>) -> Self {
        Self {
            ports: [url.port_or_known_default(), proxy],
            host: proxy.and_then(|_| Some(url.host_str()?.trim_end_matches('.').to_owned())),
            tls_origin: (url.scheme() == "https").then(|| OriginId::of(url)),
        }
    }

    /// Polls `future` as work for the exchange with this target.
    pub(in crate::http) fn scope<F: Future>(
        self: Rc<Self>,
        future: F,
    ) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }
}

/// Returns the origin of the exchange being polled, if it is an https one.
pub(super) fn current_tls_origin() -> Option<OriginId> {
    CURRENT.try_with(|target| target.tls_origin).ok().flatten()
}

/// Returns host and port that a proxy makes a tunnel to, for the exchange being polled.
pub(super) fn current_tunnel() -> Option<String> {
    let tunnel = CURRENT.try_with(|target| {
        let (host, port) = (target.host.as_ref()?, target.ports[0]?);
        target.tls_origin.map(|_| format!("{host}:{port}"))
    });
    tunnel.ok().flatten()
}

/// Returns the ports that the exchange being polled may connect to at `host`. A host other than
/// the URL's can only be the proxy.
pub(super) fn current_ports(host: &str) -> impl Iterator<Item = u16> + use<> {
    let ports = CURRENT.try_with(|target| match (target.ports, &target.host) {
        ([_, proxy], Some(own)) if own != host => [None, proxy],
        (ports, _) => ports,
    });
    ports.unwrap_or_default().into_iter().flatten()
}
