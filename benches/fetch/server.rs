//! The servers, each a process of its own: nginx where it is installed, and one that can wait before it answers.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::embedded;
use crate::peers;
use crate::relay;

/// A way to answer.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Origin {
    Plain,
    /// Closes the connection after each answer.
    Closing,
    /// TLS 1.3 and HTTP/1.1; on every address of 127.0.0.0/8.
    Tls,
    /// Over TLS 1.3.
    Http2,
}

pub(crate) struct Servers {
    embedded: Process,
    dead: Dead,
    nginx: Option<Nginx>,
}

struct Nginx {
    process: Process,
    /// Stands before the port for HTTP/2.
    relay: Process,
    closing: u16,
    tls: u16,
    http2: u16,
}

/// A host that drops packets: a listener that accepts nothing, whose backlog is full.
struct Dead {
    base: String,
    _listener: TcpListener,
    _backlog: Vec<TcpStream>,
}

/// Ended when it is dropped.
struct Process {
    child: Child,
    /// Where it answers at once, and `/status`.
    port: u16,
    /// How often it was asked for its status, which it counts.
    questions: u64,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Servers {
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        certificates(folder)?;
        Ok(Self {
            embedded: start_own(&[embedded::SERVE])?,
            dead: Dead::start()?,
            nginx: match nginx_program() {
                Some(program) => Some(Nginx::start(&program, folder)?),
                None => None,
            },
        })
    }

    /// What stands before a number to make a URL, if anybody here can answer so.
    pub(crate) fn base(&self, origin: Origin) -> Option<String> {
        let plain = |port| format!("http://127.0.0.1:{port}");
        Some(match (origin, &self.nginx) {
            (Origin::Plain, Some(nginx)) => format!("{}/", plain(nginx.process.port)),
            (Origin::Closing, Some(nginx)) => format!("{}/", plain(nginx.closing)),
            (Origin::Tls, Some(nginx)) => format!("https://127.0.0.1:{}/", nginx.tls),
            (Origin::Http2, Some(nginx)) => format!("https://127.0.0.1:{}/", nginx.http2),
            (Origin::Plain, None) => format!("{}/", plain(self.embedded.port)),
            (Origin::Closing, None) => format!("{}/close/", plain(self.embedded.port)),
            (Origin::Tls | Origin::Http2, None) => return None,
        })
    }

    /// The same, with a pause before each answer.
    pub(crate) fn delayed(&self, pause: Duration) -> String {
        let (port, pause) = (self.embedded.port, pause.as_millis());
        format!("http://127.0.0.1:{port}/after/{pause}/")
    }

    /// The same for host number `host`.
    pub(crate) fn delayed_at(&self, host: usize, pause: Duration) -> String {
        let (port, pause) = (self.embedded.port, pause.as_millis());
        let address = format!("127.2.{}.{}", host / 250, host % 250 + 1);
        format!("http://{address}:{port}/after/{pause}/")
    }

    /// What stands before a number to make a URL of a host that drops packets.
    pub(crate) fn dead(&self) -> &str {
        &self.dead.base
    }

    /// What stands before a number to make a URL of a server that takes few requests at a time.
    pub(crate) fn busy(&self) -> String {
        format!("http://127.0.0.1:{}/busy/", self.embedded.port)
    }

    /// The https URL of host number `host`.
    pub(crate) fn host(&self, host: usize) -> Option<String> {
        let port = self.nginx.as_ref()?.tls;
        Some(format!(
            "https://127.1.{}.{}:{port}/",
            host / 250,
            host % 250 + 1
        ))
    }

    /// Where the files are that are under `files/` in the folder.
    pub(crate) fn files(&self) -> Option<String> {
        let port = self.nginx.as_ref()?.process.port;
        Some(format!("http://127.0.0.1:{port}/files/"))
    }

    /// The same, over HTTP/2 from far away.
    pub(crate) fn far_files(&self) -> Option<String> {
        let port = self.nginx.as_ref()?.relay.port;
        Some(format!("https://127.0.0.1:{port}/files/"))
    }

