//! A list in a folder that every shard sees, and checks of the results.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{command, told};
use crate::support::{
    Gate, Script, Server, answer, ok,
    record::{self, RecordExt as _},
};

const HOSTS: u8 = 12;
const EACH: usize = 20;

/// For each host, the number of the URL that waits, of the 404, and of the one with special characters.
const HELD: usize = 10;
const MISSING: usize = 3;
const ODD: usize = 5;

pub(crate) struct Work {
    folder: TempDir,
    server: Server,
    gate: Gate,
    urls: Vec<String>,
}

impl Work {
    /// Copies an example into the folder, with a list in which one URL of every host waits for [`Self::let_go`].
    pub(crate) fn held(example: &str) -> Self {
        let gate = Gate::new();
        let held = Script::new().wait(&gate);
        let held = held.send("HTTP/1.1 200 Late\r\nContent-Length: 4\r\n\r\nlate");
        let mut server = Server::build().on_all_addresses().otherwise(ok("x"));
        for host in 1..=HOSTS {
            server = server
                .route(&path(host, HELD), held.clone())
                .route(&path(host, MISSING), answer(404, "no"));
        }
        let server = server.start();
        // Unlike the list of a crawler, this one is not sorted by host.
        let urls = (0..EACH).flat_map(|number| (1..=HOSTS).map(move |host| (host, number)));
        let url = |(host, number)| {
            let odd = if number == ODD { "?a|%zz" } else { "" };
            server.url_as(&format!("127.0.0.{host}"), &(path(host, number) + odd))
        };
        let urls: Vec<_> = urls.map(url).collect();
        let folder = TempDir::new().unwrap();
        for entry in fs::read_dir(super::example(example)).unwrap() {
            let file = entry.unwrap().path();
            fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
        fs::write(folder.path().join("urls.txt"), urls.join("\n")).unwrap();
        Self {
            folder,
            server,
            gate,
            urls,
        }
    }

    /// As [`Self::held`], but no URL waits.
    pub(crate) fn new(example: &str) -> Self {
        let work = Self::held(example);
        work.let_go();
        work
    }

    pub(crate) fn let_go(&self) {
        self.gate.open();
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The number of URLs.
    pub(crate) fn urls(&self) -> usize {
        self.urls.len()
    }

    /// Whether all URLs that are to wait are waiting.
    pub(crate) fn all_wait(&self) -> bool {
        self.server.come_together(HOSTS.into(), Duration::ZERO)
    }

    /// Whether any URL is waiting.
    pub(crate) fn some_wait(&self) -> bool {
        self.server.come_together(1, Duration::ZERO)
    }

    /// The files of a folder whose names have this ending.
    pub(crate) fn names(&self, folder: &str, end: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        files
            .filter(|file| file.to_str().unwrap().ends_with(end))
            .collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a line of a README in the folder.
    pub(crate) fn shell(&self, line: &str, env: &[(&str, &Path)]) -> Output {
        let mut shell = command("sh");
        shell.args(["-c", line]).current_dir(&self.folder);
        shell.envs(env.iter().copied()).output().unwrap()
    }

    /// The output of `fetch --merge`.
    #[track_caller]
    pub(crate) fn merged(&self) -> String {
        let out = self.shell("fetch --merge results/*.json", &[]);
        assert!(out.status.success(), "{}", told(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    /// The records in the files with this ending, after checking that no host is in two of them.
    #[track_caller]
    pub(crate) fn records(&self, folder: &str, end: &str) -> Vec<Value> {
        let mut homes = BTreeMap::<String, PathBuf>::new();
        let mut records = Vec::new();
        for file in self.names(folder, end) {
            for line in fs::read_to_string(&file).unwrap().lines() {
                let record = record::parse(line);
                let host = url::Url::parse(record.text("url")).unwrap();
                let host = host.host_str().unwrap().to_owned();
                let home = homes.entry(host).or_insert_with(|| file.clone());
                assert_eq!(*home, file, "a host in two shards: {line}");
                records.push(record);
            }
        }
        let used: BTreeSet<_> = homes.values().collect();
        assert!(used.len() > 1, "all in one shard");
        records
    }

    /// Asserts that there is exactly one record for every URL, with the right outcome.
    #[track_caller]
    pub(crate) fn assert_complete(&self, records: &[Value]) {
        let said = |record: &Value| (record.text("url").to_owned(), record.verdict());
        let mut said: Vec<_> = records.iter().map(said).collect();
        let missing = format!("/{MISSING}");
        let verdict = |url: &String| {
            let missing = url.ends_with(&missing);
            let verdict = if missing { "http_error 404" } else { "ok" };
            (url.clone(), verdict.to_owned())
        };
        let mut expected: Vec<_> = self.urls.iter().map(verdict).collect();
        said.sort();
        expected.sort();
        assert_eq!(said, expected);
    }
}

fn path(host: u8, number: usize) -> String {
    format!("/{host}/{number}")
}
