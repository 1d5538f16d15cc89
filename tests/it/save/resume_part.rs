//! `-c`: a `NAME.part` is used if it is ours and intact, and is otherwise left alone.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::symlink,
};

use crate::support::{
    Fetch, Folder, Gate, Output, Script, Server, begin, ok,
    record::RecordExt as _,
    resume::{HALF, LENGTH, SENT, cut, half_loaded, honest, wanted},
    text::{assert_same, bytes},
};

const ETAG: (&str, &str) = ("ETag", "\"v1\"");

/// A server that breaks off once, and a folder with the partial body.
fn half_way() -> (Folder, Server) {
    let body = bytes(LENGTH);
    let server = Server::build()
        .route_in_turn("/a", [cut(&[ETAG], &body), honest(body, ETAG)])
        .start();
    let folder = Folder::new();
    half_loaded(&folder, &server);
    (folder, server)
}

#[track_caller]
fn continued(folder: &Folder, server: &Server) -> Output {
    folder.fetch().args(["-c", &server.url("/a")]).run()
}

#[track_caller]
fn ends_whole(folder: &Folder, server: &Server) {
    continued(folder, server).exits(0);
    assert_eq!(folder.tree(), ["a"]);
    folder.assert_content("a", bytes(LENGTH));
}

#[track_caller]
fn refused(folder: &Folder, server: &Server) {
    let record = continued(folder, server).exits(1).record();
    assert_eq!(record.verdict(), "error io/save");
    assert!(record.message().contains("a.part"), "{record}");
    assert!(!folder.path("a").exists());
}

