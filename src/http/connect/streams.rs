//! How many requests share an HTTP/2 connection.
//!
//! reqwest's pool keeps one HTTP/2 connection per origin. Requests past the server's limit of
//! streams queue inside it, unseen, while their time runs. So requests past a hundred at a time go
//! to another client, with a pool and a connection of its own.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use reqwest::Version;
use tokio::time::Instant;

use crate::model::origin::OriginId;

/// How many streams one connection carries at a time: no server should allow fewer (RFC 9113,
/// section 6.5.2). The actual limit cannot be read from the stack.
pub(super) const STREAMS: u8 = 100;

/// After how many silent connections to an origin the clients are used anew. Each has a pool, and the first ones have
/// given theirs up by then.
const SILENT: usize = 8;

/// Counts requests in flight by origin and by the number of the client that carries them.
#[derive(Clone, Default)]
pub(in crate::http) struct OpenStreams(Rc<Counts>);

#[derive(Default)]
struct Counts {
    connections: RefCell<HashMap<(OriginId, usize), Rc<SharedConnection>>>,
    /// The numbers of the first clients to use, where those before have a connection that went silent.
    first: RefCell<HashMap<OriginId, usize>>,
}

/// The connection of one client to one origin.
#[derive(Default)]
struct SharedConnection {
    open: Cell<usize>,
    /// Whether two requests have been in flight at a time, since there was none.
    had_two: Cell<bool>,
    /// Whether it is known that there are connections for one request at a time instead.
    is_http1: Cell<bool>,
    /// When the last answer came.
    answered: Cell<Option<Instant>>,
}

/// Counts one request in flight until it is dropped.
pub(in crate::http) struct StreamPermit {
    counts: Rc<Counts>,
    key: (OriginId, usize),
    connection: Rc<SharedConnection>,
}

impl OpenStreams {
    /// Counts one more request to `origin`.
    pub(in crate::http) fn open(&self, origin: OriginId) -> StreamPermit {
        let mut key = (origin, self.0.first(origin));
        let mut connections = self.0.connections.borrow_mut();
        let connection = loop {
            let connection = connections.entry(key).or_default();
            if connection.open.get() < usize::from(STREAMS) {
                break connection.clone();
            }
            key.1 += 1;
        };
        let others = connection.open.replace(connection.open.get() + 1);
        // With none left, the next one begins anew.
        connection.had_two.set(others > 0);
        StreamPermit {
            counts: self.0.clone(),
            key,
            connection,
        }
    }
}

impl Counts {
    fn first(&self, origin: OriginId) -> usize {
        let first = self.first.borrow();
        // Looks nothing up in a run without such connections.
        if first.is_empty() {
            0
        } else {
            first.get(&origin).copied().unwrap_or_default()
        }
    }
}

impl StreamPermit {
    /// Returns the number of the client that has room for the request.
    pub(in crate::http) fn client(&self) -> usize {
        self.key.1
    }

    /// Notes an answer. Returns whether it is the first.
    pub(in crate::http) fn note_answer(&self, version: Version, at: Instant) -> bool {
        if version < Version::HTTP_2 {
            self.note_http1();
        }
        self.connection.answered.replace(Some(at)).is_none()
    }

    /// Notes that connections to the origin carry one request at a time.
    pub(in crate::http) fn note_http1(&self) {
        self.connection.is_http1.set(true);
    }

    /// Whether other requests may be, or have been, in flight on the connection.
    pub(in crate::http) fn is_shared(&self) -> bool {
        self.connection.had_two.get() && !self.connection.is_http1.get()
    }

    /// Gives the connection up for requests to come, if it brought no answer after `since`. Returns whether that is
    /// so. Requests in flight stay on it.
    pub(in crate::http) fn give_up_if_silent(&self, since: Instant) -> bool {
        let connection = &self.connection;
        if connection.is_http1.get() || connection.answered.get().is_some_and(|at| at > since) {
            return false;
        }
        let (origin, client) = self.key;
        // Another request may have done so before.
        if client >= self.counts.first(origin) {
            let next = (client + 1) % SILENT;
            self.counts.first.borrow_mut().insert(origin, next);
        }
        true
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let open = &self.connection.open;
        open.set(open.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_at_a_time_and_the_first_that_has_room() {
        let streams = OpenStreams::default();
        let mut open: Vec<_> = (0..250).map(|_| streams.open(OriginId::from(1))).collect();
        let clients: Vec<_> = open.iter().map(StreamPermit::client).collect();
        assert_eq!(clients[..100], [0; 100]);
        assert_eq!(clients[100..200], [1; 100]);
        assert_eq!(clients[200..], [2; 50]);
        assert_eq!(
            streams.open(OriginId::from(2)).client(),
            0,
            "another origin"
        );
        open.remove(150);
        assert_eq!(streams.open(OriginId::from(1)).client(), 1);
        open.clear();
        assert_eq!(streams.open(OriginId::from(1)).client(), 0);
    }

    #[test]
    fn a_connection_is_shared_once_two_were_in_flight_unless_it_is_http_1() {
        let (streams, now) = (OpenStreams::default(), Instant::now());
        let first = streams.open(OriginId::from(1));
        assert!(!first.is_shared());
        drop(streams.open(OriginId::from(1)));
        assert!(first.is_shared());
        assert!(first.note_answer(Version::HTTP_2, now));
        assert!(!first.note_answer(Version::HTTP_2, now) && first.is_shared());
        drop(first);
        let alone = streams.open(OriginId::from(1));
        assert!(!alone.is_shared(), "nobody is left");
        let other = streams.open(OriginId::from(1));
        assert!(alone.is_shared());
        other.note_answer(Version::HTTP_11, now);
        assert!(!alone.is_shared());
    }

    #[test]
    fn a_silent_connection_is_given_up_for_requests_to_come() {
        let (streams, origin) = (OpenStreams::default(), OriginId::from(1));
        let (slow, other) = (streams.open(origin), streams.open(origin));
        let before = Instant::now();
        let answered = before + std::time::Duration::from_secs(1);
        other.note_answer(Version::HTTP_2, answered);
        assert!(!slow.give_up_if_silent(before));
        assert_eq!(streams.open(origin).client(), 0, "another was answered");
        assert!(slow.give_up_if_silent(answered) && other.give_up_if_silent(answered));
        let next = streams.open(origin);
        assert_eq!(next.client(), 1, "given up once");
        assert!(next.give_up_if_silent(before));
        assert_eq!(streams.open(origin).client(), 2);
        assert_eq!(streams.open(OriginId::from(2)).client(), 0);
    }
}
