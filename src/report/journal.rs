//! The journal: a file that every record is appended to, and that tells a later run what is
//! already done.
//!
//! Memory holds 16 bytes a record: a hash of the input and the position of the record. Whether
//! a record with the right hash is really that of an input is read from the file.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::error::plain;
use crate::model::input::Input;
use crate::model::outcome::Verdict;
use crate::model::text::hex;
use crate::sys::{FileIdentity, folder_of, read_at, sync_directory, try_lock};

/// The first bytes of every record.
const RECORD_START: &[u8] = br#"{"index":"#;

/// How many bytes are read at a time while the journal is scanned.
const READ_SIZE: usize = 1024 * 1024;

/// How many bytes are read first to get one record; most records fit in.
const LINE_READ_SIZE: usize = 1024;

/// A journal that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be opened or read.
    #[error("--journal: {path}: {reason}", path = .0.display(), reason = plain(.1))]
    Open(PathBuf, io::Error),
    /// Another run has it open.
    #[error("--journal: {path}: in use by another run; wait for it or name another file", path = .0.display())]
    Busy(PathBuf),
    /// It is not a regular file, or its first line is not a record.
    #[error("--journal: {path}: exists, but is not a journal of fetch; name another file", path = .0.display())]
    NotAJournal(PathBuf),
    /// A record could not be appended.
    #[error("--journal: {path}: {reason}", path = .0.display(), reason = plain(.1))]
    Write(PathBuf, io::Error),
    /// Somebody else has removed, replaced or truncated it during the run.
    #[error("--journal: {path}: was {1} during the run; records may be missing; run again", path = .0.display())]
    Lost(PathBuf, &'static str),
}

/// What the journal recognizes an input by.
#[derive(PartialEq, Eq, Hash)]
struct InputKey<'a> {
    url: &'a str,
    method: &'a str,
    id: Option<&'a str>,
    request_sha256: Option<&'a str>,
}

/// The keys of a record that are read back.
#[derive(Deserialize)]
struct JournalEntry<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    method: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    request_sha256: Option<Cow<'a, str>>,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    file: Option<Cow<'a, str>>,
    size: Option<u64>,
}

impl JournalEntry<'_> {
    fn key(&self) -> InputKey<'_> {
        InputKey {
            url: &self.url,
            method: self.method.as_deref().unwrap_or_default(),
            id: self.id.as_deref(),
            request_sha256: self.request_sha256.as_deref(),
        }
    }

    fn is(&self, verdict: Verdict) -> bool {
        self.outcome == verdict.name()
    }
}

/// The offset of a record, and in the lowest bit whether its outcome is `ok`. Positions sort
/// in the order of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RecordPosition(u64);

impl RecordPosition {
    fn new(offset: u64, ok: bool) -> Self {
        Self(offset << 1 | u64::from(ok))
    }

    fn offset(self) -> u64 {
        self.0 >> 1
    }

    fn is_ok(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The results of earlier runs, found by input.
pub struct JournalIndex {
    journal: File,
    hasher: RandomState,
    /// Hash of the input and position of its record, in descending order: of records with one
    /// hash the newest comes first.
    positions: Vec<(u64, RecordPosition)>,
    /// How many lines were ignored because they are not records.
    pub ignored: u64,
    /// Hashes of the inputs of this run. Two hashes each, because an input that is mistaken for another is lost.
    seen: HashSet<[u64; 2]>,
    second_hasher: RandomState,
}

/// The result of earlier runs for one input.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PriorResult {
    /// Whether the outcome of its last record is `ok`.
    pub done: bool,
    /// The file, with its size, that its last `ok` record names.
    pub file: Option<(String, u64)>,
}

impl JournalIndex {
    /// Finds the result of earlier runs for `input`.
    #[must_use]
    pub fn look_up(&self, input: &Input) -> PriorResult {
        with_key(input, |key| self.find(key)).unwrap_or_default()
    }

    /// Whether an earlier input of this run is the same as `input`, which counts as one from now on.
    pub fn is_repeated(&mut self, input: &Input) -> bool {
        let Ok(request) = &input.request else {
            return false;
        };
        let headers: Vec<_> = request.headers.iter().collect();
        let rest = (
            headers,
            &request.authorization,
            &request.name,
            request.sha256,
        );
        let hashes = with_key(input, |key| {
            let line = (key, &rest);
            [
                self.hasher.hash_one(line),
                self.second_hasher.hash_one(line),
            ]
        });
        hashes.is_some_and(|hashes| !self.seen.insert(hashes))
    }

