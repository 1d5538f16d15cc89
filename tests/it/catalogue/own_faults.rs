//! What `fetch` itself must not make of odd lists, bodies, outputs and systems.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    thread,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{answered, raw};
use crate::support::{
    CANARY, Fetch, Folder, Gate, JOURNAL, Running, Script, Server, journal::BOTH, ok,
    record::RecordExt as _, reply, with_time_enough,
};

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
            "unknown key",
        ),
        (
            format!(r#"{{"url":"http://h/","a`, expected {CANARY}":"x"}}"#),
            "unknown key",
        ),
        (
            format!(r#"{{"url":"http://h/","{CANARY} at line 1":"x"}}"#),
            "unknown key",
        ),
    ] {
        let record = line_beside(&line);
        assert!(record.message().contains(said), "{line}: {record}");
        assert_eq!(record["url"], "http://h/", "{record}");
    }
    for (line, key) in [
        (r#"{"url":"http://h/","headers":{"X-Id":null}}"#, "X-Id"),
        (r#"{"url":"http://h/","headers":{"X-Id":"\u0001"}}"#, "X-Id"),
        (r#"{"url":"http://h/","time_out":"x"}"#, "'time_out'"),
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

#[test]
fn c304_a_journal_that_is_lost_during_the_run_is_noticed() {
    type Loss = fn(&Folder);
    let lose: [(&str, Loss); 4] = [
        ("was removed", |folder| {
            fs::remove_file(folder.beside(JOURNAL)).unwrap();
        }),
        ("was replaced", |folder| {
            fs::write(folder.beside("other"), "").unwrap();
            fs::rename(folder.beside("other"), folder.beside(JOURNAL)).unwrap();
        }),
        ("was changed", |folder| {
            let journal = fs::OpenOptions::new()
                .write(true)
                .open(folder.beside(JOURNAL));
            journal.unwrap().set_len(0).unwrap();
        }),
        ("was changed", |folder| {
            let journal = fs::OpenOptions::new()
                .append(true)
                .open(folder.beside(JOURNAL));
            std::io::Write::write_all(&mut journal.unwrap(), b"notes").unwrap();
        }),
    ];
    for (said, lose) in lose {
        for run in BOTH {
            let gate = Gate::new();
            let last = Script::new()
                .wait(&gate)
                .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
            let server = Server::build().route("/2", last).otherwise(ok("x")).start();
            let folder = Folder::new();
            let mut run = run(&folder)
                .args(["-j1", "-"])
                .stdin(server.list(3))
                .spawn();
            run.record();
            run.record();
            lose(&folder);
            gate.open();
            let out = run.wait().exits(3);
            let advice = "during the run; records may be missing; run again";
            assert!(
                [JOURNAL, said, advice]
                    .iter()
                    .all(|part| out.stderr().contains(part)),
                "{}",
                out.stderr()
            );
            // Everybody's record is on standard output all the same.
            let mut records = out.records().into_iter();
            assert!(records.all(|record| record["outcome"] == "ok"));
            if let Ok(journal) = fs::OpenOptions::new()
                .write(true)
                .open(folder.beside(JOURNAL))
            {
                journal.set_len(0).unwrap();
            }
        }
    }
}

#[test]
fn c305_a_retry_after_beyond_all_numbers_is_a_year() {
    for seconds in ["31536001", "18446744073709551615", "18446744073709551616"] {
        let server = Server::build()
            .route("/1", reply(503, &[("Retry-After", seconds)], ""))
            .start();
        let neighbour = Server::always(ok("x"));
        let list = neighbour.url("/0\n") + &server.url("/1\n") + &neighbour.url("/2\n");
        let mut run = Fetch::jsonl()
            .args(["-v", "--retry", "1", "--retry-max-delay", "0", "-"])
            .stdin(list)
            .spawn();
        for _ in 0..2 {
            assert_eq!(run.record()["outcome"], "ok");
        }
        run.stderr.wait_for("attempt 2 of 2 in 31536000.000s");
        run.signal(Signal::INT);
        assert_eq!(run.wait().exits(130).lines().len(), 3);
    }
}

#[test]
fn c306_a_length_of_the_highest_number_is_not_blamed_on_the_head_alone() {
    for length in ["18446744073709551614", "18446744073709551615"] {
        let script = raw(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nx"
        ));
        let record = answered(script, &[], "error protocol/headers");
        assert!(record.message().contains("Content-Length"), "{record}");
    }
}

/// The size of the largest body that `--body` shows by default.
const LARGE: usize = 16 << 20;

/// Fetches ten large bodies at a time into a pipe, from which nothing is read before all have begun and `pause` is over.
/// Returns the beginnings of the lines; `look` sees the run before each is read.
fn paused(args: &[&str], pause: impl FnOnce(), mut look: impl FnMut(&Running)) -> Vec<String> {
    let server = Server::always(ok(vec![0; LARGE]));
    let mut run = Fetch::new()
        .args(["-w", "%{outcome} %{error} %{body_base64}", "-j", "10"])
        .args(args)
        .arg("-")
        .stdin(server.list(10))
        .spawn();
    let mut lines = BufReader::new(run.take_stdout());
    server.wait_for_requests(10);
    pause();
    let mut beginnings = Vec::new();
    for _ in 0..10 {
        look(&run);
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line).unwrap();
        line.truncate(80);
        beginnings.push(String::from_utf8(line).unwrap());
    }
    run.wait();
    beginnings
}

#[test]
#[ignore = "slow; .ci/run runs it"]
fn c307_bodies_that_wait_for_a_reader_have_a_bound_in_all() {
    for args in [&[][..], &["--ordered"]] {
        let mut peak = 0;
        let lines = paused(args, || {}, |run| peak = run.peak_memory());
        assert!(
            lines.iter().all(|line| line.starts_with("ok  AAAA")),
            "{lines:?}"
        );
        // 64 MiB, a body over it, the lines that are being made of one, and what the allocator keeps for a while. All ten
        // are 160 MiB, and 960 MiB as JSON text.
        assert!(peak < 320 * 1024, "{peak} KiB");
    }
}

#[test]
fn c308_a_body_of_control_characters_is_no_text() {
    for (body, is_text) in [
        (&b"\0\0\0\0\0\0\0\0"[..], false),
        (b"U\0T\0F\0-\x001\x006\0", false),
        (b"\x1b[31mred\x1b[0m on a screen", true),
        (b"\t1\r\n\t2\r\n", true),
    ] {
        let record = answered(
            raw([b"HTTP/1.1 200 OK\r\n\r\n", body].concat()),
            &["--body"],
            "ok",
        );
        assert_eq!(record["body"].is_string(), is_text, "{record}");
        assert_eq!(record["body_base64"].is_string(), !is_text, "{record}");
    }
}

#[test]
fn c309_a_body_larger_than_the_bound_arrives() {
    let server = Server::build()
        .route("/1", ok(vec![0; 5 * LARGE]))
        .route("/2", ok(vec![0; 5 * LARGE]))
        .otherwise(ok("unharmed"))
        .start();
    let out = Fetch::new()
        .args(["-w", "%{index} %{outcome} %{size}"])
        .args(["--body", "--max-filesize", "100M", "-j4", "-"])
        .stdin(server.list(4))
        .run()
        .exits(0);
    let mut lines = out.lines();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["0 ok 8", "1 ok 83886080", "2 ok 83886080", "3 ok 8"]
    );
}

#[test]
#[ignore = "slow; .ci/run runs it"]
fn c310_a_reader_that_pauses_lets_no_body_time_out() {
    for args in [&[][..], &["--ordered"]] {
        with_time_enough(|limit| {
            let time = limit.to_string();
            let args = [args, &["-t", &time, "--read-timeout", &time]].concat();
            // The pause is what is tested.
            let pause = || thread::sleep(Duration::from_millis(limit.milliseconds(200)));
            let lines = paused(&args, pause, |_| {});
            lines
                .iter()
                .all(|line| line.starts_with("ok "))
                .then_some(())
        });
    }
}

/// Asserts that a run of 300 URLs has all their records, or none and has sent nothing. Returns whether it has them.
#[track_caller]
fn all_or_nothing(server: &Server, limited: Fetch, host: &str) -> bool {
    let before = server.requests().len();
    let list: String = (0..300)
        .map(|number| server.url_as(host, &format!("/{number}\n")))
        .collect();
    let out = limited.args(["-j", "20", "-"]).stdin(list).run();
    let records = out.records();
    if out.code() == 3 {
        assert!(records.is_empty(), "{records:?}");
        assert_eq!(server.requests().len(), before);
        assert!(
            out.stderr().contains("cannot start a thread"),
            "{}",
            out.stderr()
        );
        return false;
    }
    assert_eq!(records.len(), 300, "{}", out.stderr());
    for record in &records {
        if record["outcome"] != "ok" {
            assert_eq!(host, "localhost", "{record}");
            assert_eq!(record.verdict(), "error dns/resolve");
            assert!(
                record.message().contains("cannot start a thread"),
                "{record}"
            );
        }
    }
    true
}

#[test]
#[ignore = "needs root and util-linux; .ci/run runs it"]
fn c311_a_thread_that_cannot_start_costs_speed_or_ends_the_run_before_the_first_request() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    for host in ["127.0.0.1", "localhost"] {
        let succeeded: Vec<_> = (1..=9)
            .map(|threads| {
                let threads = format!("--nproc={threads}");
                // A user of its own, with no other process.
                let user = [
                    "setpriv",
                    "--reuid=61234",
                    "--regid=61234",
                    "--clear-groups",
                ];
                let folder = TempDir::new().unwrap();
                fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
                let limited = Fetch::jsonl()
                    .under([&user[..], &["prlimit", &threads]].concat())
                    .arg("-o")
                    .arg(folder.path().join("out"));
                all_or_nothing(&server, limited, host)
            })
            .collect();
        assert!(!succeeded[0] && succeeded[8], "{succeeded:?}");
        assert!(succeeded.is_sorted(), "{succeeded:?}");
    }
}
