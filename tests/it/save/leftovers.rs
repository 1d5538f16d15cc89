//! Temporary files of runs that were killed, and files that only look like them.

use std::{fs, os::unix::fs::symlink};

use crate::support::{Folder, Gate, Running, Server, begin, ok, text::bytes};

/// Enough bytes to reach the disk before the body is complete.
const HALF: usize = 1024 * 1024;

/// A run that has saved half of a body, and gets the rest when the gate opens.
fn half_way(folder: &Folder) -> (Running, Server, Gate) {
    let (body, gate) = (bytes(2 * HALF), Gate::new());
    let held = begin(&[], &body, HALF).wait(&gate).send(&body[HALF..]);
    let server = Server::build().otherwise(held).start();
    let run = folder.fetch().arg("-j3").stdin(server.list(3)).spawn();
    folder.wait_for_temporary();
    (run, server, gate)
}

/// A folder with the leftovers of killed runs.
fn with_leftovers() -> Folder {
    let folder = Folder::new();
    let (run, _server, _gate) = half_way(&folder);
    // Dropping it kills the process.
    drop(run);
    assert_ne!(folder.temporaries(), [""; 0]);
    assert_eq!(
        folder.tree(),
        folder.temporaries(),
        "nothing has its name yet"
    );
    folder
}

#[test]
fn leftovers_of_a_killed_run_are_removed_by_the_next() {
    let folder = with_leftovers();
    let server = Server::at("/a", ok("x"));
    folder.fetch().arg(server.url("/a")).run().exits(0);
    assert_eq!(folder.tree(), ["a"]);
}

#[test]
fn leftovers_are_removed_by_a_run_that_fetches_nothing_too() {
    let folder = with_leftovers();
    folder.fetch().arg("-").stdin("").run().exits(0);
    folder.assert_empty();
}

#[test]
fn leftovers_are_not_touched_by_a_dry_run_or_a_run_elsewhere() {
    let folder = with_leftovers();
    let before = folder.tree();
    folder
        .fetch()
        .args(["--dry-run", "-"])
        .stdin("")
        .run()
        .exits(0);
    let server = Server::at("/a", ok("x"));
    let other = Folder::new();
    other.fetch().arg(server.url("/a")).run().exits(0);
    assert_eq!(folder.tree(), before);
}

#[test]
fn temporary_files_of_a_running_run_are_left_alone() {
    let folder = Folder::new();
    let (run, _server, gate) = half_way(&folder);
    let before = folder.temporaries();
    let other = Server::at("/a", ok("x"));
    for list in [other.url("/a"), other.url("/a?again")] {
        folder
            .fetch()
            .args(["--existing", "overwrite", &list])
            .run()
            .exits(0);
    }
    let after = folder.temporaries();
    assert!(before.iter().all(|name| after.contains(name)));
    gate.open();
    run.wait().exits(0);
    assert_eq!(folder.tree(), ["0", "1", "2", "a"]);
    for name in ["0", "1", "2"] {
        assert!(folder.read(name) == bytes(2 * HALF), "{name}");
    }
}

#[test]
fn files_with_similar_names_are_left_alone() {
    let leftover = with_leftovers().temporaries().remove(0);
    let random = &leftover[".fetch-".len()..leftover.len() - ".tmp".len()];
    let folder = Folder::new();
    let mut theirs = vec![
        ".fetch-.tmp".to_owned(),
        ".fetch-notes.tmp".to_owned(),
        ".fetch-my-private-notes.tmp".to_owned(),
        ".fetch".to_owned(),
        format!(".fetch-{random}"),
        format!(".fetch-{random}.tmp.bak"),
        format!(".fetch-{random}.TMP"),
        format!(".fetch-{random}0.tmp"),
        format!(".fetch-{}.tmp", &random[1..]),
        format!("fetch-{random}.tmp"),
        format!("{random}.tmp"),
        "index.html".to_owned(),
    ];
    for name in &theirs {
        folder.write(name, "theirs");
    }
    let server = Server::at("/a", ok("x"));
    folder.fetch().arg(server.url("/a")).run().exits(0);
    for name in &theirs {
        assert_eq!(folder.read(name), b"theirs", "{name}");
    }
    theirs.push("a".to_owned());
    theirs.sort();
    assert_eq!(folder.tree(), theirs);
}

#[test]
fn something_with_the_name_of_a_leftover_that_is_no_file_is_left_alone() {
    let leftovers = with_leftovers().temporaries();
    let folder = Folder::new();
    fs::write(folder.beside("target"), "theirs").unwrap();
    symlink("../target", folder.path(&leftovers[0])).unwrap();
    let server = Server::at("/a", ok("x"));
    folder.fetch().arg(server.url("/a")).run().exits(0);
    assert!(folder.path(&leftovers[0]).is_symlink());
    assert_eq!(fs::read(folder.beside("target")).unwrap(), b"theirs");

    let folder = Folder::new();
    let inside = folder.path(&leftovers[0]).join("kept");
    fs::create_dir(folder.path(&leftovers[0])).unwrap();
    fs::write(&inside, "theirs").unwrap();
    folder.fetch().arg(server.url("/a")).run().exits(0);
    assert_eq!(fs::read(&inside).unwrap(), b"theirs");
}
