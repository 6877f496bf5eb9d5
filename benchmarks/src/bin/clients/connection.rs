//! HTTP/1.1 as little as it can be: requests that are made beforehand, answers that are read to their
//! end. The clients share the machine with the server and must cost less than it does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Where the server is, and by what it knows its clients.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) key: String,
}

/// A request of a bouncer.
pub(crate) fn get(target: &str, key: &str) -> Vec<u8> {
    let head = format!("GET {target} HTTP/1.1\r\nHost: b\r\nX-Api-Key: {key}\r\n");
    format!("{head}User-Agent: bench/v1\r\n\r\n").into_bytes()
}

/// A request of a machine, or without a token, as the Unix socket wants it.
pub(crate) fn post(target: &str, token: &str, body: &str) -> Vec<u8> {
    let mut head = format!("POST {target} HTTP/1.1\r\nHost: b\r\nUser-Agent: bench/v1\r\n");
    if !token.is_empty() {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Asks for something at the Unix socket.
pub(crate) fn admin(socket: &Path, target: &str, body: &str) -> Result<()> {
    let stream = UnixStream::connect(socket).with_context(|| socket.display().to_string())?;
    let mut connection = Connection { stream, held: Vec::new() };
    connection.exchange(&post(target, "", body))?;
    Ok(())
}

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    held: Vec<u8>,
}

impl Connection<TcpStream> {
    pub(crate) fn open(server: &Server) -> Result<Self> {
        let stream = TcpStream::connect(&server.address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream, held: Vec::new() })
    }
}

impl<S: Read + Write> Connection<S> {
    /// Sends a request and reads its answer; gives the length of the body.
    ///
    /// # Errors
    /// The answer is no success, or none.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<usize> {
        self.stream.write_all(request)?;
        self.held.clear();
        let head = loop {
            if let Some(end) = self.held.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more()?;
        };
        let text = String::from_utf8_lossy(self.held.get(..head).unwrap_or(&[])).into_owned();
        if !text.starts_with("HTTP/1.1 2") {
            bail!("{}", String::from_utf8_lossy(&self.held));
        }
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        match length {
            Some(length) => self.body(head, length),
            None if text.contains("chunked") => self.chunks(head),
            None => Ok(0),
        }
    }

    fn body(&mut self, head: usize, length: usize) -> Result<usize> {
        while self.held.len() < head + length {
            self.more()?;
        }
        Ok(length)
    }

    fn chunks(&mut self, head: usize) -> Result<usize> {
        self.held.drain(..head);
        let mut whole = 0;
        loop {
            let line = loop {
                if let Some(end) = self.held.windows(2).position(|two| two == b"\r\n") {
                    break end;
                }
                self.more()?;
            };
            let size = String::from_utf8_lossy(self.held.get(..line).unwrap_or(&[])).into_owned();
            let size = usize::from_str_radix(&size, 16).context("the size of a chunk")?;
            while self.held.len() < line + 2 + size + 2 {
                self.more()?;
            }
            self.held.drain(..line + 2 + size + 2);
            whole += size;
            if size == 0 {
                return Ok(whole);
            }
        }
    }

    fn more(&mut self) -> Result<()> {
        let mut buffer = [0; 32 << 10];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            bail!("the server closed the connection");
        }
        self.held.extend_from_slice(buffer.get(..count).unwrap_or(&[]));
        Ok(())
    }
}
