//! Retry-After: the host rests, everyone else goes on.

use std::time::{Duration, Instant, SystemTime};

use crate::support::{
    Fetch, PATIENCE, Request, Script, Server, answer, ok, record::RecordExt as _, redirect, reply,
};

/// What a machine under load may add.
const LATE: Duration = Duration::from_millis(900);

/// What a request needs to be here, counted from the answer that led to it.
const EARLY: Duration = Duration::from_millis(20);

pub(super) fn told(status: u16, rest: &str) -> Script {
    reply(status, &[("Retry-After", rest)], "not now")
}

/// Tells everyone to rest for so long, as long as it is not that old; then all is well.
fn resting(rest: &'static str, until: Duration) -> Script {
    let began = Instant::now();
    Script::new().run(move |_, stream| {
        use std::io::Write as _;
        let answer = if began.elapsed() < until {
            format!("HTTP/1.1 429 X\r\nRetry-After: {rest}\r\nContent-Length: 0\r\n\r\n")
        } else {
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
        };
        let _ = stream.write_all(answer.as_bytes());
    })
}

/// How long after this request that one came.
pub(super) fn between(earlier: &Request, later: &Request) -> Duration {
    later.arrived.duration_since(earlier.arrived)
}

/// Makes sure that no one asked between the rest that this request brought about and its end.
#[track_caller]
fn kept(server: &Server, first: &Request, rest: Duration) {
    for request in server.requests() {
        let after = request.arrived.saturating_duration_since(first.arrived);
        assert!(
            after < Duration::from_millis(250) || after + EARLY >= rest,
            "{} was asked {after:?} into a rest of {rest:?}",
            request.target
        );
    }
}

#[track_caller]
fn arrived(server: &Server, path: &str) -> Instant {
    let requests = server.requests();
    let request = requests.iter().find(|request| request.target == path);
    request.unwrap_or_else(|| panic!("no {path}")).arrived
}

#[test]
fn seconds_are_honoured_to_the_second() {
    for status in [429, 503] {
        let server = Server::build()
            .route_in_turn("/a", [told(status, "1"), ok("x")])
            .start();
        let out = Fetch::jsonl()
            .args(["--retry", "1", &server.url("/a")])
            .run()
            .exits(0);
        let requests = server.requests();
        let rest = between(&requests[0], &requests[1]);
        assert!(
            (Duration::from_secs(1)..Duration::from_secs(1) + LATE).contains(&rest),
            "{rest:?}"
        );
        let delay = out.record()["attempts"][1]["delay"].as_f64().unwrap();
        assert!((1.0..1.9).contains(&delay), "{delay}");
        assert!(out.record()["time_elapsed"].as_f64().unwrap() >= 1.0);
    }
}

