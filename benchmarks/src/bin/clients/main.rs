//! `clients`: many clients of the decision API at once, as open loops: each request has its time,
//! and what it waits for a busy server counts. Prints latencies by the clock, and beside them what
//! the requests cost the server in CPU time, which does not depend on who else uses the machine.

mod connection;
mod figures;
mod import;
mod paced;
mod reach;
mod subscribers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

use connection::{Server, get, post};
use figures::Cost;
use paced::Pace;

#[derive(Parser)]
struct Arguments {
    /// Address and port of the API
    #[arg(long, default_value = "127.0.0.1:8080")]
    api: String,
    /// Token of a machine
    #[arg(long, default_value = "")]
    token: String,
    /// Key of a bouncer
    #[arg(long, default_value = "")]
    key: String,
    /// Process of the server, whose CPU time is shown
    #[arg(long)]
    pid: u32,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Decisions come in, so many per request, from a running number on
    Import { decisions: usize, batch: usize, first: usize },
    /// Bouncers that ask about one address at a time
    Lookups { decisions: usize, per_second: u32, seconds: u32 },
    /// Agents that post alerts, each about an address of its own
    Alerts { per_second: u32, seconds: u32 },
    /// Both: a wave of attackers, and bouncers that ask meanwhile
    Wave { attackers: u32, seconds: u32, lookups_per_second: u32 },
    /// Bouncers, each with a key of its own, that ask every 10 s what is new, while bans are made
    Pollers { bouncers: usize, rounds: u32, socket: PathBuf },
    /// Subscribers that wait for a ban, which is made ten times
    Subscribers { count: usize },
    /// A ban on its way to a subscriber and to a long poll, an address on its way onto an allowlist
    Reach { rounds: usize, socket: PathBuf, binary: PathBuf },
}

/// Connections of those that ask and post at a steady rate.
const CONNECTIONS: usize = 64;
/// How often a bouncer asks what is new.
const PERIOD: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    let Arguments { api, token, key, pid, what } = Arguments::parse();
    let server = Server { address: api, token, key };
    let cost = Cost::begin(pid)?;
    match what {
        What::Import { decisions, batch, first } => {
            import::import(&server, first..first + decisions, batch, &cost)
        }
        What::Lookups { decisions, per_second, seconds } => {
            let asked = lookups(&server, decisions, Pace::new(CONNECTIONS, per_second, seconds))?;
            asked.show(&format!("lookups, {per_second} a second"), &cost)
        }
        What::Alerts { per_second, seconds } => {
            let posted = alerts(&server, Pace::new(CONNECTIONS, per_second, seconds))?;
            posted.show(&format!("alerts, {per_second} a second"), &cost)
        }
        What::Wave { attackers, seconds, lookups_per_second } => {
            let wave = Pace::new(CONNECTIONS, attackers / seconds.max(1), seconds);
            let asking = Pace::new(CONNECTIONS, lookups_per_second, seconds);
            let (posted, asked) = std::thread::scope(|scope| {
                let posting = scope.spawn(|| alerts(&server, wave));
                let asked = lookups(&server, 100_000, asking);
                (posting.join(), asked)
            });
            let posted = posted.map_err(|_| anyhow::anyhow!("a client panicked"))??;
            posted.show(&format!("wave of {attackers} attackers"), &cost)?;
            asked?.show("lookups meanwhile", &cost)
        }
        What::Pollers { bouncers, rounds, socket } => {
            pollers(&server, (bouncers, rounds), &socket, pid)
        }
        What::Subscribers { count } => subscribers::subscribers(&server, count, &cost),
        What::Reach { rounds, socket, binary } => {
            reach::reach(&server, rounds, &reach::Administration { socket, binary }, pid)
        }
    }
}

/// Asks about addresses of which `decisions` have been imported, half of the questions miss.
fn lookups(server: &Server, decisions: usize, pace: Pace) -> Result<figures::Latencies> {
    paced::run(server, pace, |_, number| {
        let among = decisions.max(1) as u64 * 2;
        let value = import::address(usize::try_from(number * 7_919 % among).unwrap_or(0));
        get(&format!("/v1/decisions?ip={value}"), &server.key)
    })
}

fn alerts(server: &Server, pace: Pace) -> Result<figures::Latencies> {
    // What was posted a few minutes ago would be recognised as a repetition.
    let run = std::process::id() & 0x3f;
    paced::run(server, pace, |_, number| {
        let number = u32::try_from(number).unwrap_or(0) & 0x3_ffff;
        let value = std::net::Ipv4Addr::from((172 << 24) | (run << 18) | number);
        post("/v1/alerts", &server.token, &import::alert(&value.to_string()))
    })
}

/// Each bouncer is registered and told everything once, by a filter that nothing passes: that
/// moves its cursor, and costs neither side the sending of all decisions.
fn pollers(
    server: &Server,
    (bouncers, rounds): (usize, u32),
    socket: &std::path::Path,
    pid: u32,
) -> Result<()> {
    for number in 0..bouncers {
        connection::admin(
            socket,
            "/v1/admin/bouncers",
            &format!(r#"{{"name":"b{number}","key":"k{number}"}}"#),
        )?;
    }
    let mut connection = connection::Connection::open(server)?;
    for number in 0..bouncers {
        let target = "/v1/decisions/stream?startup=true&scopes=none";
        connection.exchange(&get(target, &format!("k{number}")))?;
    }
    let cost = Cost::begin(pid)?;
    let per_second = u32::try_from(bouncers / PERIOD.as_secs() as usize)?;
    let seconds = rounds * PERIOD.as_secs() as u32;
    let asking = Pace::new(bouncers, per_second, seconds);
    let banning = Pace::new(1, 1, seconds);
    let (banned, asked) = std::thread::scope(|scope| {
        let banning = scope.spawn(|| alerts(server, banning));
        let target = "/v1/decisions/stream";
        let asked = paced::run(server, asking, |client, _| get(target, &format!("k{client}")));
        (banning.join(), asked)
    });
    banned.map_err(|_| anyhow::anyhow!("a client panicked"))??;
    asked?.show(&format!("deltas of {bouncers} bouncers"), &cost)
}