    fn find(&self, key: &InputKey<'_>) -> PriorResult {
        let mut prior = PriorResult::default();
        let hash = self.hasher.hash_one(key);
        let start = self.positions.partition_point(|(other, _)| *other > hash);
        let same_hash = self.positions[start..].iter();
        let mut is_last = true;
        for (_, position) in same_hash.take_while(|(other, _)| *other == hash) {
            // A record that can no longer be read does not count.
            let Ok(line) = read_line(&self.journal, position.offset()) else {
                continue;
            };
            let Some(entry) = parse(&line).filter(|entry| entry.key() == *key) else {
                continue;
            };
            prior.done |= is_last && position.is_ok();
            is_last = false;
            if position.is_ok() {
                prior.file = entry.file.map(Cow::into_owned).zip(entry.size);
                break;
            }
        }
        prior
    }

    /// Sorts the positions, and keeps of each hash the newest record and the newest `ok` one.
    fn compact(&mut self) {
        let positions = &mut self.positions;
        positions.sort_unstable_by(|one, other| other.cmp(one));
        positions.dedup_by(|(hash, older), (newer_hash, newer)| {
            hash == newer_hash && (newer.is_ok() || !older.is_ok())
        });
        positions.shrink_to_fit();
    }
}

/// Calls `read` with what the journal recognizes `input` by, unless it holds no request.
fn with_key<T>(input: &Input, read: impl FnOnce(&InputKey<'_>) -> T) -> Option<T> {
    let request = input.request.as_ref().ok()?;
    let sent = request.body.as_ref().map(|body| hex(&body.sha256));
    Some(read(&InputKey {
        url: &input.display_url,
        method: request.method.as_str(),
        id: input.id.as_deref(),
        request_sha256: sent.as_deref(),
    }))
}

fn parse(line: &[u8]) -> Option<JournalEntry<'_>> {
    serde_json::from_slice(line).ok()
}

/// Whether `bytes` could be the beginning of a record.
fn may_begin_record(bytes: &[u8]) -> bool {
    let is_number = |rest: &[u8]| rest.first().is_none_or(u8::is_ascii_digit);
    match bytes.strip_prefix(RECORD_START) {
        Some(rest) => is_number(rest),
        None => RECORD_START.starts_with(bytes),
    }
}

/// Whether `line` is a record that was cut off.
fn is_torn(line: &[u8]) -> bool {
    let parsed = serde_json::from_slice::<JournalEntry<'_>>(line);
    // serde_json calls a number that ends at its decimal point a syntax error, not an end of input.
    let is_at_end = |error: &serde_json::Error| error.is_syntax() && error.column() >= line.len();
    may_begin_record(line) && parsed.is_err_and(|error| error.is_eof() || is_at_end(&error))
}

fn read_line(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let known = line.len();
        line.resize(known.max(LINE_READ_SIZE) + known, 0);
        let read = read_at(file, &mut line[known..], offset + known as u64)?;
        line.truncate(known + read);
        if let Some(end) = memchr::memchr(b'\n', &line[known..]) {
            line.truncate(known + end);
            return Ok(line);
        }
        if read == 0 {
            return Ok(line);
        }
    }
}

/// An open journal, locked against other runs.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// The length of the file up to the end of its last whole line.
    length: u64,
    fsync: bool,
}

