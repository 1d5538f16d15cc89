//! Retry-After: the host rests, everyone else goes on.
//!
//! That a host rests is a lower bound: no request but those that were under way arrives before the time is over. That
//! others do not wait is an order: they are done while the host rests for [`LONG`], which no test waits for.

use std::{
    io::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use rustix::process::Signal;

use crate::support::{
    Fetch, Request, Running, Script, Server, answer, ok, record::RecordExt as _, redirect, reply,
};

/// Longer than any test may take.
pub(super) const LONG: &str = "1000";

/// Takes a Retry-After of any length for good.
pub(super) const ANY_LENGTH: [&str; 2] = ["--retry-max-delay", "0"];

const SECOND: Duration = Duration::from_secs(1);

/// An answer that asks to come back later.
pub(super) fn told(status: u16, rest: &str) -> Script {
    reply(status, &[("Retry-After", rest)], "not now")
}

/// Tells the first `count` requests to come back in a second; then all is well.
fn told_first(count: usize) -> Script {
    let asked = AtomicUsize::new(0);
    Script::new().run(move |_, stream| {
        let answer = if asked.fetch_add(1, Ordering::Relaxed) < count {
            "HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
        } else {
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        };
        let _ = stream.write_all(answer.as_bytes());
    })
}

/// How long after this request that one came.
pub(super) fn between(earlier: &Request, later: &Request) -> Duration {
    later.arrived.duration_since(earlier.arrived)
}

/// While the host rests after the answer to `told`, no requests arrive but those that were `under_way`.
#[track_caller]
fn assert_rests(server: &Server, told: &Request, rest: Duration, under_way: usize) {
    let requests = server.requests();
    let early: Vec<_> = requests
        .iter()
        .filter(|request| request.arrived > told.arrived && between(told, request) < rest)
        .map(|request| &request.target)
        .collect();
    assert!(
        early.len() <= under_way,
        "{early:?} came within {rest:?}, and {under_way} may have been under way"
    );
}

/// Ends a run in which requests wait for a host that rests for [`LONG`].
#[track_caller]
fn stop(run: Running) {
    run.signal(Signal::INT);
    run.wait().exits(130);
}

#[test]
fn seconds_are_honoured() {
    for status in [429, 503] {
        let server = Server::build()
            .route_in_turn("/a", [told(status, "1"), ok("x")])
            .start();
        let out = Fetch::jsonl()
            .args(["-v", "--retry", "1", &server.url("/a")])
            .run()
            .exits(0);
        assert!(
            out.stderr().contains("attempt 2 of 2 in 1.000s"),
            "{}",
            out.stderr()
        );
        let requests = server.requests();
        let rest = between(&requests[0], &requests[1]);
        assert!(rest >= SECOND, "{rest:?}");
        let delay = out.record()["attempts"][1]["delay"].as_f64().unwrap();
        // The wait began after the first request and ended before the second.
        assert!(
            (1.0..=rest.as_secs_f64() + 0.001).contains(&delay),
            "{delay} of {rest:?}"
        );
        assert!(out.record()["time_elapsed"].as_f64().unwrap() >= 1.0);
    }
}

#[test]
fn a_date_is_honoured() {
    // A date has whole seconds: of three seconds from now it tells between two and three.
    let began = Instant::now();
    let until = SystemTime::now() + 3 * SECOND;
    let server = Server::build()
        .route_in_turn("/a", [told(503, &http_date(until)), ok("x")])
        .start();
    Fetch::jsonl()
        .args(["--retry", "1", "--retry-delay", "10ms", &server.url("/a")])
        .run()
        .exits(0);
    let rest = server.requests()[1].arrived.duration_since(began);
    assert!(rest >= Duration::from_millis(1900), "{rest:?}");
}

/// The form of RFC 9110, with Hinnant's way from days to a date.
pub(super) fn http_date(time: SystemTime) -> String {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let (days, second) = (seconds / 86400, seconds % 86400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let name = |names: &str, number: u64| {
        let names: Vec<_> = names.split(' ').map(str::to_owned).collect();
        names[usize::try_from(number).unwrap()].clone()
    };
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        name("Thu Fri Sat Sun Mon Tue Wed", days % 7),
        name("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", month - 1),
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[test]
fn dates_of_the_tests_are_right() {
    let at = |seconds| http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(at(1_709_164_800), "Thu, 29 Feb 2024 00:00:00 GMT");
}

#[test]
fn zero_seconds_and_a_date_in_the_past_are_no_rest() {
    for rest in ["0", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let server = Server::build()
            .route_in_turn("/a", [told(503, rest), ok("x")])
            .start();
        // The back-off would be an hour.
        Fetch::jsonl()
            .args(["--retry", "1", "--retry-delay", "1h"])
            .args(ANY_LENGTH)
            .arg(server.url("/a"))
            .run()
            .exits(0);
    }
}

#[test]
fn it_beats_the_back_off_whether_that_is_longer_or_shorter() {
    for back_off in ["10ms", "1h"] {
        let server = Server::build()
            .route_in_turn("/a", [told(429, "1"), ok("x")])
            .start();
        Fetch::jsonl()
            .args(["--retry", "1", "--retry-delay", back_off])
            .arg(server.url("/a"))
            .run()
            .exits(0);
        let requests = server.requests();
        let rest = between(&requests[0], &requests[1]);
        assert!(rest >= SECOND, "{back_off}: {rest:?}");
    }
}

#[test]
fn the_whole_host_rests() {
    let server = Server::build()
        .route_in_turn("/0", [told(429, "1"), ok("x")])
        .otherwise(ok("x"))
        .start();
    let out = Fetch::jsonl()
        .args(["--retry", "1", "-j1"])
        .stdin(server.list(10))
        .run()
        .exits(0);
    assert_eq!(server.requests().len(), 11);
    assert_rests(&server, &server.requests()[0], SECOND, 0);
    for record in out.records() {
        let attempts = if record["index"] == 0 { 2 } else { 1 };
        assert_eq!(
            record["attempts"].as_array().unwrap().len(),
            attempts,
            "a URL that waits for its host makes no attempt: {record}"
        );
    }
}

#[test]
fn other_hosts_go_on_while_one_rests() {
    let server = Server::build()
        .route_in_turn("/0", [told(429, LONG), ok("x")])
        .otherwise(ok("x"))
        .start();
    let other = Server::always(ok("x"));
    let mut run = Fetch::jsonl()
        .args(["--retry", "1", "-j1"])
        .args(ANY_LENGTH)
        .stdin(server.list(10) + &other.list(40))
        .spawn();
    for _ in 0..40 {
        let record = run.record();
        assert!(
            record.text("url").starts_with(&other.url("/")),
            "the host rests: {record}"
        );
    }
    stop(run);
    server.request();
}

#[test]
fn a_host_is_a_name_and_a_port() {
    let server = Server::build()
        .on_all_addresses()
        .route_in_turn("/told", [told(503, LONG), ok("x")])
        .otherwise(ok("x"))
        .start();
    let other_port = Server::always(ok("x"));
    let list = [
        server.url_as("127.0.0.1", "/told"),
        server.url_as("127.0.0.1", "/same"),
        server.url_as("127.0.0.2", "/name"),
        other_port.url("/port"),
    ];
    let mut run = Fetch::jsonl()
        .args(["--retry", "1", "-j1"])
        .args(ANY_LENGTH)
        .args(list)
        .spawn();
    assert_eq!(run.record()["index"], 2);
    assert_eq!(run.record()["index"], 3);
    stop(run);
    assert_eq!(server.targets(), ["/told", "/name"]);
}

#[test]
fn urls_of_a_host_that_rests_hold_no_slot() {
    let server = Server::always(told(429, LONG));
    let other = Server::always(ok("x"));
    let mut run = Fetch::jsonl()
        .args(["--retry", "2", "-j2"])
        .args(ANY_LENGTH)
        .stdin(server.list(8) + &other.list(50))
        .spawn();
    for _ in 0..50 {
        assert!(run.record()["index"].as_u64().unwrap() >= 8);
    }
    stop(run);
    let early = server.requests().len();
    assert!((1..=2).contains(&early), "{early} were told at -j 2");
}

#[test]
fn urls_of_a_host_that_rests_are_fetched_afterwards() {
    let server = Server::always(told_first(1));
    let out = Fetch::jsonl()
        .args(["--retry", "2", "-j2"])
        .stdin(server.list(8))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 8);
    assert_eq!(server.requests().len(), 9);
    assert_rests(&server, &server.requests()[0], SECOND, 1);
}

#[test]
fn a_retry_that_waits_for_a_slot_waits_for_the_host_too() {
    // The back-off of the first ends while the second has the only slot.
    let told_at = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&told_at);
    let late = Script::new()
        .pause(500)
        .run(move |_, _| *noted.lock().unwrap() = Some(Instant::now()))
        .send("HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
    let server = Server::build()
        .route_in_turn("/0", [answer(503, "no"), answer(503, "no"), ok("x")])
        .route_in_turn("/1", [late, ok("x")])
        .start();
    Fetch::jsonl()
        .args(["--retry", "5", "--retry-delay", "200ms", "-j1"])
        .stdin(server.list(2))
        .run()
        .exits(0);
    let told_at = told_at.lock().unwrap().unwrap();
    for request in server.requests() {
        let after = request.arrived.saturating_duration_since(told_at);
        assert!(
            after.is_zero() || after >= SECOND,
            "{} was asked {after:?} into the rest",
            request.target
        );
    }
}

/// A host that is told to rest, one whose redirect leads there, and a list: the redirect, another URL of the one, and
/// another of the other.
fn told_by_way_of_a_redirect(rest: &str) -> (Server, Server, [String; 3]) {
    let server = Server::build()
        .route_in_turn("/told", [told(429, rest), ok("x")])
        .otherwise(ok("x"))
        .start();
    let leading = Server::build()
        .route("/lead", redirect(302, &server.url("/told")))
        .otherwise(ok("x"))
        .start();
    let list = [
        leading.url("/lead"),
        leading.url("/other"),
        server.url("/other"),
    ];
    (server, leading, list)
}

#[test]
fn the_host_that_said_so_rests() {
    let (server, _leading, list) = told_by_way_of_a_redirect("1");
    Fetch::jsonl()
        .args(["--retry", "1", "-j1"])
        .args(list)
        .run()
        .exits(0);
    assert_eq!(server.targets()[0], "/told");
    assert_rests(&server, &server.requests()[0], SECOND, 0);
}

#[test]
fn the_host_whose_redirect_led_there_does_not_rest() {
    let (_server, _leading, list) = told_by_way_of_a_redirect(LONG);
    let mut run = Fetch::jsonl()
        .args(["--retry", "1", "-j1"])
        .args(ANY_LENGTH)
        .args(list)
        .spawn();
    assert_eq!(run.record()["index"], 1);
    stop(run);
}

#[test]
fn a_redirect_to_a_host_that_rests_waits_for_it() {
    for rest in ["1", LONG] {
        let server = Server::build()
            .route_in_turn("/told", [told(429, rest), ok("x")])
            .otherwise(ok("x"))
            .start();
        let leading = Server::always(redirect(302, &server.url("/target")));
        let run = Fetch::jsonl()
            .args(["--retry", "1", "-j1"])
            .args(ANY_LENGTH)
            .args([server.url("/told"), leading.url("/lead")])
            .spawn();
        if rest == LONG {
            // The host that leads there is asked while the other rests.
            leading.wait_for_requests(1);
            stop(run);
            server.request();
        } else {
            run.wait().exits(0);
            assert_rests(&server, &server.requests()[0], SECOND, 0);
        }
    }
}

#[test]
fn the_answer_to_the_last_attempt_brings_about_a_rest_too() {
    let server = Server::build()
        .route_in_turn("/0", [answer(503, "no"), told(429, "1")])
        .otherwise(ok("x"))
        .start();
    // The other URL of the host comes when the last attempt has been made.
    let mut run = Fetch::jsonl()
        .args(["--retry", "1", "--retry-delay", "0", "-j1"])
        .stdin_open()
        .spawn();
    run.write(server.url("/0\n"));
    assert_eq!(run.record().verdict(), "http_error 429");
    run.write(server.url("/1\n"));
    run.wait().exits(1);
    assert_rests(&server, &server.requests()[1], SECOND, 0);
}

#[test]
fn one_job_and_everything_told_to_rest_ends() {
    let server = Server::always(told_first(2));
    let out = Fetch::jsonl()
        .args(["--retry", "2", "-j1", "--max-per-host", "1"])
        .stdin(server.list(20))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 20);
    for told in &server.requests()[..2] {
        assert_rests(&server, told, SECOND, 0);
    }
}

#[test]
fn the_longest_of_several_rests_counts() {
    let late = Script::new()
        .pause(100)
        .send("HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
    let server = Server::build()
        .route_in_turn("/0", [told(503, "2"), ok("x")])
        .route_in_turn("/1", [late, ok("x")])
        .otherwise(ok("x"))
        .start();
    Fetch::jsonl()
        .args(["--retry", "1", "-j2"])
        .stdin(server.list(6))
        .run()
        .exits(0);
    assert_rests(&server, &server.requests()[0], 2 * SECOND, 1);
}