#[test]
fn a_date_is_honoured_to_the_second() {
    // Of three seconds from now the date tells between two and three.
    let until = SystemTime::now() + Duration::from_secs(3);
    let server = Server::build()
        .route_in_turn("/a", [told(503, &http_date(until)), ok("x")])
        .start();
    let began = Instant::now();
    Fetch::jsonl()
        .args(["--retry", "1", "--retry-delay", "10ms", &server.url("/a")])
        .run()
        .exits(0);
    let rest = server.requests()[1].arrived.duration_since(began);
    assert!(
        (Duration::from_millis(1900)..Duration::from_secs(3) + LATE).contains(&rest),
        "{rest:?}"
    );
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
fn a_rest_that_is_over_or_none_is_none() {
    for rest in ["0", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let server = Server::build()
            .route_in_turn("/a", [told(503, rest), ok("x")])
            .start();
        let out = Fetch::jsonl()
            .args(["--retry", "1", "--retry-delay", "1h"])
            .args(["--retry-max-delay", "0", &server.url("/a")])
            .run()
            .exits(0);
        assert!(out.elapsed < PATIENCE / 3, "{:?}", out.elapsed);
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
        assert!(
            (Duration::from_secs(1)..Duration::from_secs(1) + LATE).contains(&rest),
            "{back_off}: {rest:?}"
        );
    }
}

#[test]
fn the_whole_host_rests_and_others_go_on() {
    let server = Server::build()
        .route_in_turn("/0", [told(429, "2"), ok("x")])
        .otherwise(ok("x"))
        .start();
    let other = Server::always(ok("x"));
    let list = server.list(10) + &other.list(40);
    let mut run = Fetch::jsonl()
        .args(["--retry", "1", "-j1"])
        .stdin(list)
        .spawn();
    for _ in 0..40 {
        let record = run.record();
        assert!(
            record.text("url").starts_with(&other.url("/")),
            "the host rests: {record}"
        );
    }
    let out = run.wait().exits(0);
    let first = server.requests().remove(0);
    kept(&server, &first, Duration::from_secs(2));
    let done = other.requests().last().unwrap().arrived;
    assert!(
        done.duration_since(first.arrived) < Duration::from_secs(2),
        "the others did not wait"
    );
    assert_eq!(server.requests().len(), 11);
    let begun_again = between(&first, &server.requests()[1]);
    assert!(
        begun_again < Duration::from_secs(2) + LATE,
        "{begun_again:?}"
    );
    let of_others = out.records();
    assert!(
        of_others
            .iter()
            .all(|record| record["attempts"].as_array().unwrap().len()
                == if record["index"] == 0 { 2 } else { 1 }),
        "who waits for the host has made no attempt"
    );
}

#[test]
fn a_host_is_a_name_and_a_port() {
    let server = Server::build()
        .on_all_addresses()
        .route_in_turn("/told", [told(503, "1"), ok("x")])
        .otherwise(ok("x"))
        .start();
    let other_port = Server::always(ok("x"));
    let list = [
        server.url_as("127.0.0.1", "/told"),
        server.url_as("127.0.0.1", "/same"),
        server.url_as("127.0.0.2", "/name"),
        other_port.url("/port"),
    ];
    Fetch::jsonl()
        .args(["--retry", "1", "-j1"])
        .args(list)
        .run()
        .exits(0);
    let first = arrived(&server, "/told");
    let after = |arrived: Instant| arrived.duration_since(first);
    assert!(after(arrived(&server, "/same")) >= Duration::from_secs(1));
    assert!(after(arrived(&server, "/name")) < Duration::from_millis(900));
    assert!(after(arrived(&other_port, "/port")) < Duration::from_millis(900));
}

#[test]
fn eight_that_are_told_to_wait_hold_up_no_one() {
    let server = Server::always(resting("4", Duration::from_secs(3)));
    let other = Server::always(ok("x"));
    let mut run = Fetch::jsonl()
        .args(["--retry", "2", "-j2"])
        .stdin(server.list(8) + &other.list(50))
        .spawn();
    for _ in 0..50 {
        assert!(run.record()["index"].as_u64().unwrap() >= 8);
    }
    let first = server.requests().remove(0);
    let done = first.arrived.elapsed();
    assert!(
        done < Duration::from_secs(2),
        "the others were done after {done:?}"
    );
    let out = run.wait().exits(0);
    assert_eq!(out.records().len(), 58);
    kept(&server, &first, Duration::from_secs(4));
    let early = server.requests().len() - 8;
    assert!((1..=2).contains(&early), "{early} were told at -j 2");
    let last = server.requests().last().unwrap().arrived;
    let took = last.duration_since(first.arrived);
    assert!(took < Duration::from_secs(4) + LATE, "{took:?}");
}

#[test]
fn who_waits_for_a_slot_alone_waits_for_the_host_too() {
    // The back-off of the first ends while the second has the only slot.
    let late = Script::new()
        .pause(500)
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
    let told = arrived(&server, "/1") + Duration::from_millis(500);
    for request in server.requests() {
        let after = request.arrived.saturating_duration_since(told);
        assert!(
            after.is_zero() || after >= Duration::from_secs(1),
            "{} was asked {after:?} into the rest",
            request.target
        );
    }
}

#[test]
fn the_host_that_said_so_rests_not_the_one_that_led_there() {
    let server = Server::build()
        .route_in_turn("/told", [told(429, "2"), ok("x")])
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
    Fetch::jsonl()
        .args(["--retry", "1", "-j1"])
        .args(list)
        .run()
        .exits(0);
    let first = server.requests().remove(0);
    assert_eq!(first.target, "/told");
    kept(&server, &first, Duration::from_secs(2));
    let other = arrived(&leading, "/other").saturating_duration_since(first.arrived);
    assert!(
        other < Duration::from_secs(1),
        "the host that led there was held up for {other:?}"
    );
}

#[test]
fn a_redirect_to_a_host_that_rests_waits_for_it() {
    let server = Server::build()
        .route_in_turn("/told", [told(429, "1"), ok("x")])
        .otherwise(ok("x"))
        .start();
    let leading = Server::always(redirect(302, &server.url("/target")));
    Fetch::jsonl()
        .args(["--retry", "1", "-j1"])
        .args([server.url("/told"), leading.url("/lead")])
        .run()
        .exits(0);
    let first = server.requests().remove(0);
    kept(&server, &first, Duration::from_secs(1));
    let led = arrived(&leading, "/lead").duration_since(first.arrived);
    assert!(led < Duration::from_millis(900), "{led:?}");
}

#[test]
fn the_last_attempt_may_bring_about_a_rest_too() {
    let server = Server::build()
        .route_in_turn("/0", [answer(503, "no"), told(429, "1")])
        .otherwise(ok("x"))
        .start();
    let gone_on = Server::build()
        .route(
            "/late",
            Script::new()
                .pause(300)
                .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        )
        .start();
    // The other URL of the host comes when the last attempt has been made.
    let mut run = Fetch::jsonl()
        .args(["--retry", "1", "--retry-delay", "0", "-j1"])
        .stdin_open()
        .spawn();
    run.write(server.url("/0\n"));
    assert_eq!(run.record().verdict(), "http_error 429");
    run.write(format!("{}\n{}\n", gone_on.url("/late"), server.url("/1")));
    run.wait().exits(1);
    let told = server.requests().remove(1);
    kept(&server, &told, Duration::from_secs(1));
}

#[test]
fn one_job_and_everything_told_to_rest_ends() {
    let server = Server::always(resting("1", Duration::from_millis(500)));
    let out = Fetch::jsonl()
        .args(["--retry", "2", "-j1", "--max-per-host", "1"])
        .stdin(server.list(20))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 20);
    let first = server.requests().remove(0);
    kept(&server, &first, Duration::from_secs(1));
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
    let first = server.requests().remove(0);
    kept(&server, &first, Duration::from_secs(2));
}
