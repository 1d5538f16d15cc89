//! Every run is given a secret, and its test fails if the secret appears anywhere.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use crate::support::{CANARY, Fetch, Folder, Server, ok};

/// The panic message of the harness about a run that reveals a secret.
#[track_caller]
fn caught(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("nobody noticed");
    panic.downcast_ref::<String>().unwrap().clone()
}

/// The exact head of the request that a run sends.
fn head(fetch: Fetch) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let asked = thread::spawn(move || {
        let mut tcp = listener.accept().unwrap().0;
        let (mut head, mut piece) = (String::new(), [0; 1024]);
        while !head.ends_with("\r\n\r\n") {
            let length = tcp.read(&mut piece).unwrap();
            assert_ne!(length, 0, "{head}");
            head += str::from_utf8(&piece[..length]).unwrap();
        }
        tcp.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
        head
    });
    fetch.arg(format!("http://{authority}/")).run().exits(0);
    asked.join().unwrap().replace(&authority, "HOST")
}

#[test]
fn every_run_sends_the_canary_and_the_server_hides_it() {
    let bare = Fetch::new().without_canary("it is what the test is about");
    let version = env!("CARGO_PKG_VERSION");
    let rest = format!("host: HOST\r\naccept: */*\r\nuser-agent: fetch/{version}\r\n\r\n");
    assert_eq!(head(bare), format!("GET / HTTP/1.1\r\n{rest}"));
    let sent = head(Fetch::new());
    let header = format!("\r\nx-canary: {CANARY}\r\n");
    assert_eq!(sent.matches(&header).count(), 1, "{sent}");

    let server = Server::always(ok(""));
    Fetch::new().arg(server.url("/")).run().exits(0);
    assert_eq!(server.request().header("X-Canary"), None);
}

#[test]
fn output_is_searched_for_the_canary() {
    let server = Server::always(ok(""));
    let url = server.url(&format!("/{CANARY}"));
    let said = caught(|| drop(Fetch::new().arg(&url).run()));
    assert!(said.starts_with("the secret is in stdout:"), "{said}");
    let said = caught(|| drop(Fetch::new().arg(CANARY).run()));
    assert!(said.starts_with("the secret is in stderr:"), "{said}");
    let said = caught(|| drop(Fetch::new().terminal().arg(&url).run()));
    assert!(said.starts_with("the secret is in the screen:"), "{said}");
    let said = caught(|| drop(Fetch::new().arg(&url).spawn().end()));
    assert!(said.starts_with("the secret is in stdout:"), "{said}");
}

#[test]
fn files_and_their_names_are_searched_for_the_canary() {
    let server = Server::always(ok(CANARY));
    let url = server.url("/a");
    let line = format!(r#"{{"url":"{url}","id":"{CANARY}"}}"#);
    for args in [
        &["--json", "--results", "file"][..],
        &["--journal", "file", "-w", ""],
    ] {
        let said = caught(|| drop(Fetch::new().args(args).stdin(&line).run()));
        assert!(said.contains("/file:"), "{said}");
    }
    let said = caught(|| drop(Fetch::jsonl().args(["-o", "out", &url]).run()));
    assert!(said.contains("out/a:"), "{said}");
    let named = server.url(&format!("/{CANARY}"));
    let quietly = ["-q", "-w", "", "-o", "out"];
    let said = caught(|| drop(Fetch::new().args(quietly).arg(named).run()));
    assert!(said.starts_with("the secret is in a name:"), "{said}");
}

#[test]
fn a_folder_that_outlives_its_runs_is_searched_for_the_canary() {
    let server = Server::always(ok(CANARY));
    let folder = Folder::new();
    folder.fetch().arg(server.url("/a")).run().exits(0);
    let said = caught(|| drop(folder));
    assert!(said.contains("out/a:"), "{said}");
}
