//! `sources`: how many lines or messages per CPU second the sources of this host take in: a file that
//! is followed beside one that is read, and syslog over the loopback. Senders run as processes of
//! their own, so that their time is not counted.

use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use connectors::health::{Health, State};
use connectors::metric::{Counter, Reason};
use connectors::syslog::{Config, Listener, Protocol, Syslog};
use connectors::{
    Arrival, Context, Inbox, Meter, ReadOptions, Reader, Source, SourceError, SourceId, Stop, file,
};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

/// What a message is like.
const MESSAGE: &str = "<38>Nov 26 16:00:00 web1 sshd[81234]: Failed password for root from 192.0.2.144 port 51234 ssh2";

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A file, read as a replay reads it.
    Read { path: PathBuf },
    /// The same file, followed by the file source from its beginning.
    Tail { path: PathBuf },
    /// A file that grows while it is followed, line by line.
    Grow { lines: usize, per_second: usize },
    /// Messages over TCP.
    Tcp { messages: usize },
    /// Datagrams at a steady rate.
    Udp { messages: usize, per_second: usize },
    /// The other side of these.
    #[command(hide = true)]
    Send { how: String, to: String, messages: usize, per_second: usize },
}

fn main() -> Result<()> {
    match Arguments::parse().what {
        What::Read { path } => read(&path),
        What::Tail { path } => tail(&path),
        What::Grow { lines, per_second } => grow(lines, per_second),
        What::Tcp { messages } => receive(Protocol::Tcp, messages, 0),
        What::Udp { messages, per_second } => receive(Protocol::Udp, messages, per_second),
        What::Send { how, to, messages, per_second } => send(&how, &to, messages, per_second),
    }
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn report(what: &str, lines: u64, cpu: Duration, wall: Duration) {
    let rate = |time: Duration| lines as f64 / time.as_secs_f64().max(1e-9);
    println!(
        "{what}: {lines} lines, {:.3} CPU s, {:.3} s, {:.0} lines per CPU second, {:.0} per second",
        cpu.as_secs_f64(),
        wall.as_secs_f64(),
        rate(cpu),
        rate(wall)
    );
}

fn read(path: &Path) -> Result<()> {
    let found = connectors::resolve(&[path]);
    let input = found.inputs.first().context("no such file")?;
    let (began, cpu_before) = (Instant::now(), cpu());
    let mut reader = Reader::new(input, ReadOptions::default(), Arc::default());
    let mut lines = 0;
    while let Some(chunk) = reader.next_chunk() {
        lines += chunk?.lines.len() as u64;
    }
    report("read", lines, cpu() - cpu_before, began.elapsed());
    Ok(())
}

/// A source that runs, and what it gave.
struct Running {
    inbox: Inbox,
    meter: Meter,
    health: Health,
    stop: Stop,
    thread: JoinHandle<Result<(), SourceError>>,
    _runtime: Runtime,
    caught_up: bool,
}

impl Running {
    fn start(source: impl Source) -> Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let main = std::thread::current();
        let (inbox, stop) = (Inbox::new(move || main.unpark()), Stop::new());
        let (meter, health) = (Meter::default(), Health::default());
        let context = Context {
            name: "benchmark".into(),
            outlet: inbox.outlet(SourceId(0), stop.clone()),
            resume: Default::default(),
            stop: stop.clone(),
            health: health.clone(),
            meter: meter.clone(),
            runtime: runtime.handle().clone(),
        };
        let source = Box::new(source);
        let thread = std::thread::spawn(move || source.run(context));
        Ok(Self { inbox, meter, health, stop, thread, _runtime: runtime, caught_up: false })
    }

    /// Takes in what comes until `done`, which may look at the clock.
    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            match self.inbox.try_next() {
                Some(Arrival::CaughtUp(_, caught_up)) => self.caught_up = caught_up,
                Some(_) => {}
                None => std::thread::park_timeout(Duration::from_millis(20)),
            }
        }
    }

    fn end(self) -> Result<()> {
        self.stop.now();
        self.thread.join().map_err(|_| anyhow::anyhow!("the source has panicked"))??;
        Ok(())
    }
}

