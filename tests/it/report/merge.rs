//! `--merge`: checks that the summaries of all shards make up one complete list.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Fetch, Output, Running, Server, answer, ok};

const SHARDS: usize = 3;

/// A list in a folder, and a server with many hosts.
struct Site {
    folder: TempDir,
    server: Server,
}

impl Site {
    /// One URL of ten is a 404.
    fn new() -> Self {
        let server = Server::build()
            .on_all_addresses()
            .route("/9", answer(404, "no"))
            .otherwise(ok("four"))
            .start();
        let folder = TempDir::new().unwrap();
        let url =
            |n: usize| server.url_as(&format!("127.0.0.{}", n / 10 + 1), &format!("/{}", n % 10));
        let list: String = (0..100).map(|n| url(n) + "\n").collect();
        fs::write(folder.path().join("list"), list).unwrap();
        Self { folder, server }
    }

    /// A site whose shards have all been fetched.
    fn fetched() -> Self {
        let site = Self::new();
        for number in 0..SHARDS {
            site.fetch(number, &[]).exits(0);
        }
        site
    }

    /// A run in the folder.
    fn run(&self) -> Fetch {
        let folder = self.folder.path();
        Fetch::new().under(["env".as_ref(), "-C".as_ref(), folder.as_os_str()])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A run of one shard, without a source.
    fn shard(&self, number: usize) -> Fetch {
        let shard = format!("{number}/{SHARDS}");
        let run = self
            .run()
            .args(["--json", "--exit-zero", "--shard", &shard]);
        run.args(["--results", &results(number)])
            .args(["--summary-file", &summary(number)])
    }

    fn fetch(&self, number: usize, args: &[&str]) -> Output {
        self.shard(number).arg("list").args(args).run()
    }

    /// Starts a shard again that was fetched before.
    fn begin_again(&self, number: usize) -> Running {
        for name in [results(number), summary(number)] {
            fs::remove_file(self.path(&name)).unwrap();
        }
        let asked = self.server.requests().len();
        let mut run = self.shard(number).arg("-").stdin_open().spawn();
        run.write(self.read("list"));
        self.server.wait_for_requests(asked + 1);
        run
    }

    fn merge(&self, summaries: &[usize]) -> Output {
        let run = self.run().without_canary("nothing is sent");
        run.arg("--merge")
            .args(summaries.iter().map(|&number| summary(number)))
            .run()
    }

    /// Changes the summary of a shard.
    fn edit(&self, number: usize, edit: impl FnOnce(&mut Value)) {
        let text = self.read(&summary(number));
        let mut value = serde_json::from_slice(&text).unwrap();
        edit(&mut value);
        self.write(&summary(number), &value.to_string());
    }

    /// Asserts that `--merge` refuses the summaries with exactly these messages.
    #[track_caller]
    fn assert_refused(&self, summaries: &[usize], said: &[&str]) {
        let out = self.merge(summaries).exits(1);
        assert_eq!(out.stdout(), "");
        let lines: Vec<_> = out.stderr().lines().collect();
        assert_eq!(lines.len(), said.len(), "{lines:?}");
        for (line, said) in lines.iter().zip(said) {
            assert!(line.starts_with("fetch: ") && line.contains(said), "{line}");
        }
    }
}

fn results(number: usize) -> String {
    format!("{number}.jsonl")
}

fn summary(number: usize) -> String {
    format!("{number}.json")
}

#[test]
fn all_shards_merge_into_the_sum_of_their_counts() {
    let site = Site::fetched();
    let out = site.merge(&[1, 0, 2]).exits(0);
    assert_eq!(out.stderr(), "");
    let sum: Value = serde_json::from_str(out.stdout()).unwrap();
    let expected = json!({
        "shards": 3, "list": {
            "inputs": 100, "taken": 100, "sha256": sum["list"]["sha256"],
            "fingerprints": [&sum["list"]["fingerprints"][0], &sum["list"]["fingerprints"][0]],
        },
        "inputs": 100, "ok": 90, "http_error": 10, "error": 0, "skipped": 0, "cancelled": 0,
        "bytes": 380, "statuses": {"200": 90, "404": 10}, "errors": {},
    });
    assert_eq!(sum, expected);
}

#[test]
fn a_summary_names_its_list_and_its_shard() {
    let site = Site::fetched();
    let summary: Value = serde_json::from_slice(&site.read(&summary(1))).unwrap();
    let shard = json!({"number": 1, "count": 3, "by": "host", "hash": "fnv1a64-fmix64"});
    assert_eq!(summary["shard"], shard);
    assert_eq!(summary["version"], env!("CARGO_PKG_VERSION"));
    let sha256 = |file: &str| {
        let mut command = std::process::Command::new("sha256sum");
        let out = command.arg(site.path(file)).output().unwrap();
        String::from_utf8(out.stdout).unwrap()[..64].to_owned()
    };
    let taken = summary["inputs"].as_u64().unwrap();
    let fingerprints = &summary["list"]["fingerprints"];
    let list = json!({
        "inputs": 100, "taken": taken, "sha256": sha256("list"), "fingerprints": fingerprints,
    });
    assert_eq!(summary["list"], list);
    let file = results(1);
    assert_eq!(
        summary["results"],
        json!({"file": file, "sha256": sha256(&file)})
    );
    let lines = fs::read_to_string(site.path(&file)).unwrap();
    assert_eq!(lines.lines().count() as u64, taken);
}

#[test]
fn a_run_without_shards_is_shard_0_of_1() {
    let site = Site::new();
    let run = site.run().args(["list", "--exit-zero"]);
    run.args(["--summary-file", "0.json"]).run().exits(0);
    let out = site.merge(&[0]).exits(0);
    assert!(
        out.stderr().contains(
            "warning: 1 of 1 shards was run without --results; its records were not checked"
        ),
        "{}",
        out.stderr()
    );
    let quiet = site.run().without_canary("nothing is sent");
    let out = quiet.args(["-q", "--merge", "0.json"]).run().exits(0);
    assert_eq!(out.stderr(), "");
}

#[test]
fn missing_and_doubled_shards_are_refused() {
    let site = Site::fetched();
    site.assert_refused(&[0, 2], &["shard 1/3: missing"]);
    site.assert_refused(
        &[1, 1],
        &[
            "shard 1/3 (1.json): given twice",
            "0/3: missing",
            "2/3: missing",
        ],
    );
}

#[test]
fn a_shard_that_stopped_early_is_refused() {
    let site = Site::fetched();
    fs::remove_file(site.path(&results(2))).unwrap();
    site.fetch(2, &["--fail-fast", "--accept", "404", "-j1"]);
    site.assert_refused(&[0, 1, 2], &["shard 2/3 (2.json): stopped early"]);
    site.fetch(2, &[]).exits(0);
    site.merge(&[0, 1, 2]).exits(0);
}

#[test]
fn shards_of_different_lists_are_refused() {
    let site = Site::fetched();
    for (part, key, value) in [
        ("list", "sha256", json!("0")),
        ("list", "inputs", json!(101)),
        ("shard", "by", json!("url")),
        ("shard", "hash", json!("another")),
        ("shard", "count", json!(4)),
    ] {
        let mut old = Value::Null;
        site.edit(1, |summary| {
            old = std::mem::replace(&mut summary[part][key], value);
        });
        let said = match key {
            "count" => "shard 1/4 (1.json): is one of 4 shards, but 0.json is one of 3",
            _ => "is from a different list than 0.json",
        };
        site.assert_refused(&[0, 1, 2], &[said, "shard 1/3: missing"]);
        site.edit(1, |summary| summary[part][key] = old);
    }
    site.merge(&[0, 1, 2]).exits(0);
}

#[test]
fn summaries_that_do_not_match_their_results_are_refused() {
    let site = Site::fetched();
    site.edit(1, |summary| summary["ok"] = json!(1));
    let said = "shard 1/3 (1.json): the counts do not add up; run the shard again";
    site.assert_refused(&[0, 1, 2], &[said]);

    let site = Site::fetched();
    site.edit(1, |summary| {
        summary["list"]["taken"] = json!(1);
        summary["inputs"] = json!(1);
        summary["ok"] = json!(1);
        summary["http_error"] = json!(0);
    });
    site.assert_refused(
        &[0, 1, 2],
        &["the list has 100 inputs, but the shards have"],
    );

    let site = Site::fetched();
    site.write(&results(0), "something else\n");
    site.assert_refused(
        &[0, 1, 2],
        &["shard 0/3 (0.json): 0.jsonl: differs from what the run wrote"],
    );
}

#[test]
fn impossible_numbers_in_a_summary_are_refused() {
    let site = Site::fetched();
    for (key, value) in [
        ("count", json!(u32::MAX)),
        ("count", json!(0)),
        ("number", json!(3)),
        ("number", json!(-1)),
    ] {
        let mut old = Value::Null;
        site.edit(1, |summary| {
            old = std::mem::replace(&mut summary["shard"][key], value);
        });
        let out = site.merge(&[0, 1, 2]).exits(2);
        assert!(
            out.stderr().contains("--merge: 1.json: "),
            "{}",
            out.stderr()
        );
        site.edit(1, |summary| summary["shard"][key] = old);
    }
    for key in ["ok", "inputs", "bytes"] {
        let most = json!(u64::MAX);
        site.edit(1, |summary| summary[key] = most);
    }
    site.merge(&[0, 1, 2]).exits(1);
}

#[test]
fn results_are_found_beside_the_summary_too_and_must_be_there() {
    let site = Site::fetched();
    let into = site.path("away");
    fs::create_dir(&into).unwrap();
    for number in 0..SHARDS {
        for name in [results(number), summary(number)] {
            fs::rename(site.path(&name), into.join(&name)).unwrap();
        }
    }
    let merge = || {
        let run = site.run().without_canary("nothing is sent");
        run.args(["--merge", "away/0.json", "away/1.json", "away/2.json"])
            .run()
    };
    assert_eq!(merge().exits(0).stderr(), "");
    // The file at the path where the results were written may belong to somebody else by now.
    site.write(&results(1), "another list's\n");
    assert_eq!(merge().exits(0).stderr(), "");
    fs::remove_file(site.path(&results(1))).unwrap();
    fs::remove_file(into.join(results(1))).unwrap();
    let said = merge().exits(1);
    let said = said.stderr();
    assert!(
        said.contains("shard 1/3 (away/1.json): 1.jsonl: does not exist"),
        "{said}"
    );
}

#[test]
fn a_missing_summary_is_a_missing_shard() {
    let site = Site::fetched();
    fs::remove_file(site.path(&summary(1))).unwrap();
    site.assert_refused(&[0, 1, 2], &["1.json: no such file", "shard 1/3: missing"]);
}

/// With different options, shards may read the same line as different URLs.
#[test]
fn shards_read_with_different_options_are_refused() {
    let site = Site::new();
    let url = |n: usize| {
        let host = format!("127.0.0.{}", n + 1);
        site.server.url_as(&host, &format!("/{n}\n"))
    };
    let list: String = (0..30).map(url).collect();
    site.write("list", &list);
    for number in 0..SHARDS {
        let only = if number == 1 { "--https-only" } else { "-q" };
        site.fetch(number, &[only]).exits(0);
    }
    let said = ["the list has 30 inputs, but the shards have"];
    site.assert_refused(&[0, 1, 2], &said);
}

#[test]
fn a_shard_with_existing_results_does_nothing_and_keeps_its_summary() {
    let site = Site::fetched();
    let (sent, before) = (site.server.requests().len(), site.read(&summary(1)));
    site.fetch(1, &[]).exits(0);
    assert_eq!(site.server.requests().len(), sent);
    assert_eq!(site.read(&summary(1)), before);
}

/// If the results appeared first, the next run would do nothing, and there would never be a summary.
#[test]
fn results_appear_only_after_their_summary() {
    let site = Site::new();
    fs::create_dir(site.path("0.json")).unwrap();
    site.fetch(0, &[]).exits(2);
    fs::remove_dir(site.path("0.json")).unwrap();
    let run = site
        .run()
        .args(["-", "--results", "out", "--summary-file", "sum"]);
    let mut run = run.stdin_open().spawn();
    run.write(site.server.url_as("127.0.0.1", "/\n"));
    site.server.wait_for_requests(1);
    fs::create_dir(site.path("sum")).unwrap();
    drop(run.take_stdin());
    let out = run.wait().exits(3);
    assert!(out.stderr().contains("sum: "), "{}", out.stderr());
    assert!(!site.path("out").exists());
    assert!(out.stderr().contains(".partial"), "{}", out.stderr());
}

#[test]
fn a_shard_that_was_killed_and_run_again_can_be_merged() {
    let site = Site::fetched();
    let mut run = site.begin_again(1);
    run.kill();
    drop(run);
    assert!(!site.path(&results(1)).exists() && !site.path(&summary(1)).exists());
    site.fetch(1, &[]).exits(0);
    site.merge(&[0, 1, 2]).exits(0);
}

#[test]
fn the_first_of_two_runs_of_a_shard_to_end_counts() {
    let site = Site::fetched();
    let slow = site.begin_again(1);
    site.fetch(1, &[]).exits(0);
    let out = slow.wait().exits(3);
    let said = "fetch: --results: 1.jsonl: already exists; the results of this run are in 1.jsonl.";
    assert!(out.stderr().contains(said), "{}", out.stderr());
    site.merge(&[0, 1, 2]).exits(0);
}

#[test]
fn results_without_a_summary_are_reported() {
    let site = Site::fetched();
    fs::remove_file(site.path(&summary(1))).unwrap();
    let out = site.fetch(1, &[]).exits(0);
    let said = out.stderr();
    assert!(
        said.contains("1.json does not") && said.contains("remove 1.jsonl"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_not_a_summary_is_refused() {
    for name in ["list", "object"] {
        let run = Fetch::new()
            .file("list", "http://a/\n")
            .file("object", "{}");
        let run = run.without_canary("nothing is sent");
        let out = run.args(["--merge", name]).run().exits(2);
        let said = out.stderr();
        assert!(
            said.contains(&format!("--merge: {name}: not a summary file")),
            "{said}"
        );
    }
    let run = Fetch::new().without_canary("nothing is sent");
    run.args(["--merge", "a", "--json"]).run().exits(2);
}

#[test]
fn names_of_no_file_at_all_are_a_usage_error() {
    let run = Fetch::new().without_canary("nothing is sent");
    let out = run.args(["--merge", "a", "b"]).run().exits(2);
    assert_eq!(
        out.stderr(),
        "fetch: --merge: a: no such file or directory\n"
    );
}
