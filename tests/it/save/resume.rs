//! `-c`: a truncated body is resumed where it stopped.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Folder, Script, Server, begin, ok,
    record::RecordExt as _,
    redirect, reply,
    resume::{HALF, LENGTH, SENT, cut, cut_again, half_loaded, honest, wanted},
    text::{assert_same, bytes, sha256},
    with_time_enough,
};

const ETAG: (&str, &str) = ("ETag", "\"v1\"");
const MODIFIED: &str = "Tue, 15 Nov 1994 12:45:26 GMT";
const LATER: &str = "Tue, 15 Nov 1994 12:45:27 GMT";

/// Fetches `/a` again from the server that broke off before, and asserts that the file is complete.
#[track_caller]
fn ended_whole(folder: &Folder, server: &Server) -> Value {
    let out = folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(0);
    let record = out.record();
    assert_eq!(folder.tree(), ["a"]);
    folder.assert_content("a", bytes(LENGTH));
    assert_eq!(
        (&record["file"], &record["size"], record.text("sha256")),
        (&json!("a"), &json!(LENGTH), sha256(bytes(LENGTH)).as_str())
    );
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1);
    record
}

#[test]
fn a_truncated_body_is_resumed_where_it_stopped() {
    let body = bytes(LENGTH);
    let server = Server::build()
        .route_in_turn("/a", [cut(&[ETAG], &body), honest(body, ETAG)])
        .start();
    let folder = Folder::new();
    let kept = half_loaded(&folder, &server);
    assert_eq!(kept, SENT, "nothing that came is thrown away");
    folder.assert_content("a.part", bytes(SENT));
    let record = ended_whole(&folder, &server);
    assert_eq!(record["status"], 206);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].header("range"), None);
    assert_eq!(wanted(&requests[1]), Some(kept));
    assert_eq!(requests[1].header("if-range"), Some(ETAG.1));
}

