//! What the cases of the catalogue have in common.

use std::io::Write as _;

use serde_json::Value;

use crate::support::{
    Fetch, PATIENCE, Request, Script, Server, Stream, http2, record::RecordExt as _,
};

/// Cases of one shape, a test each: name, options, what the server does, verdict, and what the message says.
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

/// These bytes, and the end of the connection.
pub(super) fn raw(answer: impl AsRef<[u8]>) -> Script {
    Script::new().send(answer).close()
}

/// What comes of a URL whose server does this, asked once, beside healthy ones.
#[track_caller]
pub(super) fn answered(script: Script, args: &[&str], verdict: &str) -> Value {
    let server = Server::always(script);
    beside(Fetch::jsonl().args(args), &server.url("/a"), verdict)
}

/// What comes of a URL beside healthy ones.
#[track_caller]
pub(super) fn beside(fetch: Fetch, url: &str, verdict: &str) -> Value {
    let neighbour = Server::always(http2::answer(b"unharmed").run(unharmed));
    beside_with(&neighbour, fetch, url, verdict)
}

/// What comes of a URL, whose neighbours, asked before and after it, must be none the worse for it, and whose run must
/// end soon.
#[track_caller]
pub(super) fn beside_with(neighbour: &Server, fetch: Fetch, url: &str, verdict: &str) -> Value {
    let out = fetch
        .args(["-j", "2", &neighbour.url("/0"), url, &neighbour.url("/1")])
        .run();
    let mut records = out.in_order();
    assert_eq!(records.len(), 3, "{}", out.stderr());
    let record = records.remove(1);
    assert_eq!(record.verdict(), verdict, "{}", record["error"]);
    for record in records {
        assert_eq!(record.verdict(), "ok", "a neighbour: {}", record["error"]);
        let size = if record["method"] == "HEAD" { 0 } else { 8 };
        assert_eq!(record["size"], size, "{record}");
    }
    assert_eq!(out.code(), i32::from(verdict != "ok"), "{}", out.stderr());
    assert!(out.elapsed < PATIENCE / 3, "{:?}", out.elapsed);
    record
}

/// A healthy answer, to HEAD too; what begins HTTP/2 has had its own.
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
