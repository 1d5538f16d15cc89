//! Sockets that std cannot create. tokio can, and is a dependency anyway.

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Runtime},
};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_io().build().unwrap()
}

/// Makes the last close of the socket send a reset.
pub(crate) fn linger_not(tcp: &TcpStream) {
    let runtime = runtime();
    let _inside = runtime.enter();
    let copy = tcp.try_clone().unwrap();
    copy.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(copy)
        .unwrap()
        .set_zero_linger()
        .unwrap();
}

/// A port that is bound, so that nobody else gets it, and that refuses connections.
pub(crate) struct Refusing {
    socket: TcpSocket,
    _runtime: Runtime,
}

impl Refusing {
    pub(crate) fn new() -> Self {
        let runtime = runtime();
        let socket = {
            let _inside = runtime.enter();
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
            socket
        };
        Self {
            socket,
            _runtime: runtime,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }
}

/// A port whose queue of connections is full and never served, so that connecting never ends.
pub(crate) struct Overrun {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
    _runtime: Runtime,
}

impl Overrun {
    pub(crate) fn new() -> Self {
        let runtime = runtime();
        let listener = {
            let _inside = runtime.enter();
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
            socket.listen(0).unwrap()
        };
        let address = listener.local_addr().unwrap();
        let waiting = std::iter::from_fn(|| {
            TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok()
        });
        Self {
            _waiting: waiting.take(64).collect(),
            listener,
            _runtime: runtime,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }
}
