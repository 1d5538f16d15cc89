//! The documents are true: their commands run, the options they name exist, and their links lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::{
    Server, answer, ok,
    text::{commands, scripts},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Programs that few machines have. The commands that start them are run by the tests of `engines`.
const ENGINES: [&str; 2] = ["parallel", "sbatch"];

/// What an engine does with a list: it runs each shard.
const SHARDS: &str = "for k in 0 1 2 3; do fetch urls.txt --shard $k/4 --json --results results/$k.jsonl --summary-file results/$k.json; done";

/// Options of cargo and of the benchmark.
const OF_CARGO: [&str; 8] = [
    "--check",
    "--example",
    "--lib",
    "--locked",
    "--path",
    "--quick",
    "--release",
    "--test",
];

/// Options of curl, in the table for people who know it.
const OF_CURL: [&str; 3] = [
    "--remote-name-all",
    "--retry-all-errors",
    "--retry-connrefused",
];

/// Options of the engines, in `examples`.
const OF_ENGINES: [&str; 5] = ["--array", "--files", "--for", "--retries", "--sshlogin"];

struct Document {
    /// Below [`ROOT`].
    path: PathBuf,
    text: String,
}

/// Every document of the repository.
fn documents() -> Vec<Document> {
    let root = Path::new(ROOT);
    let entries = |folder: PathBuf| {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path())
    };
    let examples = entries(root.join("examples")).filter(|path| path.is_dir());
    let folders = ["", "docs", "benches"].map(|folder| root.join(folder));
    let mut documents: Vec<_> = examples
        .chain(folders)
        .flat_map(entries)
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| Document {
            text: fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(root).unwrap().to_owned(),
        })
        .collect();
    documents.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(documents.len() > 10);
    documents
}

impl Document {
    /// What it tells the reader to run: the lines of its scripts, and each command that stands in a sentence or a table.
    fn commands(&self) -> Vec<String> {
        let prose = self.text.split("```").step_by(2);
        let spans = prose
            .flat_map(str::lines)
            .flat_map(|line| line.split('`').skip(1).step_by(2))
            .filter(|span| span.starts_with("fetch "))
            // In a table, a bar would end the cell.
            .map(|span| span.replace("\\|", "|"));
        commands(&self.text)
            .map(str::to_owned)
            .chain(spans)
            .collect()
    }

    /// Every option that it names, whoever's it is.
    fn options(&self) -> BTreeSet<&str> {
        options(&self.text)
    }

    /// The targets of its links.
    fn links(&self) -> impl Iterator<Item = &str> {
        let links = self.text.split("](").skip(1);
        links.map(|link| link.split(')').next().unwrap())
    }

    /// The anchors of its headings, as GitHub makes them.
    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings
            .map(|heading| {
                let words = heading.trim_start_matches('#').trim().to_lowercase();
                words
                    .chars()
                    .filter(|c| c.is_alphanumeric() || " -".contains(*c))
                    .map(|c| if c == ' ' { '-' } else { c })
                    .collect()
            })
            .collect()
    }
}

fn options(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !"-.".contains(c))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.starts_with("--") && word.contains(char::is_alphanumeric))
        .collect()
}

fn help() -> String {
    let help = Command::new(env!("CARGO_BIN_EXE_fetch"))
        .arg("--help")
        .output()
        .unwrap();
    String::from_utf8(help.stdout).unwrap()
}

/// A folder in which a user tries what a document says.
struct Reader {
    folder: TempDir,
    webhook: String,
}

