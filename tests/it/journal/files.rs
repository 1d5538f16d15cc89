//! `--journal` with `-o`: a file that is complete keeps its name, and any other is fetched again.

use std::fs;

use serde_json::json;

use crate::support::{
    Folder, Server, answer, ok, record::RecordExt as _, reply, text::bytes, text::sha256,
};

fn lines(server: &Server, paths: &[&str]) -> String {
    paths.iter().map(|path| server.url(path) + "\n").collect()
}

/// The name that the later of two URLs with the same name gets.
fn twin(stem: &str, url: &str, extension: &str) -> String {
    format!("{stem}-{}{extension}", &sha256(url)[..8])
}

/// A server whose answers differ by path.
fn server() -> Server {
    Server::build()
        .route("/a/photo.jpg", ok("photo of a"))
        .route("/b/photo.jpg", ok("photo of b"))
        .route("/c/photo.jpg", ok("photo of c"))
        .start()
}

#[test]
fn a_file_that_is_gone_or_cut_short_is_fetched_again() {
    let body = bytes(100_000);
    let server = Server::always(ok(&body));
    let folder = Folder::new();
    let list = server.list(5);
    folder.keeping().stdin(&list).run().exits(0);
    fs::remove_file(folder.path("0")).unwrap();
    for (name, length) in [("1", 50_000), ("2", 0), ("3", 99_999)] {
        folder.write(name, &body[..length]);
    }
    let out = folder.keeping().stdin(&list).run().exits(0);
    assert_eq!(out.verdicts(), ["ok", "ok", "ok", "ok", "skipped"]);
    let mut asked = server.targets().split_off(5);
    asked.sort();
    assert_eq!(asked, ["/0", "/1", "/2", "/3"]);
    assert_eq!(folder.tree(), ["0", "1", "2", "3", "4"]);
    for name in folder.tree() {
        assert!(folder.read(&name) == body, "{name}");
    }
    folder.assert_all_ok(&list);
}

#[test]
fn everything_is_fetched_again_if_the_folder_is_gone() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let list = server.list(3);
    folder.keeping().stdin(&list).run().exits(0);
    fs::remove_dir_all(folder.beside("out")).unwrap();
    let out = folder.keeping().stdin(&list).run().exits(0);
    assert_eq!(out.verdicts(), ["ok"; 3]);
    assert_eq!(folder.tree(), ["0", "1", "2"]);
}

#[test]
fn urls_fetched_without_a_folder_are_fetched_again_for_one() {
    let server = Server::at("/a", ok("x"));
    let (url, folder) = (server.url("/a"), Folder::new());
    folder.noting().arg(&url).run().exits(0);
    folder.assert_empty();
    for expected in ["ok", "skipped"] {
        let out = folder.keeping().arg(&url).run().exits(0);
        assert_eq!(out.verdicts(), [expected]);
        assert_eq!(folder.read("a"), b"x");
    }
    let out = folder.noting().arg(&url).run().exits(0);
    assert_eq!(
        out.verdicts(),
        ["skipped"],
        "to be asked only, it was done twice"
    );
}