impl Journal {
    /// Opens or creates the journal at `path`, and cuts off a last line that is not whole.
    /// Calls `on_file` with the name of every file that an `ok` record names. With `fsync`,
    /// [`append`](Self::append) returns once the records are on the disk.
    ///
    /// # Errors
    ///
    /// It cannot be opened, is in use by another run, or is not a journal.
    pub fn open(
        path: &Path,
        fsync: bool,
        mut on_file: impl FnMut(&str),
    ) -> Result<(Self, JournalIndex), JournalError> {
        let failed = |error: io::Error| JournalError::Open(path.to_owned(), error);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        // Opening a pipe would wait for its writer.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(JournalError::NotAJournal(path.to_owned()));
        }
        let opened = options.open(path).map_err(failed)?;
        // Some file systems have no locks: there, the user has to keep two runs apart.
        if try_lock(&opened).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            return Err(JournalError::Busy(path.to_owned()));
        }
        let mut index = JournalIndex {
            journal: opened.try_clone().map_err(failed)?,
            hasher: RandomState::new(),
            positions: Vec::new(),
            ignored: 0,
            seen: HashSet::new(),
            second_hasher: RandomState::new(),
        };
        let mut journal = Self {
            path: path.to_owned(),
            file: opened,
            length: 0,
            fsync,
        };
        journal.read(&mut index, &mut on_file)?;
        index.compact();
        if fsync && journal.length == 0 {
            sync_folder(path).map_err(failed)?;
        }
        Ok((journal, index))
    }

    fn read(
        &mut self,
        index: &mut JournalIndex,
        on_file: &mut impl FnMut(&str),
    ) -> Result<(), JournalError> {
        let path = self.path.clone();
        let failed = |error: io::Error| JournalError::Open(path.clone(), error);
        let mut reader =
            BufReader::with_capacity(READ_SIZE, self.file.try_clone().map_err(failed)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(failed)?;
            if read == 0 {
                return Ok(());
            }
            let is_whole = line.last() == Some(&b'\n');
            let entry = parse(&line);
            match &entry {
                Some(entry) if entry.is(Verdict::Skipped) => {}
                Some(entry) => {
                    let ok = entry.is(Verdict::Ok);
                    let hash = index.hasher.hash_one(entry.key());
                    let position = RecordPosition::new(self.length, ok);
                    index.positions.push((hash, position));
                    entry
                        .file
                        .iter()
                        .filter(|_| ok)
                        .for_each(|name| on_file(name));
                }
                None if self.length == 0 && (is_whole || !is_torn(&line)) => {
                    return Err(JournalError::NotAJournal(self.path.clone()));
                }
                None if is_whole => index.ignored += 1,
                None => {}
            }
            if !is_whole {
                let is_record = entry.is_some();
                return self.repair_end(is_record, read as u64).map_err(failed);
            }
            self.length += read as u64;
        }
    }

    /// Repairs a last line without a line end: adds the line end if the line is a `whole` record,
    /// otherwise cuts the line off.
    fn repair_end(&mut self, whole: bool, length: u64) -> io::Result<()> {
        if whole {
            self.file.write_all(b"\n")?;
            self.length += length + 1;
            Ok(())
        } else {
            self.file.set_len(self.length)
        }
    }

    /// Appends `lines`, each with one system call.
    ///
    /// # Errors
    ///
    /// They could not be written or synced. In that case all of them are cut off again.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), JournalError> {
        let written = lines
            .split_inclusive(|byte| *byte == b'\n')
            .try_for_each(|line| (&self.file).write_all(line))
            .and_then(|()| {
                if self.fsync && !lines.is_empty() {
                    self.file.sync_data()
                } else {
                    Ok(())
                }
            });
        match written {
            Ok(()) => self.length += lines.len() as u64,
            // The files that these records name are removed, so the records must go, too.
            Err(_) => drop(self.file.set_len(self.length)),
        }
        written.map_err(|error| JournalError::Write(self.path.clone(), error))
    }

    /// Checks that the path still leads to this file, and that nobody else has changed its length.
    ///
    /// # Errors
    ///
    /// Records are lost.
    pub fn verify(&self) -> Result<(), JournalError> {
        let metadata = self.file.metadata();
        let metadata = metadata.map_err(|error| JournalError::Write(self.path.clone(), error))?;
        let what = match FileIdentity::at(&self.path) {
            None => "removed",
            found if found != FileIdentity::of(&self.file) => "replaced",
            _ if metadata.len() != self.length => "changed by another program",
            _ => return Ok(()),
        };
        Err(JournalError::Lost(self.path.clone(), what))
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match sync_directory(folder_of(path)) {
        // Some file systems cannot sync a folder, and do not need to.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"index":10,"source":"-","id":null,"url":"http://a/\u00fc","method":"GET","outcome":"ok","size":1,"time_total":0.25,"slow":false,"attempts":[{"status":200}],"file":"a"}"#;

    #[test]
    fn every_beginning_of_a_record_is_torn_and_nothing_else_is() {
        for end in 1..RECORD.len() {
            let (torn, _) = RECORD.split_at(end);
            assert!(is_torn(torn.as_bytes()), "{torn}");
        }
        for other in [
            RECORD,
            "notes",
            "{\"index\":\"foo.html\"",
            "{\"index\":1,\"url\":\"x\"}",
            "{\"inde\":1}",
        ] {
            assert!(!is_torn(other.as_bytes()), "{other}");
        }
    }
}