#[test]
fn a_body_that_completes_at_once_is_an_ordinary_file() {
    let server = Server::at("/a", reply(200, &[ETAG], bytes(LENGTH)));
    let folder = Folder::new();
    let record = ended_whole(&folder, &server);
    assert_eq!(record["status"], 200);
    let request = server.request();
    assert_eq!(
        (request.header("range"), request.header("if-range")),
        (None, None)
    );
    let again = folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(1);
    assert_eq!(again.record().verdict(), "error io/save");
    let args = ["-c", "--existing", "skip", &server.url("/a")];
    assert_eq!(
        folder.fetch().args(args).run().exits(0).record()["outcome"],
        "skipped"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_body_is_resumed_as_often_as_it_is_truncated() {
    let step = LENGTH / 4;
    let server = Server::at("/a", cut_again(bytes(LENGTH), ETAG, step));
    let folder = Folder::new();
    let mut kept = vec![0];
    for _ in 0..3 {
        kept.push(half_loaded(&folder, &server));
        folder.assert_content("a.part", &bytes(LENGTH)[..*kept.last().unwrap()]);
    }
    assert_eq!(kept, [0, step, 2 * step, 3 * step]);
    ended_whole(&folder, &server);
    let asked: Vec<_> = server.requests().iter().map(wanted).collect();
    assert_eq!(asked, [None, Some(step), Some(2 * step), Some(3 * step)]);
}

#[test]
fn last_modified_is_a_validator_if_it_is_old_enough() {
    let body = bytes(LENGTH);
    let headers = [("Last-Modified", MODIFIED), ("Date", LATER)];
    let first = cut(&headers, &body);
    let then = honest(body.clone(), ("Last-Modified", MODIFIED));
    let server = Server::build().route_in_turn("/a", [first, then]).start();
    let folder = Folder::new();
    half_loaded(&folder, &server);
    assert_eq!(ended_whole(&folder, &server)["status"], 206);
    assert_eq!(server.requests()[1].header("if-range"), Some(MODIFIED));
}

#[test]
fn a_strong_etag_is_preferred_to_last_modified() {
    let body = bytes(LENGTH);
    let headers = [("Last-Modified", MODIFIED), ("Date", LATER), ETAG];
    let server = Server::build()
        .route_in_turn("/a", [cut(&headers, &body), honest(body, ETAG)])
        .start();
    let folder = Folder::new();
    half_loaded(&folder, &server);
    assert_eq!(ended_whole(&folder, &server)["status"], 206);
}

#[test]
fn without_a_strong_validator_nothing_is_kept() {
    let body = bytes(LENGTH);
    for headers in [
        &[][..],
        &[("ETag", "W/\"v1\"")],
        &[("Last-Modified", MODIFIED)],
        &[("Last-Modified", MODIFIED), ("Date", MODIFIED)],
        &[("Last-Modified", LATER), ("Date", MODIFIED)],
        &[("Last-Modified", "yesterday"), ("Date", LATER)],
    ] {
        let server = Server::build()
            .route_in_turn("/a", [cut(headers, &body), reply(200, headers, &body)])
            .start();
        let folder = Folder::new();
        folder
            .fetch()
            .args(["-c", &server.url("/a")])
            .run()
            .exits(1);
        folder.assert_empty();
        ended_whole(&folder, &server);
        assert!(
            server
                .requests()
                .iter()
                .all(|request| wanted(request).is_none())
        );
    }
}

#[test]
fn a_retry_resumes_within_the_run() {
    let body = bytes(LENGTH);
    let server = Server::build()
        .route_in_turn("/a", [cut(&[ETAG], &body), honest(body, ETAG)])
        .start();
    let folder = Folder::new();
    let args = [
        "-c",
        "--retry",
        "2",
        "--retry-delay",
        "10ms",
        &server.url("/a"),
    ];
    let record = folder.fetch().args(args).run().exits(0).record();
    assert_eq!(folder.tree(), ["a"]);
    folder.assert_content("a", bytes(LENGTH));
    assert_eq!(record["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&record["size"], record.text("sha256")),
        (&json!(LENGTH), sha256(bytes(LENGTH)).as_str())
    );
    assert_eq!(wanted(&server.requests()[1]), Some(SENT));
}

#[test]
fn the_partial_body_is_kept_after_a_timeout_and_a_signal() {
    let body = bytes(LENGTH);
    with_time_enough(|limit| {
        let silent = begin(&[ETAG], &body, SENT).silence();
        let server = Server::build()
            .route_in_turn("/a", [silent, honest(body.clone(), ETAG)])
            .may_stay_unasked()
            .start();
        let folder = Folder::new();
        let args = ["-c", "-t", &limit.to_string(), &server.url("/a")];
        let record = folder.fetch().args(args).run().exits(1).record();
        assert_eq!(record["error"]["kind"], "timeout");
        if record["error"]["phase"] != "body" || folder.tree().is_empty() {
            return None;
        }
        assert_eq!(folder.tree(), HALF);
        ended_whole(&folder, &server);
        Some(())
    });

    let server = Server::build()
        .route_in_turn(
            "/a",
            [begin(&[ETAG], &body, SENT).silence(), honest(body, ETAG)],
        )
        .otherwise(ok(""))
        .start();
    let folder = Folder::new();
    let list = server.url("/a\n") + &server.list(50);
    let mut run = folder.fetch().args(["-c", "-j1"]).stdin(list).spawn();
    folder.wait_until(|| folder.tree() == HALF && !folder.read("a.part").is_empty());
    run.signal(Signal::INT);
    while run.record()["outcome"] != "cancelled" {}
    run.signal(Signal::INT);
    run.wait().exits(130);
    assert_eq!(folder.tree(), HALF);
    ended_whole(&folder, &server);
}

#[test]
fn the_partial_body_is_resumed_after_a_kill() {
    let body = bytes(LENGTH);
    for sent in [SENT, LENGTH - 1] {
        let first = begin(&[ETAG], &body, sent).silence();
        let server = Server::build()
            .route_in_turn("/a", [first, honest(body.clone(), ETAG)])
            .start();
        let folder = Folder::new();
        let run = folder.fetch().args(["-c", &server.url("/a")]).spawn();
        folder.wait_until(|| folder.tree() == HALF && !folder.read("a.part").is_empty());
        // Dropping it kills the process.
        drop(run);
        let kept = folder.read("a.part");
        assert_same(&kept, &body[..kept.len()]);
        ended_whole(&folder, &server);
        assert_eq!(wanted(&server.requests()[1]), Some(kept.len()));
    }
}

#[test]
fn a_run_that_was_killed_at_once_does_not_block_the_next() {
    let body = bytes(LENGTH);
    let first = begin(&[ETAG], &body, SENT).silence();
    for _ in 0..10 {
        let server = Server::build()
            .route_in_turn("/a", [first.clone(), honest(body.clone(), ETAG)])
            .start();
        let folder = Folder::new();
        let run = folder.fetch().args(["-c", &server.url("/a")]).spawn();
        server.wait_for_requests(1);
        folder.wait_until(|| !folder.tree().is_empty());
        drop(run);
        ended_whole(&folder, &server);
    }
}

#[test]
fn a_redirect_is_followed_when_resuming() {
    let body = bytes(LENGTH);
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .route_in_turn("/b", [cut(&[ETAG], &body), honest(body, ETAG)])
        .start();
    let folder = Folder::new();
    half_loaded(&folder, &server);
    assert_eq!(ended_whole(&folder, &server)["status"], 206);
}

#[test]
fn a_body_of_unknown_length_is_resumed_too() {
    let body = bytes(LENGTH);
    let chunk = [format!("{SENT:x}\r\n").as_bytes(), &body[..SENT], b"\r\n"].concat();
    let head = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nTransfer-Encoding: chunked\r\n\r\n";
    let first = Script::new().send(head).send(chunk).close();
    let server = Server::build()
        .route_in_turn("/a", [first, honest(body, ETAG)])
        .start();
    let folder = Folder::new();
    folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(1);
    ended_whole(&folder, &server);
}