#[test]
fn an_answer_without_a_body_counts_as_done() {
    let server = Server::build()
        .route("/empty", answer(200, ""))
        .route("/head", reply(200, &[], ""))
        .start();
    let head = json!({"url": server.url("/head"), "method": "HEAD"});
    let list = format!("{head}\n{}\n", server.url("/empty"));
    let folder = Folder::new();
    folder.keeping().stdin(&list).run().exits(0);
    assert_eq!(folder.tree(), ["empty"]);
    let out = folder.keeping().stdin(&list).run().exits(0);
    assert_eq!(out.verdicts(), ["skipped"; 2]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_new_url_before_an_old_one_does_not_take_its_name() {
    let server = server();
    let folder = Folder::new();
    let old = lines(&server, &["/a/photo.jpg"]);
    let new = lines(&server, &["/b/photo.jpg", "/a/photo.jpg", "/c/photo.jpg"]);
    folder.keeping().stdin(&old).run().exits(0);
    let out = folder.keeping().stdin(&new).run().exits(0);
    assert_eq!(out.verdicts(), ["ok", "skipped", "ok"]);
    let [b, c] =
        ["/b/photo.jpg", "/c/photo.jpg"].map(|path| twin("photo", &server.url(path), ".jpg"));
    let mut expected = [b.as_str(), c.as_str(), "photo.jpg"];
    expected.sort_unstable();
    assert_eq!(folder.tree(), expected);
    assert_eq!(folder.read("photo.jpg"), b"photo of a");
    assert_eq!(folder.read(&b), b"photo of b");
    assert_eq!(folder.read(&c), b"photo of c");
    for list in [&new, &old] {
        let out = folder.keeping().stdin(list).run().exits(0);
        assert!(out.verdicts().iter().all(|verdict| verdict == "skipped"));
    }
}

#[test]
fn a_new_url_does_not_take_the_name_of_one_that_left_the_list() {
    let server = server();
    let folder = Folder::new();
    let first = lines(&server, &["/a/photo.jpg"]);
    folder.keeping().stdin(first).run().exits(0);
    let second = lines(&server, &["/b/photo.jpg"]);
    folder.keeping().stdin(second).run().exits(0);
    let name = twin("photo", &server.url("/b/photo.jpg"), ".jpg");
    assert_eq!(folder.tree(), [name.as_str(), "photo.jpg"]);
    assert_eq!(folder.read("photo.jpg"), b"photo of a");
    assert_eq!(folder.read(&name), b"photo of b");
}

#[test]
fn a_new_url_does_not_take_the_name_of_a_missing_file() {
    let server = server();
    let folder = Folder::new();
    let first = lines(&server, &["/a/photo.jpg"]);
    folder.keeping().stdin(first).run().exits(0);
    fs::remove_file(folder.path("photo.jpg")).unwrap();
    let both = lines(&server, &["/b/photo.jpg", "/a/photo.jpg"]);
    folder.keeping().stdin(both).run().exits(0);
    assert_eq!(folder.read("photo.jpg"), b"photo of a");
    let name = twin("photo", &server.url("/b/photo.jpg"), ".jpg");
    assert_eq!(folder.read(&name), b"photo of b");
}

#[test]
fn a_url_keeps_its_name_when_the_other_of_that_name_has_left_the_list() {
    let server = server();
    let folder = Folder::new();
    let both = lines(&server, &["/a/photo.jpg", "/b/photo.jpg"]);
    folder.keeping().stdin(both).run().exits(0);
    let name = twin("photo", &server.url("/b/photo.jpg"), ".jpg");
    let alone = server.url("/b/photo.jpg");
    let out = folder.keeping().arg(&alone).run().exits(0);
    assert_eq!(out.verdicts(), ["skipped"]);
    fs::remove_file(folder.path(&name)).unwrap();
    let out = folder.keeping().arg(&alone).run().exits(0);
    assert_eq!(out.record()["file"], json!(name));
    assert_eq!(folder.tree(), [name.as_str(), "photo.jpg"]);
    assert_eq!(folder.read("photo.jpg"), b"photo of a");
}

#[test]
fn a_failed_url_keeps_its_name() {
    let server = Server::build()
        .route_in_turn("/a/x", [answer(500, "no"), ok("of a")])
        .route("/b/x", ok("of b"))
        .start();
    let folder = Folder::new();
    let list = lines(&server, &["/a/x", "/b/x"]);
    let name = twin("x", &server.url("/b/x"), "");
    folder.keeping().stdin(&list).run().exits(1);
    assert_eq!(folder.tree(), [name.as_str()]);
    let out = folder.keeping().stdin(&list).run().exits(0);
    assert_eq!(out.verdicts(), ["ok", "skipped"]);
    assert_eq!(folder.tree(), ["x", &name]);
    assert_eq!(folder.read("x"), b"of a");
    assert_eq!(folder.read(&name), b"of b");
}

#[test]
fn a_name_in_a_journal_cannot_leave_the_folder() {
    let server = Server::always(ok("new"));
    let url = server.url("/a");
    for name in ["../victim", "/victim", "..", "", ".", "a/b"] {
        let folder = Folder::new();
        folder.keeping().arg(&url).run().exits(0);
        fs::write(folder.beside("victim"), "old").unwrap();
        let mut record = folder.journal().remove(0);
        record["file"] = name.into();
        folder.set_journal(record.to_string() + "\n");
        let args = ["--existing", "overwrite", &url];
        let record = folder.keeping().args(args).run().exits(0).record();
        assert_eq!(record.text("file"), "a", "{name}");
        assert_eq!(fs::read(folder.beside("victim")).unwrap(), b"old");
    }
}
