//! One container: its log from its place on, opened again whenever it breaks off, until the container is
//! gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::Known;
use super::daemon::{Daemon, causes};
use super::frames::{Frames, Line};
use super::place::{Mark, Place, before};
use crate::lane::{Delivery, Lane, Origin};
use crate::metric::{Counter, Gauge, Meter, Reason};
use crate::position::Position;
use crate::record::{Chunk, Reject, Span};
use crate::retry::Backoff;
use crate::stop::Stop;

/// A log from which nothing comes for so long has been read to its end.
const QUIET: Duration = Duration::from_millis(300);

/// A line of this age is of the present. Unit: nanoseconds.
const PRESENT: i64 = 2_000_000_000;

/// A container to follow.
pub(crate) struct Following {
    /// Its id.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) daemon: Arc<Daemon>,
    /// Where its lines go.
    pub(crate) lane: Lane,
    /// Where they come from.
    pub(crate) origin: Arc<Origin>,
    /// Standard output, standard error.
    pub(crate) streams: (bool, bool),
    /// Limit of a line. Unit: bytes.
    pub(crate) max_line: usize,
    /// Go on at the end.
    pub(crate) follow: bool,
    /// Counts.
    pub(crate) meter: Meter,
    /// When to end.
    pub(crate) stop: Stop,
    /// The containers that there are.
    pub(super) states: watch::Receiver<BTreeMap<String, Known>>,
}

/// Follows a container until it is gone or the source is stopped.
pub(crate) async fn follow(mut following: Following, mut place: Place) {
    following.meter.change(Gauge::Open, 1);
    let stop = following.stop.clone();
    tokio::select! {
        () = following.all(&mut place) => {}
        () = stop.wait() => {}
    }
    following.meter.change(Gauge::Open, -1);
    if !stop.is_set() {
        following.lane.close();
    }
}

impl Following {
    async fn all(&mut self, place: &mut Place) {
        let mut backoff = Backoff::default();
        loop {
            let before = self.states.borrow().get(&self.id).map(|known| known.starts);
            self.meter.add(Counter::Sessions, 1);
            let read = self.read(place, &mut backoff).await;
            self.lane.caught_up(true);
            match read {
                Ok(()) if !self.follow => return,
                // That it stopped is told a little later.
                Ok(()) => tokio::time::sleep(QUIET).await,
                Err(reason) => {
                    tracing::debug!(container = self.id, reason, "log broke off");
                    self.meter.add(Counter::Retries, 1);
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
            if !self.runs_again(before).await {
                return;
            }
        }
    }

    /// Waits until the container runs, or has run since `before`; `false` if it is gone.
    async fn runs_again(&mut self, before: Option<u64>) -> bool {
        let id = self.id.as_str();
        let runs = |known: &Known| known.runs || Some(known.starts) != before;
        let there = self.states.wait_for(|states| states.get(id).is_none_or(runs)).await;
        there.is_ok_and(|states| states.contains_key(id))
    }

    /// Reads the log until it ends.
    async fn read(&mut self, place: &mut Place, backoff: &mut Backoff) -> Result<(), String> {
        let terminal = self.daemon.has_terminal(&self.id).await?;
        let opened = self.daemon.log(&self.id, place.since(), self.streams, self.follow).await;
        let mut log = opened?;
        let mut frames = Frames::new(terminal, self.max_line);
        let mut mark = place.read_on();
        loop {
            let part = match tokio::time::timeout(QUIET, log.chunk()).await {
                Ok(part) => part.map_err(|error| causes(&error))?,
                Err(_) => {
                    self.lane.caught_up(true);
                    log.chunk().await.map_err(|error| causes(&error))?
                }
            };
            let Some(part) = part else { return Ok(()) };
            let lines = frames.take(&part).map_err(|error| {
                self.meter.reject(Reason::Framing, 1);
                error.to_string()
            })?;
            if !lines.is_empty() {
                self.hand_over(lines, &mut mark, place).await?;
                backoff.reset();
                self.lane.caught_up(place.newest() > now() - PRESENT);
            }
        }
    }

    /// Sends what is new, and moves the place behind it.
    async fn hand_over(
        &self,
        lines: Vec<Line>,
        mark: &mut Mark,
        place: &mut Place,
    ) -> Result<(), String> {
        let (mut text, mut chunk, mut times) = (String::new(), Chunk::default(), Vec::new());
        let (mut first, mut empty) = (mark.place(), 0);
        for line in lines {
            let before = mark.place();
            let Some(offset) = mark.line(line.time) else {
                self.meter.add(Counter::Duplicates, 1);
                first = mark.place();
                continue;
            };
            if chunk.is_empty() && empty == 0 {
                first = before;
            }
            if line.length > self.max_line {
                let reject = Reject::new(offset, Reason::TooLong, &line.bytes, line.length);
                chunk.rejects.push(reject);
            } else if line.length == 0 {
                empty += 1;
            } else {
                let line_text = String::from_utf8_lossy(&line.bytes);
                chunk.repaired += u32::from(matches!(line_text, std::borrow::Cow::Owned(_)));
                let start = spot(text.len());
                text.push_str(&line_text);
                chunk.lines.push(Span { start, end: spot(text.len()), offset });
                text.push('\n');
                times.push(line.time);
            }
        }
        let behind = mark.place();
        self.count(&chunk, empty);
        if !chunk.is_empty() {
            chunk.text = text.into();
            let from = Position::new(&before(&first, &behind));
            let origin = Arc::clone(&self.origin);
            let mut delivery = Delivery::new(chunk, origin, from, Position::new(&behind));
            delivery.times = times;
            self.lane.send(delivery).await.map_err(|stopped| stopped.to_string())?;
        }
        *place = behind;
        Ok(())
    }

    fn count(&self, chunk: &Chunk, empty: u64) {
        chunk.count(&self.meter);
        self.meter.reject(Reason::Empty, empty);
    }
}

/// One part of a log is far smaller than four gigabytes.
fn spot(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Unit: nanoseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
