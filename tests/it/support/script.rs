//! Scripts: what a server does with the connection after it has read a request.

use std::{
    fmt::Write as _,
    io::Write as _,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use super::{PATIENCE, Request, Stream};

type Action = dyn Fn(&Request, &mut Stream) + Send + Sync;

#[derive(Clone)]
enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    Wait(Gate),
    Drip(Vec<u8>, Duration),
    Repeat(Vec<u8>, Duration),
    Run(Arc<Action>),
    Silence,
    Close,
    Reset,
}

/// A sequence of steps. After the last one, the connection is kept for the next request.
#[derive(Clone, Default)]
pub(crate) struct Script {
    steps: Vec<Step>,
}

/// What happens to the connection after a script.
#[derive(PartialEq)]
pub(crate) enum After {
    Keep,
    Close,
    Reset,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(crate) fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Step::Send(bytes.as_ref().to_vec()))
    }

    /// Pauses, where the test is about the duration itself. To wait for something, use [`Script::wait`].
    pub(crate) fn pause(self, milliseconds: u64) -> Self {
        self.then(Step::Pause(Duration::from_millis(milliseconds)))
    }

    /// Waits until the test opens the gate.
    pub(crate) fn wait(self, gate: &Gate) -> Self {
        self.then(Step::Wait(gate.clone()))
    }

    /// Sends byte by byte, with a pause after each.
    pub(crate) fn drip(self, bytes: impl AsRef<[u8]>, milliseconds: u64) -> Self {
        self.then(Step::Drip(
            bytes.as_ref().to_vec(),
            Duration::from_millis(milliseconds),
        ))
    }

    /// Sends the same bytes again and again until the client leaves.
    pub(crate) fn repeat(self, bytes: impl AsRef<[u8]>, milliseconds: u64) -> Self {
        self.then(Step::Repeat(
            bytes.as_ref().to_vec(),
            Duration::from_millis(milliseconds),
        ))
    }

    pub(crate) fn run(
        self,
        action: impl Fn(&Request, &mut Stream) + Send + Sync + 'static,
    ) -> Self {
        self.then(Step::Run(Arc::new(action)))
    }

    /// Sends nothing until the client leaves.
    pub(crate) fn silence(self) -> Self {
        self.then(Step::Silence)
    }

    pub(crate) fn close(self) -> Self {
        self.then(Step::Close)
    }

    pub(crate) fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    /// Runs the steps. `stopped` sleeps and returns whether the server is stopped. `last` is called before the step that
    /// may end the answer, because the client may send its next request before that step returns.
    pub(crate) fn play(
        &self,
        request: &Request,
        stream: &mut Stream,
        stopped: &dyn Fn(Duration) -> bool,
        last: &dyn Fn(),
    ) -> After {
        let answer_ends = self
            .steps
            .iter()
            .rposition(|step| !matches!(step, Step::Close | Step::Reset))
            .unwrap_or(0);
        for (at, step) in self.steps.iter().enumerate() {
            if at == answer_ends {
                if let Step::Wait(gate) = step {
                    gate.pass(stopped);
                }
                if !matches!(step, Step::Silence | Step::Repeat(..) | Step::Drip(..)) {
                    last();
                }
            }
            let goes_on = match step {
                Step::Send(bytes) => stream.write_all(bytes).is_ok(),
                Step::Pause(duration) => !stopped(*duration),
                Step::Wait(gate) => gate.pass(stopped),
                Step::Drip(bytes, every) => bytes
                    .iter()
                    .all(|byte| stream.write_all(&[*byte]).is_ok() && !stopped(*every)),
                Step::Repeat(bytes, every) => {
                    while stream.write_all(bytes).is_ok() && !stopped(*every) {}
                    false
                }
                Step::Run(action) => {
                    action(request, stream);
                    !stream.is_broken()
                }
                Step::Silence => {
                    stream.stay_silent();
                    false
                }
                Step::Close => false,
                Step::Reset => return After::Reset,
            };
            if !goes_on {
                return After::Close;
            }
        }
        After::Keep
    }
}

/// Holds scripts until the test opens it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits, and returns whether it was opened before the server was stopped.
    fn pass(&self, stopped: &dyn Fn(Duration) -> bool) -> bool {
        let began = Instant::now();
        while began.elapsed() < PATIENCE && !stopped(Duration::ZERO) {
            let (open, _) = self
                .0
                .1
                .wait_timeout_while(
                    self.0.0.lock().unwrap(),
                    Duration::from_millis(50),
                    |open| !*open,
                )
                .unwrap();
            if *open {
                return true;
            }
        }
        false
    }
}

/// An answer with the given header fields, a Content-Length and a body.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Script {
    let body = body.as_ref();
    Script::new().send([head(status, headers, body.len()).as_bytes(), body].concat())
}

/// The head of an answer and the first `sent` bytes of its body, to be followed by further steps.
pub(crate) fn begin(headers: &[(&str, &str)], body: &[u8], sent: usize) -> Script {
    let head = head(200, headers, body.len());
    Script::new().send([head.as_bytes(), &body[..sent]].concat())
}

fn head(status: u16, headers: &[(&str, &str)], length: usize) -> String {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "Content-Length: {length}\r\n\r\n");
    head
}

pub(crate) fn answer(status: u16, body: impl AsRef<[u8]>) -> Script {
    reply(status, &[("Content-Type", "text/plain")], body)
}

pub(crate) fn ok(body: impl AsRef<[u8]>) -> Script {
    answer(200, body)
}

pub(crate) fn redirect(status: u16, location: &str) -> Script {
    reply(status, &[("Location", location)], "elsewhere")
}
