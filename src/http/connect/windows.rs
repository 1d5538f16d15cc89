//! How much may arrive over HTTP/2 before it is read (RFC 9113, section 5.2).
//!
//! A server may send a window's worth per round trip, so a small window makes a host slow that is far away: 2 MiB,
//! the default of hyper, are 20 MB/s over 100 ms. What is not read yet is in memory, however slow the disk is. A
//! connection's window does not bound that, because the number of connections depends on the list; the windows of
//! streams do, because there are never more streams than requests in flight. So these share a budget, and the window
//! of a connection has room for all of its streams: one whose body waits for the disk or for memory never holds up
//! another.

use super::streams::STREAMS;

/// The bytes that all requests in flight share.
const BUDGET: usize = 64 * 1024 * 1024;

/// The least window of a stream in bytes, which is what HTTP/2 starts with.
const LEAST: usize = 64 * 1024;

/// The windows of a connection and of each of its streams, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Windows {
    pub(super) stream: u32,
    pub(super) connection: u32,
}

impl Windows {
    /// Returns the windows for a run with at most so many requests in flight.
    pub(in crate::http) fn for_requests(requests: usize) -> Self {
        let stream = (BUDGET / requests.max(1)).max(LEAST);
        let streams = requests.clamp(1, STREAMS.into());
        let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX >> 1);
        Self {
            stream: size(stream),
            connection: size(stream * streams),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u32 = 1024;
    const MIB: u32 = 1024 * KIB;

    #[test]
    fn requests_in_flight_share_64_mib_down_to_64_kib_each() {
        for (requests, stream, connection) in [
            (0, 64 * MIB, 64 * MIB),
            (1, 64 * MIB, 64 * MIB),
            (2, 32 * MIB, 64 * MIB),
            (10, 6_710_886, 67_108_860),
            (64, MIB, 64 * MIB),
            (100, 671_088, 67_108_800),
            // From here on, there is more than one connection to a host.
            (128, 512 * KIB, 100 * 512 * KIB),
            (1_000, 67_108, 6_710_800),
            (1_024, 64 * KIB, 6_400 * KIB),
            (100_000, 64 * KIB, 6_400 * KIB),
            (usize::MAX, 64 * KIB, 6_400 * KIB),
        ] {
            let windows = Windows { stream, connection };
            assert_eq!(Windows::for_requests(requests), windows, "{requests}");
        }
    }
}
