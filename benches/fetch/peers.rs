//! The programs, and what each is told so that all do the same work.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::rows::{BUSY_FROM, Cores};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Peer {
    Fetch,
    FetchJson,
    /// Where `fetch` is measured against itself.
    FetchText,
    /// The ground from which memory for more at a time is counted.
    FetchFifty,
    /// `fetch` with the same list in random order.
    Shuffled,
    /// `fetch` with the same list without the URLs that cannot be fetched.
    LiveOnly,
    /// `fetch`, told how many requests at a time the server takes.
    HandSet,
    Wget2,
    /// Over HTTP/2 it is faster with one connection than with one for each thread.
    Wget2OneConnection,
    Curl,
    Copy,
    Aria2,
    /// A load generator, which keeps nothing of an answer: the limit.
    H2load,
}

/// The program that a peer runs.
enum Tool {
    Fetch,
    Wget2,
    Curl,
    Copy,
    Aria2,
    H2load,
}

/// What a program has to do.
pub(crate) enum Work {
    /// Fetch a list, and drop the bodies.
    List(Lists),
    /// Fetch a list of files from a folder of the server, and save them here.
    Save {
        lists: Lists,
        from: PathBuf,
        to: PathBuf,
    },
    Url(String),
}

impl Work {
    /// How many requests it is.
    pub(crate) fn requests(&self) -> usize {
        match self {
            Self::List(lists) | Self::Save { lists, .. } => lists.count,
            Self::Url(_) => 1,
        }
    }

    /// How many of them reach the server, unless that depends on who makes them.
    pub(crate) fn answered(&self) -> Option<usize> {
        match self {
            Self::List(lists) | Self::Save { lists, .. } => lists.answered,
            Self::Url(_) => Some(1),
        }
    }
}

/// The same URLs in the two ways in which they can be given.
pub(crate) struct Lists {
    /// How many.
    pub(crate) count: usize,
    /// How many requests reach the server, unless that depends on who makes them.
    pub(crate) answered: Option<usize>,
    pub(crate) urls: PathBuf,
    /// With an output for each: its file, or `/dev/null`.
    pub(crate) curl: PathBuf,
    /// What `fetch` gets where it is measured against itself: for [`Peer::FetchFifty`] the same number of URLs, answered
    /// at once.
    pub(crate) reference: PathBuf,
    /// Whether they come through a pipe.
    pub(crate) piped: bool,
}

/// How it has to be done.
pub(crate) struct Manner {
    pub(crate) jobs: usize,
    pub(crate) client: Cores,
    /// What `fetch` is told besides.
    pub(crate) options: &'static [&'static str],
    /// The certificate is for no name that is asked.
    pub(crate) insecure: bool,
    /// What `SSL_CERT_FILE` names.
    pub(crate) roots: PathBuf,
}

