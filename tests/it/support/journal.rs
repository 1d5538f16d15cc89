//! A journal, beside the folder that its runs save to, and what can be told of both after any end of a run.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use super::{
    Fetch, Folder, Output,
    record::{self, KEYS, ON_DEMAND, RecordExt as _},
};

/// The name of the journal, beside the folder.
pub(crate) const JOURNAL: &str = "run.jsonl";

/// What a journal does is the same for runs that save nothing and for runs that save.
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

    /// Every record in the journal of runs that have ended, as they were written.
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

    /// What the journal says last of each URL.
    #[track_caller]
    pub(crate) fn last_words(&self) -> BTreeMap<String, String> {
        self.journal()
            .iter()
            .map(|record| (record.text("url").to_owned(), record.verdict()))
            .collect()
    }

    /// Every line of the list is `ok`, and nothing else was ever in it.
    #[track_caller]
    pub(crate) fn assert_all_ok(&self, list: &str) {
        let expected = list.lines().map(|url| (url.to_owned(), "ok".to_owned()));
        assert_eq!(self.last_words(), expected.collect());
    }

    /// What is not hidden, sorted.
    pub(crate) fn visible(&self) -> Vec<String> {
        let mut names = self.tree();
        names.retain(|name| !name.starts_with('.'));
        names
    }

    /// A record that is ok has a file of its size, one that failed has none.
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
    /// What became of each input, in their order.
    #[track_caller]
    pub(crate) fn verdicts(&self) -> Vec<String> {
        self.in_order().iter().map(Value::verdict).collect()
    }
}

/// Whether a file of this name is one that `-c` has not finished.
pub(crate) fn is_part(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "part")
}

/// The lines of a file that are whole; the last may have been cut off.
#[track_caller]
pub(crate) fn records_so_far(path: &Path) -> Vec<Value> {
    let text = String::from_utf8(fs::read(path).unwrap_or_default()).unwrap();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(parse)
        .collect()
}

/// The journal may say more than the record: by what it knows a request again.
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
