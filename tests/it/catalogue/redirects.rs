//! Redirects that lead nowhere, never end, or lead where they must not.

use super::{LIMIT, answered, beside, cases, raw};
use crate::support::{Fetch, Script, Server, ok, record::RecordExt as _, redirect, reply};

cases! {
    c001_a_redirect_without_a_location_is_a_dead_end:
        reply(302, &[], "x") => "error redirect/headers", "without a Location";
    c002_an_empty_location_is_a_dead_end:
        redirect(302, "") => "error redirect/headers", "not a URL";
    c003_a_location_with_a_broken_address_is_a_dead_end:
        redirect(302, "http://[bad") => "error redirect/headers", "not a URL";
    c004_a_location_with_a_port_that_is_none_is_a_dead_end:
        redirect(302, "http://127.0.0.1:99999/") => "error redirect/headers", "not a URL";
    c005_a_location_of_a_file_is_not_opened:
        redirect(302, "file:///etc/passwd") => "error redirect/headers", "'file'";
    c006_a_location_of_a_script_is_not_followed:
        redirect(302, "java\tscript:alert(1)") => "error redirect/headers", "'javascript'";
    c007_a_location_of_another_protocol_is_not_followed:
        redirect(301, "gopher://127.0.0.1:6379/_FLUSHALL") => "error redirect/headers", "'gopher'";
    c008_a_location_of_200_kb_is_a_dead_end_told_in_one_line:
        redirect(302, &format!("/{}", "b".repeat(200_000))) => "error redirect/headers", "longer than";
    c009_a_refresh_header_leads_nowhere:
        reply(200, &[("Refresh", "0; url=http://127.0.0.1:1/")], "x") => "ok";
    c010_a_location_without_a_redirect_leads_nowhere:
        reply(201, &[("Location", "http://127.0.0.1:1/")], "x") => "ok";
    c011_a_status_of_300_with_a_location_is_an_answer:
        reply(300, &[("Location", "http://127.0.0.1:1/")], "x") => "http_error 300";
}

#[test]
fn c012_a_loop_ends_after_ten_redirects() {
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .route("/b", redirect(307, "/a"))
        .start();
    let record = beside(Fetch::jsonl(), &server.url("/a"), "error redirect/headers");
    assert!(
        record.message().contains("--max-redirs"),
        "{}",
        record.message()
    );
    assert_eq!(record["redirects"], 10);
    assert_eq!(server.requests().len(), 11);
}

/// A server whose `/a` redirects to this location.
#[track_caller]
fn leads(location: &[u8]) -> Server {
    let head = [
        b"HTTP/1.1 302 X\r\nLocation: ",
        location,
        b"\r\nContent-Length: 0\r\n\r\n",
    ];
    let server = Server::build()
        .route("/a", Script::new().send(head.concat()))
        .otherwise(ok("end"))
        .start();
    let record = beside(Fetch::jsonl(), &server.url("/a"), "ok");
    assert_eq!(record["redirects"], 1);
    server
}

#[test]
fn c013_a_location_that_is_not_utf_8_is_encoded() {
    assert_eq!(leads(b"/\xff\xfe").targets(), ["/a", "/%FF%FE"]);
}

#[test]
fn c014_a_location_with_encoded_line_ends_injects_no_header() {
    let server = leads(b"/x%0d%0aInjected:%20yes");
    assert_eq!(server.targets(), ["/a", "/x%0d%0aInjected:%20yes"]);
    assert_eq!(server.requests()[1].header("injected"), None);
}

#[test]
fn c015_of_two_locations_the_first_is_followed_and_no_other() {
    let server = leads(b"/b\r\nLocation: /c");
    assert_eq!(server.targets(), ["/a", "/b"]);
}

#[test]
fn c016_the_body_of_a_redirect_is_not_waited_for() {
    let endless = "HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 1000000000\r\n\r\n";
    for script in [
        Script::new().send(endless).silence(),
        Script::new().send(endless).repeat("x".repeat(4096), 0),
    ] {
        let server = Server::build()
            .route("/a", script)
            .otherwise(ok("end"))
            .start();
        beside(Fetch::jsonl(), &server.url("/a"), "ok");
        assert_eq!(server.targets(), ["/a", "/b"]);
    }
}

#[test]
fn c017_slow_redirects_share_one_timeout() {
    let again = "HTTP/1.1 302 X\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n";
    let record = answered(
        Script::new().pause(300).send(again),
        &["-t", LIMIT, "--max-redirs", "1000"],
        "error timeout/headers",
    );
    assert!(
        record.message().contains("--timeout"),
        "{}",
        record.message()
    );
}

#[test]
fn c018_a_post_is_not_posted_again_where_302_leads() {
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .otherwise(ok("end"))
        .start();
    beside(Fetch::jsonl().args(["-d", "pay"]), &server.url("/a"), "ok");
    let second = &server.requests()[1];
    assert_eq!((second.method.as_str(), second.body_text()), ("GET", ""));
    assert_eq!(second.header("content-type"), None);
}

#[test]
fn c019_a_redirect_to_a_dead_server_names_where_it_died() {
    let dead = Server::always(raw(""));
    let server = Server::at("/a", redirect(302, &dead.url("/b")));
    let record = beside(Fetch::jsonl(), &server.url("/a"), "error connect/headers");
    assert_eq!(record["final_url"], dead.url("/b"));
    assert!(
        record.message().contains(&dead.port().to_string()),
        "{}",
        record.message()
    );
}
