//! Where redirects lead, and with which method. What they do to secrets is tested in [`super::redirect_secrets`].

use crate::support::{Fetch, Script, Server, ok, record::RecordExt as _, redirect, reply, tls};

#[test]
fn a_redirect_is_followed_and_counted() {
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .route("/b", redirect(301, "/c"))
        .otherwise(ok("12345"))
        .start();
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(0).record();
    assert_eq!(server.targets(), ["/a", "/b", "/c"]);
    assert_eq!(
        (&record["redirects"], &record["status"], &record["size"]),
        (&2.into(), &200.into(), &5.into())
    );
    assert_eq!(record["final_url"], server.url("/c"));
    assert_eq!(record["url"], server.url("/a"));
    assert_eq!(
        record["attempts"].as_array().unwrap().len(),
        1,
        "a redirect is no attempt"
    );
}

#[test]
fn location_is_resolved_as_a_reference() {
    for (location, target) in [
        ("/x", "/x"),
        ("x", "/dir/x"),
        ("../x", "/x"),
        ("?q=2", "/dir/a?q=2"),
        ("x?y=z", "/dir/x?y=z"),
        ("/x#frag", "/x"),
        ("./", "/dir/"),
        (" /x ", "/x"),
        ("/%20x", "/%20x"),
        ("/ü", "/%C3%BC"),
        ("/a b", "/a%20b"),
    ] {
        let server = Server::build()
            .route("/dir/a?q=1", redirect(302, location))
            .otherwise(ok(""))
            .start();
        Fetch::new().arg(server.url("/dir/a?q=1")).run().exits(0);
        assert_eq!(server.targets().last().unwrap(), target, "{location}");
    }
}

#[test]
fn location_may_name_another_host_without_a_scheme() {
    let server = Server::build().otherwise(ok("")).start();
    let first = Server::at(
        "/a",
        redirect(302, &format!("//127.0.0.1:{}/b", server.port())),
    );
    Fetch::new().arg(first.url("/a")).run().exits(0);
    assert_eq!(server.targets(), ["/b"]);
}

#[test]
fn get_stays_get_and_head_stays_head() {
    for status in [301, 302, 303, 307, 308] {
        for (args, method) in [(&[][..], "GET"), (&["-I"], "HEAD")] {
            let head = Script::new().send(format!(
                "HTTP/1.1 {status} Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
            ));
            let server = Server::build()
                .route("/a", head)
                .otherwise(reply(200, &[], ""))
                .start();
            Fetch::new().args(args).arg(server.url("/a")).run().exits(0);
            assert!(
                server
                    .requests()
                    .iter()
                    .all(|request| request.method == method),
                "{status} {method}"
            );
            assert_eq!(server.requests().len(), 2);
        }
    }
}

#[test]
fn post_becomes_get_without_content_at_301_302_and_303() {
    for status in [301, 302, 303] {
        let server = Server::build()
            .route("/a", redirect(status, "/b"))
            .otherwise(ok(""))
            .start();
        let record = Fetch::jsonl()
            .args(["-d", "body", &server.url("/a")])
            .run()
            .exits(0)
            .record();
        let [first, second] = &server.requests()[..] else {
            panic!("{status}")
        };
        assert_eq!((first.method.as_str(), first.body_text()), ("POST", "body"));
        assert_eq!(
            (second.method.as_str(), second.body_text()),
            ("GET", ""),
            "{status}"
        );
        for name in ["content-type", "content-length", "transfer-encoding"] {
            assert_eq!(second.header(name), None, "{status}");
        }
        assert_eq!(record["method"], "POST", "as asked");
    }
}

#[test]
fn method_and_content_are_kept_at_307_and_308() {
    for status in [307, 308] {
        for method in ["POST", "PUT", "PATCH"] {
            let server = Server::build()
                .route("/a", redirect(status, "/b"))
                .otherwise(ok(""))
                .start();
            Fetch::new()
                .args(["-X", method, "-d", "body", &server.url("/a")])
                .run()
                .exits(0);
            let second = &server.requests()[1];
            assert_eq!(
                (second.method.as_str(), second.body_text()),
                (method, "body"),
                "{status}"
            );
            assert_eq!(
                second.header("content-type"),
                Some("application/x-www-form-urlencoded")
            );
        }
    }
}

#[test]
fn content_goes_along_to_another_origin_at_307() {
    let target = Server::always(ok(""));
    let server = Server::at("/a", redirect(307, &target.url("/b")));
    Fetch::new()
        .args(["-d", "body", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(
        (
            target.request().method.as_str(),
            target.request().body_text()
        ),
        ("POST", "body")
    );
}

#[test]
fn a_redirect_without_a_location_is_an_error() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::at("/a", reply(status, &[], "x"));
        let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
        assert_eq!(record.verdict(), "error redirect/headers", "{status}");
        assert_eq!(record["status"], status);
    }
}

#[test]
fn other_3xx_statuses_are_answers() {
    for status in [300, 304, 305, 306] {
        let server = Server::at(
            "/a",
            Script::new().send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")),
        );
        let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
        assert_eq!(record.verdict(), format!("http_error {status}"));
    }
}

