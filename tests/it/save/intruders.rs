//! Other programs change the folder while bodies are being saved, or the system refuses to write.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::{
    Fetch, Folder, Gate, Output, Running, Script, Server, begin, ok,
    record::RecordExt as _,
    resume::{LENGTH, SENT},
    text::{assert_same, bytes},
};

/// Enough bytes to reach the disk before the body is complete.
const HALF: usize = 1024 * 1024;

/// A run that has received half of its only body.
struct HalfWay {
    run: Running,
    gate: Gate,
    _server: Server,
}

impl HalfWay {
    fn start(folder: &Folder, args: &[&str]) -> Self {
        let (body, gate) = (bytes(2 * HALF), Gate::new());
        let held = begin(&[], &body, HALF).wait(&gate).send(&body[HALF..]);
        let server = Server::at("/a", held);
        let run = folder.fetch().args(args).arg(server.url("/a")).spawn();
        folder.wait_for_temporary();
        Self {
            run,
            gate,
            _server: server,
        }
    }

    #[track_caller]
    fn end(self) -> Output {
        self.gate.open();
        self.run.wait()
    }
}

#[track_caller]
fn refused(out: &Output) {
    let record = out.record();
    assert_eq!(record.verdict(), "error io/save");
    assert_eq!(record["file"], Value::Null);
    assert!(record.message().contains("out/a"), "{record}");
}

#[test]
fn a_file_that_appears_meanwhile_is_left_alone() {
    for args in [&[][..], &["--existing", "skip"]] {
        let folder = Folder::new();
        let half_way = HalfWay::start(&folder, args);
        folder.write("a", "theirs");
        refused(&half_way.end().exits(1));
        assert_eq!(folder.read("a"), b"theirs");
        assert_eq!(folder.tree(), ["a"]);
    }
}

#[test]
fn something_that_appears_meanwhile_and_is_no_file_is_left_alone() {
    for args in [
        &[][..],
        &["--existing", "skip"],
        &["--existing", "overwrite"],
    ] {
        let folder = Folder::new();
        let half_way = HalfWay::start(&folder, args);
        fs::write(folder.beside("target"), "theirs").unwrap();
        symlink("../target", folder.path("a")).unwrap();
        refused(&half_way.end().exits(1));
        assert!(folder.path("a").is_symlink());
        assert_eq!(fs::read(folder.beside("target")).unwrap(), b"theirs");
        assert_eq!(folder.tree(), ["a"]);

        let folder = Folder::new();
        let half_way = HalfWay::start(&folder, args);
        fs::create_dir(folder.path("a")).unwrap();
        refused(&half_way.end().exits(1));
        assert_eq!(folder.path("a").read_dir().unwrap().count(), 0);
        assert_eq!(folder.tree(), ["a"]);
    }
}

