//! On a terminal: colour, columns, and a bar that tears nothing.

use crate::support::{Fetch, Gate, Script, Server, answer, ok};

const ESC: char = '\u{1b}';

fn site() -> Server {
    Server::build()
        .route("/0", ok("12345"))
        .route("/1", answer(404, "x".repeat(5000)))
        .start()
}

/// A screen without colour and without what the bar did to it.
fn plain(screen: &str) -> String {
    let mut text = String::new();
    let mut rest = screen;
    while let Some(at) = rest.find(ESC) {
        text += &rest[..at];
        let sequence = &rest[at + 1..];
        let end = sequence
            .find(|character: char| character.is_ascii_alphabetic())
            .unwrap();
        rest = &sequence[end + 1..];
    }
    (text + rest).replace('\r', "\n")
}

#[test]
fn a_pipe_gets_no_colour_and_no_bar() {
    let server = site();
    let out = Fetch::new()
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor")
        .stdin(server.list(2))
        .run()
        .exits(1);
    assert!(!out.stdout().contains(ESC) && !out.stderr().contains(ESC));
    assert!(!out.stderr().contains('\r'), "{:?}", out.stderr());
}

#[test]
fn a_terminal_gets_colour_and_columns() {
    let server = site();
    let out = Fetch::new()
        .args(["--ordered", "--no-progress", "-"])
        .stdin(server.list(2))
        .terminal()
        .run()
        .exits(1);
    let lines: Vec<_> = out.screen().lines().collect();
    assert!(
        lines[0].contains(ESC) && lines[1].contains(ESC),
        "{lines:?}"
    );
    let plain = plain(out.screen());
    let ends: Vec<_> = plain
        .lines()
        .filter(|line| line.contains("http://"))
        .map(|line| line.find("http://").unwrap())
        .collect();
    assert_eq!((ends.len(), ends[0]), (2, ends[1]), "columns: {plain}");
    assert!(plain.contains("OK 1/2 in "), "{plain}");
}

#[test]
fn no_color_is_respected() {
    let server = site();
    let fetch = || {
        Fetch::new()
            .args(["--no-progress", "-"])
            .stdin(server.list(2))
            .terminal()
    };
    let out = fetch().env("NO_COLOR", "1").run().exits(1);
    assert!(!out.screen().contains(ESC), "{:?}", out.screen());
    let out = fetch().env("NO_COLOR", "").run().exits(1);
    assert!(
        out.screen().contains(ESC),
        "empty is not set: {:?}",
        out.screen()
    );
    let out = fetch()
        .args(["--color", "always"])
        .env("NO_COLOR", "1")
        .run()
        .exits(1);
    assert!(
        out.screen().contains(ESC),
        "an option beats the environment: {:?}",
        out.screen()
    );
    let out = fetch().args(["--color", "never"]).run().exits(1);
    assert!(!out.screen().contains(ESC), "{:?}", out.screen());
    let out = fetch().env("TERM", "dumb").run().exits(1);
    assert!(
        !out.screen().contains(ESC),
        "a dumb terminal: {:?}",
        out.screen()
    );
}

#[test]
fn colour_always_is_for_pipes_too() {
    let server = site();
    let out = Fetch::new()
        .args(["--color", "always", "-"])
        .stdin(server.list(2))
        .coloured()
        .run()
        .exits(1);
    assert!(
        out.lines().iter().all(|line| line.contains(ESC)),
        "{:?}",
        out.stdout()
    );
    for format in ["jsonl", "csv", "tsv"] {
        let out = Fetch::new()
            .args(["--color", "always", "--format", format, "-"])
            .stdin(server.list(2))
            .coloured()
            .run()
            .exits(1);
        assert!(!out.stdout().contains(ESC), "{:?}", out.stdout());
    }
}

#[test]
fn the_format_does_not_depend_on_the_terminal() {
    let server = site();
    let piped = Fetch::jsonl().arg(server.url("/0")).run().exits(0).record();
    let out = Fetch::jsonl()
        .args(["--no-progress", "-q", &server.url("/0")])
        .terminal()
        .run()
        .exits(0);
    let shown: serde_json::Value = serde_json::from_str(out.screen().trim()).unwrap();
    let keys = |record: &serde_json::Value| {
        record
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&piped), keys(&shown));
}

/// A run on a terminal with requests that wait, until the screen shows this.
#[track_caller]
fn bar_shows(fetch: Fetch, text: &str) -> String {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::build()
        .route("/0", ok(""))
        .route("/1", answer(500, ""))
        .otherwise(held)
        .start();
    let run = fetch
        .file("urls.txt", server.list(20))
        .args(["-j4", "urls.txt"])
        .spawn();
    server.wait_for_requests(6);
    run.screen.wait_for(text);
    gate.open();
    let out = run.wait().exits(1);
    for number in 0..20 {
        let url = server.url(&format!("/{number}"));
        let whole = |line: &str| line.split_whitespace().any(|field| field == url);
        assert!(
            plain(out.screen())
                .lines()
                .chain(out.stdout().lines())
                .any(whole)
                || out.names().len() > 1,
            "{url} is torn"
        );
    }
    out.screen().to_owned()
}

#[test]
fn a_bar_on_a_terminal_shows_how_far_it_is() {
    bar_shows(Fetch::new().terminal(), "2/20");
}

#[test]
fn a_bar_shows_while_results_go_to_a_file() {
    bar_shows(
        Fetch::new()
            .args(["--results", "out"])
            .stderr_terminal()
            .env("TERM", "xterm"),
        "2/20",
    );
    bar_shows(
        Fetch::new()
            .stdout_to("out.txt")
            .stderr_terminal()
            .env("TERM", "xterm"),
        "2/20",
    );
}

#[test]
fn the_bar_is_gone_at_the_end() {
    let screen = bar_shows(Fetch::new().terminal(), "2/20");
    let last = plain(&screen);
    let last = last.trim_end().lines().last().unwrap().to_owned();
    assert!(
        last.contains("requests/s") && last.contains("latency"),
        "the summary comes last: {last}"
    );
}

#[test]
fn no_bar_where_another_program_may_share_the_terminal_or_where_it_is_not_wanted() {
    let server = Server::always(
        Script::new()
            .pause(400)
            .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    );
    let fetch = || {
        Fetch::new()
            .stderr_terminal()
            .env("TERM", "xterm")
            .args(["-j1", "-"])
            .stdin(server.list(2))
    };
    for (what, fetch) in [
        ("a pipe", fetch()),
        (
            "--no-progress",
            fetch().arg("--no-progress").stdout_terminal(),
        ),
        ("-q", fetch().arg("-q").stdout_terminal()),
    ] {
        let out = fetch.run().exits(0);
        assert!(
            !out.screen().contains("/2") || out.screen().contains("OK 2/2"),
            "{what}: {:?}",
            out.screen()
        );
        assert!(
            !plain(out.screen()).contains("1/2") && !plain(out.screen()).contains("0/2"),
            "{what}: {:?}",
            out.screen()
        );
    }
}

#[test]
fn quiet_on_a_terminal_shows_the_results_alone() {
    let server = site();
    let out = Fetch::new()
        .args(["-q", "--color", "never", "-"])
        .stdin(server.list(2))
        .terminal()
        .run()
        .exits(1);
    let lines = plain(out.screen())
        .lines()
        .filter(|line| !line.trim().is_empty())
        .count();
    assert_eq!(lines, 2, "{:?}", out.screen());
}

#[test]
fn a_narrow_terminal_is_no_crash() {
    for columns in [1, 10, 40] {
        bar_shows(Fetch::new().terminal().columns(columns), "http");
    }
}
