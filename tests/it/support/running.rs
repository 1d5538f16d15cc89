//! A run in progress, which can be written to, read from and signalled.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, ExitStatus},
    sync::{PoisonError, RwLock},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{Shutdown, shutdown},
    process::{Pid, Signal, kill_process},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{PATIENCE, output::Output, record, terminal::Gathered};

/// Held while a child process starts. Between its fork and its exec, a child has copies of all pipes of this process, so
/// a pipe that another thread closes meanwhile stays open.
pub(super) static STARTING: RwLock<()> = RwLock::new(());

/// A run in progress.
pub(crate) struct Running {
    pub(super) child: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) unread: Vec<u8>,
    pub(super) lines: String,
    pub(crate) stderr: Gathered,
    pub(crate) screen: Gathered,
    pub(super) began: Instant,
    pub(super) given: Vec<PathBuf>,
    pub(super) coloured: bool,
    pub(super) folder: TempDir,
}

impl Running {
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes.as_ref()).unwrap();
        stdin.flush().unwrap();
    }

    /// Takes standard input, for a thread that writes for ever.
    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().unwrap()
    }

    /// Takes standard output, for a reader of its own.
    pub(crate) fn take_stdout(&mut self) -> ChildStdout {
        self.stdout.take().unwrap()
    }

    /// Closes the reading end of standard output.
    pub(crate) fn close_stdout(&mut self) {
        let _no_copies = STARTING.write().unwrap_or_else(PoisonError::into_inner);
        self.stdout = None;
    }

    /// Half-closes the socket that is standard output: the reader still reads.
    pub(crate) fn shut_stdout(&self) {
        shutdown(self.stdout.as_ref().unwrap(), Shutdown::Write).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends SIGKILL, unless the run has ended.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Sends SIGKILL to the children. A tracer that dies only detaches from the process that it traces.
    pub(crate) fn kill_below(&self) {
        let id = self.child.id();
        let below = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        for id in below.split_whitespace() {
            // A child may have ended by itself.
            let _ = kill_process(Pid::from_raw(id.parse().unwrap()).unwrap(), Signal::KILL);
        }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The peak memory in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.in_status("VmHWM:")
    }

    /// The size of the descriptor table.
    pub(crate) fn room_for_descriptors(&self) -> u64 {
        self.in_status("FDSize:")
    }

    fn in_status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let value = value.unwrap().trim_end_matches("kB");
        value.trim().parse().unwrap()
    }

    /// The files that are open, as the system names them.
    pub(crate) fn open_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        targets.collect()
    }

    /// The current number of threads.
    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.child.id())).map_or(0, Iterator::count)
    }

    /// The path of a file in the folder of the run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits for the next line of standard output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let began = Instant::now();
        loop {
            if let Some(at) = self.unread.iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(at + 1);
                let line = String::from_utf8(std::mem::replace(&mut self.unread, rest)).unwrap();
                self.lines += &line;
                return line.trim_end_matches('\n').to_owned();
            }
            let waited = began.elapsed();
            assert!(
                waited < PATIENCE,
                "no line came; stderr: {}",
                self.stderr.so_far()
            );
            assert!(
                self.read_some(PATIENCE.saturating_sub(waited)),
                "no more lines; stderr: {}",
                self.stderr.so_far()
            );
        }
    }

    #[track_caller]
    pub(crate) fn record(&mut self) -> Value {
        record::parse(&self.line())
    }

    /// Whether anything arrives on standard output within the time.
    pub(crate) fn speaks_within(&mut self, patience: Duration) -> bool {
        !self.unread.is_empty() || self.read_some(patience)
    }

    fn read_some(&mut self, patience: Duration) -> bool {
        let stdout = self.stdout.as_mut().expect("the reader has left");
        let timeout = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap(),
            tv_nsec: patience.subsec_nanos().into(),
        };
        if poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&timeout)).unwrap() == 0 {
            return false;
        }
        let mut piece = vec![0; 65536];
        let read = stdout.read(&mut piece).unwrap();
        self.unread.extend_from_slice(&piece[..read]);
        read > 0
    }

    /// Closes standard input and waits for the end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Output {
        self.stdin = None;
        self.wait_with_stdin_open()
    }

    #[track_caller]
    pub(crate) fn wait_with_stdin_open(self) -> Output {
        let coloured = self.coloured;
        let output = self.end();
        output.check(coloured);
        output
    }

    /// Waits for any kind of end, and checks only for the secret, because the test may have killed the run.
    #[track_caller]
    pub(crate) fn end(mut self) -> Output {
        let stdout = self.stdout.take().map_or_else(ended, Gathered::from);
        let status = self.status();
        let mut bytes = std::mem::take(&mut self.lines).into_bytes();
        bytes.append(&mut self.unread);
        bytes.extend(stdout.all());
        let output = Output {
            status,
            stdout: String::from_utf8(bytes).expect("output is UTF-8"),
            stderr: String::from_utf8(self.stderr.all()).expect("messages are UTF-8"),
            screen: String::from_utf8(self.screen.all()).expect("the screen is UTF-8"),
            elapsed: self.began.elapsed(),
            folder: std::mem::replace(&mut self.folder, TempDir::new().unwrap()),
        };
        output.assert_no_canary(&self.given);
        output
    }

    /// Polls, because that is the only way to wait with a limit and to be sure that the process to kill is still the child.
    #[track_caller]
    fn status(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if began.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!(
                    "fetch hangs; stderr: {} screen: {}",
                    self.stderr.so_far(),
                    self.screen.so_far()
                );
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn ended() -> Gathered {
    Gathered::from(std::io::empty())
}
