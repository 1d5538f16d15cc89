//! `cargo run --release --example demo -- -j 10`: shows the tool at work, without a network.
//!
//! Starts a small site on loopback that is fast, slow, broken and silent, and
//! runs `fetch` on a list of its URLs with the options given. Both run in this
//! process: the command is the library, so nothing has to be built but this.
#![expect(clippy::print_stderr, reason = "shows the command that it runs")]

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io, process, thread};

use clap::Parser as _;
use fetch::cli::Cli;
use fetch::config::Config;

/// The read time-out, which ends the request for the silent page.
const PATIENCE: &str = "2.5s";

fn main() -> anyhow::Result<ExitCode> {
    let site = TcpListener::bind("127.0.0.1:0")?;
    let address = site.local_addr()?;
    thread::spawn(move || serve(&site));

    let list = env::temp_dir().join(format!("fetch-demo-{}.txt", process::id()));
    let urls: Vec<_> = paths()
        .map(|path| format!("http://{address}{path}"))
        .collect();
    fs::write(
        &list,
        format!("# The demo's own site\n{}\n", urls.join("\n")),
    )?;
    let mut command: Vec<OsString> = vec!["fetch".into(), list.clone().into()];
    command.extend(["--read-timeout".into(), PATIENCE.into()]);
    command.extend(env::args_os().skip(1));
    eprintln!("$ {}", command.join(" ".as_ref()).display());
    let exit = run(command);
    fs::remove_file(list)?;
    exit
}

/// Does what the command does with these arguments.
fn run(command: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let config = Config::new(&Cli::try_parse_from(command)?)?;
    Ok(fetch::run::run(config)?.code().into())
}

/// Returns the paths of the site's pages, in the order of the list.
fn paths() -> impl Iterator<Item = String> {
    let fast = (1..=14).map(|page| format!("/page/{page}"));
    let slow = (1..=8).map(|page| format!("/wait/{}", page * 150));
    let special = [
        "/wait/2200",
        "/moved",
        "/missing",
        "/broken",
        "/cut-off",
        "/silent",
        "/loop",
    ];
    fast.chain(special.map(str::to_owned)).chain(slow)
}

fn serve(site: &TcpListener) {
    for client in site.incoming().flatten() {
        // A client may disconnect before it has its answer.
        thread::spawn(move || answer(client).unwrap_or(()));
    }
}

fn answer(mut client: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    loop {
        let mut request = String::new();
        reader.read_line(&mut request)?;
        let mut header = String::from("-");
        while !header.trim().is_empty() {
            header.clear();
            reader.read_line(&mut header)?;
        }
        let path = match request.split(' ').nth(1) {
            Some(path) => path.to_owned(),
            None => return Ok(()),
        };
        let page = "<h1>Hello</h1>\n".repeat(40 + path.len());
        let whole = |status: &str, extra: &str| {
            let length = page.len();
            format!(
                "HTTP/1.1 {status}\r\n{extra}Content-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}"
            )
        };
        let reply = match path.as_str() {
            "/moved" => whole("301 Moved Permanently", "Location: /page/1\r\n"),
            "/loop" => whole("302 Found", "Location: /loop\r\n"),
            "/missing" => whole("404 Not Found", ""),
            "/broken" => whole("500 Internal Server Error", ""),
            "/cut-off" => {
                let reply = whole("200 OK", "");
                return client.write_all(&reply.as_bytes()[..reply.len() / 2]);
            }
            "/silent" => {
                thread::park();
                return Ok(());
            }
            path => {
                let wait = path
                    .strip_prefix("/wait/")
                    .and_then(|millis| millis.parse().ok());
                thread::sleep(Duration::from_millis(wait.unwrap_or(5)));
                whole("200 OK", "")
            }
        };
        client.write_all(reply.as_bytes())?;
    }
}