fn files(path: &Path) -> Result<file::File> {
    Ok(file::File::new(file::Config {
        patterns: vec![path.display().to_string()],
        start: file::Start::Beginning,
        ..file::Config::default()
    })?)
}

fn tail(path: &Path) -> Result<()> {
    let (began, cpu_before) = (Instant::now(), cpu());
    let mut running = Running::start(files(path)?)?;
    running.until(|running| running.caught_up);
    report("tail", running.meter.count(Counter::Lines), cpu() - cpu_before, began.elapsed());
    running.end()
}

fn grow(lines: usize, per_second: usize) -> Result<()> {
    let path = std::env::temp_dir().join(format!("sources-{}.log", std::process::id()));
    std::fs::write(&path, "")?;
    let mut running = Running::start(files(&path)?)?;
    running.until(|running| running.caught_up);
    let (began, cpu_before) = (Instant::now(), cpu());
    let mut sender = sender("file", &path.display().to_string(), lines, per_second)?;
    running.until(|running| running.meter.count(Counter::Lines) >= lines as u64);
    report("grow", lines as u64, cpu() - cpu_before, began.elapsed());
    sender.wait()?;
    std::fs::remove_file(&path)?;
    running.end()
}

fn receive(protocol: Protocol, messages: usize, per_second: usize) -> Result<()> {
    let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listeners = vec![Listener { address, protocol, tls: None }];
    let mut running = Running::start(Syslog::new(Config { listeners, ..Config::default() })?)?;
    running.until(|running| running.health.state() == State::Reading);
    let (began, cpu_before) = (Instant::now(), cpu());
    let how = if protocol == Protocol::Udp { "udp" } else { "tcp" };
    let mut sender = sender(how, &address.to_string(), messages, per_second)?;
    let lost = |meter: &Meter| meter.rejected(Reason::NoRoom);
    running.until(|now| now.meter.count(Counter::Lines) + lost(&now.meter) >= messages as u64);
    report(how, running.meter.count(Counter::Lines), cpu() - cpu_before, began.elapsed());
    println!(
        "{how}: {} lost, {} repaired",
        lost(&running.meter),
        running.meter.count(Counter::Repaired)
    );
    sender.wait()?;
    running.end()
}

fn sender(how: &str, to: &str, messages: usize, per_second: usize) -> Result<Child> {
    let program = std::env::current_exe()?;
    let numbers = [messages.to_string(), per_second.to_string()];
    Ok(Command::new(program).args(["send", how, to]).args(numbers).spawn()?)
}

fn send(how: &str, to: &str, messages: usize, per_second: usize) -> Result<()> {
    match how {
        "tcp" => {
            let mut stream = BufWriter::with_capacity(64 << 10, TcpStream::connect(to)?);
            for number in 0..messages {
                writeln!(stream, "{MESSAGE} {number}")?;
            }
            Ok(stream.flush()?)
        }
        "udp" => {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(to)?;
            paced(messages, per_second, |number| {
                Ok(socket.send(format!("{MESSAGE} {number}").as_bytes()).map(drop)?)
            })
        }
        "file" => {
            let mut file = std::fs::OpenOptions::new().append(true).open(to)?;
            paced(messages, per_second, |number| {
                Ok(file.write_all(format!("{MESSAGE} {number}\n").as_bytes())?)
            })
        }
        _ => bail!("{how} is not known"),
    }
}

/// Calls `act` at a steady rate, a hundredth of a second at once.
fn paced(count: usize, per_second: usize, mut act: impl FnMut(usize) -> Result<()>) -> Result<()> {
    let began = Instant::now();
    for number in 0..count {
        let due = Duration::from_secs_f64(number as f64 / per_second.max(1) as f64);
        if number % (per_second / 100).max(1) == 0 {
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        act(number)?;
    }
    Ok(())
}
