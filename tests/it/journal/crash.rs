//! A run resumes from what a crash leaves of a journal and of files, and never touches files of others.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;

use crate::support::{
    Fetch, Folder, Script, Server,
    journal::BOTH,
    ok,
    record::RecordExt as _,
    text::{assert_same, bytes},
};

const URLS: usize = 6;

fn body(target: &str) -> String {
    format!("this is {target}")
}

/// A finished run and its journal.
struct Past {
    folder: Folder,
    run: fn(&Folder) -> Fetch,
    _server: Server,
    asked: Arc<AtomicUsize>,
    list: String,
    journal: Vec<u8>,
    inodes: Vec<u64>,
}

impl Past {
    fn new(run: fn(&Folder) -> Fetch) -> Self {
        let asked = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&asked);
        let server = Server::always(Script::new().run(move |request, stream| {
            use std::io::Write as _;
            count.fetch_add(1, Ordering::Relaxed);
            let body = body(&request.target);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }));
        let (folder, list) = (Folder::new(), server.list(URLS));
        run(&folder).stdin(&list).run().exits(0);
        Self {
            journal: folder.journal_bytes(),
            inodes: inodes(&folder),
            folder,
            run,
            _server: server,
            asked,
            list,
        }
    }

    /// The offset of the end of each record, not counting its line end.
    fn ends(&self) -> Vec<usize> {
        let bytes = self.journal.iter().enumerate();
        bytes
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at)
            .collect()
    }

    /// Asserts that a run with the first `length` bytes of the journal ends with the same result.
    #[track_caller]
    fn goes_on_from(&self, length: usize) {
        self.folder.set_journal(&self.journal[..length]);
        let lost = self.ends().iter().filter(|end| **end > length).count();
        let before = self.asked.load(Ordering::Relaxed);
        let out = (self.run)(&self.folder).stdin(&self.list).run().exits(0);
        let asked = self.asked.load(Ordering::Relaxed) - before;
        assert_eq!(asked, lost, "asked again after {length} bytes");
        let skipped = out
            .records()
            .iter()
            .filter(|record| record["outcome"] == "skipped")
            .count();
        assert_eq!(skipped, URLS - lost, "skipped after {length} bytes");
        self.folder.assert_all_ok(&self.list);
        assert_eq!(self.folder.journal().len(), URLS, "after {length} bytes");
        assert_eq!(inodes(&self.folder), self.inodes, "after {length} bytes");
        for name in self.folder.tree() {
            assert_eq!(
                self.folder.read(&name),
                body(&format!("/{name}")).as_bytes()
            );
        }
    }
}

/// The inode numbers, which show whether files were replaced.
fn inodes(folder: &Folder) -> Vec<u64> {
    let names = folder.tree();
    names
        .iter()
        .map(|name| fs::symlink_metadata(folder.path(name)).unwrap().ino())
        .collect()
}

/// Cuts the journal at each byte of the last record and around the end of each line.
fn a_journal_cut_in_its_last_record(run: fn(&Folder) -> Fetch) {
    let past = Past::new(run);
    let ends = past.ends();
    for length in ends[URLS - 2]..past.journal.len() {
        past.goes_on_from(length);
    }
    for end in &ends[..URLS - 1] {
        for length in [end - 2, end - 1, *end, end + 1, end + 2] {
            past.goes_on_from(length);
        }
    }
    for length in 0..8 {
        past.goes_on_from(length);
    }
}

fn a_journal_cut_anywhere(run: fn(&Folder) -> Fetch) {
    let past = Past::new(run);
    for length in 0..=past.journal.len() {
        past.goes_on_from(length);
    }
}

/// Creates what a run leaves that died between publishing a file and writing its record.
fn leave_unrecorded(folder: &Folder, name: &str, content: &str) {
    folder.write(name, content);
    let temporary = folder.path(".fetch-0123456789abcdef.tmp");
    fs::hard_link(folder.path(name), temporary).unwrap();
}

#[test]
fn a_journal_cut_within_its_last_record_can_be_resumed() {
    a_journal_cut_in_its_last_record(Folder::noting);
}

#[test]
fn a_journal_cut_within_its_last_record_can_be_resumed_with_its_files() {
    a_journal_cut_in_its_last_record(Folder::keeping);
}

#[test]
#[ignore = "slow; .ci/run runs it"]
fn a_journal_cut_at_any_byte_can_be_resumed() {
    a_journal_cut_anywhere(Folder::noting);
}

#[test]
#[ignore = "slow; .ci/run runs it"]
fn a_journal_cut_at_any_byte_can_be_resumed_with_its_files() {
    a_journal_cut_anywhere(Folder::keeping);
}

#[test]
fn a_file_cut_short_with_its_journal_is_fetched_again() {
    let body = bytes(300_000);
    let server = Server::always(ok(&body));
    let list = server.list(2);
    for length in [150_000, 4096, 0] {
        let folder = Folder::new();
        folder.keeping().stdin(&list).run().exits(0);
        folder.write("1", &body[..length]);
        folder.keeping().stdin(&list).run().exits(0);
        assert_eq!(folder.tree(), ["0", "1"]);
        assert!(folder.read("1") == body, "after {length} bytes");
        folder.assert_all_ok(&list);
    }
}

/// Fetches twice more, and asserts that whatever is at the name `1` is left alone both times.
#[track_caller]
fn refuses(folder: &Folder, server: &Server, what: &str) {
    for _ in 0..2 {
        let out = folder.keeping().stdin(server.list(2)).run().exits(1);
        let records = out.in_order();
        assert_eq!(records[1].verdict(), "error io/save", "{what}");
        assert!(records[1].message().contains("out/1"), "{}", records[1]);
        assert_eq!(records[1]["file"], Value::Null);
        assert_eq!(folder.tree(), ["0", "1"], "{what}");
    }
}

