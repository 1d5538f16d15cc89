//! Output on a terminal: colour, columns, and the progress bar.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Fetch, Gate, Script, Server, answer, ok, reply, screen::rendered};

const ESC: char = '\u{1b}';

fn site() -> Server {
    Server::build()
        .route("/0", ok("12345"))
        .route("/1", answer(404, "x".repeat(5000)))
        .start()
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
    let shown = rendered(out.screen());
    let at: Vec<_> = shown[..2]
        .iter()
        .map(|line| line.find("http://").unwrap())
        .collect();
    assert_eq!(at[0], at[1], "columns: {shown:#?}");
    assert!(shown[2].starts_with("FAILED 1/2 in "), "{shown:#?}");
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
fn color_always_colours_pipes_too() {
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

/// Runs 20 URLs, waits until the terminal shows `text` while most of them wait, and returns the final screen.
#[track_caller]
fn bar_shows(fetch: Fetch, text: &str) -> (Server, Vec<String>) {
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
    let (_, end) = out.screen().split_once("FAILED 19/20").unwrap();
    assert!(!end.contains("/20"), "drawn once more: {end:?}");
    (server, rendered(out.screen()))
}

#[test]
fn a_bar_on_a_terminal_tears_no_line_and_is_gone_at_the_end() {
    let (server, screen) = bar_shows(Fetch::new().terminal(), "2/20");
    let is_whole = |line: &&String| {
        let fields: Vec<_> = line.split_whitespace().collect();
        (4..=5).contains(&fields.len()) && fields[3].starts_with(&server.url("/"))
    };
    assert_eq!(screen.iter().filter(is_whole).count(), 20, "{screen:#?}");
    assert!(
        screen[20].starts_with("FAILED 19/20 in ") && screen[21] == "failed: 500 x1",
        "{screen:#?}"
    );
    assert!(
        screen[22].contains("latency") && screen[23..].iter().all(String::is_empty),
        "{screen:#?}"
    );
}

#[test]
fn a_bar_shows_while_results_go_to_a_file() {
    for fetch in [
        Fetch::new()
            .args(["--results", "out"])
            .stdout_to("/dev/null"),
        Fetch::new().stdout_to("out.txt"),
    ] {
        let (_, screen) = bar_shows(fetch.stderr_terminal().env("TERM", "xterm"), "2/20");
        assert!(screen[0].starts_with("FAILED 19/20 in "), "{screen:#?}");
        assert!(screen[3..].iter().all(String::is_empty), "{screen:#?}");
    }
}

/// However many results there are, and whether the terminal shows them too, so many drawings of the bar take a tenth
/// of a second each. And it is drawn again while nothing happens: the run ends when it was drawn ten times.
#[track_caller]
fn drawn_at_most_ten_times_a_second(fetch: Fetch) {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::build()
        .route("/499", held)
        .otherwise(ok("x"))
        .start();
    let run = fetch
        .file("urls.txt", server.list(500))
        .args(["-j1", "urls.txt"])
        .spawn();
    run.screen.wait_for_times("/500 ", 10);
    gate.open();
    let out = run.wait().exits(0);
    let drawn = u32::try_from(out.screen().matches("/500 ").count()).unwrap();
    // The first and the last are extra, and one may just have been due.
    let least = Duration::from_millis(100) * drawn.saturating_sub(3);
    assert!(
        out.elapsed >= least,
        "{drawn} drawings in {:?}",
        out.elapsed
    );
}

#[test]
fn a_bar_is_drawn_at_most_ten_times_a_second() {
    drawn_at_most_ten_times_a_second(
        Fetch::new()
            .stdout_to("out.txt")
            .stderr_terminal()
            .env("TERM", "xterm"),
    );
}

#[test]
fn a_bar_between_lines_is_drawn_at_most_ten_times_a_second() {
    drawn_at_most_ten_times_a_second(Fetch::new().terminal());
}

#[test]
fn without_a_total_the_bar_shows_counts() {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::build().route("/0", ok("")).otherwise(held).start();
    let mut run = Fetch::new().terminal().stdin_open().spawn();
    run.write(server.list(2));
    run.screen.wait_for("1 ok");
    gate.open();
    assert!(rendered(run.wait().exits(0).screen())[2].starts_with("OK 2/2 in "));
}

#[test]
fn there_is_no_bar_behind_a_pipe_or_when_switched_off() {
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
        ("-q -v", fetch().args(["-q", "-v"]).stdout_terminal()),
    ] {
        let out = fetch.run().exits(0);
        assert!(
            !out.screen().contains("ETA") && !out.screen().contains("0 failed"),
            "{what}: {:?}",
            out.screen()
        );
        assert!(
            !out.screen().replace("\r\n", "").contains('\r'),
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
    assert_eq!(rendered(out.screen()).len(), 2, "{:?}", out.screen());
}

#[test]
fn a_narrow_terminal_is_handled() {
    for columns in [1, 10, 40] {
        bar_shows(Fetch::new().terminal().columns(columns), "http");
    }
}

#[test]
fn a_bar_leaves_room_for_what_a_terminal_shows_of_ctrl_c() {
    let gate = Gate::new();
    let held = Script::new()
        .wait(&gate)
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::always(held);
    let fetch = Fetch::new().terminal().columns(40).arg("-j4");
    let run = fetch
        .file("urls.txt", server.list(20))
        .arg("urls.txt")
        .spawn();
    // The numbers alone: there is no room for the bar.
    run.screen
        .wait_for_times("\r0/20  0 ok, 0 failed, 0/s, 0 B", 2);
    gate.open();
    let out = run.wait().exits(0);
    let screen = out.screen();
    let drawn = screen.split(['\r', '\n', ESC]);
    let longest = drawn
        .filter(|piece| piece.contains("/20  "))
        .map(str::len)
        .max();
    assert!(
        longest.is_some_and(|width| width <= 37),
        "{longest:?} {screen:?}"
    );
    assert!(screen.is_ascii(), "{screen:?}");
}

#[test]
fn a_bar_counts_bytes_as_they_come() {
    let gate = Gate::new();
    let body = vec![b'x'; 3 << 20];
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        body.len() + 1
    );
    let script = Script::new().send(head).send(&body).wait(&gate).send("y");
    let server = Server::at("/a", script);
    let run = Fetch::new().terminal().arg(server.url("/a")).spawn();
    run.screen.wait_for("3.00 MiB");
    let so_far = run.screen.so_far();
    assert!(
        so_far.contains(" 0/1  0 ok"),
        "the total of arguments: {so_far:?}"
    );
    assert!(!so_far.contains("ETA"), "nothing is done yet: {so_far:?}");
    gate.open();
    run.wait().exits(0);
}

#[test]
fn a_bar_counts_what_waits_for_a_retry() {
    let server = Server::build()
        .route("/0", ok("x"))
        .otherwise(reply(503, &[("Retry-After", "50")], ""))
        .start();
    let fetch = Fetch::new().terminal().args(["--retry", "1", "-j1"]);
    let list = server.list(2);
    let run = fetch
        .file("list", &list)
        .args(["list", &server.url("/2")])
        .spawn();
    run.screen.wait_for(" 1/3 ETA ");
    run.screen.wait_for(" waiting, ");
    run.signal(Signal::INT);
    run.wait().exits(130);
}

#[test]
fn a_signal_shows_the_progress_in_a_line() {
    for (args, terminal) in [
        (&[][..], false),
        (&["-q"], false),
        (&["--no-progress"], false),
        (&["--no-progress"], true),
        (&[], true),
    ] {
        let gate = Gate::new();
        let held = Script::new()
            .wait(&gate)
            .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let server = Server::build().route("/0", ok("x")).otherwise(held).start();
        let list = server.list(5);
        let fetch = Fetch::new()
            .file("list", list)
            .args(["-j2", "list"])
            .args(args);
        let fetch = if terminal { fetch.terminal() } else { fetch };
        let run = fetch.spawn();
        let shown = if terminal { &run.screen } else { &run.stderr };
        server.wait_for_requests(3);
        run.signal(Signal::USR1);
        shown.wait_for(" done, 0 failed, 2 in flight, 0 waiting, ");
        gate.open();
        let out = run.wait().exits(0);
        assert_eq!(out.screen().is_empty(), !terminal);
    }
}

#[test]
fn a_short_run_without_a_terminal_shows_no_progress() {
    let server = site();
    let out = Fetch::new().stdin(server.list(2)).run().exits(1);
    assert!(!out.stderr().contains(" done, "), "{}", out.stderr());
}
