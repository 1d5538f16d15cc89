//! `--dry-run`: the list is read, and nothing is sent.

use std::io::Write as _;

use crate::support::{Fetch, Output, Server};

/// A dry run whose reader leaves before anything is printed.
fn dry_run_unread(list: &str) -> Output {
    let mut run = Fetch::new().args(["--dry-run", "-"]).stdin_open().spawn();
    run.close_stdout();
    // A run that ends early does not read all of the list.
    let _ = run.take_stdin().write_all(list.as_bytes());
    run.wait()
}

#[test]
fn a_dry_run_reads_and_sends_nothing() {
    let server = Server::build().may_stay_unasked().start();
    Fetch::jsonl()
        .args(["--dry-run", "-"])
        .stdin(server.list(3))
        .run()
        .exits(0);
    Fetch::jsonl()
        .args(["--dry-run", "-"])
        .stdin(format!("{}http://[\n", server.list(3)))
        .run()
        .exits(1);
    assert!(server.requests().is_empty() && server.connections() == 0);
}

#[test]
fn a_dry_run_whose_reader_left_ends_quietly() {
    for count in [1, 100_000] {
        let out = dry_run_unread(&"http://127.0.0.1/\n".repeat(count)).exits(141);
        assert_eq!(out.stderr(), "");
    }
}

#[test]
fn a_dry_run_shows_the_first_invalid_lines_and_counts_the_others() {
    let list: String = (0..8).map(|n| format!("a.example,{n}\n")).collect();
    for (bad, more) in [(5, ""), (8, "fetch: … and 3 more that are invalid\n")] {
        let list: String = list
            .lines()
            .take(bad)
            .map(|line| format!("{line}\n"))
            .collect();
        let out = Fetch::new()
            .args(["--dry-run", "-"])
            .stdin(list)
            .run()
            .exits(1);
        let invalid: String = (1..=5)
            .map(|line| {
                format!("fetch: -:{line}: invalid_url: not a URL: no host name contains ','; for a table, use --input csv\n")
            })
            .collect();
        let hint = "fetch: warning: -: looks like a table, not like a list of URLs; \
                    with a header that names the column url, try: fetch - --input csv\n";
        assert_eq!(out.stderr(), format!("{invalid}{hint}{more}"));
        assert_eq!(
            out.lines()[0],
            format!("{bad} inputs, 0 to fetch, {bad} invalid")
        );
    }
}

#[test]
fn one_input_is_counted_in_the_singular() {
    for (list, counted) in [
        ("http://a/\n", "1 input, 1 to fetch, 0 invalid\n"),
        (
            "http://a/\nhttp://b/\n",
            "2 inputs, 2 to fetch, 0 invalid\n",
        ),
    ] {
        let out = Fetch::new().args(["--dry-run", "-"]).stdin(list).run();
        assert_eq!(out.exits(0).lines()[0], counted.trim_end());
    }
}

#[test]
fn a_dry_run_says_that_it_does_not_read_the_journal() {
    let dry = Fetch::new().args(["--dry-run", "--journal", "run.jsonl", "-"]);
    let out = dry.stdin("http://a/\n").run().exits(0);
    let said = "fetch: warning: --dry-run does not read the journal\n";
    assert_eq!(out.stderr(), said);
    assert!(out.names().is_empty());
}

#[test]
fn exit_zero_applies_to_a_dry_run() {
    let list = "http://127.0.0.1/\nhttp://[\n";
    let dry = || Fetch::new().args(["--dry-run", "-"]).stdin(list);
    let out = dry().arg("--exit-zero").run().exits(0);
    assert_eq!(out.stdout(), dry().run().exits(1).stdout());
    let said = "fetch: -:2: invalid_url: not a URL: ";
    assert!(out.stderr().starts_with(said), "{}", out.stderr());
}

/// What a dry run of 12 URLs of one host, 3 of another, one of it at another port, and a bad line prints.
fn of_a_list_of_three_hosts(args: &[&str]) -> Vec<String> {
    let list: String = (0..12)
        .map(|number| format!("https://heavy.example/{number}\n"))
        .chain((0..3).map(|number| format!("http://light.example/{number}\n")))
        .chain([
            "http://light.example:81/\n".to_owned(),
            "nope://x\n".to_owned(),
        ])
        .collect();
    let out = Fetch::new()
        .args(["--dry-run", "-"])
        .args(args)
        .stdin(list)
        .run()
        .exits(1);
    out.lines().iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_dry_run_shows_the_heaviest_hosts() {
    let lines = of_a_list_of_three_hosts(&[]);
    assert_eq!(
        lines,
        [
            "17 inputs, 16 to fetch, 1 invalid",
            "",
            "the heaviest hosts:",
            "      INPUTS  SHARE  HOST",
            "          12  75.0%  heavy.example:443",
            "           3  18.8%  light.example:80",
            "           1   6.3%  light.example:81",
        ]
    );
    // Of many hosts, the heaviest.
    let list: String = (0..20)
        .flat_map(|host| (0..=host).map(move |url| format!("http://h{host}.example/{url}\n")))
        .collect();
    let out = Fetch::new().args(["--dry-run", "-"]).stdin(list).run();
    let out = out.exits(0);
    let hosts = out.lines();
    assert_eq!(hosts.len(), 4 + 5);
    assert!(hosts[4].ends_with(" h19.example:80"), "{hosts:?}");
    assert!(hosts[8].ends_with(" h15.example:80"), "{hosts:?}");
}

#[test]
fn a_dry_run_shows_the_least_time_that_caps_and_rates_allow() {
    let plain = of_a_list_of_three_hosts(&[]);
    let limited = |args: &[&str]| {
        let lines = of_a_list_of_three_hosts(args);
        assert_eq!(lines[..plain.len()], plain);
        assert_eq!(lines[plain.len()], "");
        lines[plain.len() + 1..].to_vec()
    };
    assert_eq!(
        limited(&[
            "--rate",
            "2/m",
            "--rate-per-host",
            "1/s",
            "--max-per-host",
            "5"
        ]),
        [
            "--rate: at least 7m 30s for 16 URLs",
            "--rate-per-host: at least 11s for 12 URLs of heavy.example:443",
            "--max-per-host 5: 12 URLs of heavy.example:443 take at least 300ms if a request takes 100ms",
        ]
    );
    // As many as -j are no cap.
    assert_eq!(of_a_list_of_three_hosts(&["--max-per-host", "10"]), plain);
}

#[test]
fn a_dry_run_of_a_shard_counts_its_own_requests_under_the_limits() {
    let list: String = (0..12)
        .map(|number| format!("http://heavy.example/{number}\n"))
        .collect();
    let last_lines: Vec<String> = (0..2)
        .map(|shard| {
            let out = Fetch::new()
                .args(["--dry-run", "-", "--rate-per-host", "1/s"])
                .args(["--shard", &format!("{shard}/2")])
                .stdin(&list)
                .run()
                .exits(0);
            (*out.lines().last().unwrap()).to_owned()
        })
        .collect();
    let least = "--rate-per-host: at least 11s for 12 URLs of heavy.example:80";
    let of_its_shard = last_lines.iter().filter(|line| *line == least);
    assert_eq!(of_its_shard.count(), 1, "{last_lines:?}");
}

#[test]
fn a_dry_run_of_an_empty_list_has_no_hosts_and_no_times() {
    let args = ["--dry-run", "-", "--rate", "1/s", "--rate-per-host", "1/s"];
    let out = Fetch::new().args(args).stdin("# none\n").run().exits(0);
    assert_eq!(out.stdout(), "0 inputs, 0 to fetch, 0 invalid\n");
}
