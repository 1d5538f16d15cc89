//! Keeps lines of sources that can be read only once in temporary files, so that they can be read again.
//!
//! The engine says when ([`KeepSwitch`]); the reader writes the lines of a batch ([`Spill`]) before
//! it hands the batch over. The files have no names and are gone with the process, however it ends.
//! A file is closed, and its room on the disk is free, as soon as no place in it is left; that is
//! why there are several.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use super::place::place;
use crate::model::columns::Columns;
use crate::model::error::plain;
use crate::model::input::{LineFile, Place};
use crate::sys::write_at;

/// The number of files at a time.
const FILES: usize = 4;

/// The size from which on a file gets no more batches. With [`FILES`], 1 GiB in all.
const FILE_SIZE: u64 = 256 * 1024 * 1024;

/// The memory that is kept for the lines of the next batch.
const BUFFER: usize = 64 * 1024;

/// Says whether lines are kept, across threads.
#[derive(Debug, Default)]
pub(super) struct KeepSwitch {
    /// How often it was switched: odd numbers mean on.
    switched: AtomicU32,
    /// Why lines could not be kept, the first time.
    error: OnceLock<String>,
}

impl KeepSwitch {
    /// Says whether lines are kept from now on. Only one thread does so.
    pub(super) fn set(&self, on: bool) {
        if is_on(self.switched.load(Ordering::Relaxed)) != on {
            self.switched.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns why lines could not be kept, the first time that happened.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.get().map(String::as_str)
    }
}

fn is_on(switched: u32) -> bool {
    switched % 2 == 1
}

/// Writes lines to temporary files while they are to be kept.
pub(super) struct Spill {
    switch: Arc<KeepSwitch>,
    limits: SpillLimits,
    /// When the switch was looked at last.
    switched: u32,
    /// Lines cannot be kept until it is switched on again.
    is_broken: bool,
    current: Option<SpillFile>,
    /// Files that get no more lines, as long as there are places in them.
    full: Vec<Weak<File>>,
    /// The lines of the batch, which go to the current file.
    unwritten: Vec<u8>,
}

/// How files are made, and how much they hold.
#[derive(Clone, Copy)]
struct SpillLimits {
    create: fn() -> io::Result<File>,
    files: usize,
    file_size: u64,
}

struct SpillFile {
    /// The file, as the places of one source see it.
    lines: Arc<LineFile>,
    /// Its length, with the lines that are not written yet.
    length: u64,
}

impl SpillFile {
    /// Whether no place in it is left.
    fn is_unused(&self) -> bool {
        // Each source has another `LineFile`.
        Arc::strong_count(&self.lines) == 1 && Arc::strong_count(&self.lines.file) == 1
    }
}

impl Spill {
    /// Creates a writer that `switch` turns on and off.
    pub(super) fn new(switch: Arc<KeepSwitch>) -> Self {
        Self::with_limits(
            switch,
            SpillLimits {
                create: tempfile::tempfile,
                files: FILES,
                file_size: FILE_SIZE,
            },
        )
    }

    fn with_limits(switch: Arc<KeepSwitch>, limits: SpillLimits) -> Self {
        Self {
            switch,
            limits,
            switched: 0,
            is_broken: false,
            current: None,
            full: Vec::new(),
            unwritten: Vec::new(),
        }
    }

    /// Keeps `line` of `source`, a row if it has `columns`, if lines are to be kept and there is room. The place can be read
    /// once [`write`](Self::write) has succeeded.
    pub(super) fn keep(
        &mut self,
        source: &Arc<str>,
        columns: Option<&Arc<Columns>>,
        line: &[u8],
    ) -> Option<Place> {
        let switched = self.switch.switched.load(Ordering::Relaxed);
        if !is_on(switched) {
            return None;
        }
        // What is not written yet belongs to the current file.
        if self.unwritten.is_empty() {
            self.prepare(switched, source, columns);
        }
        let file = self.current.as_mut()?;
        if !Arc::ptr_eq(&file.lines.source, source) {
            file.lines = line_file(source, columns, file.lines.file.clone());
        }
        let place = place(&file.lines, file.length, line)?;
        file.length += u64::from(place.length);
        self.unwritten.extend_from_slice(line);
        Some(place)
    }

    /// Makes ready a file that takes lines of `source`, if there can be one.
    fn prepare(&mut self, switched: u32, source: &Arc<str>, columns: Option<&Arc<Columns>>) {
        if self.switched != switched {
            self.switched = switched;
            self.is_broken = false;
            // All that was kept is done: the file need not grow further.
            self.current.take_if(|file| file.is_unused());
        }
        let limit = self.limits.file_size;
        if let Some(file) = self.current.take_if(|file| file.length >= limit) {
            self.retire(&file);
        }
        if self.current.is_some() || self.is_broken {
            return;
        }
        self.full.retain(|file| file.strong_count() > 0);
        if self.full.len() >= self.limits.files {
            return;
        }
        match (self.limits.create)() {
            Ok(file) => {
                let lines = line_file(source, columns, Arc::new(file));
                self.current = Some(SpillFile { lines, length: 0 });
            }
            Err(error) => self.fail(&error),
        }
    }

    fn retire(&mut self, file: &SpillFile) {
        self.full.push(Arc::downgrade(&file.lines.file));
    }

    /// Writes the lines that were kept. Returns false if they cannot be read again.
    pub(super) fn write(&mut self) -> bool {
        if self.unwritten.is_empty() {
            return true;
        }
        let Some(file) = &self.current else {
            return true;
        };
        let start = file.length - self.unwritten.len() as u64;
        let written = write_at(&file.lines.file, &self.unwritten, start);
        self.unwritten.clear();
        self.unwritten.shrink_to(BUFFER);
        let Err(error) = written else {
            return true;
        };
        self.fail(&error);
        // Its room on the disk is free as soon as the lines in it are read.
        if let Some(file) = self.current.take() {
            self.retire(&file);
        }
        false
    }