#[test]
fn a_folder_that_is_swapped_gets_no_file_elsewhere() {
    let folder = Folder::new();
    let half_way = HalfWay::start(&folder, &[]);
    let (out, moved, elsewhere) = (
        folder.beside("out"),
        folder.beside("moved"),
        folder.beside("elsewhere"),
    );
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(&out, &moved).unwrap();
    symlink(&elsewhere, &out).unwrap();
    let ended = half_way.end().exits(0);
    assert_eq!(elsewhere.read_dir().unwrap().count(), 0);
    assert_eq!(ended.record()["file"], "a");
    assert_same(fs::read(moved.join("a")).unwrap(), bytes(2 * HALF));
    assert_eq!(moved.read_dir().unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_swapped_between_two_files_gets_no_file_elsewhere() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let mut run = folder.fetch().arg("-").stdin_open().spawn();
    run.write(server.url("/a\n"));
    assert_eq!(run.record()["outcome"], "ok");
    let (out, elsewhere) = (folder.beside("out"), folder.beside("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(&out, folder.beside("moved")).unwrap();
    symlink(&elsewhere, &out).unwrap();
    run.write(server.url("/b\n"));
    assert_eq!(run.record()["outcome"], "ok");
    run.wait().exits(0);
    assert_eq!(elsewhere.read_dir().unwrap().count(), 0);
    assert!(folder.beside("moved/b").is_file());
}

#[test]
fn a_folder_that_is_removed_is_an_error_of_each_file_and_not_recreated() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let mut run = folder.fetch().arg("-").stdin_open().spawn();
    run.write(server.url("/a\n"));
    assert_eq!(run.record()["outcome"], "ok");
    fs::remove_dir_all(folder.beside("out")).unwrap();
    run.write(server.url("/b\n"));
    assert_eq!(run.record().verdict(), "error io/save");
    run.wait().exits(1);
    assert!(!folder.beside("out").exists());
}

#[test]
fn two_runs_at_once_do_not_share_a_file() {
    let folder = Folder::new();
    let half_way = HalfWay::start(&folder, &[]);
    let server = Server::at("/a", ok("of the other run"));
    folder.fetch().arg(server.url("/a")).run().exits(0);
    refused(&half_way.end().exits(1));
    assert_eq!(folder.read("a"), b"of the other run");
    assert_eq!(folder.tree(), ["a"]);
}

#[test]
fn a_file_over_the_size_limit_of_the_system_is_an_error_and_the_run_goes_on() {
    // The unit of the limit is 512 bytes, or 1024 in some shells.
    let body = bytes(HALF);
    let unsized_body = Script::new()
        .send("HTTP/1.0 200 OK\r\n\r\n")
        .send(&body)
        .close();
    for large in [ok(&body), unsized_body] {
        let server = Server::build()
            .route("/1", large)
            .otherwise(ok("x"))
            .start();
        let out = Fetch::jsonl()
            .after("ulimit -f 100")
            .args(["-j1", "-o", "out", "-"])
            .stdin(server.list(4))
            .run()
            .exits(1);
        let records = out.in_order();
        assert_eq!(records[1].verdict(), "error io/save");
        assert!(records[1].message().contains("out/1"), "{}", records[1]);
        assert_eq!(
            records
                .iter()
                .filter(|record| record["outcome"] == "ok")
                .count(),
            3
        );
        assert_eq!(out.tree("out"), ["0", "2", "3"]);
    }
}

/// A file system of its own, which is unmounted on drop.
struct Mounted(PathBuf);

impl Mounted {
    fn at(path: &Path, options: &str) -> Self {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(path)
            .status()
            .unwrap();
        assert!(mounted.success(), "tests that mount want to be root");
        Self(path.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "mounts a file system"]
fn a_full_disk_is_an_error_of_the_file_that_does_not_fit() {
    let server = Server::build()
        .route("/1", ok(bytes(3 * HALF)))
        .otherwise(ok(bytes(10_000)))
        .start();
    let folder = Folder::new();
    let _mounted = Mounted::at(&folder.beside("out"), "size=1m");
    let out = folder
        .fetch()
        .args(["-j1", "-"])
        .stdin(server.list(4))
        .run()
        .exits(1);
    let records = out.in_order();
    assert_eq!(records[1].verdict(), "error io/save");
    assert!(records[1].message().contains("out/1"), "{}", records[1]);
    assert_eq!(folder.tree(), ["0", "2", "3"]);
    for name in folder.tree() {
        assert!(folder.read(&name) == bytes(10_000), "{name}");
    }
}

#[test]
#[ignore = "mounts a file system"]
fn a_full_disk_keeps_what_was_to_be_overwritten() {
    let server = Server::at("/a", ok(bytes(3 * HALF)));
    let folder = Folder::new();
    let _mounted = Mounted::at(&folder.beside("out"), "size=1m");
    folder.write("a", "theirs");
    let args = ["--existing", "overwrite", &server.url("/a")];
    refused(&folder.fetch().args(args).run().exits(1));
    assert_eq!(folder.read("a"), b"theirs");
    assert_eq!(folder.tree(), ["a"]);
}

#[test]
#[ignore = "mounts a file system"]
fn a_read_only_folder_is_an_error_of_each_file() {
    let server = Server::build()
        .otherwise(ok("x"))
        .may_stay_unasked()
        .start();
    let folder = Folder::new();
    let _mounted = Mounted::at(&folder.beside("out"), "ro");
    let out = folder
        .fetch()
        .args(["-j1", "-"])
        .stdin(server.list(2))
        .run()
        .exits(1);
    for record in out.records() {
        assert_eq!(record.verdict(), "error io/save");
    }
    folder.assert_empty();
}

#[test]
fn a_replaced_temporary_file_is_not_published() {
    let gate = Gate::new();
    let body = bytes(LENGTH);
    let script = begin(&[], &body, SENT).wait(&gate).send(&body[SENT..]);
    let server = Server::at("/a", script);
    let folder = Folder::new();
    let run = folder.fetch().arg(server.url("/a")).spawn();
    folder.wait_for_temporary();
    let temporary = folder.path(&folder.temporaries()[0]);
    fs::remove_file(&temporary).unwrap();
    symlink(folder.beside("elsewhere"), &temporary).unwrap();
    gate.open();
    let record = run.wait().exits(1).record();
    assert_eq!(record.verdict(), "error io/save");
    assert!(!folder.path("a").is_symlink() && !folder.path("a").exists());
}
