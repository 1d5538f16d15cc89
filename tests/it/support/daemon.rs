//! A server of another project: it runs in the foreground, on local ports, with all its files in a folder of its own.

use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{PATIENCE, tls};

/// Below the range from which the system picks free ports, so that no other test is given one of these.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A state in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The folder and the ports of a daemon.
pub(crate) struct Site {
    folder: TempDir,
    ports: [u16; 2],
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        // A daemon that root starts may switch to another user.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        Self {
            folder,
            ports: [free_port(), free_port()],
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder, for a configuration.
    pub(crate) fn root(&self) -> std::path::Display<'_> {
        self.folder.path().display()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A folder that anybody can write to.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        path
    }

    /// Creates `cert.pem`, `key.pem` and `both.pem`, signed by the authority of the tests.
    pub(crate) fn certify(&self) {
        let identity = tls::Identity::named(&["127.0.0.1", "127.0.0.2", "localhost"]);
        self.write("cert.pem", &identity.certificate);
        self.write("key.pem", &identity.key);
        self.write("both.pem", identity.certificate + &identity.key);
    }

    /// The port of plain HTTP, or of the only protocol.
    pub(crate) fn port(&self) -> u16 {
        self.ports[0]
    }

    /// The port of TLS, or of the second protocol.
    pub(crate) fn other_port(&self) -> u16 {
        self.ports[1]
    }
}

fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(PORTS))
        .find(free)
        .unwrap()
}

/// Whether this process listens at the port, and not another one that happened to take it.
fn listens(process: u32, port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!("0100007F:{port:04X}");
    let sockets = table.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        (fields[1] == local && fields[3] == LISTENING).then(|| format!("socket:[{}]", fields[9]))
    });
    let sockets: Vec<_> = sockets.map(PathBuf::from).collect();
    let open = fs::read_dir(format!("/proc/{process}/fd"))
        .into_iter()
        .flatten();
    open.flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| sockets.contains(&target))
}

/// A program with a clean environment, searched for in all folders that Debian uses.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command
        .env_clear()
        .env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

pub(crate) struct Daemon {
    child: Child,
    site: Site,
}

impl Daemon {
    /// Starts a daemon. `prepare` writes its configuration and returns the command, which listens at `ports` ports.
    #[track_caller]
    pub(crate) fn start(ports: usize, prepare: impl Fn(&Site) -> Command) -> Self {
        let attempts = (0..3).map(|_| Self::attempt(ports, &prepare));
        // Another process may have taken the port.
        let mut said = String::new();
        for attempt in attempts {
            match attempt {
                Ok(daemon) => return daemon,
                Err(why) => said = why,
            }
        }
        panic!("{said}")
    }

    /// Starts it and waits until it listens. Returns its output if it does not.
    fn attempt(ports: usize, prepare: &impl Fn(&Site) -> Command) -> Result<Self, String> {
        let site = Site::new();
        let mut command = prepare(&site);
        let said = File::create(site.path("said")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut daemon = Self { child, site };
        let began = Instant::now();
        // A daemon does not announce that it is ready.
        let (ports, process) = (daemon.site.ports[..ports].to_vec(), daemon.child.id());
        while !ports.iter().all(|port| listens(process, *port)) {
            let ended = daemon.child.try_wait().unwrap();
            if ended.is_some() || began.elapsed() > PATIENCE {
                return Err(format!("{command:?}: {ended:?}: {}", daemon.read("said")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(daemon)
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.site.port())
    }

    pub(crate) fn https(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.site.other_port())
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.site.path(name)).unwrap_or_default()).into_owned()
    }

    /// Waits until a log has `count` lines, because an answer is sent before it is logged.
    #[track_caller]
    pub(crate) fn log(&self, name: &str, count: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let log = self.read(name);
            if log.lines().count() >= count && (log.is_empty() || log.ends_with('\n')) {
                return log.lines().map(str::to_owned).collect();
            }
            assert!(
                began.elapsed() < PATIENCE,
                "no {count} lines in {name}: {log}"
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn ends_within(&mut self, patience: Duration) -> bool {
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > patience {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // SIGTERM first, so that it stops its workers too.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::TERM);
            if !self.ends_within(Duration::from_secs(5)) {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
    }
}
