//! A server that runs scripts and remembers its requests.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection};

use super::{PATIENCE, Request, Script, Stream, answer, script::After};

/// How long a test waits to see that nothing more happens. If this is too short, a test may overlook a fault, but it
/// never fails without one.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    connections: usize,
    on_the_wire: usize,
    peak: usize,
    open: HashMap<usize, TcpStream>,
    peak_open: usize,
    asked: HashMap<String, usize>,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.notify_all();
        result
    }

    /// Waits, and returns whether the condition became true in time.
    fn wait_until(&self, patience: Duration, become_true: impl Fn(&State) -> bool) -> bool {
        self.changed
            .wait_timeout_while(self.state(), patience, |state| !become_true(state))
            .is_ok_and(|(_state, waited)| !waited.timed_out())
    }
}

#[derive(Default)]
struct Plan {
    routes: HashMap<String, Vec<Script>>,
    otherwise: Option<Script>,
    blind: bool,
    tls: Option<Arc<ServerConfig>>,
}

/// A server that has not started yet.
#[derive(Default)]
pub(crate) struct Builder {
    plan: Plan,
    address: Option<IpAddr>,
    may_stay_unasked: bool,
}

impl Builder {
    /// Sets the script for a path, or for a path with a query.
    pub(crate) fn route(self, path: &str, script: Script) -> Self {
        self.route_in_turn(path, [script])
    }

    /// Sets a script for each request in turn. The last one is repeated.
    pub(crate) fn route_in_turn(
        mut self,
        path: &str,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Self {
        self.plan
            .routes
            .insert(path.to_owned(), scripts.into_iter().collect());
        self
    }

    /// Sets the script for every other path, which is a 404 by default.
    pub(crate) fn otherwise(mut self, script: Script) -> Self {
        self.plan.otherwise = Some(script);
        self
    }

    /// Leaves request bodies unread, so that the script may read them.
    pub(crate) fn blind_to_bodies(mut self) -> Self {
        self.plan.blind = true;
        self
    }

    pub(crate) fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.plan.tls = Some(config);
        self
    }

    /// Listens on all addresses 127.x.y.z, on one port.
    pub(crate) fn on_all_addresses(mut self) -> Self {
        self.address = Some(Ipv4Addr::UNSPECIFIED.into());
        self
    }

    pub(crate) fn on_ipv6(mut self) -> Self {
        self.address = Some(Ipv6Addr::LOCALHOST.into());
        self
    }

    /// Allows the server to get no request. Without this, such a server fails its test.
    pub(crate) fn may_stay_unasked(mut self) -> Self {
        self.may_stay_unasked = true;
        self
    }

    pub(crate) fn start(self) -> Server {
        let listener =
            TcpListener::bind((self.address.unwrap_or(Ipv4Addr::LOCALHOST.into()), 0)).unwrap();
        let (address, shared, plan) = (
            listener.local_addr().unwrap(),
            Arc::<Shared>::default(),
            Arc::new(self.plan),
        );
        let scheme = if plan.tls.is_some() { "https" } else { "http" };
        let behind = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((tcp, _)) = listener.accept() {
                let Some(number) = admit(&behind, &tcp) else {
                    break;
                };
                let (shared, plan) = (Arc::clone(&behind), Arc::clone(&plan));
                thread::spawn(move || {
                    serve(&shared, &plan, tcp, number);
                    shared.change(|state| state.open.remove(&number));
                });
            }
        });
        Server {
            address,
            scheme,
            shared,
            may_stay_unasked: self.may_stay_unasked,
        }
    }
}

/// The number of a new connection; `None` once the server is stopped.
fn admit(shared: &Shared, tcp: &TcpStream) -> Option<usize> {
    let _ = tcp.set_nodelay(true);
    shared.change(|state| {
        let number = state.connections;
        state.connections += 1;
        state.open.insert(number, tcp.try_clone().ok()?);
        state.peak_open = state.peak_open.max(state.open.len());
        (!state.stopped).then_some(number)
    })
}

fn serve(shared: &Shared, plan: &Plan, tcp: TcpStream, number: usize) {
    let mut stream = match &plan.tls {
        None => Stream::plain(tcp),
        Some(config) => {
            match Stream::tls(tcp, ServerConnection::new(Arc::clone(config)).unwrap()) {
                Ok(stream) => stream,
                Err(_) => return,
            }
        }
    };
    while let Some(mut request) = Request::read(&mut stream, number) {
        if !plan.blind && request.read_body(&mut stream).is_none() {
            break;
        }
        let script = choose(shared, plan, &request);
        let left = std::cell::Cell::new(false);
        let leave = || {
            if !left.replace(true) {
                shared.change(|state| state.on_the_wire -= 1);
            }
        };
        let after = script.play(
            &request,
            &mut stream,
            &|duration| shared.wait_until(duration, |state| state.stopped),
            &leave,
        );
        leave();
        match after {
            After::Keep => {}
            After::Close => break,
            After::Reset => {
                // Another handle would keep the socket open.
                shared.change(|state| state.open.remove(&number));
                return stream.reset();
            }
        }
    }
    shared.change(|state| state.open.remove(&number));
    stream.close();
}

