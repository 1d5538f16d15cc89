//! Runs the binary with a clean environment, a folder of its own and a guard against hanging, and checks its output.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Write as _,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::PoisonError,
    thread,
    time::Instant,
};

use tempfile::TempDir;

use super::{
    CANARY, CANARY_HEADER,
    output::{Output, below},
    running::{Running, STARTING, ended},
    terminal::{Gathered, Terminal},
    tls,
};

const BINARY: &str = env!("CARGO_BIN_EXE_fetch");

/// Repeats a question to a name server after a second. After the five seconds of the C library, two lost questions would
/// take as long as the connect timeout, and a name that does not exist would end as a timeout.
const RESOLVER: (&str, &str) = ("RES_OPTIONS", "timeout:1 attempts:5");

enum In {
    Nothing,
    Bytes(Vec<u8>),
    Kept,
    Terminal,
}

enum Out {
    Pipe,
    Socket,
    File(PathBuf),
    Terminal,
}

/// A run that has not started yet.
pub(crate) struct Fetch {
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
    stdin: In,
    stdout: Out,
    stderr: Out,
    columns: u16,
    shell: Option<&'static str>,
    under: Vec<OsString>,
    coloured: bool,
    canary: bool,
    folder: TempDir,
}

impl Fetch {
    pub(crate) fn new() -> Self {
        Self {
            args: Vec::new(),
            env: Vec::new(),
            stdin: In::Nothing,
            stdout: Out::Pipe,
            stderr: Out::Pipe,
            columns: 100,
            shell: None,
            under: Vec::new(),
            coloured: false,
            canary: true,
            folder: TempDir::new().unwrap(),
        }
    }