impl Peer {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::FetchJson => "fetch --format jsonl",
            Self::FetchText => "fetch, text",
            Self::FetchFifty => "fetch -j 50",
            Self::Shuffled => "fetch, shuffled",
            Self::LiveOnly => "fetch, without these",
            Self::HandSet => "fetch --max-per-host 4",
            Self::Wget2 => "wget2",
            Self::Wget2OneConnection => "wget2, one connection",
            Self::Curl => "curl",
            Self::Copy => "cp -r",
            Self::Aria2 => "aria2",
            Self::H2load => "h2load --h1",
        }
    }

    fn tool(self) -> Tool {
        match self {
            Self::Fetch
            | Self::FetchJson
            | Self::FetchText
            | Self::FetchFifty
            | Self::Shuffled
            | Self::LiveOnly
            | Self::HandSet => Tool::Fetch,
            Self::Wget2 | Self::Wget2OneConnection => Tool::Wget2,
            Self::Curl => Tool::Curl,
            Self::Copy => Tool::Copy,
            Self::Aria2 => Tool::Aria2,
            Self::H2load => Tool::H2load,
        }
    }

    fn program(self) -> String {
        match self.tool() {
            Tool::Fetch => fetch(),
            Tool::Wget2 => "wget2".to_owned(),
            Tool::Curl => "curl".to_owned(),
            Tool::Copy => "cp".to_owned(),
            Tool::Aria2 => "aria2c".to_owned(),
            Tool::H2load => "h2load".to_owned(),
        }
    }

    /// What it calls itself; `None` where it is not installed.
    pub(crate) fn version(self) -> Option<String> {
        version(&self.program(), "--version")
    }

    /// Whether it asks the server at all.
    pub(crate) fn asks(self) -> bool {
        self != Self::Copy
    }

    pub(crate) fn command(self, work: &Work, manner: &Manner) -> Command {
        let mut command = match manner.client {
            Cores::All => Command::new(self.program()),
            Cores::Second => {
                let mut taskset = Command::new("taskset");
                taskset.args(["-c", "1", &self.program()]);
                taskset
            }
        };
        match self.tool() {
            Tool::Fetch => self.tell_fetch(&mut command, work, manner),
            Tool::Wget2 => self.tell_wget2(&mut command, work, manner),
            Tool::Curl => tell_curl(&mut command, work, manner),
            Tool::Copy => tell_copy(&mut command, work),
            Tool::Aria2 => tell_aria2(&mut command, work, manner),
            Tool::H2load => tell_h2load(&mut command, work, manner),
        }
        command.env("SSL_CERT_FILE", &manner.roots);
        // Each would add to it, or come before it.
        for other in ["SSL_CERT_DIR", "CURL_CA_BUNDLE"] {
            command.env_remove(other);
        }
        command
    }

    fn tell_fetch(self, command: &mut Command, work: &Work, manner: &Manner) {
        let jobs = if self == Self::FetchFifty {
            50
        } else {
            manner.jobs
        };
        command.arg("-j").arg(jobs.to_string());
        command.args(manner.insecure.then_some("-k"));
        if self == Self::FetchJson {
            command.args(["--format", "jsonl"]);
        }
        command.args(manner.options);
        if self == Self::HandSet {
            command.args(["--max-per-host", &BUSY_FROM.to_string()]);
        }
        match work {
            Work::List(lists) if lists.piped => command.arg("-"),
            Work::List(lists) => command.arg(self.list(lists)),
            Work::Save { lists, to, .. } => command.arg(&lists.urls).arg("-o").arg(to),
            Work::Url(url) => command.arg(url),
        };
    }

    /// The list that `fetch` gets.
    fn list(self, lists: &Lists) -> &Path {
        match self {
            Self::FetchFifty | Self::Shuffled | Self::LiveOnly => &lists.reference,
            _ => &lists.urls,
        }
    }

    /// What is to be written to the standard input of the program, if anything is.
    pub(crate) fn input(self, work: &Work) -> Option<&Path> {
        match work {
            Work::List(lists) if lists.piped => Some(self.list(lists)),
            _ => None,
        }
    }

    fn tell_wget2(self, command: &mut Command, work: &Work, manner: &Manner) {
        let jobs = manner.jobs.to_string();
        command.arg("-q");
        match self {
            Self::Wget2OneConnection => {
                command.args(["--max-threads", "1", "--http2-request-window", &jobs])
            }
            _ => command.args(["--max-threads", &jobs]),
        };
        command.args(manner.insecure.then_some("--no-check-certificate"));
        let discard = ["-O", "/dev/null"];
        match work {
            Work::List(lists) => command.args(discard).arg("-i").arg(&lists.urls),
            Work::Save { lists, to, .. } => command.arg("-i").arg(&lists.urls).arg("-P").arg(to),
            Work::Url(url) => command.args(discard).arg(url),
        };
    }
}

fn tell_curl(command: &mut Command, work: &Work, manner: &Manner) {
    command.arg("-s");
    command.args(manner.insecure.then_some("-k"));
    match work {
        Work::List(lists) | Work::Save { lists, .. } => command
            .args(["-Z", "--create-dirs", "--parallel-max"])
            .args([&manner.jobs.to_string(), "-K"])
            .arg(&lists.curl),
        Work::Url(url) => command.arg(url),
    };
}

fn tell_copy(command: &mut Command, work: &Work) {
    if let Work::Save { from, to, .. } = work {
        command.arg("-r").arg(from).arg(to);
    }
}

fn tell_aria2(command: &mut Command, work: &Work, manner: &Manner) {
    if let Work::Save { lists, to, .. } = work {
        command.args([
            "-q",
            "--file-allocation=none",
            "-j",
            &manner.jobs.to_string(),
        ]);
        command.arg("-d").arg(to).arg("-i").arg(&lists.urls);
    }
}

fn tell_h2load(command: &mut Command, work: &Work, manner: &Manner) {
    if let Work::List(lists) = work {
        let threads = match manner.client {
            Cores::All => "2",
            Cores::Second => "1",
        };
        command.args(["--h1", "-t", threads, "-c", &manner.jobs.to_string()]);
        command.arg("-n").arg(work.requests().to_string());
        command.arg("-i").arg(&lists.urls);
    }
}

/// The program under test: `FETCH` of the environment, or what this bench was built with.
pub(crate) fn fetch() -> String {
    std::env::var("FETCH").unwrap_or_else(|_| env!("CARGO_BIN_EXE_fetch").to_owned())
}

/// The first line of what `program` says of its version.
pub(crate) fn version(program: &str, flag: &str) -> Option<String> {
    let asked = Command::new(program)
        .arg(flag)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    // nginx says it on standard error.
    let said = [asked.stdout, asked.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().next()?;
    // As far as the number: what it can do and what it was built with is too much.
    let mut end = 0;
    for word in line.split_inclusive(' ') {
        end += word.len();
        if word.contains('.') && word.contains(|symbol: char| symbol.is_ascii_digit()) {
            break;
        }
    }
    Some(line[..end].trim_end().to_owned())
}

/// Whether there is such a program.
pub(crate) fn is_installed(program: impl AsRef<OsStr>) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}
