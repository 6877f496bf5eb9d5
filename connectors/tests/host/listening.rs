//! A syslog source at a free port, and senders that do what they like.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use connectors::health::State;
use connectors::listener::ServerTls;
use connectors::syslog::{Config, Limits, Listener, Protocol, Syslog};

use crate::ports::free_port;
use crate::service::{DEADLINE, Service, Store};

/// An address that nobody listens to.
pub(crate) fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

pub(crate) fn listener(protocol: Protocol, tls: Option<ServerTls>) -> Listener {
    Listener { address: free_address(), protocol, tls }
}

/// Listens for one protocol; the name of its lane and the address.
pub(crate) fn listen(protocol: Protocol, limits: Limits) -> (Service, String, SocketAddr) {
    let config = Config { listeners: vec![listener(protocol, None)], limits, ..Config::default() };
    let (name, address) = (config.listeners[0].name(), config.listeners[0].address);
    (run(config, Store::new()), name, address)
}

/// Starts a source and waits until it listens.
pub(crate) fn run(config: Config, store: Store) -> Service {
    let mut service = Service::start(Syslog::new(config).unwrap(), store);
    service.until(|now| now.ready && now.health.state() == State::Reading);
    service
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the other side ends the connection, and how soon.
pub(crate) fn is_ended(stream: &mut TcpStream, service: &mut Service) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        match stream.read(&mut [0; 100]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return true,
        }
        while service.take() {}
    }
    false
}

/// Writes; whether the other side still takes it.
pub(crate) fn write(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) -> bool {
    stream.write_all(bytes.as_ref()).is_ok()
}
