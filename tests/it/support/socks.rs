//! A SOCKS proxy, of version 4 and of version 5, that remembers its requests.

use std::{
    io::Write as _,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use super::{
    Stream,
    tunnel::{carry, dial},
};

/// A request of a client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) version: u8,
    /// The name and the password, if the proxy asked for them.
    pub(crate) user: Option<(String, String)>,
    /// The address or the name, as it was sent.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// How a proxy behaves.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Open,
    /// Demands a name and a password, and accepts any.
    AsksWho,
    /// Demands a name and a password, and rejects all.
    BelievesNoOne,
    /// Accepts no authentication method.
    AcceptsNoMethod,
    /// Refuses to connect, with this code.
    Refuses(u8),
    /// Closes the connection instead of answering the greeting.
    Leaves,
    /// Closes the connection after reading the request.
    LeavesLater,
    /// Answers with something that is not SOCKS.
    Babbles,
    Silent,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    connections: usize,
    stopped: bool,
    open: Vec<TcpStream>,
}

type Shared = Arc<Mutex<State>>;

pub(crate) struct Socks {
    address: SocketAddr,
    shared: Shared,
}

impl Socks {
    /// Starts a proxy that connects to the requested port of this machine, whatever the host.
    pub(crate) fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared::default();
        let behind = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((tcp, _)) = listener.accept() {
                {
                    let mut state = behind.lock().unwrap_or_else(PoisonError::into_inner);
                    if state.stopped {
                        break;
                    }
                    state.connections += 1;
                    state.open.extend(tcp.try_clone());
                }
                let shared = Arc::clone(&behind);
                thread::spawn(move || {
                    let mut stream = Stream::plain(tcp);
                    serve(&shared, manner, &mut stream);
                    stream.hang_up();
                });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `SCHEME://127.0.0.1:PORT`.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.lock().unwrap().asked.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.lock().unwrap().connections
    }
}

impl Drop for Socks {
    fn drop(&mut self) {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        state.stopped = true;
        for tcp in &state.open {
            let _ = tcp.shutdown(std::net::Shutdown::Both);
        }
        drop(state);
        // Wakes the thread that accepts, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(shared: &Shared, manner: Manner, stream: &mut Stream) -> Option<()> {
    let version = stream.read_exactly(1)?[0];
    match manner {
        Manner::Leaves => return None,
        Manner::Babbles => return stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").ok(),
        Manner::Silent => {
            stream.stay_silent();
            return None;
        }
        _ => {}
    }
    let asked = if version == 4 {
        asked_4(stream)?
    } else {
        asked_5(manner, stream)?
    };
    let port = asked.port;
    shared.lock().unwrap().asked.push(asked);
    let code = match manner {
        Manner::LeavesLater => return None,
        Manner::Refuses(code) => code,
        _ if version == 4 => 90,
        _ => 0,
    };
    if version == 4 {
        stream.write_all(&[0, code, 0, 0, 0, 0, 0, 0]).ok()?;
    } else {
        stream.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    }
    if !matches!(manner, Manner::Refuses(_)) {
        carry(stream, &mut dial(port)?);
    }
    Some(())
}

fn asked_5(manner: Manner, stream: &mut Stream) -> Option<Asked> {
    let count = stream.read_exactly(1)?[0];
    let methods = stream.read_exactly(count.into())?;
    let wanted = match manner {
        Manner::AsksWho | Manner::BelievesNoOne => 2,
        _ => 0,
    };
    if matches!(manner, Manner::AcceptsNoMethod) || !methods.contains(&wanted) {
        let _ = stream.write_all(&[5, 0xff]);
        return None;
    }
    stream.write_all(&[5, wanted]).ok()?;
    let user = if wanted == 2 {
        stream.read_exactly(1)?;
        let user = (short_text(stream)?, short_text(stream)?);
        let believed = u8::from(matches!(manner, Manner::BelievesNoOne));
        stream.write_all(&[1, believed]).ok()?;
        Some(user)
    } else {
        None
    };
    let head = stream.read_exactly(4)?;
    let host = match head[3] {
        1 => Ipv4Addr::from(<[u8; 4]>::try_from(stream.read_exactly(4)?).ok()?).to_string(),
        4 => Ipv6Addr::from(<[u8; 16]>::try_from(stream.read_exactly(16)?).ok()?).to_string(),
        _ => short_text(stream)?,
    };
    let port = stream.read_exactly(2)?;
    Some(Asked {
        version: 5,
        user,
        host,
        port: u16::from_be_bytes([port[0], port[1]]),
    })
}

fn asked_4(stream: &mut Stream) -> Option<Asked> {
    let head = stream.read_exactly(7)?;
    let user = ended_text(stream)?;
    let address = Ipv4Addr::from([head[3], head[4], head[5], head[6]]);
    // The address 0.0.0.x means that a name follows.
    let host = if u32::from(address) < 256 {
        ended_text(stream)?
    } else {
        address.to_string()
    };
    Some(Asked {
        version: 4,
        user: (!user.is_empty()).then(|| (user, String::new())),
        host,
        port: u16::from_be_bytes([head[1], head[2]]),
    })
}

/// Reads a text after a byte with its length.
fn short_text(stream: &mut Stream) -> Option<String> {
    let length = stream.read_exactly(1)?[0];
    String::from_utf8(stream.read_exactly(length.into())?).ok()
}

fn ended_text(stream: &mut Stream) -> Option<String> {
    let mut text = stream.read_until(&[0])?;
    text.pop();
    String::from_utf8(text).ok()
}
