//! `-c`: answers to a range request are used only if they fit the partial body.

use crate::support::{
    Folder, Output, Script, Server, begin, reply,
    resume::{HALF, LENGTH, SENT, cut, half_loaded, honest, partial, wanted},
    text::bytes,
};

const ETAG: (&str, &str) = ("ETag", "\"v1\"");

/// Loads half of `/a`, then fetches it again from a server that answers with `scripts`.
#[track_caller]
fn continued(folder: &Folder, scripts: impl IntoIterator<Item = Script>) -> (Output, Server) {
    let mut turns = vec![cut(&[ETAG], &bytes(LENGTH))];
    turns.extend(scripts);
    let server = Server::build().route_in_turn("/a", turns).start();
    half_loaded(folder, &server);
    let out = folder.fetch().args(["-c", &server.url("/a")]).run();
    (out, server)
}

/// Asserts that this answer to a range request is not used, and that the whole body is fetched in the same attempt.
#[track_caller]
fn asked_again(odd: Script, what: &str) {
    let folder = Folder::new();
    let other = bytes(LENGTH + 1000).split_off(1000);
    let whole = reply(200, &[("ETag", "\"v2\"")], &other);
    let (out, server) = continued(&folder, [odd, whole]);
    let record = out.exits(0).record();
    assert_eq!(folder.tree(), ["a"], "{what}");
    assert!(folder.read("a") == other, "{what}");
    assert_eq!(record["size"], LENGTH, "{what}");
    assert_eq!(record["status"], 200, "{what}");
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{what}");
    let asked: Vec<_> = server.requests()[1..].iter().map(wanted).collect();
    assert_eq!(asked, [Some(SENT), None], "{what}");
    assert_eq!(server.requests()[2].header("if-range"), None, "{what}");
}

fn range(first: usize, last: usize, total: usize) -> String {
    format!("bytes {first}-{last}/{total}")
}

#[test]
fn a_200_starts_over() {
    let other = bytes(LENGTH + 1000).split_off(1000);
    for body in [&other[..], &other[..SENT / 2], b""] {
        for headers in [&[("ETag", "\"v2\"")][..], &[ETAG], &[]] {
            let folder = Folder::new();
            let (out, server) = continued(&folder, [reply(200, headers, body)]);
            let record = out.exits(0).record();
            assert_eq!(folder.tree(), ["a"]);
            assert!(folder.read("a") == body, "{} bytes", body.len());
            assert_eq!(record["size"], body.len());
            assert_eq!(server.requests().len(), 2, "it has come already");
        }
    }
}

#[test]
fn a_truncated_200_replaces_the_partial_body() {
    let other = bytes(LENGTH + 1000).split_off(1000);
    let second = ("ETag", "\"v2\"");
    let folder = Folder::new();
    let scripts = [
        begin(&[second], &other, SENT / 2).close(),
        honest(other.clone(), second),
    ];
    let (out, server) = continued(&folder, scripts);
    out.exits(1);
    assert_eq!(folder.tree(), HALF);
    folder.assert_content("a.part", &other[..SENT / 2]);
    folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(folder.tree(), ["a"]);
    folder.assert_content("a", &other);
    let last = &server.requests()[2];
    assert_eq!(
        (wanted(last), last.header("if-range")),
        (Some(SENT / 2), Some(second.1))
    );
}

#[test]
fn a_truncated_200_without_a_validator_leaves_nothing() {
    let folder = Folder::new();
    let (out, _server) = continued(&folder, [cut(&[], &bytes(LENGTH))]);
    out.exits(1);
    folder.assert_empty();
}

#[test]
fn a_range_that_was_not_requested_is_not_used() {
    let rest = bytes(LENGTH).split_off(SENT);
    for wrong in [
        range(SENT + 1, LENGTH - 1, LENGTH),
        range(SENT - 1, LENGTH - 1, LENGTH),
        range(0, LENGTH - 1, LENGTH),
        range(0, SENT - 1, LENGTH),
        range(SENT, LENGTH - 2, LENGTH),
        range(SENT, LENGTH, LENGTH),
        range(SENT, LENGTH - 1, LENGTH + 1),
        range(SENT, LENGTH - 2, LENGTH - 1),
        range(SENT, LENGTH + 999, LENGTH + 1000),
        format!("bytes {SENT}-{}/*", LENGTH - 1),
        format!("bytes */{LENGTH}"),
        format!("items {SENT}-{}/{LENGTH}", LENGTH - 1),
        format!("{SENT}-{}/{LENGTH}", LENGTH - 1),
        format!("bytes {SENT}-99999999999999999999999/{LENGTH}"),
        format!("bytes -{SENT}-{}/{LENGTH}", LENGTH - 1),
        "nonsense".to_owned(),
        String::new(),
    ] {
        asked_again(partial(&wrong, &[ETAG], &rest), &wrong);
    }
}