/// Appends bytes to a file.
fn append(folder: &Folder, name: &str, bytes: &[u8]) {
    let mut file = OpenOptions::new()
        .append(true)
        .open(folder.path(name))
        .unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn compressed_bodies_are_not_resumed() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::new()
        .args(["-o", "out", "-c", "--compressed", &server.url("/a")])
        .run()
        .exits(2);
    assert!(out.stderr().contains("--compressed"), "{}", out.stderr());
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn a_shortened_part_is_resumed_from_what_is_left() {
    for length in [0, 1, SENT / 2] {
        let (folder, server) = half_way();
        fs::write(folder.path("a.part"), &bytes(LENGTH)[..length]).unwrap();
        ends_whole(&folder, &server);
        let asked = wanted(&server.requests()[1]);
        assert_eq!(asked.unwrap_or(0), length);
    }
}

#[test]
fn a_complete_part_becomes_the_file() {
    let (folder, server) = half_way();
    append(&folder, "a.part", &bytes(LENGTH)[SENT..]);
    ends_whole(&folder, &server);
}

#[test]
fn a_part_that_lacks_one_byte_becomes_the_file() {
    let (folder, server) = half_way();
    append(&folder, "a.part", &bytes(LENGTH)[SENT..LENGTH - 1]);
    ends_whole(&folder, &server);
    assert_eq!(wanted(&server.requests()[1]), Some(LENGTH - 1));
}

#[test]
fn a_part_that_is_longer_than_the_body_is_not_used() {
    for extra in [1, SENT] {
        let (folder, server) = half_way();
        append(&folder, "a.part", &bytes(LENGTH)[SENT..]);
        append(&folder, "a.part", &vec![b'x'; extra]);
        ends_whole(&folder, &server);
    }
}

#[test]
fn a_part_that_is_gone_is_fetched_from_the_start() {
    let (folder, server) = half_way();
    fs::remove_file(folder.path("a.part")).unwrap();
    ends_whole(&folder, &server);
    assert_eq!(wanted(&server.requests()[1]), None);
}

#[test]
fn a_part_without_its_notes_is_left_alone() {
    let body = bytes(LENGTH);
    for script in [honest(body.clone(), ETAG), cut(&[ETAG], &body), ok("x")] {
        let server = Server::build().otherwise(script).may_stay_unasked().start();
        let folder = Folder::new();
        folder.write("a.part", "theirs");
        refused(&folder, &server);
        assert_eq!(folder.tree(), ["a.part"]);
        assert_eq!(folder.read("a.part"), b"theirs");
        assert!(
            server
                .requests()
                .iter()
                .all(|request| wanted(request).is_none())
        );
    }
}

#[test]
fn a_part_with_malformed_notes_is_left_alone() {
    for nonsense in [
        "",
        "{}",
        "[]",
        "null",
        "{\"url\":1}",
        "\0\u{feff}",
        "{\"url\":\"http://",
    ] {
        let (folder, server) = half_way();
        folder.write(HALF[0], nonsense);
        refused(&folder, &server);
        assert_eq!(folder.tree(), HALF);
        folder.assert_content("a.part", bytes(SENT));
        assert_eq!(folder.read(HALF[0]), nonsense.as_bytes());
    }
}

#[test]
fn without_the_option_a_part_is_ignored() {
    let (folder, server) = half_way();
    let before = HALF.map(|name| folder.read(name));
    folder.fetch().arg(server.url("/a")).run().exits(0);
    assert_eq!(folder.tree(), [HALF[0], "a", HALF[1]]);
    for (name, before) in HALF.into_iter().zip(before) {
        folder.assert_content(name, before);
    }
    assert_eq!(wanted(&server.requests()[1]), None);
}

#[test]
fn a_part_of_another_url_is_never_resumed() {
    let other: Vec<_> = bytes(LENGTH + 1000).split_off(1000);
    let body = bytes(LENGTH);
    let server = Server::build()
        .route("/a", cut(&[ETAG], &body))
        .route("/other/a", honest(other.clone(), ETAG))
        .start();
    let folder = Folder::new();
    half_loaded(&folder, &server);
    let out = folder.fetch().args(["-c", &server.url("/other/a")]).run();
    // It may start over or refuse, but never join the two.
    if out.code() == 0 {
        folder.assert_content("a", &other);
        assert_eq!(folder.tree(), ["a"]);
    } else {
        assert_eq!(out.record().verdict(), "error io/save");
        assert_eq!(folder.tree(), HALF);
        folder.assert_content("a.part", &body[..SENT]);
    }
    assert_eq!(wanted(server.requests().last().unwrap()), None);
}

#[test]
fn a_part_that_is_a_symbolic_link_is_never_followed() {
    let (folder, server) = half_way();
    fs::rename(folder.path("a.part"), folder.beside("target")).unwrap();
    symlink("../target", folder.path("a.part")).unwrap();
    refused(&folder, &server);
    assert!(folder.path("a.part").is_symlink());
    assert_same(fs::read(folder.beside("target")).unwrap(), bytes(SENT));

    let folder = Folder::new();
    symlink("../missing", folder.path("a.part")).unwrap();
    refused(&folder, &server);
    assert!(folder.path("a.part").is_symlink());
    assert!(!folder.beside("missing").exists());
}

#[test]
fn a_part_with_a_second_hard_link_is_left_alone() {
    let (folder, server) = half_way();
    fs::hard_link(folder.path("a.part"), folder.beside("target")).unwrap();
    refused(&folder, &server);
    assert_eq!(folder.tree(), HALF);
    assert_same(fs::read(folder.beside("target")).unwrap(), bytes(SENT));
}

#[test]
fn a_part_that_is_a_folder_is_left_alone() {
    let server = Server::build()
        .otherwise(ok("x"))
        .may_stay_unasked()
        .start();
    let folder = Folder::new();
    fs::create_dir(folder.path("a.part")).unwrap();
    refused(&folder, &server);
    assert_eq!(folder.tree(), ["a.part"]);
}

#[test]
fn the_notes_on_a_part_are_never_written_through_a_link() {
    let body = bytes(LENGTH);
    for with_part in [false, true] {
        let (folder, server) = half_way();
        fs::rename(folder.path(HALF[0]), folder.beside("target")).unwrap();
        let theirs = fs::read(folder.beside("target")).unwrap();
        symlink("../target", folder.path(HALF[0])).unwrap();
        if !with_part {
            fs::remove_file(folder.path("a.part")).unwrap();
        }
        let out = continued(&folder, &server);
        if out.code() == 0 {
            folder.assert_content("a", &body);
        }
        assert_eq!(fs::read(folder.beside("target")).unwrap(), theirs);
    }
}

#[test]
fn a_part_of_another_program_that_appears_meanwhile_is_left_alone() {
    let (body, gate) = (bytes(LENGTH), Gate::new());
    let script = Script::new()
        .wait(&gate)
        .send(format!(
            "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: {LENGTH}\r\n\r\n"
        ))
        .send(&body);
    let server = Server::at("/a", script);
    let folder = Folder::new();
    let run = folder.fetch().args(["-c", &server.url("/a")]).spawn();
    server.wait_for_requests(1);
    folder.write("a.part", "theirs");
    gate.open();
    run.wait().exits(1);
    assert_eq!(folder.read("a.part"), b"theirs");
    assert_eq!(folder.tree(), ["a.part"]);
}

#[test]
fn two_runs_at_once_do_not_write_to_one_part() {
    let (body, gate) = (bytes(LENGTH), Gate::new());
    let held = begin(&[ETAG], &body, SENT).wait(&gate).send(&body[SENT..]);
    let server = Server::build()
        .route_in_turn("/a", [held, honest(body, ETAG)])
        .start();
    let folder = Folder::new();
    let first = folder.fetch().args(["-c", &server.url("/a")]).spawn();
    folder.wait_until(|| folder.tree() == HALF && !folder.read("a.part").is_empty());
    let second = continued(&folder, &server);
    gate.open();
    let first = first.wait();
    assert!(
        [first.code(), second.code()].contains(&0),
        "{}",
        first.stdout()
    );
    assert_eq!(folder.tree(), ["a"]);
    folder.assert_content("a", bytes(LENGTH));
}

#[test]
fn a_url_whose_name_is_that_of_a_part_gets_its_own_bytes() {
    let (body, gate) = (bytes(LENGTH), Gate::new());
    let held = begin(&[ETAG], &body, SENT).wait(&gate).send(&body[SENT..]);
    let server = Server::build()
        .route("/a", held)
        .route("/a.part", ok("of its own"))
        .start();
    let folder = Folder::new();
    let list = [server.url("/a"), server.url("/a.part")].join("\n");
    let mut run = folder.fetch().args(["-c", "-j2"]).stdin(list).spawn();
    let first = run.record();
    assert_eq!(first["index"], 1);
    gate.open();
    let records = run.wait().in_order();
    assert_eq!(records[0]["outcome"], "ok");
    for (record, expected) in records.iter().zip([&bytes(LENGTH)[..], b"of its own"]) {
        // The second may be refused or get another name.
        if record["outcome"] == "ok" {
            assert!(folder.read(record.text("file")) == expected, "{record}");
        }
    }
}

#[test]
fn a_name_of_full_length_can_be_resumed_too() {
    let name = "x".repeat(255);
    let path = format!("/{name}");
    let body = bytes(LENGTH);
    let server = Server::build()
        .route_in_turn(&path, [cut(&[ETAG], &body), honest(body.clone(), ETAG)])
        .start();
    let folder = Folder::new();
    let args = ["-c", &server.url(&path)];
    let cut_off = folder.fetch().args(args).run().exits(1).record();
    assert_eq!(
        cut_off["error"]["kind"], "body",
        "the name was no reason to fail"
    );
    let record = folder.fetch().args(args).run().exits(0).record();
    assert_eq!(folder.tree(), [record.text("file")]);
    folder.assert_content(record.text("file"), &body);
}

#[test]
fn a_file_with_the_name_of_the_notes_is_left_alone() {
    let server = Server::always(honest(bytes(LENGTH), ("ETag", "\"v1\"")));
    let folder = Folder::new();
    folder.write(".a.part.json", "mine");
    let args = ["-c", &server.url("/a")];
    let record = folder.fetch().args(args).run().exits(1).record();
    assert_eq!(record.verdict(), "error io/save");
    assert_eq!(folder.read(".a.part.json"), b"mine");
    assert_eq!(folder.tree(), [".a.part.json"]);
}
