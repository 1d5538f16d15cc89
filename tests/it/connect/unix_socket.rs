//! `--unix-socket`: every connection goes to the socket.

use std::os::unix::net::UnixListener;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    cli::options::refused,
    support::{
        Fetch, Gate, PATIENCE, Script, Server, answer, ok, record::RecordExt as _, redirect, tls,
        unix::Door, with_time_enough,
    },
};

fn through(door: &Door) -> Fetch {
    Fetch::jsonl().arg("--unix-socket").arg(door.path())
}

#[test]
fn requests_go_to_the_socket_without_a_look_up() {
    let server = Server::always(ok("hello"));
    let door = Door::to(&server);
    let record = through(&door)
        .arg("http://nothing.invalid/a?b")
        .run()
        .exits(0)
        .record();
    assert_eq!(
        (&record["size"], &record["remote_addr"]),
        (&json!(5), &Value::Null)
    );
    assert_eq!(record["final_url"], "http://nothing.invalid/a?b");
    let request = server.request();
    assert_eq!(
        (request.target.as_str(), request.header("host")),
        ("/a?b", Some("nothing.invalid"))
    );
}

#[test]
fn every_host_is_reached_through_the_socket() {
    let server = Server::always(ok("x"));
    let other = Server::always(ok("y"));
    let door = Door::to(&server);
    let urls = [
        "http://a.invalid/1",
        "http://b.invalid:81/2",
        "http://[::1]/3",
        &other.url("/4"),
    ];
    let out = through(&door).args(urls).arg("-j1").run().exits(0);
    assert!(
        out.records()
            .iter()
            .all(|record| record["remote_addr"].is_null())
    );
    assert_eq!(server.targets(), ["/1", "/2", "/3", "/4"]);
    other.assert_untouched();
}

#[test]
fn redirects_go_through_the_socket() {
    let other = Server::always(ok("y"));
    let server = Server::build()
        .route("/a", redirect(302, &other.url("/b")))
        .route("/b", ok("x"))
        .start();
    let door = Door::to(&server);
    let record = through(&door)
        .arg("http://a.invalid/a")
        .run()
        .exits(0)
        .record();
    assert_eq!(
        (&record["redirects"], record.text("final_url")),
        (&json!(1), other.url("/b").as_str())
    );
    assert_eq!(server.targets(), ["/a", "/b"]);
    other.assert_untouched();
}

#[test]
fn secrets_stay_with_their_origin() {
    let server = Server::build()
        .route("/a", redirect(302, "http://b.invalid/b"))
        .otherwise(ok("x"))
        .start();
    let door = Door::to(&server);
    through(&door)
        .args(["-u", "me:secret", "http://a.invalid/a"])
        .run()
        .exits(0);
    let has: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").is_some())
        .collect();
    assert_eq!(has, [true, false]);
}

#[test]
fn https_uses_tls_with_the_name_of_the_url() {
    let server = Server::build()
        .tls(tls::server(&["a.invalid"], &["http/1.1"]))
        .otherwise(ok("x"))
        .start();
    let door = Door::to(&server);
    let fetch = through(&door).trusting();
    fetch.arg("https://a.invalid/a").run().exits(0);
    assert_eq!(server.request().header("host"), Some("a.invalid"));
    let other = through(&door).trusting().arg("https://b.invalid/a");
    assert_eq!(other.run().exits(1).record().verdict(), "error tls/connect");
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = Server::always(ok("x"));
    let door = Door::to(&server);
    let list: String = (0..20).map(|n| format!("http://a.invalid/{n}\n")).collect();
    through(&door).arg("-j1").stdin(list).run().exits(0);
    assert_eq!((server.requests().len(), server.connections()), (20, 1));
}

#[test]
fn parallel_requests_use_parallel_connections() {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::always(held);
    let door = Door::to(&server);
    let list: String = (0..8).map(|n| format!("http://a.invalid/{n}\n")).collect();
    let run = through(&door).arg("-j8").stdin(list).spawn();
    assert!(server.come_together(8, PATIENCE), "peak {}", server.peak());
    gate.open();
    run.wait().exits(0);
}

#[test]
fn bodies_and_statuses_work_as_over_tcp() {
    let server = Server::always(answer(404, "no"));
    let door = Door::to(&server);
    let record = through(&door)
        .args(["-d", "hello", "http://a.invalid/a"])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "http_error 404");
    assert_eq!(server.request().body_text(), "hello");
}

#[test]
fn a_socket_without_a_server_is_a_connect_error() {
    let folder = TempDir::new().unwrap();
    let left = folder.path().join("left");
    // The file stays when its listener is closed.
    drop(UnixListener::bind(&left).unwrap());
    // A missing file, a file that is not a socket, and a socket without a listener.
    for path in ["nothing", "file", left.to_str().unwrap()] {
        let record = Fetch::jsonl()
            .file("file", "x")
            .args(["--unix-socket", path, "http://a.invalid/"])
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error connect/connect", "{path}");
        assert_eq!(record["remote_addr"], Value::Null);
        let named = format!("--unix-socket: {path}: ");
        assert!(record.message().starts_with(&named), "{record}");
    }
}

#[test]
fn a_silent_server_ends_at_the_timeout() {
    let server = Server::always(Script::new().silence());
    let door = Door::to(&server);
    with_time_enough(|limit| {
        let record = through(&door)
            .args(["-t", &limit.to_string(), "http://a.invalid/"])
            .run()
            .exits(1)
            .record();
        assert_eq!(record["error"]["kind"], "timeout", "{record}");
        (record["error"]["phase"] == "headers").then_some(())
    });
}

#[test]
fn proxies_from_the_environment_are_ignored() {
    let server = Server::always(ok("x"));
    let proxy = Server::always(ok("y"));
    let door = Door::to(&server);
    through(&door)
        .env("http_proxy", proxy.url(""))
        .arg("http://a.invalid/")
        .run()
        .exits(0);
    assert_eq!(server.requests().len(), 1);
    proxy.assert_untouched();
}

#[test]
fn an_empty_path_is_a_usage_error() {
    let fetch = Fetch::new().args(["--unix-socket", "", "http://a.invalid/"]);
    refused(fetch, "--unix-socket");
}