    fn fail(&mut self, error: &io::Error) {
        self.is_broken = true;
        let folder = std::env::temp_dir();
        self.switch.error.get_or_init(|| {
            format!(
                "cannot keep lines in a temporary file in {}: {}; set TMPDIR to a folder with room",
                folder.display(),
                plain(error)
            )
        });
    }
}

fn line_file(source: &Arc<str>, columns: Option<&Arc<Columns>>, file: Arc<File>) -> Arc<LineFile> {
    Arc::new(LineFile {
        source: source.clone(),
        columns: columns.cloned(),
        file,
        is_temporary: true,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::place::check;
    use super::*;
    use crate::sys::read_at;

    fn spill(create: fn() -> io::Result<File>) -> (Arc<KeepSwitch>, Spill) {
        let switch = Arc::<KeepSwitch>::default();
        let limits = SpillLimits {
            create,
            files: 2,
            file_size: 8,
        };
        (switch.clone(), Spill::with_limits(switch, limits))
    }

    fn source(name: &str) -> Arc<str> {
        name.into()
    }

    /// Keeps a line and writes it.
    fn keep(spill: &mut Spill, source: &Arc<str>, line: &str) -> Option<Place> {
        let place = spill.keep(source, None, line.as_bytes());
        assert!(spill.write());
        place
    }

    fn line_at(place: &Place) -> Vec<u8> {
        let mut line = vec![0; place.length as usize];
        let read = read_at(&place.file.file, &mut line, place.offset).unwrap();
        assert_eq!(read, line.len());
        assert_eq!(place.check, check(&line));
        line
    }

    #[test]
    fn lines_are_written_before_the_batch_is_handed_over_and_not_one_by_one() {
        let (switch, mut spill) = spill(tempfile::tempfile);
        let (one, other) = (source("one"), source("other"));
        assert!(spill.keep(&one, None, b"a").is_none());
        switch.set(true);
        let places = [
            spill.keep(&one, None, b"abc").unwrap(),
            spill.keep(&one, None, b"d").unwrap(),
            spill.keep(&other, None, b"ef").unwrap(),
        ];
        let length = |place: &Place| place.file.file.metadata().unwrap().len();
        assert!(places.iter().all(|place| length(place) == 0));
        assert!(spill.write());
        assert!(places.iter().all(|place| length(place) == 6));
        let lines: Vec<_> = places.iter().map(line_at).collect();
        assert_eq!(lines, [&b"abc"[..], b"d", b"ef"]);
        let sources: Vec<_> = places.iter().map(|place| &*place.file.source).collect();
        assert_eq!(sources, ["one", "one", "other"]);
    }

    #[test]
    fn no_more_is_kept_when_the_files_are_full_until_one_is_done_with() {
        let (switch, mut spill) = spill(tempfile::tempfile);
        let source = source("-");
        switch.set(true);
        let first = keep(&mut spill, &source, "12345678").unwrap();
        let second = keep(&mut spill, &source, "abc").unwrap();
        let third = keep(&mut spill, &source, "defgh").unwrap();
        assert!(!Arc::ptr_eq(&first.file.file, &second.file.file));
        assert!(Arc::ptr_eq(&second.file.file, &third.file.file));
        assert!(keep(&mut spill, &source, "x").is_none());
        assert_eq!(line_at(&first), b"12345678");
        drop(second);
        assert!(keep(&mut spill, &source, "x").is_none());
        drop(first);
        let fourth = keep(&mut spill, &source, "x").unwrap();
        assert_eq!(fourth.offset, 0);
        assert_eq!(line_at(&third), b"defgh");
        assert!(switch.error().is_none());
    }

    #[test]
    fn a_file_without_places_is_not_filled_further() {
        let (switch, mut spill) = spill(tempfile::tempfile);
        let source = source("-");
        switch.set(true);
        drop(keep(&mut spill, &source, "abc").unwrap());
        let second = keep(&mut spill, &source, "d").unwrap();
        assert_eq!(second.offset, 3);
        switch.set(false);
        switch.set(true);
        let third = keep(&mut spill, &source, "e").unwrap();
        assert_eq!(third.offset, 4);
        drop((second, third));
        switch.set(false);
        assert!(keep(&mut spill, &source, "f").is_none());
        switch.set(true);
        let fourth = keep(&mut spill, &source, "g").unwrap();
        assert_eq!(fourth.offset, 0);
    }

    #[test]
    fn a_file_that_cannot_be_created_is_not_tried_again_before_the_next_time() {
        let (switch, mut spill) = spill(|| Err(io::ErrorKind::NotFound.into()));
        let source = source("-");
        switch.set(true);
        assert!(keep(&mut spill, &source, "abc").is_none());
        let error = switch.error().unwrap();
        assert!(error.contains("not found"), "{error}");
        spill.limits.create = tempfile::tempfile;
        assert!(keep(&mut spill, &source, "abc").is_none());
        switch.set(false);
        switch.set(true);
        assert!(keep(&mut spill, &source, "abc").is_some());
    }

    #[test]
    fn lines_that_cannot_be_written_have_no_place() {
        // This one is open for reading only.
        let (switch, mut spill) = spill(|| File::open(std::env::current_exe()?));
        let source = source("-");
        switch.set(true);
        assert!(spill.keep(&source, None, b"abc").is_some());
        assert!(!spill.write());
        assert!(spill.keep(&source, None, b"abc").is_none());
        assert!(spill.write());
        let error = switch.error().unwrap();
        assert!(error.contains("; set TMPDIR"), "{error}");
    }
}
