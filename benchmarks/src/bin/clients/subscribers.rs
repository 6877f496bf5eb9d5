//! Subscribers of server-sent events, in one thread: how long a ban takes to reach the last of them.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::connection::{Connection, Server, get, post};
use super::figures::{Cost, Latencies};
use super::import;

/// How often a ban is made.
const BANS: u8 = 10;
/// How long it may take to reach everybody.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn subscribers(server: &Server, count: usize, cost: &Cost) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(all(server, count, cost))
}

async fn all(server: &Server, count: usize, cost: &Cost) -> Result<()> {
    let (sender, mut arrived) = mpsc::unbounded_channel();
    let standing = Arc::new(AtomicUsize::new(0));
    let memory = cost.memory()?;
    for _ in 0..count {
        let mut stream = TcpStream::connect(&server.address).await?;
        stream.write_all(&get("/v1/decisions/events", &server.key)).await?;
        tokio::spawn(one(stream, sender.clone(), Arc::clone(&standing)));
    }
    let begun = Instant::now();
    while standing.load(Ordering::Relaxed) < count {
        ensure!(begun.elapsed() < PATIENCE, "not all subscriptions stand");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let each = cost.memory()?.saturating_sub(memory) / count.max(1) as u64;
    println!("  memory of {count} subscriptions     {each} bytes each");
    let cost = cost.again()?;
    let (mut every, mut last) = (Latencies::default(), Latencies::default());
    for number in 0..BANS {
        let (begun, server) = (Instant::now(), server.clone());
        let posting = tokio::task::spawn_blocking(move || {
            let ban = import::ban(&format!("203.0.113.{number}"));
            Connection::open(&server)?.exchange(&post("/v1/alerts", &server.token, &ban))
        });
        let mut latest = Duration::ZERO;
        for _ in 0..count {
            let at: Instant = tokio::time::timeout(PATIENCE, arrived.recv())
                .await
                .context("a ban does not reach everybody")?
                .context("nobody listens")?;
            latest = at.saturating_duration_since(begun);
            every.0.push(latest);
        }
        last.0.push(latest);
        posting.await??;
    }
    every.show("a ban to a subscriber", &cost)?;
    last.show(&format!("a ban to the last of {count}"), &cost)
}

/// Follows one subscription: says that it stands, then when each event is there.
async fn one(
    mut stream: TcpStream,
    arrived: mpsc::UnboundedSender<Instant>,
    standing: Arc<AtomicUsize>,
) -> Result<()> {
    let mut held = Vec::new();
    let mut buffer = [0; 2 << 10];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            bail!("a subscription ended");
        }
        held.extend_from_slice(buffer.get(..count).unwrap_or(&[]));
        // An event ends with an empty line; what frames the pieces does not matter.
        while let Some(end) = held.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = held.drain(..end + 2).collect();
            let has = |what: &[u8]| event.windows(what.len()).any(|some| some == what);
            if has(b": connected") {
                standing.fetch_add(1, Ordering::Relaxed);
            } else if has(b"event: ") {
                arrived.send(Instant::now())?;
            }
        }
    }
}

/// Follows one subscription in a thread of its own: when it stands, then when each event is there.
pub(crate) fn follow(server: &Server, arrived: &std::sync::mpsc::Sender<Instant>) -> Result<()> {
    let mut stream = std::net::TcpStream::connect(&server.address)?;
    stream.write_all(&get("/v1/decisions/events", &server.key))?;
    let (mut held, mut buffer) = (Vec::new(), [0; 2 << 10]);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            bail!("the subscription ended");
        }
        held.extend_from_slice(buffer.get(..count).unwrap_or(&[]));
        // The greeting is no event, yet shows that the subscription stands.
        while let Some(end) = held.windows(2).position(|two| two == b"\n\n") {
            held.drain(..end + 2);
            arrived.send(Instant::now())?;
        }
    }
}
