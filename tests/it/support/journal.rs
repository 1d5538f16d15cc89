//! A journal next to a [`Folder`], and checks of both that hold however a run ended.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use super::{
    Fetch, Folder, Output,
    record::{self, KEYS, ON_DEMAND, RecordExt as _},
};

/// The name of the journal, beside the folder.
pub(crate) const JOURNAL: &str = "run.jsonl";

/// Runs that save nothing and runs that save: a journal works the same for both.
pub(crate) const BOTH: [fn(&Folder) -> Fetch; 2] = [Folder::noting, Folder::keeping];

impl Folder {
    /// A run with this journal that saves nothing.
    pub(crate) fn noting(&self) -> Fetch {
        Fetch::jsonl().arg("--journal").arg(self.beside(JOURNAL))
    }

    /// A run with this journal that saves here.
    pub(crate) fn keeping(&self) -> Fetch {
        self.fetch().arg("--journal").arg(self.beside(JOURNAL))
    }

    /// The journal as it is on the disk.
    #[track_caller]
    pub(crate) fn journal_bytes(&self) -> Vec<u8> {
        fs::read(self.beside(JOURNAL)).unwrap()
    }

    pub(crate) fn set_journal(&self, bytes: impl AsRef<[u8]>) {
        fs::write(self.beside(JOURNAL), bytes).unwrap();
    }

    /// Every record in the journal of runs that have ended.
    #[track_caller]
    pub(crate) fn journal(&self) -> Vec<Value> {
        let bytes = self.journal_bytes();
        assert!(
            bytes.is_empty() || bytes.ends_with(b"\n"),
            "the last line is cut off: {}",
            String::from_utf8_lossy(&bytes)
        );
        records_so_far(&self.beside(JOURNAL))
    }

    /// The last verdict of each URL in the journal.
    #[track_caller]
    pub(crate) fn last_words(&self) -> BTreeMap<String, String> {
        self.journal()
            .iter()
            .map(|record| (record.text("url").to_owned(), record.verdict()))
            .collect()
    }

    /// Asserts that the journal has every line of the list as `ok`, and no other URL.
    #[track_caller]
    pub(crate) fn assert_all_ok(&self, list: &str) {
        let expected = list.lines().map(|url| (url.to_owned(), "ok".to_owned()));
        assert_eq!(self.last_words(), expected.collect());
    }

    /// The sorted names that do not begin with a dot.
    pub(crate) fn visible(&self) -> Vec<String> {
        let mut names = self.tree();
        names.retain(|name| !name.starts_with('.'));
        names
    }

    /// Asserts that a record that is ok has a file of its size, and that one that failed has none.
    #[track_caller]
    pub(crate) fn assert_true(&self, record: &Value) {
        let name = record["file"].as_str();
        let size = name.map(|name| {
            fs::symlink_metadata(self.path(name))
                .unwrap_or_else(|error| panic!("{error}: the file of {record}"))
                .len()
        });
        match record.text("outcome") {
            "ok" => assert_eq!(size, record["size"].as_u64(), "{record}"),
            "skipped" => {}
            _ => assert_eq!(size, None, "{record}"),
        }
    }
}

impl Output {
    /// The verdict of each input, in input order.
    #[track_caller]
    pub(crate) fn verdicts(&self) -> Vec<String> {
        self.in_order().iter().map(Value::verdict).collect()
    }
}

/// Whether the name is that of a file which `-c` has not finished.
pub(crate) fn is_part(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "part")
}

/// The records in a file. A last line that was cut off is ignored.
#[track_caller]
pub(crate) fn records_so_far(path: &Path) -> Vec<Value> {
    let text = String::from_utf8(fs::read(path).unwrap_or_default()).unwrap();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(parse)
        .collect()
}

/// Parses a record without the key that only the journal has, by which it recognises a request.
#[track_caller]
fn parse(line: &str) -> Value {
    let mut record: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    let known = |key: &String| KEYS.contains(&key.as_str()) || ON_DEMAND.contains(&key.as_str());
    record
        .as_object_mut()
        .unwrap_or_else(|| panic!("no object: {line}"))
        .retain(|key, _| known(key));
    record::parse(&record.to_string())
}
