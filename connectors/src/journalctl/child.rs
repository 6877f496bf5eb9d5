//! Runs `journalctl`, reads what it writes and starts it again where it was.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::export::{Broken, Entry, FIELDS, Reader};
use super::{Config, LANE, MODULE, line};
use crate::lane::{Delivery, Lane, Origin};
use crate::metric::{Counter, Reason};
use crate::position::Position;
use crate::record::{Chunk, Reject, Span};
use crate::retry::Backoff;
use crate::source::{Context, SourceError};

/// Bytes read at once.
const PIECE: usize = 64 << 10;
/// How much text a delivery holds about. Unit: bytes.
const BATCH: usize = 256 << 10;
/// How long an entry waits for others.
const WAIT: Duration = Duration::from_millis(20);
/// Silent for so long, the journal is read to its end.
const QUIET: Duration = Duration::from_millis(200);
/// Longest line of complaint that is passed on. Unit: bytes.
const COMPLAINT: u64 = 4096;

/// The position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Behind this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// From then on, where there is no cursor. Unit: microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    /// Number of the next entry.
    next: u64,
}

/// How a run of the program ended.
enum Outcome {
    Stopped,
    /// It wrote all there is and ended as it should.
    Complete,
    /// For this reason.
    Failed(String),
}

/// The loop.
pub(super) struct Follower {
    config: Config,
    context: Context,
    lane: Lane,
    origin: Arc<Origin>,
    place: Place,
    position: Position,
    text: String,
    lines: Vec<Span>,
    rejects: Vec<Reject>,
    times: Vec<i64>,
    repaired: u32,
}

impl Follower {
    pub(super) fn new(config: Config, context: Context) -> Self {
        let resume = context.resume.get(LANE);
        let place = resume.map(|resume| resume.position.read::<Place>().unwrap_or_default());
        let next = resume.map_or(0, |resume| resume.next_offset);
        let place = place.map(|place| Place { next: place.next.max(next), ..place });
        let since = (config.follow && !config.from_beginning).then(now);
        let place = place.unwrap_or(Place { cursor: None, since, next: 0 });
        let lane = context.outlet.lane(LANE, config.window_bytes);
        let source = format!("journalctl-{}", config.filter.join("."));
        let origin = Origin { source: source.into(), labels: Arc::default(), module: MODULE };
        Self {
            position: Position::new(&place),
            config,
            lane,
            context,
            origin: Arc::new(origin),
            place,
            text: String::new(),
            lines: Vec::new(),
            rejects: Vec::new(),
            times: Vec::new(),
            repaired: 0,
        }
    }

    /// Reads until stopped, or to the end.
    ///
    /// # Errors
    /// There is no such program here.
    pub(super) async fn run(mut self) -> Result<(), SourceError> {
        self.context.outlet.ready();
        // So that the beginning is known after a restart even if no entry comes.
        if self.deliver().await.is_err() {
            return Ok(());
        }
        let mut backoff = Backoff::default();
        loop {
            let number = self.place.next;
            match self.follow().await? {
                Outcome::Stopped => return Ok(()),
                Outcome::Complete if !self.config.follow => {
                    self.lane.caught_up(true);
                    self.lane.close();
                    self.context.health.ended();
                    return Ok(());
                }
                Outcome::Complete => self.context.health.retrying("journalctl has ended by itself"),
                Outcome::Failed(reason) => self.context.health.retrying(&reason),
            }
            if self.place.next > number {
                backoff.reset();
            }
            self.context.meter.add(Counter::Retries, 1);
            let pause = tokio::time::timeout(backoff.next_wait(), self.context.stop.wait());
            if pause.await.is_ok() {
                return Ok(());
            }
        }
    }

