//! Connections: accepts them, reads what they send in large pieces, and ends those that cost too
//! much. A quiet connection holds no memory but what it has sent of an unfinished message.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::collector::{Adding, Collector, Peer};
use super::config::{Limits, Protocol};
use super::framing::{self, Framer};
use super::gate::Gate;
use super::relp::{self, Then};
use super::session::Session;
use crate::listener::{Certificates, Seat};
use crate::metric::{Meter, Reason};
use crate::stop::Stop;

/// Bytes read at once, besides what is held of an unfinished message.
const PIECE: usize = 64 << 10;
/// A pause after the system has refused a connection: it lacks something.
const PAUSE: Duration = Duration::from_millis(100);

/// What all connections of a listener share.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) protocol: Protocol,
    pub(super) limits: Limits,
    pub(super) gate: Arc<Gate>,
    pub(super) collector: Arc<Collector>,
    pub(super) certificates: Option<Certificates>,
    pub(super) meter: Meter,
    pub(super) stop: Stop,
    pub(super) memory: Memory,
}

/// Pieces of memory to read into, one for each thread that reads.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Vec<Vec<u8>>>);

impl Memory {
    fn take(&self, size: usize) -> Vec<u8> {
        let mut memory =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        if memory.len() < size {
            memory.resize(size, 0);
        }
        memory
    }

