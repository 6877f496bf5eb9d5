//! Requests at a steady rate over many connections, whether or not the server keeps up.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::connection::{Connection, Server};
use super::figures::Latencies;

/// How fast, over how many connections, for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    connections: usize,
    /// Between two requests, whichever connection sends them.
    step: Duration,
    requests: u64,
}

impl Pace {
    pub(crate) fn new(connections: usize, per_second: u32, seconds: u32) -> Self {
        let step = Duration::from_secs(1) / per_second.max(1);
        let requests = u64::from(per_second) * u64::from(seconds);
        Self { connections, step, requests }
    }
}

/// Bytes of the stack of a client.
const STACK: usize = 256 << 10;

/// Sends what `request` makes of (client, running number). Each client is a thread that sleeps until
/// its next request is due; one that is late because the last answer was late counts from then.
pub(crate) fn run(
    server: &Server,
    pace: Pace,
    request: impl Fn(usize, u64) -> Vec<u8> + Sync,
) -> Result<Latencies> {
    // They connect before the first request is due.
    let begin = Instant::now() + Duration::from_millis(200 + pace.connections as u64);
    let took = std::thread::scope(|scope| {
        let clients: Result<Vec<_>> = (0..pace.connections)
            .map(|client| {
                let request = &request;
                let one = move || one(server, pace, (client, begin), request);
                let name = std::thread::Builder::new().stack_size(STACK);
                name.spawn_scoped(scope, one).map_err(Into::into)
            })
            .collect();
        let mut all = Vec::new();
        for client in clients? {
            all.extend(client.join().map_err(|_| anyhow!("a client panicked"))??);
        }
        anyhow::Ok(all)
    })?;
    Ok(Latencies(took))
}

fn one(
    server: &Server,
    pace: Pace,
    (client, begin): (usize, Instant),
    request: &impl Fn(usize, u64) -> Vec<u8>,
) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(server)?;
    let mut took = Vec::new();
    for number in (client as u64..pace.requests).step_by(pace.connections) {
        let bytes = request(client, number);
        let due = begin + pace.step * u32::try_from(number)?;
        let early = due.saturating_duration_since(Instant::now());
        std::thread::sleep(early);
        // That the sleep itself is late is nothing that the server did.
        let counted = if early.is_zero() { due } else { Instant::now() };
        connection.exchange(&bytes)?;
        took.push(counted.elapsed());
    }
    Ok(took)
}