    /// Runs the program once.
    async fn follow(&mut self) -> Result<Outcome, SourceError> {
        let mut child = match self.command().spawn() {
            Ok(child) => child,
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                let program = self.config.program.display();
                let what =
                    format!("{program} is not here: install systemd, or leave this source out");
                return Err(SourceError::Host { what, source });
            }
            Err(error) => {
                return Ok(Outcome::Failed(format!("journalctl cannot be started: {error}")));
            }
        };
        let complaints = child.stderr.take().map(|errors| tokio::spawn(complaints(errors)));
        let Some(stdout) = child.stdout.take() else {
            return Ok(Outcome::Failed("journalctl has no output".to_owned()));
        };
        let stop = self.context.stop.clone();
        let read = tokio::select! {
            read = self.read(stdout) => read,
            () = stop.wait() => {
                end(&mut child).await;
                return Ok(Outcome::Stopped);
            }
        };
        if read.is_err() {
            end(&mut child).await;
        }
        let status = child.wait().await;
        let complaint = match complaints {
            Some(complaints) => complaints.await.unwrap_or_default(),
            None => String::new(),
        };
        Ok(match (read, status) {
            (Ok(()), Ok(status)) if status.success() => Outcome::Complete,
            (Ok(()), Ok(status)) => Outcome::Failed(format!("journalctl: {status}: {complaint}")),
            (Err(error), _) | (_, Err(error)) => Outcome::Failed(format!("journalctl: {error}")),
        })
    }

    fn command(&self) -> Command {
        let Config { filter, follow, directory, files, program, .. } = &self.config;
        let mut command = Command::new(program);
        command.args(filter);
        if let Some(directory) = directory {
            command.arg("--directory").arg(directory);
        }
        for file in files {
            command.arg("--file").arg(file);
        }
        // Ours come last: they hold even if the filter says otherwise.
        command.args(["--output=export", "--all", "--quiet", "--no-pager", "--lines=all"]);
        command.arg(format!("--output-fields={FIELDS}"));
        if *follow {
            command.arg("--follow");
        }
        match (&self.place.cursor, self.place.since) {
            (Some(cursor), _) => {
                command.arg(format!("--after-cursor={cursor}"));
            }
            (None, Some(since)) => {
                let (seconds, micros) = (since / 1_000_000, since % 1_000_000);
                command.arg(format!("--since=@{seconds}.{micros:06}"));
            }
            (None, None) => {}
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// Reads what it writes, to the end.
    async fn read(&mut self, mut output: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut reader = Reader::new(self.config.max_line);
        let (mut held, mut piece) = (Vec::new(), vec![0; PIECE]);
        let mut begun: Option<Instant> = None;
        let mut caught_up = None;
        loop {
            let left = begun.map_or(QUIET, |begun| WAIT.saturating_sub(begun.elapsed()));
            let read = match tokio::time::timeout(left, output.read(&mut piece)).await {
                Ok(read) => read?,
                Err(_) if begun.take().is_some() => {
                    self.deliver().await?;
                    continue;
                }
                Err(_) => {
                    // It runs, and has nothing to say.
                    self.context.health.reading();
                    if caught_up != Some(true) {
                        caught_up = Some(true);
                        self.lane.caught_up(true);
                    }
                    continue;
                }
            };
            if read == 0 {
                return self.deliver().await;
            }
            held.extend_from_slice(piece.get(..read).unwrap_or_default());
            let mut input = &held[..];
            while let Some(entry) = reader.next(&mut input).map_err(broken)? {
                self.add(&entry);
            }
            let rest = held.len() - input.len();
            held.drain(..rest);
            if self.is_empty() {
                continue;
            }
            if caught_up != Some(false) {
                caught_up = Some(false);
                self.lane.caught_up(false);
            }
            let began = *begun.get_or_insert_with(Instant::now);
            if self.text.len() >= BATCH || began.elapsed() >= WAIT {
                begun = None;
                self.deliver().await?;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.rejects.is_empty()
    }

    fn add(&mut self, entry: &Entry) {
        let offset = self.place.next;
        self.place.next += 1;
        self.place.cursor = Some(entry.cursor.clone());
        self.place.since = None;
        if entry.surplus > 0 {
            let reject = Reject::new(offset, Reason::TooLong, &entry.message, entry.surplus);
            return self.rejects.push(reject);
        }
        let start = position(self.text.len());
        self.repaired += u32::from(line::write(entry, &mut self.text));
        self.lines.push(Span { start, end: position(self.text.len()), offset });
        self.times.push(entry.time.saturating_mul(1000));
    }

    /// Sends what was read.
    async fn deliver(&mut self) -> io::Result<()> {
        // A program that ends at once has delivered nothing.
        if !self.is_empty() {
            self.context.health.reading();
        }
        let chunk = Chunk {
            text: self.text.as_str().into(),
            lines: std::mem::take(&mut self.lines),
            rejects: std::mem::take(&mut self.rejects),
            repaired: std::mem::take(&mut self.repaired),
            has_raw: false,
        };
        self.text.clear();
        chunk.count(&self.context.meter);
        let to = Position::new(&self.place);
        let from = std::mem::replace(&mut self.position, to.clone());
        let mut delivery = Delivery::new(chunk, Arc::clone(&self.origin), from, to);
        delivery.times = std::mem::take(&mut self.times);
        self.lane.send(delivery).await.map_err(io::Error::other)
    }
}

/// Stops the program; it has nothing to lose.
async fn end(child: &mut Child) {
    let _ = child.kill().await;
}

/// Passes on what the program complains of; returns the last of it.
async fn complaints(errors: impl AsyncRead + Unpin) -> String {
    let mut errors = BufReader::new(errors);
    let mut last = String::new();
    loop {
        let mut line = Vec::new();
        match (&mut errors).take(COMPLAINT).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return last,
            Ok(_) => {
                last = String::from_utf8_lossy(&line).trim_end().to_owned();
                tracing::warn!(message = last, "journalctl complains");
            }
        }
    }
}

fn broken(error: Broken) -> io::Error {
    io::Error::other(error)
}

/// Unit: microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Batches are bounded by [`BATCH`] and the longest message.
fn position(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
