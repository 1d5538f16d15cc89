//! What is measured, as data.

use std::time::Duration;

use crate::peers::Peer;
use crate::server::Origin;

/// One comparison: the same work for `fetch` and for those it is measured against, in turn.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// What `cargo bench -- FILTER` looks for.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) load: Load,
    pub(crate) jobs: usize,
    /// What `fetch` is told besides.
    pub(crate) options: &'static [&'static str],
    pub(crate) client: Cores,
    pub(crate) metric: Metric,
    pub(crate) against: &'static [Against],
}

/// The work.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// So many answers of 100 bytes, each with a URL of its own.
    Small(Origin, usize),
    /// One handshake with each of so many hosts.
    Hosts(usize),
    /// So many files of 10 MiB, to be saved.
    Files(usize),
    /// So many files of so many bytes, to be saved, over HTTP/2 from a server that is far away.
    Far(usize, usize),
    /// So many answers of 100 bytes, each after a pause.
    Delayed(usize, Duration),
    /// A whole process for one URL.
    Single(Origin),
    /// So many hosts with so many URLs each, in the order of the hosts, each answered after a pause.
    Sorted {
        hosts: usize,
        each: usize,
        pause: Duration,
        /// The list comes through a pipe.
        piped: bool,
    },
    /// So many URLs of a host that cannot be connected to, among so many of others, shuffled. The others answer after
    /// [`LIVE_PAUSE`].
    Dead {
        dead: usize,
        live: usize,
        hosts: usize,
    },
    /// So many URLs of a server that answers 429 to more than [`BUSY_FROM`] at a time.
    Busy(usize),
}

/// How long hosts need for an answer that are fetched beside one that is dead.
pub(crate) const LIVE_PAUSE: Duration = Duration::from_millis(20);

/// How many requests at a time the server of [`Load::Busy`] takes.
pub(crate) const BUSY_FROM: usize = 4;

/// Where the client may run; the server has the first core.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Cores {
    All,
    Second,
}

/// What a ratio is made of.
#[derive(Clone, Copy)]
pub(crate) enum Metric {
    Wall,
    Cpu,
}

/// What `fetch` is held against, and the bound it is meant to keep.
#[derive(Clone, Copy)]
pub(crate) enum Against {
    /// At most so many times what a peer takes.
    Peer(Peer, Option<f64>),
    /// At most so many times the requests that a peer makes.
    Requests(Peer, f64),
    /// At most so many times requests × pause / jobs.
    Ideal(f64),
    /// At most so many MiB resident.
    Memory(f64),
    /// At most so many KiB resident more than with 50 at a time, for each request more.
    MemoryPerRequest(f64),
}

use Against::{Ideal, Memory, MemoryPerRequest, Peer as Versus, Requests};
use Cores::{All, Second};
use Load::{Busy, Dead, Delayed, Far, Files, Hosts, Single, Small, Sorted};
use Metric::{Cpu, Wall};
use Origin::{Closing, Http2, Plain, Tls};

const fn row(
    name: &'static str,
    title: &'static str,
    load: Load,
    jobs: usize,
    against: &'static [Against],
) -> Row {
    Row {
        name,
        title,
        load,
        jobs,
        options: &[],
        client: All,
        metric: Wall,
        against,
    }
}

const fn on_one_core(row: Row) -> Row {
    Row {
        client: Second,
        metric: Cpu,
        ..row
    }
}

const fn told(row: Row, options: &'static [&'static str]) -> Row {
    Row { options, ..row }
}

const SMALL: &[Against] = &[
    Versus(Peer::Wget2, Some(0.80)),
    Versus(Peer::Curl, Some(0.40)),
];
const SMALL_CPU: &[Against] = &[
    Versus(Peer::Wget2, Some(0.90)),
    Versus(Peer::Curl, None),
    Versus(Peer::H2load, None),
];
const HTTP2: &[Against] = &[
    Versus(Peer::Wget2, Some(0.65)),
    Versus(Peer::Wget2OneConnection, None),
    Versus(Peer::Curl, None),
];
const FILES: &[Against] = &[
    Versus(Peer::Wget2, Some(0.75)),
    Versus(Peer::Copy, Some(1.35)),
    Versus(Peer::Aria2, None),
];

