//! Ports for servers whose configuration must name one.

use std::fs::{self, File, TryLockError};
use std::net::{TcpListener, UdpSocket};
use std::sync::Mutex;

/// Below those that Linux gives to sockets that ask for any (32768 and above), so that nobody gets
/// one by chance before its server stands.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// The ports that this process has given. A lock on each keeps other processes of tests off.
static GIVEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port of TCP and UDP that nobody has, given once.
pub fn free_port() -> u16 {
    let build = std::env::current_exe().unwrap();
    let locks = build.ancestors().nth(2).unwrap().join("test-ports");
    fs::create_dir_all(&locks).unwrap();
    let mut given = GIVEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut free = RANGE.filter(|port| {
        let lock = File::create(locks.join(port.to_string())).unwrap();
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return false,
            locked => locked.unwrap(),
        }
        // Taken by a stranger, it is locked all the same: others need not try it.
        given.push(lock);
        let address = ("127.0.0.1", *port);
        TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
    });
    free.next().ok_or("no port is free").unwrap()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{RANGE, free_port};

    #[test]
    fn a_port_is_given_once() {
        let threads: Vec<_> =
            (0..8).map(|_| std::thread::spawn(|| [(); 16].map(|()| free_port()))).collect();
        let ports: Vec<u16> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 128);
        assert!(ports.iter().all(|port| RANGE.contains(port)));
    }
}
