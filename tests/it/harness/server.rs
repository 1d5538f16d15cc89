//! The scripted server keeps its own promises.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::support::{Gate, Script, Server, answer, ok, port};

fn connect(server: &Server) -> TcpStream {
    let tcp = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    tcp.set_read_timeout(Some(crate::support::PATIENCE))
        .unwrap();
    tcp
}

fn ask(tcp: &mut TcpStream, path: &str) {
    tcp.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi").as_bytes(),
    )
    .unwrap();
}

#[test]
fn it_answers_by_path_in_turn_and_remembers() {
    let server = Server::build()
        .route_in_turn("/a", [answer(500, "no"), ok("yes")])
        .start();
    let mut tcp = connect(&server);
    for (status, body) in [("500", "no"), ("200", "yes"), ("200", "yes")] {
        ask(&mut tcp, "/a?q");
        let mut piece = [0; 1024];
        let length = tcp.read(&mut piece).unwrap();
        let text = std::str::from_utf8(&piece[..length]).unwrap();
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")) && text.ends_with(body),
            "{text}"
        );
    }
    assert_eq!(server.targets(), ["/a?q"; 3]);
    assert_eq!(server.requests()[1].body_text(), "hi");
    assert!(
        server
            .requests()
            .is_sorted_by_key(|request| request.arrived)
    );
    assert_eq!(
        (
            server.connections(),
            server.peak(),
            server.peak_connections()
        ),
        (1, 1, 1)
    );
}

#[test]
fn a_gate_holds_an_answer_and_close_closes_the_connection() {
    let gate = Gate::new();
    let server = Server::at(
        "/a",
        Script::new().send("one").wait(&gate).send("two").close(),
    );
    let mut tcp = connect(&server);
    ask(&mut tcp, "/a");
    let mut piece = [0; 16];
    assert_eq!(tcp.read(&mut piece).unwrap(), 3);
    gate.open();
    let mut rest = String::new();
    tcp.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "two");
}

#[test]
fn reset_resets_the_connection() {
    let server = Server::at("/a", Script::new().reset());
    let mut tcp = connect(&server);
    ask(&mut tcp, "/a");
    assert_eq!(
        tcp.read(&mut [0; 16]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn dropping_the_server_ends_open_connections() {
    let server = Server::at("/a", Script::new().silence());
    let mut tcp = connect(&server);
    ask(&mut tcp, "/a");
    server.wait_for_requests(1);
    drop(server);
    assert_eq!(tcp.read(&mut [0; 16]).unwrap_or(0), 0);
}

#[test]
#[should_panic(expected = "no one asked")]
fn a_server_without_requests_fails_its_test() {
    drop(Server::always(ok("")));
}

#[test]
fn a_refusing_port_refuses_and_an_overrun_one_keeps_waiting() {
    let refusing = port::Refusing::new();
    let overrun = port::Overrun::new();
    assert_eq!(
        TcpStream::connect(refusing.address()).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    let error =
        TcpStream::connect_timeout(&overrun.address(), Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