const FAR: &[Against] = &[Versus(Peer::Curl, Some(1.20))];

pub(crate) const ROWS: &[Row] = &[
    row(
        "small",
        "20,000 × 100 bytes, `-j 50`",
        Small(Plain, 20_000),
        50,
        SMALL,
    ),
    row(
        "many",
        "200,000 × 100 bytes, `-j 50`",
        Small(Plain, 200_000),
        50,
        SMALL,
    ),
    on_one_core(row(
        "small-core",
        "20,000 × 100 bytes, `-j 50`, client on one core: CPU",
        Small(Plain, 20_000),
        50,
        SMALL_CPU,
    )),
    on_one_core(row(
        "many-core",
        "200,000 × 100 bytes, `-j 50`, client on one core: CPU",
        Small(Plain, 200_000),
        50,
        SMALL_CPU,
    )),
    row(
        "close",
        "20,000 × 100 bytes, `-j 50`, server closes after each answer",
        Small(Closing, 20_000),
        50,
        &[Versus(Peer::Wget2, Some(0.95))],
    ),
    row(
        "tls",
        "20,000 × 100 bytes, `-j 50`, TLS 1.3, HTTP/1.1",
        Small(Tls, 20_000),
        50,
        &[Versus(Peer::Wget2, Some(0.75))],
    ),
    row(
        "http2",
        "20,000 × 100 bytes, `-j 50`, HTTP/2",
        Small(Http2, 20_000),
        50,
        HTTP2,
    ),
    row(
        "hosts",
        "2,000 https hosts, a handshake each (ECDSA), `-j 50`",
        Hosts(2_000),
        50,
        &[Versus(Peer::Wget2, Some(0.60))],
    ),
    row(
        "files",
        "200 × 10 MiB to tmpfs, `-j 8`",
        Files(200),
        8,
        FILES,
    ),
    row(
        "far-one",
        "200 MB over HTTP/2, round trip 100 ms",
        Far(1, 200_000_000),
        10,
        FAR,
    ),
    row(
        "far-many",
        "20 × 20 MB over HTTP/2, round trip 100 ms, `-j 20`",
        Far(20, 20_000_000),
        20,
        FAR,
    ),
    row(
        "delay-1000",
        "40,000 × 100 bytes after 50 ms, `-j 1000`",
        Delayed(40_000, Duration::from_millis(50)),
        1_000,
        &[Ideal(1.08), Versus(Peer::H2load, None)],
    ),
    row(
        "delay-5000",
        "100,000 × 100 bytes after 50 ms, `-j 5000`",
        Delayed(100_000, Duration::from_millis(50)),
        5_000,
        &[Ideal(1.60), Versus(Peer::H2load, None)],
    ),
    row(
        "one-http",
        "one http URL, whole process",
        Single(Plain),
        1,
        &[Versus(Peer::Curl, Some(0.40))],
    ),
    row(
        "one-https",
        "one https URL, whole process",
        Single(Tls),
        1,
        &[Versus(Peer::Curl, Some(0.50))],
    ),
    row(
        "jsonl",
        "20,000 × 100 bytes, `-j 50`: `--format jsonl` against text",
        Small(Plain, 20_000),
        50,
        &[Versus(Peer::FetchText, Some(1.10))],
    ),
    row(
        "memory",
        "1,000,000 × 100 bytes, `-j 50`: resident memory",
        Small(Plain, 1_000_000),
        50,
        &[Memory(10.0)],
    ),
    told(
        row(
            "sorted",
            "20 hosts × 5,000 after 20 ms, sorted by host, `-j 50 --max-per-host 2`",
            Sorted {
                hosts: 20,
                each: 5_000,
                pause: Duration::from_millis(20),
                piped: false,
            },
            50,
            &[Versus(Peer::Shuffled, Some(1.15))],
        ),
        &["--max-per-host", "2"],
    ),
    told(
        row(
            "sorted-pipe",
            "20 hosts × 10,000 after 20 ms, sorted by host, from a pipe, `-j 50 --max-per-host 2`",
            Sorted {
                hosts: 20,
                each: 10_000,
                pause: Duration::from_millis(20),
                piped: true,
            },
            50,
            &[Versus(Peer::Shuffled, Some(1.15))],
        ),
        &["--max-per-host", "2"],
    ),
    told(
        row(
            "dead-few",
            "60 URLs of a host that drops packets among 2,000 that take 20 ms, `-j 10 --connect-timeout 1s`",
            Dead {
                dead: 60,
                live: 1_940,
                hosts: 20,
            },
            10,
            &[Versus(Peer::LiveOnly, Some(2.5))],
        ),
        &["--connect-timeout", "1s", "--exit-zero"],
    ),
    told(
        row(
            "dead-many",
            "6,000 URLs of a host that drops packets among 20,000 that take 20 ms, `-j 50 --max-per-host 2 --connect-timeout 1s`",
            Dead {
                dead: 6_000,
                live: 14_000,
                hosts: 20,
            },
            50,
            &[Versus(Peer::LiveOnly, Some(1.3))],
        ),
        &[
            "--max-per-host",
            "2",
            "--connect-timeout",
            "1s",
            "--exit-zero",
        ],
    ),
    told(
        row(
            "busy",
            "200 URLs of a server that takes 4 at a time for 50 ms, `-j 20 --retry 3`",
            Busy(200),
            20,
            &[
                Versus(Peer::HandSet, Some(1.3)),
                Requests(Peer::HandSet, 1.2),
            ],
        ),
        &["--retry", "3"],
    ),
    told(
        row(
            "memory-sorted",
            "1,000,000 × 100 bytes of 1,000 hosts, sorted, `-j 50 --max-per-host 1`: resident memory",
            Sorted {
                hosts: 1_000,
                each: 1_000,
                pause: Duration::ZERO,
                piped: false,
            },
            50,
            &[Memory(20.0)],
        ),
        &["--max-per-host", "1"],
    ),
    row(
        "memory-in-flight",
        "10,000 × 100 bytes after 1 s, `-j 5000`: resident memory for a request in flight",
        Delayed(10_000, Duration::from_secs(1)),
        5_000,
        &[MemoryPerRequest(28.0)],
    ),
];

impl Row {
    /// The same with a tenth of the work.
    pub(crate) fn quick(&self) -> Load {
        match self.load {
            Small(origin, count) => Small(origin, count / 10),
            Hosts(count) => Hosts(count / 10),
            Files(count) => Files(count / 10),
            Far(count, size) => Far(count, size / 10),
            // Less would not fill the slots.
            Delayed(count, pause) => Delayed(count.min(4 * self.jobs), pause),
            Single(origin) => Single(origin),
            Sorted {
                hosts,
                each,
                pause,
                piped,
            } => Sorted {
                hosts,
                each: each / 10,
                pause,
                piped,
            },
            // The time-outs take the same time whatever there is to do meanwhile.
            Dead { .. } | Busy(_) => self.load,
        }
    }

    /// How often each takes its turn.
    pub(crate) fn rounds(&self, quick: bool) -> usize {
        match (self.load, self.against, quick) {
            (Single(_), _, false) => 101,
            (Single(_), _, true) => 21,
            // Nothing is compared, and what it needs at most hardly varies.
            (_, [Memory(_) | MemoryPerRequest(_)], _) => 1,
            (.., false) => 5,
            (.., true) => 3,
        }
    }
}
