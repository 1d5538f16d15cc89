//! `-c`: what is kept of a truncated body, and what becomes of it.

use serde_json::{Value, json};

use crate::support::{
    CANARY, Folder, Script, Server,
    resume::{HALF, LENGTH, SENT, cut, half_loaded, honest, wanted},
    text::{assert_no_canary, bytes, sha256},
};

const ETAG: (&str, &str) = ("ETag", "\"v1\"");

#[test]
fn only_the_partial_body_of_a_plain_get_is_kept() {
    let body = bytes(LENGTH);
    let server = Server::at("/a", cut(&[ETAG], &body));
    let url = server.url("/a");
    for line in [
        json!({"url": url, "body": "x"}),
        json!({"url": url, "method": "POST"}),
        json!({"url": url, "method": "GET", "body": "x"}),
        json!({"url": url, "method": "PUT"}),
    ] {
        let folder = Folder::new();
        folder
            .fetch()
            .arg("-c")
            .stdin(line.to_string())
            .run()
            .exits(1);
        folder.assert_empty();
    }
}

#[test]
fn the_body_of_a_status_that_is_not_accepted_is_not_kept() {
    let body = bytes(LENGTH);
    let head = "HTTP/1.1 404 No\r\nETag: \"v1\"\r\nContent-Length: 2000000\r\n\r\n";
    let server = Server::at("/a", Script::new().send(head).send(&body[..SENT]).close());
    let folder = Folder::new();
    folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(1);
    folder.assert_empty();
}

#[test]
fn the_checksum_is_of_the_complete_body() {
    let body = bytes(LENGTH);
    for (expected, code) in [
        (sha256(&body), 0),
        (sha256(&body[SENT..]), 1),
        (sha256(""), 1),
    ] {
        let server = Server::build()
            .route_in_turn("/a", [cut(&[ETAG], &body), honest(body.clone(), ETAG)])
            .start();
        let folder = Folder::new();
        half_loaded(&folder, &server);
        let line = json!({"url": server.url("/a"), "sha256": expected});
        let run = folder.fetch().arg("-c").stdin(line.to_string()).run();
        let record = run.exits(code).record();
        if code == 0 {
            assert_eq!(folder.tree(), ["a"]);
            folder.assert_content("a", &body);
        } else {
            assert_eq!(record["error"]["kind"], "checksum");
            folder.assert_empty();
        }
        assert_eq!(wanted(&server.requests()[1]), Some(SENT));
    }
}

#[test]
fn no_secret_is_kept_with_the_partial_body() {
    let body = bytes(LENGTH);
    let server = Server::build()
        .route_in_turn("/a", [cut(&[ETAG], &body), honest(body, ETAG)])
        .start();
    let folder = Folder::new();
    let url = server.url_as(&format!("user:{CANARY}@127.0.0.1"), "/a");
    let header = format!("X-Token: {CANARY}");
    let args = ["-c", "-H", &header, &url];
    folder.fetch().args(args).run().exits(1);
    assert_eq!(folder.tree(), HALF);
    for name in HALF {
        assert_no_canary(name, &String::from_utf8_lossy(&folder.read(name)));
    }
    folder.fetch().args(args).run().exits(0);
    assert_eq!(folder.tree(), ["a"]);
    assert_eq!(wanted(&server.requests()[1]), Some(SENT));
}

#[test]
fn the_old_file_stays_until_the_new_one_is_resumed_to_its_end() {
    let body = bytes(LENGTH);
    let server = Server::build()
        .route_in_turn("/a", [cut(&[ETAG], &body), honest(body, ETAG)])
        .start();
    let folder = Folder::new();
    folder.write("a", "theirs");
    let args = ["-c", "--existing", "overwrite", &server.url("/a")];
    folder.fetch().args(args).run().exits(1);
    assert_eq!(folder.tree(), [HALF[0], "a", HALF[1]]);
    assert_eq!(folder.read("a"), b"theirs");
    folder.fetch().args(args).run().exits(0);
    assert_eq!(folder.tree(), ["a"]);
    folder.assert_content("a", bytes(LENGTH));
    assert_eq!(wanted(&server.requests()[1]), Some(SENT));
}

#[test]
fn after_a_reboot_only_synced_bytes_are_used() {
    const SYNCED: usize = 1000;
    let body = bytes(LENGTH);
    let server = Server::build()
        .route_in_turn("/a", [cut(&[ETAG], &body), honest(body.clone(), ETAG)])
        .start();
    let folder = Folder::new();
    let kept = half_loaded(&folder, &server);
    let mut known: Value = serde_json::from_slice(&folder.read(".a.part.json")).unwrap();
    known["boot"] = "before".into();
    known["synced"] = SYNCED.into();
    folder.write(".a.part.json", known.to_string());
    // After a power failure, anything may follow the synced bytes.
    let lost = [&body[..SYNCED], &vec![0; kept - SYNCED]].concat();
    folder.write("a.part", lost);
    folder
        .fetch()
        .args(["-c", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(wanted(&server.requests()[1]), Some(SYNCED));
    folder.assert_content("a", &body);
}
