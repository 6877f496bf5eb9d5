//! What stands between a client and an HTTP server, and lets through what it is told to.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long either side may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// What is done with requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// They are sent on, and answered with what comes back.
    #[default]
    Good,
    /// They are answered with a status that says that it will not work now.
    Refuse(&'static str),
    /// Half of what comes back is sent, then the connection is closed.
    Half,
    /// The connection is closed.
    Silent,
}

/// A proxy. It listens as long as the test process lives.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Stands before the server at an address.
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Self { address, mood: Arc::default() };
        let (mood, server) = (Arc::clone(&proxy.mood), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (mood, server) = (Arc::clone(&mood), server.clone());
                std::thread::spawn(move || pass(client, &server, &mood));
            }
        });
        proxy
    }

    /// Its port on this host.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it does from now on.
    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

/// One request, which has no body, and its answer; nothing where a side goes away.
fn pass(mut client: TcpStream, server: &str, mood: &Mutex<Mood>) -> Option<()> {
    client.set_read_timeout(Some(SILENCE)).ok()?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let mood = *mood.lock().unwrap();
    match mood {
        Mood::Silent => return None,
        Mood::Refuse(status) => {
            let answer =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbad\n");
            return client.write_all(answer.as_bytes()).ok();
        }
        Mood::Good | Mood::Half => {}
    }
    // One request a connection: what comes back ends where it is closed.
    let head = String::from_utf8(head).ok()?.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let mut server = TcpStream::connect(server).ok()?;
    server.set_read_timeout(Some(SILENCE)).ok()?;
    server.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    let sent = if mood == Mood::Half { answer.len() / 2 } else { answer.len() };
    client.write_all(answer.get(..sent)?).ok()
}
