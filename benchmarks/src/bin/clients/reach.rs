//! How long a change takes to count: a ban at a subscriber of events and at a bouncer that polls long,
//! an address on an allowlist by the API and by the command. One at a time, on an idle server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::connection::{self, Connection, Server, get, post};
use super::figures::{Cost, Latencies};
use super::import;
use super::subscribers;

/// Between two bans: everybody waits again by then.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a change may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the server's administration is.
pub(crate) struct Administration {
    /// Its Unix socket.
    pub(crate) socket: PathBuf,
    /// The binary with its commands.
    pub(crate) binary: PathBuf,
}

pub(crate) fn reach(
    server: &Server,
    rounds: usize,
    administration: &Administration,
    pid: u32,
) -> Result<()> {
    let cost = Cost::begin(pid)?;
    events(server, rounds)?.show("a ban to a subscriber", &cost)?;
    let cost = cost.again()?;
    long_poll(server, rounds)?.show("a ban to a long poll", &cost)?;
    let Administration { socket, binary } = administration;
    let list = r#"{"name":"reach","description":"measured"}"#;
    connection::admin(socket, "/v1/admin/allowlists", list)?;
    let by_api = |value: &str| {
        let items = format!(r#"{{"items":[{{"value":"{value}"}}]}}"#);
        connection::admin(socket, "/v1/admin/allowlists/reach/items", &items)
    };
    let cost = cost.again()?;
    allowlists(server, rounds, 0, by_api)?.show("an allowlist by the API", &cost)?;
    let (few, cost) = (rounds.div_ceil(10), cost.again()?);
    let by_command = |value: &str| add(binary, socket, value);
    allowlists(server, few, 1, by_command)?.show("an allowlist by the command", &cost)
}

/// From before a ban is posted until its event was read.
fn events(server: &Server, rounds: usize) -> Result<Latencies> {
    let (arrived, arrivals) = channel();
    let subscribed = server.clone();
    std::thread::spawn(move || subscribers::follow(&subscribed, &arrived));
    arrivals.recv_timeout(PATIENCE).context("the subscription does not stand")?;
    bans(server, rounds, 0, &arrivals)
}

/// From before a ban is posted until the answer to a bouncer that waits was read.
fn long_poll(server: &Server, rounds: usize) -> Result<Latencies> {
    let (arrived, arrivals) = channel();
    let asking = server.clone();
    std::thread::spawn(move || polls(&asking, &arrived));
    arrivals.recv_timeout(PATIENCE).context("the first answer does not come")?;
    bans(server, rounds, 1, &arrivals)
}

/// Asks again and again; the first answer says what was there before.
fn polls(server: &Server, arrived: &Sender<Instant>) -> Result<()> {
    let mut connection = Connection::open(server)?;
    connection.exchange(&get("/v1/decisions/stream?startup=true&scopes=none", &server.key))?;
    loop {
        arrived.send(Instant::now())?;
        connection.exchange(&get("/v1/decisions/stream?wait=30s", &server.key))?;
    }
}

fn bans(
    server: &Server,
    rounds: usize,
    net: usize,
    arrivals: &Receiver<Instant>,
) -> Result<Latencies> {
    let mut connection = Connection::open(server)?;
    let mut took = Vec::with_capacity(rounds);
    for round in 0..rounds {
        std::thread::sleep(PAUSE);
        let ban = import::ban(&address(net, round));
        let request = post("/v1/alerts", &server.token, &ban);
        let begun = Instant::now();
        connection.exchange(&request)?;
        let at = arrivals.recv_timeout(PATIENCE).context("a ban does not arrive")?;
        took.push(at.saturating_duration_since(begun));
    }
    Ok(Latencies(took))
}

/// From before an address is put on an allowlist until its decision is over and an alert about it
/// makes none.
fn allowlists(
    server: &Server,
    rounds: usize,
    net: usize,
    allow: impl Fn(&str) -> Result<()>,
) -> Result<Latencies> {
    let mut connection = Connection::open(server)?;
    let mut took = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let value = address(2 + net, round);
        let ask = get(&format!("/v1/decisions?ip={value}"), &server.key);
        connection.exchange(&post("/v1/alerts", &server.token, &import::ban(&value)))?;
        ensure!(connection.exchange(&ask)? > "null".len(), "{value} is not banned");
        let alert = post("/v1/alerts", &server.token, &import::alert(&value));
        let begun = Instant::now();
        allow(&value)?;
        while connection.exchange(&ask)? > "null".len() {
            ensure!(begun.elapsed() < PATIENCE, "{value} stays banned");
        }
        let made = connection.exchange(&alert)?;
        took.push(begun.elapsed());
        ensure!(made == "[]".len(), "an alert about {value} was taken");
    }
    Ok(Latencies(took))
}

fn add(binary: &Path, socket: &Path, value: &str) -> Result<()> {
    let mut command = Command::new(binary);
    command.args(["allowlists", "add", "reach", value, "--socket"]).arg(socket);
    let status = command.stdout(Stdio::null()).status().context("the command does not start")?;
    ensure!(status.success(), "allowlists add fails");
    Ok(())
}

/// Addresses that nobody else here uses.
fn address(net: usize, round: usize) -> String {
    format!("198.{}.{}.{}", 18 + net, round / 256 % 256, round % 256)
}