impl Reader {
    fn new(webhook: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Stands in for a program that a machine may not have: gives back what it is given.
        let jq = folder.path().join("jq");
        fs::write(&jq, "#!/bin/sh\nexec cat\n").unwrap();
        fs::set_permissions(jq, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, webhook }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn shell(&self, script: &str) -> Output {
        let fetch = Path::new(env!("CARGO_BIN_EXE_fetch")).parent().unwrap();
        let folder = self.folder.path();
        let path = format!("{}:{}:/usr/bin:/bin", folder.display(), fetch.display());
        Command::new("sh")
            .args(["-c", script])
            .current_dir(folder)
            .env_clear()
            .env("PATH", path)
            .env("WEBHOOK", &self.webhook)
            .env("TOKEN", "a token")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn runs(&self, script: &str) {
        let out = self.shell(script);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(0), "{script}: {stderr}");
    }

    /// Runs a script that has to end with 1, so that whoever started it sees the failure.
    #[track_caller]
    fn fails(&self, script: &str) {
        let out = self.shell(script);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{script}: {stderr}");
    }
}

#[test]
fn every_command_runs() {
    let mut ran = 0;
    for document in documents() {
        let server = Server::build().otherwise(ok("x")).may_stay_unasked();
        let server = server.start();
        let reader = Reader::new(server.url("/webhook"));
        for list in ["urls.txt", "more.txt", "health.txt", "images.txt"] {
            reader.write(list, &server.list(3));
        }
        let table = format!("caption\turl\na red car\t{}\n", server.url("/car.jpg"));
        reader.write("images.tsv", &table);
        for command in document.commands() {
            if command.split(' ').any(|word| ENGINES.contains(&word)) {
                continue;
            }
            if command.starts_with("fetch --merge results/") {
                reader.runs(SHARDS);
            }
            let asked = server.requests().len();
            reader.runs(&command.replace("https://example.com", &server.url("")));
            let quiet = ["--dry-run", "--merge", "--help"];
            let sends = command.contains("fetch ") && !quiet.iter().any(|it| command.contains(it));
            let sent = server.requests().len() > asked;
            assert_eq!(sent, sends, "{}: {command}", document.path.display());
            ran += 1;
        }
    }
    assert!(ran > 40, "{ran}");
}

/// The scripts that tell somebody that something is down.
fn alerts() -> Vec<String> {
    let documents = documents();
    let scripts = documents
        .iter()
        .flat_map(|document| scripts(&document.text));
    let alerts: Vec<_> = scripts
        .filter(|script| script.contains("\"$WEBHOOK\""))
        .map(str::to_owned)
        .collect();
    assert!(alerts.len() > 2);
    alerts
}

#[test]
fn an_alert_says_what_is_down() {
    for alert in alerts() {
        let site = Server::build()
            .route("/up", ok("x"))
            .route("/down", answer(503, "busy"))
            .start();
        let receiver = Server::at("/webhook", ok(""));
        let reader = Reader::new(receiver.url("/webhook"));
        let (up, down) = (site.url("/up"), site.url("/down"));
        reader.write("health.txt", &format!("{up}\n{down}\n"));
        reader.fails(&alert);
        let request = receiver.request();
        let report = request.body_text();
        assert_eq!(request.method, "POST", "{alert}");
        let line = report.lines().find(|line| line.starts_with("503 "));
        let line = line.unwrap_or_else(|| panic!("{alert}: {report}"));
        assert!(line.contains(&down), "{alert}: {report}");
        assert!(line.ends_with("[DOWN]"), "{alert}: {report}");
        if alert.contains("report.txt") {
            assert!(report.contains(&up), "{alert}: {report}");
            assert!(report.contains(" 1/2 in "), "{alert}: {report}");
        } else {
            assert_eq!(report.lines().count(), 1, "{alert}: {report}");
        }
    }
}

#[test]
fn nobody_is_alerted_while_all_is_well() {
    for alert in alerts() {
        let site = Server::always(ok("x"));
        let receiver = Server::build().may_stay_unasked().start();
        let reader = Reader::new(receiver.url("/webhook"));
        reader.write("health.txt", &site.list(2));
        reader.runs(&alert);
        receiver.assert_untouched();
    }
}

#[test]
fn an_alert_says_that_the_list_is_missing() {
    for alert in alerts() {
        let receiver = Server::at("/webhook", ok(""));
        let reader = Reader::new(receiver.url("/webhook"));
        reader.fails(&alert);
        let request = receiver.request();
        let report = request.body_text();
        assert!(report.contains("health.txt"), "{alert}: {report}");
    }
}

#[test]
fn every_option_exists() {
    let help = help();
    let known = options(&help);
    for document in documents() {
        for option in document.options() {
            let foreign = match document.path.to_str().unwrap() {
                path if path.starts_with("examples") => &OF_ENGINES[..],
                "docs/recipes.md" => &OF_CURL[..],
                _ => &OF_CARGO[..],
            };
            assert!(
                known.contains(option) || foreign.contains(&option),
                "{}: {option}",
                document.path.display()
            );
        }
    }
}

#[test]
fn the_reference_has_every_option() {
    let (help, documents) = (help(), documents());
    let reference = Path::new("docs/reference.md");
    let reference = documents
        .iter()
        .find(|document| document.path == reference)
        .unwrap();
    let missing: Vec<_> = options(&help)
        .difference(&reference.options())
        .copied()
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    let root = Path::new(ROOT).canonicalize().unwrap();
    for document in &documents {
        for link in document.links() {
            if link.starts_with("https://") {
                continue;
            }
            let said = format!("{}: {link}", document.path.display());
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = match path {
                "" => root.join(&document.path),
                path => root.join(&document.path).with_file_name(path),
            };
            let path = path.canonicalize().expect(&said);
            let path = path.strip_prefix(&root).expect(&said);
            if !anchor.is_empty() {
                let target = documents.iter().find(|document| document.path == path);
                assert!(target.expect(&said).anchors().contains(anchor), "{said}");
            }
        }
    }
}

/// All of the source, and the folders of its first level.
fn source() -> (String, BTreeSet<String>) {
    let root = Path::new(ROOT).join("src");
    let (mut text, mut folders, mut left) = (String::new(), BTreeSet::new(), vec![root.clone()]);
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() {
                text += &fs::read_to_string(path).unwrap();
                continue;
            }
            if folder == root {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                folders.insert(name);
            }
            left.push(path);
        }
    }
    (text, folders)
}

/// What stands in backquotes in a column of the table under a heading.
fn names<'a>(page: &'a str, heading: &str, column: usize) -> BTreeSet<&'a str> {
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(heading));
    let rows = section
        .unwrap()
        .lines()
        .filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(column));
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn the_architecture_is_that_of_the_source() {
    let (text, folders) = source();
    let page = fs::read_to_string(Path::new(ROOT).join("docs/architecture.md")).unwrap();
    let named = names(&page, "Layers", 2).into_iter();
    let named = named.filter_map(|name| name.strip_suffix('/'));
    let named: BTreeSet<_> = named
        .filter(|name| !name.contains('/'))
        .map(str::to_owned)
        .collect();
    assert_eq!(named, folders);
    let words: BTreeSet<_> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let types = names(&page, "Names", 1);
    assert!(types.len() > 10, "{types:?}");
    for name in types {
        assert!(words.contains(name), "{name}");
    }
}