#[test]
fn a_file_that_was_replaced_by_another_is_not_overwritten() {
    let body = bytes(10_000);
    let server = Server::always(ok(&body));
    for theirs in [
        [&body[..], b"and more"].concat(),
        [&b"more"[..], &body].concat(),
        [&body[..5_000], b"other"].concat(),
        bytes(10_004)[4..9_000].to_vec(),
        b"theirs".to_vec(),
    ] {
        let folder = Folder::new();
        folder.keeping().stdin(server.list(2)).run().exits(0);
        fs::remove_file(folder.path("1")).unwrap();
        folder.write("1", &theirs);
        refuses(&folder, &server, "a file");
        folder.assert_content("1", &theirs);
    }
}

#[test]
fn something_else_in_the_place_of_a_file_is_left_alone() {
    let body = bytes(10_000);
    let server = Server::always(ok(&body));
    // The content is identical, because it must not matter.
    for content in [&body[..], &body[..5_000], b"theirs"] {
        let folder = Folder::new();
        folder.keeping().stdin(server.list(2)).run().exits(0);
        fs::write(folder.beside("target"), content).unwrap();
        fs::remove_file(folder.path("1")).unwrap();
        symlink("../target", folder.path("1")).unwrap();
        refuses(&folder, &server, "a symbolic link");
        assert!(folder.path("1").is_symlink());
        assert_same(fs::read(folder.beside("target")).unwrap(), content);
    }
    let folder = Folder::new();
    folder.keeping().stdin(server.list(2)).run().exits(0);
    fs::remove_file(folder.path("1")).unwrap();
    fs::create_dir(folder.path("1")).unwrap();
    fs::write(folder.path("1").join("inside"), "theirs").unwrap();
    refuses(&folder, &server, "a folder");
    assert_eq!(
        fs::read(folder.path("1").join("inside")).unwrap(),
        b"theirs"
    );
}

#[test]
fn a_file_that_the_journal_does_not_know_is_not_overwritten() {
    let body = bytes(10_000);
    let server = Server::always(ok(&body));
    for theirs in [&b"theirs"[..], b"", &body[..5_000], &body[1..]] {
        let folder = Folder::new();
        folder.write("1", theirs);
        refuses(&folder, &server, "a file");
        folder.assert_content("1", theirs);
        folder.assert_content("0", &body);
    }
}

#[test]
fn a_file_that_the_journal_does_not_know_is_accepted_if_it_is_identical() {
    let body = bytes(10_000);
    let server = Server::always(ok(&body));
    let (folder, list) = (Folder::new(), server.list(2));
    folder.write("1", &body);
    let before = inodes(&folder);
    let out = folder.keeping().stdin(&list).run().exits(0);
    assert_eq!(out.in_order()[1]["file"], "1");
    assert_eq!(folder.tree(), ["0", "1"]);
    assert_eq!(inodes(&folder)[1..], before, "it was not written again");
    folder.assert_all_ok(&list);
    folder.keeping().stdin(&list).run().exits(0);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_truncated_journal_does_not_claim_files_of_others() {
    for run in BOTH {
        let past = Past::new(run);
        past.folder.set_journal("");
        past.folder.write("1", "theirs");
        let out = past.folder.keeping().stdin(&past.list).run().exits(1);
        let records = out.in_order();
        assert_eq!(records[1].verdict(), "error io/save");
        assert_eq!(past.folder.read("1"), b"theirs");
        assert_eq!(
            records
                .iter()
                .filter(|record| record["outcome"] == "ok")
                .count(),
            URLS - 1
        );
    }
}

#[test]
fn a_file_truncated_by_a_crash_is_fetched_again_despite_existing_skip() {
    let server = Server::always(ok("all of it"));
    let folder = Folder::new();
    let args = ["--existing", "skip", &server.url("/a")];
    folder.keeping().args(args).run().exits(0);
    folder.write("a", "all");
    let record = folder.keeping().args(args).run().exits(0).record();
    assert_eq!(record.verdict(), "ok");
    assert_eq!(folder.read("a"), b"all of it");
}

#[test]
fn a_file_without_a_record_is_fetched_again_whatever_the_options() {
    let server = Server::always(ok("new"));
    for args in [
        &[][..],
        &["--existing", "skip"],
        &["--existing", "overwrite"],
    ] {
        for run in [Folder::fetch, Folder::keeping] {
            let folder = Folder::new();
            leave_unrecorded(&folder, "a", "old");
            let record = run(&folder)
                .args(args)
                .arg(server.url("/a"))
                .run()
                .exits(0)
                .record();
            assert_eq!(record.verdict(), "ok", "{args:?}");
            assert_eq!(folder.read("a"), b"new");
            assert_eq!(folder.tree(), ["a"]);
        }
    }
}

#[test]
fn a_file_without_a_record_is_replaced_only_by_its_own_url() {
    let server = Server::always(ok("new"));
    let folder = Folder::new();
    leave_unrecorded(&folder, "a", "old");
    folder.keeping().arg(server.url("/b")).run().exits(0);
    assert_eq!(folder.read("a"), b"old");
    folder.keeping().arg(server.url("/a")).run().exits(0);
    assert_eq!(folder.read("a"), b"new");
    assert_eq!(folder.tree(), ["a", "b"]);
}
