//! The server that can wait before it answers: this program again, as a process of its own.
//!
//! One thread and epoll, because a server that is slower than the client would be what is measured. The path says
//! what to do: `/after/50/…` answers after 50 ms, `/close/…` closes the connection, `/busy/…` answers 429 where too
//! many wait for an answer, `/status` tells how many requests there were.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fd::OwnedFd;

use crate::rows::BUSY_FROM;

/// How this program is told to be the server.
pub(crate) const SERVE: &str = "--serve";

const LISTENER: u64 = 0;
const STDIN: u64 = 1;
const FIRST_CONNECTION: u64 = 2;

const OK: &str = "200 OK";

/// How long the server needs for an answer to `/busy/`.
const BUSY_FOR: Duration = Duration::from_millis(50);

/// What nginx answers, too.
pub(crate) const BODY: &str = "0123456789012345678901234567890123456789012345678901234567890123456789\
                               012345678901234567890123456789";

/// Serves until standard input ends, which it does when the parent does.
pub(crate) fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // The standard library's backlog is 128: what comes on top of it would wait for a second.
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (token, fd) in [
        (LISTENER, rustix::fd::AsFd::as_fd(&listener)),
        (STDIN, rustix::stdio::stdin()),
    ] {
        let data = epoll::EventData::new_u64(token);
        epoll::add(&epoll, fd, data, epoll::EventFlags::IN)?;
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    Server {
        listener,
        epoll,
        connections: HashMap::new(),
        next: FIRST_CONNECTION,
        due: BinaryHeap::new(),
        asked: 0,
        busy: 0,
    }
    .run()
}

struct Server {
    listener: TcpListener,
    epoll: OwnedFd,
    connections: HashMap<u64, Connection>,
    next: u64,
    due: BinaryHeap<Reverse<Due>>,
    asked: u64,
    /// The requests to `/busy/` that wait for an answer.
    busy: usize,
}

/// An answer that is due.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Instant,
    connection: u64,
    is_busy: bool,
}

struct Connection {
    stream: TcpStream,
    /// The beginning of a head whose end has not come yet.
    partial: Vec<u8>,
}

enum Task {
    Answer { after: Duration },
    Busy,
    Close,
    Status,
}

impl Server {
    fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(1024);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            self.wait()?;
            events.clear();
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&now))?;
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    STDIN => return Ok(()),
                    token => self.receive(token, &mut buffer),
                }
            }
            self.answer_due();
        }
    }

    /// Until something happens or an answer is due: to the microsecond, where epoll knows milliseconds only.
    fn wait(&self) -> io::Result<()> {
        let left = self.due.peek().map(|Reverse(due)| {
            let left = due.at.saturating_duration_since(Instant::now());
            Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            }
        });
        let mut ready = [PollFd::new(&self.epoll, PollFlags::IN)];
        match poll(&mut ready, left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let data = epoll::EventData::new_u64(self.next);
            epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)?;
            let connection = Connection {
                stream,
                partial: Vec::new(),
            };
            self.connections.insert(self.next, connection);
            self.next += 1;
        }
    }

    fn receive(&mut self, token: u64, buffer: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(&token) else {
            return;
        };
        let tasks = match connection.stream.read(buffer) {
            Ok(0) => None,
            Ok(length) => Some(connection.tasks(&buffer[..length])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => None,
        };
        let Some(tasks) = tasks else {
            self.connections.remove(&token);
            return;
        };
        for task in tasks {
            self.asked += 1;
            match task {
                Task::Answer { after } if after.is_zero() => self.send(token, OK, "", BODY),
                Task::Answer { after } => self.answer_after(token, after, false),
                Task::Busy if self.busy >= BUSY_FROM => {
                    self.send(token, "429 Too Many Requests", "", BODY);
                }
                Task::Busy => {
                    self.busy += 1;
                    self.answer_after(token, BUSY_FOR, true);
                }
                Task::Status => self.send(token, OK, "", &self.asked.to_string()),
                Task::Close => {
                    self.send(token, OK, "Connection: close\r\n", BODY);
                    self.connections.remove(&token);
                }
            }
        }
    }

    fn answer_after(&mut self, connection: u64, pause: Duration, is_busy: bool) {
        self.due.push(Reverse(Due {
            at: Instant::now() + pause,
            connection,
            is_busy,
        }));
    }

    fn answer_due(&mut self) {
        let now = Instant::now();
        while self.due.peek().is_some_and(|Reverse(due)| due.at <= now)
            && let Some(Reverse(due)) = self.due.pop()
        {
            self.busy -= usize::from(due.is_busy);
            self.send(due.connection, OK, "", BODY);
        }
    }

    fn send(&mut self, token: u64, status: &str, field: &str, body: &str) {
        let Some(connection) = self.connections.get_mut(&token) else {
            return;
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n{field}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if connection.stream.write_all(answer.as_bytes()).is_err() {
            self.connections.remove(&token);
        }
    }
}

impl Connection {
    /// What the heads ask for that end in `received`.
    fn tasks(&mut self, received: &[u8]) -> Vec<Task> {
        self.partial.extend_from_slice(received);
        let mut tasks = Vec::new();
        let mut done = 0;
        while let Some(end) = memchr::memmem::find(&self.partial[done..], b"\r\n\r\n") {
            tasks.push(task(&self.partial[done..done + end]));
            done += end + 4;
        }
        self.partial.drain(..done);
        tasks
    }
}

fn task(head: &[u8]) -> Task {
    let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let path = String::from_utf8_lossy(path);
    let mut segments = path.split('/').skip(1);
    match (segments.next(), segments.next()) {
        (Some("status"), _) => Task::Status,
        (Some("busy"), _) => Task::Busy,
        (Some("close"), _) => Task::Close,
        (Some("after"), Some(pause)) => Task::Answer {
            after: Duration::from_millis(pause.parse().unwrap_or_default()),
        },
        _ => Task::Answer {
            after: Duration::ZERO,
        },
    }
}