#[test]
fn a_206_without_a_range_is_not_used() {
    let rest = bytes(LENGTH).split_off(SENT);
    asked_again(reply(206, &[ETAG], &rest), "no range");
    let headers = [ETAG, ("Content-Type", "multipart/byteranges; boundary=x")];
    asked_again(reply(206, &headers, &rest), "several ranges");
}

#[test]
fn a_206_of_another_version_is_not_used() {
    let rest = bytes(LENGTH).split_off(SENT);
    let right = range(SENT, LENGTH - 1, LENGTH);
    for etag in ["\"v2\"", "W/\"v1\"", "v1"] {
        asked_again(partial(&right, &[("ETag", etag)], &rest), etag);
    }
}

#[test]
fn a_416_starts_over() {
    let total = format!("bytes */{LENGTH}");
    asked_again(reply(416, &[ETAG, ("Content-Range", &total)], "no"), "416");
    asked_again(reply(416, &[], ""), "a bare 416");
}

#[test]
fn a_server_that_answers_416_to_everything_is_given_up() {
    let folder = Folder::new();
    let (out, server) = continued(&folder, [reply(416, &[], "")]);
    let record = out.exits(1).record();
    assert_eq!(record["outcome"], "http_error");
    assert_eq!(server.requests().len(), 3, "not for ever");
    assert!(!folder.path("a").exists());
}

#[test]
fn an_error_status_keeps_the_partial_body() {
    let folder = Folder::new();
    let scripts = [reply(503, &[], "busy"), honest(bytes(LENGTH), ETAG)];
    let (out, server) = continued(&folder, scripts);
    assert_eq!(out.exits(1).record()["outcome"], "http_error");
    assert_eq!(folder.tree(), HALF);
    folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(folder.tree(), ["a"]);
    folder.assert_content("a", bytes(LENGTH));
    assert_eq!(wanted(&server.requests()[2]), Some(SENT));
}

#[test]
fn a_206_of_the_wrong_length_never_becomes_a_file() {
    let rest = bytes(LENGTH).split_off(SENT);
    let right = range(SENT, LENGTH - 1, LENGTH);
    let longer = [&rest[..], b"and more"].concat();
    let until_closed = |body: &[u8]| {
        let head = format!("HTTP/1.1 206 P\r\nETag: \"v1\"\r\nContent-Range: {right}\r\n\r\n");
        Script::new().send(head).send(body).close()
    };
    for script in [
        partial(&right, &[ETAG], &longer),
        partial(&right, &[ETAG], &rest[1..]),
        until_closed(&longer),
        until_closed(&rest[1..]),
        until_closed(b""),
    ] {
        let folder = Folder::new();
        let (out, server) = continued(&folder, [script, honest(bytes(LENGTH), ETAG)]);
        // The run may fetch it again at once or leave that to the next run.
        if out.code() == 1 {
            assert!(!folder.path("a").exists());
            folder
                .fetch()
                .args(["-c", &server.url("/a")])
                .run()
                .exits(0);
        }
        assert_eq!(folder.tree(), ["a"]);
        folder.assert_content("a", bytes(LENGTH));
    }
}

#[test]
fn an_unrequested_206_is_not_kept() {
    let body = bytes(LENGTH);
    let right = range(SENT, LENGTH - 1, LENGTH);
    let head = format!(
        "HTTP/1.1 206 P\r\nETag: \"v1\"\r\nContent-Range: {right}\r\nContent-Length: {SENT}\r\n\r\n"
    );
    let first = Script::new()
        .send(head)
        .send(&body[SENT..LENGTH - 1000])
        .close();
    let server = Server::build()
        .route_in_turn("/a", [first, honest(body.clone(), ETAG)])
        .start();
    let folder = Folder::new();
    folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(1);
    folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(folder.tree(), ["a"]);
    folder.assert_content("a", &body);
}

#[test]
fn an_unrequested_chunked_206_is_not_kept() {
    let body = bytes(LENGTH);
    let head = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nTransfer-Encoding: chunked\r\n\
         Content-Range: bytes 1000-1999999/2000000\r\n\r\n";
    let chunk = format!("{SENT:x}\r\n");
    let odd = Script::new()
        .send(head)
        .send(chunk)
        .send(&body[1000..1000 + SENT])
        .close();
    let server = Server::build()
        .route_in_turn("/a", [odd, honest(body.clone(), ("ETag", "\"v1\""))])
        .start();
    let folder = Folder::new();
    let args = ["-c", &server.url("/a")];
    folder.fetch().args(args).run().exits(1);
    folder.assert_empty();
    folder.fetch().args(args).run().exits(0);
    assert_eq!(wanted(&server.requests()[1]), None);
    folder.assert_content("a", &body);
}
