//! How many requests share an HTTP/2 connection.
//!
//! reqwest's pool keeps one HTTP/2 connection per origin. Requests past the server's limit of
//! streams queue inside it, unseen, while their time runs. So requests past a hundred at a time go
//! to another client, with a pool and a connection of its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::model::origin::OriginId;

/// How many streams one connection carries at a time: no server should allow fewer (RFC 9113,
/// section 6.5.2). The actual limit cannot be read from the stack.
pub(super) const STREAMS: u8 = 100;

/// Counts requests in flight by origin and by the number of the client that carries them.
#[derive(Clone, Default)]
pub(in crate::http) struct OpenStreams(Rc<RefCell<HashMap<(OriginId, usize), usize>>>);

/// Counts one request in flight until it is dropped.
pub(in crate::http) struct StreamPermit {
    streams: OpenStreams,
    key: (OriginId, usize),
}

impl OpenStreams {
    /// Counts one more request to `origin`.
    pub(in crate::http) fn open(&self, origin: OriginId) -> StreamPermit {
        let mut open = self.0.borrow_mut();
        let mut key = (origin, 0);
        while open
            .get(&key)
            .is_some_and(|&open| open >= usize::from(STREAMS))
        {
            key.1 += 1;
        }
        *open.entry(key).or_default() += 1;
        StreamPermit {
            streams: self.clone(),
            key,
        }
    }
}

impl StreamPermit {
    /// Returns the number of the client that has room for the request.
    pub(in crate::http) fn client(&self) -> usize {
        self.key.1
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.streams.0.borrow_mut();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
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
        assert_eq!(streams.0.borrow().len(), 0);
    }
}
