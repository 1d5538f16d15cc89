//! The scripted proxies and the Unix socket keep their own promises.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
};

use crate::support::{
    PATIENCE, Server, ok,
    proxy::{PROXIED, proxy, to},
    socks::{Asked, Manner, Socks},
    unix::Door,
};

fn connect(port: u16) -> TcpStream {
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp
}

/// Sends `question` and reads the answer up to and including `end`.
#[track_caller]
fn answer_to(stream: &mut (impl Read + Write), question: &[u8], end: &[u8]) -> Vec<u8> {
    stream.write_all(question).unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(end) {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "ended: {seen:?}");
        seen.push(byte[0]);
    }
    seen
}

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn a_tunnel_leads_to_the_port_of_the_name() {
    let origin = Server::always(ok("origin"));
    let port = origin.port();
    for script in [proxy(), to(port)] {
        let server = Server::always(script);
        let mut tcp = connect(server.port());
        let connect = format!("CONNECT a.invalid:{port} HTTP/1.1\r\n\r\n");
        answer_to(&mut tcp, connect.as_bytes(), b"established\r\n\r\n");
        for _ in 0..2 {
            answer_to(&mut tcp, GET, b"origin");
        }
        assert_eq!(server.request().target, format!("a.invalid:{port}"));
    }
    assert_eq!((origin.targets().len(), origin.connections()), (4, 2));
}

#[test]
fn a_tunnel_without_a_port_is_closed() {
    let server = Server::always(proxy());
    let mut tcp = connect(server.port());
    tcp.write_all(b"CONNECT a.invalid:x HTTP/1.1\r\n\r\n")
        .unwrap();
    assert_eq!(tcp.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn a_plain_request_is_answered() {
    let server = Server::always(proxy());
    let mut tcp = connect(server.port());
    for _ in 0..2 {
        answer_to(
            &mut tcp,
            b"GET http://a.invalid/ HTTP/1.1\r\n\r\n",
            PROXIED.as_bytes(),
        );
    }
    assert_eq!(server.targets(), ["http://a.invalid/"; 2]);
}

#[test]
fn socks_5_asks_for_a_password_and_connects() {
    let origin = Server::always(ok("origin"));
    let port = origin.port().to_be_bytes();
    let socks = Socks::new(Manner::AsksWho);
    let mut tcp = connect(socks.port());
    answer_to(&mut tcp, &[5, 1, 2], &[5, 2]);
    answer_to(&mut tcp, b"\x01\x02me\x04mine", &[1, 0]);
    let wanted = [&b"\x05\x01\x00\x03\x04name"[..], &port].concat();
    answer_to(&mut tcp, &wanted, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    answer_to(&mut tcp, GET, b"origin");
    let asked = Asked {
        version: 5,
        user: Some(("me".to_owned(), "mine".to_owned())),
        host: "name".to_owned(),
        port: origin.port(),
    };
    assert_eq!((socks.asked(), socks.connections()), (vec![asked], 1));
}

#[test]
fn socks_4_connects_or_refuses() {
    let origin = Server::always(ok("origin"));
    let port = origin.port().to_be_bytes();
    let wanted = [&[4, 1][..], &port, &[127, 0, 0, 1], b"me\0"].concat();
    let socks = Socks::new(Manner::Open);
    let mut tcp = connect(socks.port());
    answer_to(&mut tcp, &wanted, &[0, 90, 0, 0, 0, 0, 0, 0]);
    answer_to(&mut tcp, GET, b"origin");
    assert_eq!(socks.asked()[0].host, "127.0.0.1");
    let refuses = Socks::new(Manner::Refuses(91));
    let mut tcp = connect(refuses.port());
    answer_to(&mut tcp, &wanted, &[0, 91, 0, 0, 0, 0, 0, 0]);
    assert_eq!(tcp.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn a_unix_socket_leads_to_its_server() {
    let server = Server::always(ok("x"));
    let door = Door::to(&server);
    for _ in 0..2 {
        let mut stream = UnixStream::connect(door.path()).unwrap();
        answer_to(&mut stream, GET, b"\r\n\r\nx");
    }
    assert_eq!((server.targets().len(), server.connections()), (2, 2));
}

#[test]
fn assert_untouched_tells_whether_a_server_was_asked() {
    Server::build().start().assert_untouched();
    let asked = Server::always(ok("x"));
    answer_to(&mut connect(asked.port()), GET, b"x");
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| asked.assert_untouched()));
    assert!(found.is_err());
}