/// Records the request and selects its script.
fn choose(shared: &Shared, plan: &Plan, request: &Request) -> Script {
    let path = request.target.split('?').next().unwrap_or_default();
    let key = if plan.routes.contains_key(&request.target) {
        &request.target
    } else {
        path
    };
    let turn = shared.change(|state| {
        state.requests.push(request.clone());
        state.on_the_wire += 1;
        state.peak = state.peak.max(state.on_the_wire);
        let turn = state.asked.entry(key.to_owned()).or_default();
        *turn += 1;
        *turn - 1
    });
    match plan.routes.get(key) {
        Some(scripts) => scripts[turn.min(scripts.len() - 1)].clone(),
        None => plan
            .otherwise
            .clone()
            .unwrap_or_else(|| answer(404, "no such route")),
    }
}

pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    may_stay_unasked: bool,
}

impl Server {
    pub(crate) fn build() -> Builder {
        Builder::default()
    }

    /// A server that runs the same script for every request.
    pub(crate) fn always(script: Script) -> Self {
        Self::build().otherwise(script).start()
    }

    /// A server with a script for one path.
    pub(crate) fn at(path: &str, script: Script) -> Self {
        Self::build().route(path, script).start()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let ip = if self.address.ip().is_unspecified() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            self.address.ip()
        };
        format!(
            "{}://{}{path}",
            self.scheme,
            SocketAddr::new(ip, self.port())
        )
    }

    /// A URL with another name or address of this machine.
    pub(crate) fn url_as(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.port())
    }

    /// A list of the URLs `/0`, `/1`, …
    pub(crate) fn list(&self, count: usize) -> String {
        (0..count)
            .map(|number| self.url(&format!("/{number}\n")))
            .collect()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// The only request.
    #[track_caller]
    pub(crate) fn request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "requests: {requests:#?}");
        requests.remove(0)
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .map(|request| request.target)
            .collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// Asserts that there was not even a connection.
    #[track_caller]
    pub(crate) fn assert_untouched(self) {
        assert!(self.is_untouched(), "asked: {:#?}", self.targets());
    }

    /// Whether there was not even a connection. Finds out by connecting itself: that connection must be the first.
    #[track_caller]
    fn is_untouched(&self) -> bool {
        let last = TcpStream::connect(self.address).unwrap();
        let ours = last.local_addr().unwrap();
        let is_ours = |tcp: &TcpStream| tcp.peer_addr().is_ok_and(|peer| peer == ours);
        // Connections are accepted in order, so earlier ones have been counted by then.
        let came = |state: &State| state.open.values().any(is_ours);
        assert!(self.shared.wait_until(PATIENCE, came), "the server is gone");
        self.connections() == 1
    }

    /// The maximum number of requests at a time.
    pub(crate) fn peak(&self) -> usize {
        self.shared.state().peak
    }

    /// The maximum number of open connections at a time.
    pub(crate) fn peak_connections(&self) -> usize {
        self.shared.state().peak_open
    }

    /// Waits until there were `count` requests.
    #[track_caller]
    pub(crate) fn wait_for_requests(&self, count: usize) {
        assert!(
            self.shared
                .wait_until(PATIENCE, |state| state.requests.len() >= count),
            "no {count} requests came: {:#?}",
            self.targets()
        );
    }

    /// Waits until no request has come for a while, and returns their number. On a busy machine there may be fewer than
    /// would have come.
    pub(crate) fn requests_once_quiet(&self) -> usize {
        let mut asked = self.requests().len();
        while self
            .shared
            .wait_until(QUIET, |state| state.requests.len() > asked)
        {
            asked = self.requests().len();
        }
        asked
    }

    /// Waits until there are `count` requests at a time, and returns whether they came in time.
    pub(crate) fn come_together(&self, count: usize, patience: Duration) -> bool {
        self.shared
            .wait_until(patience, |state| state.on_the_wire >= count)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A run may have given up before its connection was accepted.
        let asked = self.may_stay_unasked
            || thread::panicking()
            || self.connections() > 0
            || !self.is_untouched();
        let open = self.shared.change(|state| {
            state.stopped = true;
            std::mem::take(&mut state.open)
        });
        for tcp in open.values() {
            let _ = tcp.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts, which then ends.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        assert!(asked, "no one asked the server anything");
    }
}
