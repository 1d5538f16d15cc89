//! Lists that are long enough for several threads.

use std::thread::available_parallelism;

use rustix::process::Signal;

use crate::support::{Fetch, Folder, Gate, Script, Server, begin, http2, ok, text::bytes, tls};

/// Enough URLs for all threads.
const MANY: usize = 100;

/// A server that holds all requests until the gate opens.
fn held(gate: &Gate) -> Server {
    Server::always(
        Script::new()
            .wait(gate)
            .send("HTTP/1.1 204 No Content\r\n\r\n"),
    )
}

#[test]
fn a_long_list_is_fetched_by_more_threads_than_a_short_one() {
    let threads = |count: usize| {
        let gate = Gate::new();
        let server = held(&gate);
        let mut run = Fetch::jsonl().args(["-j", "100"]).stdin_open().spawn();
        run.write(server.list(count));
        server.wait_for_requests(count);
        // The input is still open, so the thread that reads it counts in either run.
        let threads = run.threads();
        gate.open();
        assert_eq!(run.wait().exits(0).records().len(), count);
        assert_eq!(server.peak(), count);
        threads
    };
    let (few, many) = (threads(30), threads(MANY));
    let cores = available_parallelism().unwrap().get();
    assert_eq!(many > few, cores > 1, "{few} {many}");
    assert!(many < few + cores, "{few} {many}");
}

#[test]
fn the_descriptor_table_is_enlarged_in_advance() {
    for (jobs, least) in [(10, 64), (100, 256), (900, 1024)] {
        let gate = Gate::new();
        let server = held(&gate);
        let run = Fetch::jsonl()
            .args(["-j", &jobs.to_string()])
            .stdin(server.list(1))
            .spawn();
        server.wait_for_requests(1);
        let room = run.room_for_descriptors();
        gate.open();
        assert_eq!(run.wait().exits(0).records().len(), 1);
        assert!(room >= least, "{jobs} {room}");
    }
}

#[test]
fn a_long_list_of_one_origin_over_http2_keeps_to_one_connection() {
    let server = Server::build()
        .tls(tls::server(&["127.0.0.1"], &["h2"]))
        .otherwise(http2::answer(b"x"))
        .start();
    let out = Fetch::jsonl()
        .trusting()
        .args(["-j", "50"])
        .stdin(server.list(10 * MANY))
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 10 * MANY);
    assert_eq!(server.connections(), 1);
}

#[test]
fn max_per_host_holds_across_threads() {
    let server = Server::build()
        .otherwise(ok("x"))
        .on_all_addresses()
        .start();
    let list: String = (0..10 * MANY)
        .map(|number| server.url_as(&format!("127.0.0.{}", number % 20 + 1), "/\n"))
        .collect();
    let out = Fetch::jsonl()
        .args(["-j", "100", "--max-per-host", "2"])
        .stdin(list)
        .run()
        .exits(0);
    assert_eq!(out.records().len(), 10 * MANY);
    assert!(server.peak() <= 40, "{}", server.peak());
    assert!(
        server.peak_connections() <= 45,
        "{}",
        server.peak_connections()
    );
}

#[test]
fn connections_of_a_few_hosts_are_reused_across_threads() {
    let server = Server::build()
        .otherwise(
            Script::new()
                .pause(5)
                .send("HTTP/1.1 204 No Content\r\n\r\n"),
        )
        .on_all_addresses()
        .start();
    let list: String = (0..10 * MANY)
        .map(|number| server.url_as(&format!("127.0.0.{}", number % 7 + 1), "/\n"))
        .collect();
    for args in [&[][..], &["--max-per-host", "9"]] {
        let before = server.connections();
        let fetch = Fetch::jsonl().args(["-j", "50"]).args(args);
        let out = fetch.stdin(&list).run().exits(0);
        assert_eq!(out.records().len(), 10 * MANY);
        let opened = server.connections() - before;
        // Without reuse, each request would open one. How many two threads open at once is a matter of timing.
        assert!(opened <= 10 * MANY / 4, "{opened} {args:?}");
    }
}

#[test]
fn the_second_signal_reaches_every_thread() {
    let gate = Gate::new();
    let server = held(&gate);
    let run = Fetch::jsonl()
        .args(["-j", "100"])
        .stdin(server.list(2 * MANY))
        .spawn();
    server.wait_for_requests(MANY);
    run.signal(Signal::INT);
    run.stderr.wait_for("interrupted");
    run.signal(Signal::INT);
    let out = run.wait().exits(130);
    for record in out.records() {
        assert_eq!(record["outcome"], "cancelled", "{}", record["error"]);
    }
    assert!(out.records().len() >= MANY);
}

#[test]
fn a_reader_that_leaves_while_every_thread_saves_leaves_no_temporary_file() {
    let body = bytes(2_000_000);
    let server = Server::always(begin(&[], &body, 1_000_000).silence());
    let folder = Folder::new();
    let mut run = folder
        .fetch()
        .args(["-j", "100", "-"])
        .stdin(server.list(MANY))
        .spawn();
    server.wait_for_requests(MANY);
    folder.wait_until(|| folder.temporaries().len() == MANY);
    run.close_stdout();
    run.wait().exits(141);
    folder.assert_empty();
}
