//! Compares what curl and `fetch` get from a server.

use std::{fs, path::Path, process::Output};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::daemon::program;
use crate::support::{Fetch, record::RecordExt as _, tls};

/// A request in the options of both: common ones, and those of each.
pub(crate) struct Case {
    url: String,
    both: Vec<String>,
    fetch: Vec<String>,
    curl: Vec<String>,
    end: End,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Answer,
    Failure,
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

/// A request for which both take the same options.
pub(crate) fn case(url: impl Into<String>, both: &[&str]) -> Case {
    Case {
        url: url.into(),
        both: owned(both),
        fetch: Vec::new(),
        curl: Vec::new(),
        end: End::Answer,
    }
}

impl Case {
    pub(crate) fn fetch(mut self, args: &[&str]) -> Self {
        self.fetch.extend(owned(args));
        self
    }

    pub(crate) fn curl(mut self, args: &[&str]) -> Self {
        self.curl.extend(owned(args));
        self
    }

    /// Expects that neither gets a complete answer.
    pub(crate) fn fails(mut self) -> Self {
        self.end = End::Failure;
        self
    }

    fn name(&self) -> String {
        format!("{} {:?} {:?}", self.url, self.both, self.fetch)
    }
}

/// The parts of an answer that are compared.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    status: u64,
    version: String,
    redirects: u64,
    url: String,
    size: u64,
    sha256: String,
}

/// The exit code of curl when it takes the early end of an HTTP/2 stream for an error, as 7.88 sometimes does.
const STREAM_ERROR: Option<i32> = Some(92);

/// The options of curl that match the defaults of `fetch`.
const AS_FETCH: [&str; 8] = [
    "-q",
    "-sS",
    "-g",
    "-L",
    "--max-redirs",
    "10",
    "--max-time",
    "20",
];

fn curl(case: &Case, authority: &Path, body: &Path) -> Output {
    let mut command = program("curl");
    command
        .args(AS_FETCH)
        // Cookies that a redirect sets are sent on.
        .args(["-b", ""])
        .args([
            "-w",
            "%{http_code} %{http_version} %{num_redirects} %{url_effective}",
        ])
        .arg("--cacert")
        .arg(authority)
        .arg("-o")
        .arg(body)
        .args(case.both.iter().chain(&case.curl))
        .arg(&case.url);
    let mut out = command.output().unwrap();
    for _ in 0..10 {
        if out.status.code() == STREAM_ERROR {
            out = command.output().unwrap();
        }
    }
    out
}

/// The answer, or why there was no complete one.
fn by_curl(case: &Case) -> Result<Answer, String> {
    let folder = TempDir::new().unwrap();
    let (body, authority) = (folder.path().join("body"), folder.path().join("authority"));
    fs::write(&authority, tls::authority()).unwrap();
    let out = curl(case, &authority, &body);
    let told = String::from_utf8(out.stdout).unwrap();
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned());
    }
    let told: Vec<_> = told.split(' ').collect();
    // With -I, curl writes the head to the file of the body.
    let head = case.both.iter().any(|arg| arg == "-I");
    let body = if head {
        Vec::new()
    } else {
        fs::read(&body).unwrap_or_default()
    };
    Ok(Answer {
        status: told[0].parse().unwrap(),
        version: told[1].to_owned(),
        redirects: told[2].parse().unwrap(),
        url: without_userinfo(told[3]),
        size: body.len() as u64,
        sha256: Sha256::digest(&body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    })
}

/// Removes the userinfo, which curl shows and `fetch` does not.
fn without_userinfo(url: &str) -> String {
    let mut url = url::Url::parse(url).unwrap();
    url.set_username("").unwrap();
    url.set_password(None).unwrap();
    url.into()
}

fn by_fetch(case: &Case) -> Result<Answer, String> {
    let out = Fetch::jsonl()
        .trusting()
        .without_canary("curl is not given it, and some servers say what they were given")
        .arg("--sha256")
        .args(case.both.iter().chain(&case.fetch))
        .arg(&case.url)
        .run();
    let record = out.record();
    if record["outcome"] == "error" {
        return Err(record["error"].to_string());
    }
    let version = record.text("http_version");
    Ok(Answer {
        status: record["status"].as_u64().unwrap(),
        version: version
            .trim_start_matches("HTTP/")
            .trim_end_matches(".0")
            .to_owned(),
        redirects: record["redirects"].as_u64().unwrap(),
        url: record.text("final_url").to_owned(),
        size: record["size"].as_u64().unwrap(),
        sha256: record.text("sha256").to_owned(),
    })
}

/// Sends each request with both programs and panics with all differences.
#[track_caller]
pub(crate) fn compare(cases: impl IntoIterator<Item = Case>) {
    let mut differences = Vec::new();
    for case in cases {
        let (theirs, ours) = (by_curl(&case), by_fetch(&case));
        let as_meant = theirs.is_ok() == (case.end == End::Answer);
        if theirs.as_ref().ok() != ours.as_ref().ok() || !as_meant {
            let name = case.name();
            differences.push(format!("{name}\n  curl: {theirs:?}\n  fetch: {ours:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