#[test]
fn a_location_that_is_not_usable_is_an_error() {
    for location in [
        "http://[bad",
        "http://",
        "http://127.0.0.1:99999/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "mailto:a@b",
        "unix:/run/x",
        "http://a b/",
    ] {
        let server = Server::at("/a", redirect(302, location));
        let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
        assert_eq!(record.verdict(), "error redirect/headers", "{location}");
        assert_eq!(
            (&record["status"], &record["final_url"]),
            (&302.into(), &server.url("/a").into()),
            "{location}"
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_location_of_bytes_is_an_error_or_followed_and_never_a_crash() {
    let server = Server::build()
        .route(
            "/a",
            Script::new()
                .send(b"HTTP/1.1 302 X\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n"),
        )
        .otherwise(ok(""))
        .start();
    let verdict = Fetch::jsonl()
        .arg(server.url("/a"))
        .run()
        .record()
        .verdict();
    assert!(
        ["ok", "error redirect/headers"].contains(&verdict.as_str()),
        "{verdict}"
    );
}

#[test]
fn two_different_locations_are_not_guessed_about() {
    let server = Server::build()
        .route(
            "/a",
            reply(302, &[("Location", "/b"), ("Location", "/c")], ""),
        )
        .otherwise(ok(""))
        .start();
    let verdict = Fetch::jsonl()
        .arg(server.url("/a"))
        .run()
        .record()
        .verdict();
    // An error and either location are acceptable: curl and browsers follow one of the two, and the standard allows
    // only one.
    assert!(
        ["ok", "error redirect/headers"].contains(&verdict.as_str()),
        "{verdict}"
    );
}

#[test]
fn ten_redirects_are_followed_and_no_eleventh() {
    let server = Server::always(redirect(302, "/again"));
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
    assert_eq!(record.verdict(), "error redirect/headers");
    assert_eq!(
        (server.requests().len(), &record["redirects"]),
        (11, &10.into())
    );
    assert!(
        record.message().contains("--max-redirs"),
        "{}",
        record.message()
    );
}

#[test]
fn max_redirs_is_how_many_are_followed() {
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .route("/b", redirect(302, "/c"))
        .otherwise(ok(""))
        .start();
    Fetch::new()
        .args(["--max-redirs", "2", &server.url("/a")])
        .run()
        .exits(0);
    let record = Fetch::jsonl()
        .args(["--max-redirs", "1", &server.url("/a")])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error redirect/headers");
    assert_eq!(
        (&record["redirects"], &record["final_url"]),
        (&1.into(), &server.url("/b").into())
    );
}

#[test]
fn with_max_redirs_0_a_redirect_is_an_answer() {
    for location in ["/b", "file:///x"] {
        let server = Server::at("/a", redirect(302, location));
        let record = Fetch::jsonl()
            .args(["--max-redirs", "0", &server.url("/a")])
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "http_error 302");
        assert_eq!(
            (&record["redirects"], &record["size"]),
            (&0.into(), &9.into())
        );
        Fetch::new()
            .args(["--max-redirs", "0", "--accept", "302", &server.url("/a")])
            .run()
            .exits(0);
    }
}

#[test]
fn the_outcome_is_that_of_the_last_answer() {
    let server = Server::build().route("/a", redirect(302, "/b")).start();
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
    assert_eq!(
        (record.verdict(), &record["redirects"]),
        ("http_error 404".into(), &1.into())
    );
}

#[test]
fn an_error_behind_a_redirect_names_where_it_happened() {
    let server = Server::build()
        .route("/a", redirect(302, "/b"))
        .route("/b", Script::new().close())
        .start();
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
    assert_eq!(record.verdict(), "error connect/headers");
    assert_eq!(
        (&record["final_url"], &record["redirects"]),
        (&server.url("/b").into(), &1.into())
    );
}

#[test]
fn the_body_of_a_redirect_is_not_waited_for() {
    let endless = "HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 1000000000\r\n\r\n";
    for script in [
        Script::new().send(endless).silence(),
        Script::new().send(endless).repeat("x".repeat(4096), 0),
    ] {
        let server = Server::build()
            .route("/a", script)
            .otherwise(ok(""))
            .start();
        // A run that waited for the body would end at this limit, and not with 0.
        Fetch::jsonl()
            .args(["-t", "50", &server.url("/a")])
            .run()
            .exits(0);
    }
}

#[test]
fn redirects_between_https_and_http_are_followed() {
    let plain = Server::build().otherwise(ok("end")).start();
    let safe = Server::build()
        .tls(tls::here())
        .route("/a", redirect(302, &plain.url("/b")))
        .otherwise(ok("safe"))
        .start();
    let record = Fetch::jsonl()
        .trusting()
        .arg(safe.url("/a"))
        .run()
        .exits(0)
        .record();
    assert_eq!(
        (&record["final_url"], &record["size"]),
        (&plain.url("/b").into(), &3.into())
    );
    let back = Server::at("/a", redirect(302, &safe.url("/c")));
    let record = Fetch::jsonl()
        .trusting()
        .arg(back.url("/a"))
        .run()
        .exits(0)
        .record();
    assert_eq!(record["final_url"], safe.url("/c"));
}

#[test]
fn a_location_that_is_too_long_is_a_redirect_error() {
    let server = Server::build()
        .route("/a", redirect(302, &format!("/{}", "b".repeat(200_000))))
        .otherwise(ok("x"))
        .start();
    let record = Fetch::jsonl().arg(server.url("/a")).run().exits(1).record();
    assert_eq!(record["error"]["kind"], "redirect", "{record}");
    assert_eq!(record["status"], 302);
    assert!(record.message().len() < 1000, "{}", record.message());
    assert_eq!(server.targets(), ["/a"]);
}
