//! What `fetch` itself must not make of odd lists, bodies, outputs and systems.

use serde_json::Value;

use crate::support::{CANARY, Fetch, Folder, Server, ok, record::RecordExt as _};

/// The record of a line, read together with healthy lines before and after it. The harness searches the output for
/// the secret.
#[track_caller]
fn line_beside(line: &str) -> Value {
    let neighbour = Server::always(ok("unharmed"));
    let list = format!("{}\n{line}\n{}\n", neighbour.url("/0"), neighbour.url("/1"));
    let text = Fetch::new().stdin(&list).run().exits(1);
    assert_eq!(text.lines().len(), 3, "{}", text.stdout());
    let mut records = Fetch::jsonl().stdin(&list).run().exits(1).in_order();
    assert_eq!(records.len(), 3, "{records:?}");
    let record = records.remove(1);
    for neighbour in records {
        assert_eq!(neighbour.verdict(), "ok", "{neighbour}");
    }
    assert_eq!(record.verdict(), "error invalid_input/input", "{record}");
    record
}

#[test]
fn c300_a_password_in_a_line_that_is_too_long_is_not_shown() {
    let (long, rest) = ("x".repeat(1_200), "x".repeat(70_000));
    for (line, shown) in [
        (
            format!("http://user:{CANARY}{long}@127.0.0.1:9/?{rest}"),
            "http://…",
        ),
        (
            format!("http://{CANARY}{long}@127.0.0.1:9/?{rest}"),
            "http://…",
        ),
        (
            format!("http://user:{CANARY}/{long}@127.0.0.1:9/?{rest}"),
            "http://…",
        ),
        (
            format!("http:/user:{CANARY}{long}@127.0.0.1:9/?{rest}"),
            "…",
        ),
        (format!("user:{CANARY}{long}@127.0.0.1:9/?{rest}"), "…"),
        (format!("user:{CANARY}/{long}@127.0.0.1:9/?{rest}"), "…"),
    ] {
        assert_eq!(line_beside(&line)["url"], shown);
    }
    let record = line_beside(&format!("http://user:{CANARY}@127.0.0.1:9/?{rest}"));
    assert!(
        record
            .text("url")
            .starts_with("http://***@127.0.0.1:9/?xxx"),
        "{record}"
    );
}

#[test]
fn c301_a_secret_in_the_place_of_a_key_or_a_method_is_not_shown() {
    for (line, said) in [
        (
            format!(r#"{{"url":"http://h/","headers":{{"Authorization: Bearer {CANARY}":null}}}}"#),
            "headers",
        ),
        (
            format!(r#"{{"url":"http://h/","headers":{{"Authorization: Bearer {CANARY}":"x"}}}}"#),
            "header name",
        ),
        (
            format!(
                r#"{{"url":"http://h/","headers":{{"x-{CANARY}-{}":"\u0001"}}}}"#,
                "x".repeat(40)
            ),
            "control",
        ),
        (
            format!(r#"{{"url":"http://h/","method":"Bearer {CANARY}"}}"#),
            "method",
        ),
        (
            format!(r#"{{"url":"http://h/","Authorization: Bearer {CANARY}":"x"}}"#),
            "unknown field",
        ),
        (
            format!(r#"{{"url":"http://h/","a`, expected {CANARY}":"x"}}"#),
            "unknown field",
        ),
        (
            format!(r#"{{"url":"http://h/","{CANARY} at line 1":"x"}}"#),
            "unknown field",
        ),
    ] {
        let record = line_beside(&line);
        assert!(record.message().contains(said), "{line}: {record}");
        assert_eq!(record["url"], "http://h/", "{record}");
    }
    for (line, key) in [
        (r#"{"url":"http://h/","headers":{"X-Id":null}}"#, "X-Id"),
        (r#"{"url":"http://h/","headers":{"X-Id":"\u0001"}}"#, "X-Id"),
        (r#"{"url":"http://h/","time_out":"x"}"#, "`time_out`"),
    ] {
        let record = line_beside(line);
        assert!(record.message().contains(key), "{line}: {record}");
    }
}

#[test]
fn c302_a_json_line_behind_blanks_of_any_kind_is_one() {
    for blanks in ["\u{3000}", "\u{a0} "] {
        let record = line_beside(&format!(
            r#"{blanks}{{"url":"http://h/","body":"{CANARY}","nope":1}}"#
        ));
        assert!(!record.text("url").contains("body"), "{record}");
    }
}

#[test]
fn c303_names_that_are_one_to_some_file_system_are_two_files() {
    let server = Server::always(ok("x"));
    for (one, other) in [
        ("ß", "ẞ"),
        ("ss", "ẞ"),
        ("ẞ", "SS"),
        ("ﬆ", "ST"),
        ("\u{390}", "\u{1fd3}"),
    ] {
        let folder = Folder::new();
        let line = |name: &str, n: u32| {
            format!(
                "{{\"url\":\"{}\",\"name\":\"{name}\"}}\n",
                server.url(&format!("/{n}"))
            )
        };
        let list = line(one, 0) + &line("neighbour", 1) + &line(other, 2);
        let records = folder.fetch().stdin(list).run().exits(0).in_order();
        assert_eq!(
            (&records[0]["file"], &records[1]["file"]),
            (&one.into(), &"neighbour".into())
        );
        let file = records[2].text("file");
        assert!(file.starts_with(&format!("{other}-")), "{file}");
        assert_eq!(folder.tree().len(), 3);
    }
}