    fn give(&self, memory: Vec<u8>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

/// Accepts connections until stopped.
pub(super) async fn accept(listener: TcpListener, listening: Arc<Listening>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = listening.stop.wait() => return,
        };
        match accepted {
            Ok((stream, address)) => greet(stream, address, &listening),
            Err(error) => {
                listening.meter.reject(Reason::PeerLimit, 1);
                tracing::warn!(%error, "connection was not accepted: raise the limit of open files");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn greet(stream: TcpStream, address: SocketAddr, listening: &Arc<Listening>) {
    let address = address.ip().to_canonical();
    let Some(seat) = listening.gate.admit(address) else { return };
    // Peers that are gone without a word are found in the end; without it they only stay longer.
    let _ = setsockopt(&stream, sockopt::KeepAlive, &true);
    let (listening, peer) = (Arc::clone(listening), Peer::new(address));
    tokio::spawn(async move {
        let stop = listening.stop.clone();
        tokio::select! {
            () = attend(stream, peer, seat, &listening) => {}
            () = stop.wait() => {}
        }
    });
}

async fn attend(stream: TcpStream, peer: Peer, _seat: Seat, listening: &Listening) {
    let Some(certificates) = &listening.certificates else {
        return serve(stream, peer, listening).await;
    };
    let handshake = certificates.accept(stream);
    match tokio::time::timeout(listening.limits.handshake_time, handshake).await {
        Ok(Ok(stream)) => serve(stream, peer, listening).await,
        Ok(Err(error)) => {
            listening.meter.reject(Reason::Handshake, 1);
            tracing::debug!(?peer, %error, "handshake failed");
        }
        Err(_) => listening.meter.reject(Reason::PeerLimit, 1),
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, peer: Peer, listening: &Listening) {
    let connection = Connection {
        stream,
        held: Vec::new(),
        answers: Vec::new(),
        session: Arc::default(),
        unfinished: false,
        begun: Instant::now(),
        peer,
        listening,
    };
    match listening.protocol {
        Protocol::Relp => connection.relp().await,
        Protocol::Tcp | Protocol::Udp => connection.lines().await,
    }
}

/// What a look at some bytes gave.
#[derive(Clone, Copy, Debug)]
struct Progress {
    messages: usize,
    /// Whether a message is being passed over.
    passing: bool,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer has ended it, or it broke.
    Peer,
    /// It was too slow, or silent for too long.
    Time,
    /// What it says cannot be understood.
    Broken,
}

struct Connection<'a, S> {
    stream: S,
    /// The beginning of an unfinished message.
    held: Vec<u8>,
    answers: Vec<u8>,
    session: Arc<Session>,
    /// Whether a message has begun.
    unfinished: bool,
    /// When the unfinished message began, or the last one ended.
    begun: Instant,
    peer: Peer,
    listening: &'a Listening,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Messages counted or line by line.
    async fn lines(mut self) {
        let mut framer = Framer::new(self.listening.limits.message);
        let mut cut = |input: &mut &[u8], adding: &mut Adding<'_>| {
            let mut messages = 0;
            while let Some(frame) = framer.next(input) {
                take(frame, adding);
                messages += 1;
            }
            Progress { messages, passing: framer.is_passing() }
        };
        let end = loop {
            self.listening.collector.room().await;
            if let Err(end) = self.read_in_time(&mut cut).await {
                break end;
            }
        };
        let Self { held, peer, listening, .. } = &self;
        match end {
            End::Time => listening.collector.add(peer, |adding| {
                adding.reject(Reason::PeerLimit, held, held.len());
            }),
            End::Peer | End::Broken => listening.collector.add(peer, |adding| {
                if let Some(frame) = framer.rest(held) {
                    take(frame, adding);
                }
            }),
        }
    }

    /// Messages with acknowledgements.
    async fn relp(mut self) {
        let mut reader = relp::Reader::new(self.listening.limits.message);
        let session = Arc::clone(&self.session);
        loop {
            tokio::select! {
                () = self.listening.collector.room() => {}
                () = session.told() => {
                    if self.answer().await.is_err() {
                        return;
                    }
                    continue;
                }
            }
            let (mut answers, mut then) = (std::mem::take(&mut self.answers), Ok(Then::Read));
            let mut read = |input: &mut &[u8], adding: &mut Adding<'_>| {
                let mut messages = 0;
                while then == Ok(Then::Read) {
                    match reader.next(input) {
                        Ok(Some(frame)) => {
                            then = Ok(relp::obey(frame, &session, adding, &mut answers));
                            messages += 1;
                        }
                        Ok(None) => break,
                        Err(relp::Broken) => then = Err(End::Broken),
                    }
                }
                Progress { messages, passing: reader.is_passing() }
            };
            let result = tokio::select! {
                result = self.read_in_time(&mut read) => result,
                () = session.told() => Ok(()),
            };
            self.answers = answers;
            if self.answer().await.is_err() {
                return;
            }
            match (result, then) {
                (Ok(()), Ok(Then::Read)) => {}
                (_, Err(_)) => {
                    let Self { held, peer, listening, .. } = &self;
                    return listening.collector.add(peer, |adding| {
                        adding.reject(Reason::Framing, held, held.len());
                    });
                }
                (Err(End::Time), _) => return self.listening.meter.reject(Reason::PeerLimit, 1),
                (Err(_), _) | (_, Ok(Then::Close)) => return,
            }
        }
    }

    /// Tells the peer what it is to be told.
    async fn answer(&mut self) -> io::Result<()> {
        self.session.write_answers(&mut self.answers);
        let answers = std::mem::take(&mut self.answers);
        if answers.is_empty() {
            return Ok(());
        }
        let sent = async {
            self.stream.write_all(&answers).await?;
            self.stream.flush().await
        };
        let sent = tokio::time::timeout(self.listening.limits.message_time, sent).await;
        sent.unwrap_or_else(|late| Err(late.into()))
    }

    /// Reads once, in the time that the peer has for it.
    async fn read_in_time(
        &mut self,
        cut: &mut impl FnMut(&mut &[u8], &mut Adding<'_>) -> Progress,
    ) -> Result<(), End> {
        let Limits { idle, message_time, .. } = self.listening.limits;
        let time = if self.unfinished { message_time } else { idle };
        let left = time.saturating_sub(self.begun.elapsed());
        let read = std::future::poll_fn(|context| self.poll_read(context, cut));
        match tokio::time::timeout(left, read).await {
            Ok(Ok(0) | Err(_)) => Err(End::Peer),
            Ok(Ok(_)) => Ok(()),
            Err(_) => Err(End::Time),
        }
    }

    /// Reads what is there and adds the messages that it completes. Memory is borrowed for that long
    /// alone.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        cut: &mut impl FnMut(&mut &[u8], &mut Adding<'_>) -> Progress,
    ) -> Poll<io::Result<usize>> {
        let held = self.held.len();
        let mut memory = self.listening.memory.take(held + PIECE);
        let (old, free) = memory.split_at_mut(held);
        old.copy_from_slice(&self.held);
        let mut piece = ReadBuf::new(free);
        let poll = Pin::new(&mut self.stream).poll_read(context, &mut piece);
        let read = piece.filled().len();
        if read > 0 {
            let bytes = memory.get(..held + read).unwrap_or_default();
            self.add(bytes, cut);
        }
        self.listening.memory.give(memory);
        poll.map_ok(|()| read)
    }

    fn add(&mut self, bytes: &[u8], cut: &mut impl FnMut(&mut &[u8], &mut Adding<'_>) -> Progress) {
        let mut input = bytes;
        let mut progress = Progress { messages: 0, passing: false };
        self.listening.collector.add(&self.peer, |adding| progress = cut(&mut input, adding));
        if progress.messages > 0 || !self.unfinished {
            self.begun = Instant::now();
        }
        self.unfinished = !input.is_empty() || progress.passing;
        self.held.clear();
        self.held.extend_from_slice(input);
        if self.held.is_empty() {
            self.held.shrink_to(0);
        }
    }
}

fn take(frame: framing::Frame<'_>, adding: &mut Adding<'_>) {
    match frame {
        framing::Frame::Message(message) => adding.message(message),
        framing::Frame::TooLong { beginning, bytes } => {
            adding.reject(Reason::TooLong, beginning, bytes);
        }
        framing::Frame::Broken(bytes) => adding.reject(Reason::Framing, bytes, bytes.len()),
    }
}
