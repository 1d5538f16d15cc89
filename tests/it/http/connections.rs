//! Connections that are used again, and servers that close them meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::support::{Fetch, Script, Server, record::RecordExt as _};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The targets of all requests that were read but not answered.
type Swallowed = Arc<Mutex<Vec<String>>>;

/// Answers the first request of a connection and reads the second one without answering it.
fn once_a_connection(swallowed: &Swallowed) -> Script {
    let swallowed = Arc::clone(swallowed);
    Script::new().send(OK).run(move |_, stream| {
        if let Some(head) = stream.read_until(b"\r\n\r\n") {
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap();
            swallowed.lock().unwrap().push(target.to_owned());
        }
    })
}

#[test]
fn connections_that_end_at_the_second_request_fail_no_get() {
    let swallowed = Swallowed::default();
    for jobs in ["1", "2", "10"] {
        for (ending, script) in [
            ("closed", once_a_connection(&swallowed).close()),
            ("reset", once_a_connection(&swallowed).reset()),
            ("closed at once", Script::new().send(OK).close()),
        ] {
            let server = Server::always(script);
            let out = Fetch::jsonl()
                .args(["-j", jobs, "-"])
                .stdin(server.list(300))
                .run();
            let records = out.records();
            assert_eq!(records.len(), 300);
            for record in records {
                assert_eq!(record["outcome"], "ok", "-j {jobs}, {ending}: {record}");
                assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{record}");
            }
        }
    }
    assert!(
        !swallowed.lock().unwrap().is_empty(),
        "no connection was used again: nothing was tested"
    );
}

#[test]
fn connections_that_end_at_the_second_request_get_no_post_twice() {
    for jobs in ["1", "2", "10"] {
        for resets in [false, true] {
            let swallowed = Swallowed::default();
            let script = once_a_connection(&swallowed);
            let server = Server::always(if resets {
                script.reset()
            } else {
                script.close()
            });
            let out = Fetch::jsonl()
                .args(["-j", jobs, "--retry", "2", "--retry-delay", "1ms"])
                .args(["-d", "pay", "-"])
                .stdin(server.list(100))
                .run();
            let mut arrived = HashMap::<_, usize>::new();
            for target in swallowed.lock().unwrap().drain(..).chain(server.targets()) {
                *arrived.entry(target).or_default() += 1;
            }
            let twice: Vec<_> = arrived.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "-j {jobs}: {twice:?}");
            let records = out.records();
            assert_eq!(records.len(), 100);
            let answered = server.requests().len();
            let well = records.iter().filter(|record| record["outcome"] == "ok");
            assert_eq!(well.count(), answered, "-j {jobs}");
            for record in records.iter().filter(|record| record["outcome"] != "ok") {
                assert_eq!(record.verdict(), "error connect/headers", "{record}");
            }
        }
    }
}
