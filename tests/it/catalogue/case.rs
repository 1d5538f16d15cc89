//! What the cases of the catalogue share.

use std::io::Write as _;

use serde_json::Value;

use crate::support::{
    Fetch, Limit, Request, Script, Server, Stream, http2, record::RecordExt as _, with_time_enough,
};

/// A placeholder for a time limit in the options of a case, which is as long as the machine needs.
pub(super) const LIMIT: &str = "LIMIT";

/// Declares a test for each case: its name, its options, the script of the server, the verdict, and a part of the
/// message.
macro_rules! cases {
    ($(
        $(#[$attribute:meta])*
        $name:ident $([$($arg:expr),* $(,)?])?: $script:expr => $verdict:expr $(, $said:expr)?;
    )*) => {$(
        $(#[$attribute])*
        #[test]
        fn $name() {
            let record = $crate::catalogue::case::answered($script, &[$($($arg),*)?], $verdict);
            let _ = &record;
            $(
                let message = $crate::support::record::RecordExt::message(&record);
                assert!(message.contains($said), "{message}");
            )?
        }
    )*};
}
pub(super) use cases;

/// Sends these bytes and closes the connection.
pub(super) fn raw(answer: impl AsRef<[u8]>) -> Script {
    Script::new().send(answer).close()
}

/// The record of a URL whose server runs this script, fetched together with healthy URLs.
#[track_caller]
pub(super) fn answered(script: Script, args: &[&str], verdict: &str) -> Value {
    let server = Server::always(script);
    let url = server.url("/a");
    if args.contains(&LIMIT) {
        let fetch = |limit: Limit| {
            let limit = limit.to_string();
            let args = args.iter().map(|arg| arg.replace(LIMIT, &limit));
            Fetch::jsonl().args(args)
        };
        beside_with_a_limit(fetch, &url, verdict)
    } else {
        beside(Fetch::jsonl().args(args), &url, verdict)
    }
}

/// The record of a URL, fetched together with healthy URLs.
#[track_caller]
pub(super) fn beside(fetch: Fetch, url: &str, verdict: &str) -> Value {
    let neighbour = Server::always(http2::answer(b"unharmed").run(unharmed));
    beside_with(&neighbour, fetch, url, verdict)
}

/// The record of a URL that runs into a time limit, fetched together with healthy URLs. On a busy machine the healthy
/// ones may run into the limit too, or the URL may do so too early, and then a longer limit is tried.
#[track_caller]
pub(super) fn beside_with_a_limit(
    fetch: impl Fn(Limit) -> Fetch,
    url: &str,
    verdict: &str,
) -> Value {
    let neighbour = Server::always(http2::answer(b"unharmed").run(unharmed));
    with_time_enough(|limit| {
        let record = tried(&neighbour, fetch(limit), url, verdict)
            .inspect_err(|why| report(limit, why))
            .ok()?;
        // It was this limit, and none of the default ones; an unanswered ping comes before its limit.
        let message = record.message();
        let names_the_limit = message.contains(&limit.to_string()) || message.contains("ping");
        assert!(
            names_the_limit || verdict.contains("body/body"),
            "{message}"
        );
        Some(record)
    })
}

/// The record of a URL. Its neighbours, which come before and after it in the list, must be ok.
#[track_caller]
pub(super) fn beside_with(neighbour: &Server, fetch: Fetch, url: &str, verdict: &str) -> Value {
    tried(neighbour, fetch, url, verdict).unwrap_or_else(|why| panic!("{why}"))
}

/// Shows why a limit was too short, in case that it was not.
#[expect(clippy::print_stderr, reason = "explains the failure")]
fn report(limit: Limit, why: &str) {
    eprintln!("within {limit}: {why}");
}

/// As [`beside_with`], but a wrong outcome is returned as an error.
#[track_caller]
fn tried(neighbour: &Server, fetch: Fetch, url: &str, verdict: &str) -> Result<Value, String> {
    let out = fetch
        .args(["-j", "2", &neighbour.url("/0"), url, &neighbour.url("/1")])
        .run();
    let mut records = out.in_order();
    assert_eq!(records.len(), 3, "{}", out.stderr());
    let record = records.remove(1);
    if record.verdict() != verdict {
        return Err(format!("{} {}", record.verdict(), record["error"]));
    }
    for record in records {
        if record.verdict() != "ok" {
            return Err(format!("a neighbour: {}", record["error"]));
        }
        let size = if record["method"] == "HEAD" { 0 } else { 8 };
        assert_eq!(record["size"], size, "{record}");
    }
    assert_eq!(out.code(), i32::from(verdict != "ok"), "{}", out.stderr());
    Ok(record)
}

/// A healthy answer, which suits HEAD too. The preface of HTTP/2 has been answered before.
pub(super) fn unharmed(request: &Request, stream: &mut Stream) {
    if http2::is_preface(request) {
        return;
    }
    let body = if request.method == "HEAD" {
        ""
    } else {
        "unharmed"
    };
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{body}");
}