    /// A run with `--format jsonl`, whose output can be read as records.
    pub(crate) fn jsonl() -> Self {
        Self::new().args(["--format", "jsonl"])
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args(self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name, value.as_ref().to_owned()));
        self
    }

    /// Creates a file in the folder of the run.
    pub(crate) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        fs::write(self.folder.path().join(name), bytes).unwrap();
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = In::Bytes(bytes.as_ref().to_vec());
        self
    }

    /// Keeps standard input open for [`Running::write`].
    pub(crate) fn stdin_open(mut self) -> Self {
        self.stdin = In::Kept;
        self
    }

    pub(crate) fn stdin_terminal(mut self) -> Self {
        self.stdin = In::Terminal;
        self
    }

    pub(crate) fn stdout_to(mut self, path: impl AsRef<Path>) -> Self {
        self.stdout = Out::File(self.folder.path().join(path));
        self
    }

    pub(crate) fn stderr_to(mut self, path: impl AsRef<Path>) -> Self {
        self.stderr = Out::File(self.folder.path().join(path));
        self
    }

    pub(crate) fn stdout_socket(mut self) -> Self {
        self.stdout = Out::Socket;
        self
    }

    pub(crate) fn stdout_terminal(mut self) -> Self {
        self.stdout = Out::Terminal;
        self.coloured = true;
        self
    }

    pub(crate) fn stderr_terminal(mut self) -> Self {
        self.stderr = Out::Terminal;
        self.coloured = true;
        self
    }

    pub(crate) fn terminal(self) -> Self {
        self.stdout_terminal()
            .stderr_terminal()
            .env("TERM", "xterm-256color")
    }

    pub(crate) fn columns(mut self, columns: u16) -> Self {
        self.columns = columns;
        self
    }

    /// Allows escape sequences in the output.
    pub(crate) fn coloured(mut self) -> Self {
        self.coloured = true;
        self
    }

    /// Omits the secret that every run is given, because one more header would spoil the test.
    pub(crate) fn without_canary(mut self, _because: &str) -> Self {
        self.canary = false;
        self
    }

    /// Runs a shell command first, such as `ulimit -n 64`, and then replaces the shell by the binary.
    pub(crate) fn after(mut self, command: &'static str) -> Self {
        self.shell = Some(command);
        self
    }

    /// Has the binary ask only this name server for names, with these options of `resolv.conf(5)`. `programs` run it.
    /// That needs the right to mount.
    pub(crate) fn with_name_server(self, address: &str, options: &str, programs: &[&str]) -> Self {
        let mount = [
            "unshare",
            "-m",
            "sh",
            "-c",
            "mount --bind resolv.conf /etc/resolv.conf && exec \"$@\"",
            "sh",
        ];
        let config = format!("nameserver {address}\noptions {options}\n");
        self.file("resolv.conf", config)
            .under([&mount[..], programs].concat())
    }

    /// Runs the binary under another command, such as `strace -f`.
    pub(crate) fn under(mut self, command: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.under = command
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .collect();
        self
    }

    /// Makes the system trust the authority of the tests.
    pub(crate) fn trusting(self) -> Self {
        let path = self.folder.path().join("authority.pem");
        self.file("authority.pem", tls::authority())
            .env("SSL_CERT_FILE", path)
    }

    fn command(&self) -> Command {
        let mut words = self.under.clone();
        if let Some(before) = self.shell {
            let script = format!("{before}; exec \"$0\" \"$@\"");
            words.extend(["sh".into(), "-c".into(), script.into()]);
        }
        words.push(BINARY.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        let kept = ["PATH", "LLVM_PROFILE_FILE"];
        let kept = kept
            .into_iter()
            .filter_map(|name| std::env::var_os(name).map(|value| (name, value)));
        if self.canary {
            command.args(["-H", &format!("{CANARY_HEADER}: {CANARY}")]);
        }
        command
            .args(&self.args)
            .env_clear()
            .envs(kept)
            .env("HOME", self.folder.path())
            .env("TERM", "dumb")
            .env("RUST_BACKTRACE", "1")
            .env(RESOLVER.0, RESOLVER.1)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path());
        command
    }

    pub(crate) fn spawn(self) -> Running {
        let terminal = Terminal::new(self.columns);
        let mut socket = None;
        let mut out = |out: &Out| match out {
            Out::Pipe => Stdio::piped(),
            Out::Socket => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                socket = Some(OwnedFd::from(ours).into());
                OwnedFd::from(theirs).into()
            }
            Out::File(path) => fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .unwrap()
                .into(),
            Out::Terminal => terminal.end(),
        };
        let mut command = self.command();
        command
            .stdout(out(&self.stdout))
            .stderr(out(&self.stderr))
            .stdin(match &self.stdin {
                In::Nothing => Stdio::null(),
                In::Bytes(_) | In::Kept => Stdio::piped(),
                In::Terminal => terminal.end(),
            });
        // Reading a terminal that nobody has opened would never end.
        let on_terminal = matches!(self.stdin, In::Terminal)
            || [&self.stdout, &self.stderr]
                .iter()
                .any(|out| matches!(out, Out::Terminal));
        let given = below(self.folder.path());
        let began = Instant::now();
        let mut child = {
            let _starting = STARTING.read().unwrap_or_else(PoisonError::into_inner);
            command.spawn().unwrap()
        };
        drop(command);
        let mut stdin = child.stdin.take();
        if let In::Bytes(bytes) = self.stdin {
            let mut stdin = stdin.take().unwrap();
            // A run that ends early does not read all of it.
            thread::spawn(move || stdin.write_all(&bytes));
        }
        Running {
            stdin,
            stdout: child.stdout.take().or(socket),
            unread: Vec::new(),
            lines: String::new(),
            stderr: child.stderr.take().map_or_else(ended, Gathered::from),
            screen: if on_terminal {
                terminal.watch()
            } else {
                ended()
            },
            child,
            began,
            given,
            coloured: self.coloured,
            folder: self.folder,
        }
    }

    #[track_caller]
    pub(crate) fn run(self) -> Output {
        self.spawn().wait()
    }
}