    /// How many requests there were so far, these questions not counted.
    pub(crate) fn asked(&mut self) -> Result<u64> {
        let mut asked = self.embedded.asked()?;
        if let Some(nginx) = &mut self.nginx {
            asked += nginx.process.asked()?;
        }
        Ok(asked)
    }
}

impl Nginx {
    fn start(program: &str, folder: &Path) -> Result<Self> {
        let [plain, closing, tls, http2] = free_ports()?;
        let config = include_str!("nginx.conf")
            .replace("{folder}", folder.to_str().context("a folder in UTF-8")?)
            .replace("{body}", embedded::BODY)
            .replace("{plain}", &plain.to_string())
            .replace("{closing}", &closing.to_string())
            .replace("{tls}", &tls.to_string())
            .replace("{http2}", &http2.to_string());
        let path = folder.join("nginx.conf");
        fs::write(&path, config)?;
        let mut command = on_first_core(program);
        command.args(["-e", "stderr", "-c"]).arg(path);
        let child = command.stdin(Stdio::null()).spawn().context("nginx")?;
        let mut process = Process {
            child,
            port: plain,
            questions: 0,
        };
        process.wait_until_up()?;
        Ok(Self {
            process,
            relay: start_own(&[relay::RELAY, &http2.to_string()])?,
            closing,
            tls,
            http2,
        })
    }
}

impl Dead {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        rustix::net::listen(&listener, 0)?;
        let address = listener.local_addr()?;
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let backlog: Vec<_> = (0..16).map_while(connect).collect();
        ensure!(backlog.len() < 16, "a full backlog takes connections");
        Ok(Self {
            base: format!("http://{address}/"),
            _listener: listener,
            _backlog: backlog,
        })
    }
}

impl Process {
    fn wait_until_up(&mut self) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > patience {
                bail!("the server does not start");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn asked(&mut self) -> Result<u64> {
        self.questions += 1;
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream
            .write_all(b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        // nginx: three numbers in the third line, the last is the requests.
        let line = body.lines().nth(2).unwrap_or(body);
        let count = line.split_whitespace().next_back().unwrap_or_default();
        let count: u64 = count.parse().with_context(|| answer.clone())?;
        Ok(count - self.questions)
    }
}

/// Starts this program again, which then says its port, and ends with its standard input.
fn start_own(arguments: &[&str]) -> Result<Process> {
    let program = std::env::current_exe()?;
    let mut command = on_first_core(program.to_str().context("a path in UTF-8")?);
    command.args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut line = String::new();
    let stdout = child.stdout.take().context("no output")?;
    BufReader::new(stdout).read_line(&mut line)?;
    let port = line.trim().parse().context("the server does not start")?;
    Ok(Process {
        child,
        port,
        questions: 0,
    })
}

/// So that the same core is left to every client.
fn on_first_core(program: &str) -> Command {
    if !peers::is_installed("taskset") {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", "0", program]);
    command
}

/// nginx is often where only root looks.
pub(crate) fn nginx_program() -> Option<String> {
    let places = ["nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"];
    let found = places.into_iter().find(|place| peers::is_installed(place));
    found.map(str::to_owned)
}

fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    // All at once, so that none comes twice.
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Where the certificates are that clients believe in: the system's, as in daily use, and ours.
pub(crate) fn roots(folder: &Path) -> PathBuf {
    folder.join("roots.pem")
}

fn certificates(folder: &Path) -> Result<()> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes a certificate for self-signed whose issuer has its own name.
    let name = "authority of the benchmark";
    params.distinguished_name.push(DnType::CommonName, name);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    // ECDSA with P-256, which is rcgen's default.
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(["127.0.0.1".to_owned()])?;
    let certificate = params.signed_by(&key, &authority)?;
    fs::write(folder.join("certificate.pem"), certificate.pem())?;
    fs::write(folder.join("key.pem"), key.serialize_pem())?;
    let bundles = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
    ];
    let system = bundles
        .into_iter()
        .find_map(|path| fs::read_to_string(path).ok());
    let all = system.unwrap_or_default() + &authority.pem();
    fs::write(roots(folder), all)?;
    Ok(())
}
