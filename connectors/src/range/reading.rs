//! Which range of a log store is read next, page by page, and what becomes of the answers. In: a
//! [`Store`]. Out: deliveries on one lane, until the source is stopped.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::Instrument;

use super::cursor::{Cursor, Place};
use super::delivery::Lines;
use super::entry::Entry;
use super::store::{Page, Range, Store, Trouble};
use crate::TRACE;
use crate::lane::{Delivery, Lane, Stopped};
use crate::metric::{Counter, Gauge, Reason};
use crate::position::Position;
use crate::retry::Backoff;
use crate::source::{Context, Resume, SourceError};

/// A range is never made shorter than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// A wait that a store asks for is at most so long.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// A place without lines is sent at least so often, so that a quiet query does not begin far back.
const PLACE_EVERY: Duration = Duration::from_secs(60);

/// The store's clock counts whole seconds: what is within this is no difference.
const CLOCK_GRAIN: i64 = 2;

/// Unit: nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// How reading goes.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Stay so far behind the present, so that lines of several writers come in order.
    pub(crate) settle: Duration,
    /// Lines may come so late.
    pub(crate) overlap: Duration,
    /// Between two polls.
    pub(crate) poll: Duration,
    /// Longest range of one question.
    pub(crate) window: Duration,
    /// Entries per page.
    pub(crate) limit: usize,
    /// A first start begins so far back.
    pub(crate) since: Duration,
    /// Go on at the end, instead of ending.
    pub(crate) follow: bool,
}

/// Why a poll ended early.
enum Halt {
    Stopped,
    Trouble(Trouble),
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// A log store being read on one lane.
pub(crate) struct Reading<S> {
    store: S,
    pace: Pace,
    lines: Lines,
    lane: Lane,
    context: Context,
    cursor: Cursor,
    backoff: Backoff,
    /// What the store's clock is ahead of ours. Unit: seconds.
    ahead: i64,
    window: Duration,
    limit: usize,
    caught_up: Option<bool>,
    placed: Option<tokio::time::Instant>,
}

impl<S: Store> Reading<S> {
    /// Reads where the lane was left, or from the present.
    ///
    /// # Errors
    /// The lane was written by another kind of source.
    pub(crate) fn new(
        store: S,
        mut pace: Pace,
        lines: Lines,
        lane: Lane,
        context: Context,
    ) -> Result<Self, SourceError> {
        let resumed = context.resume.get(lane.name()).map(resume).transpose()?;
        if !pace.follow {
            pace.settle = Duration::ZERO;
        }
        let (window, limit) = (pace.window.max(SHORTEST), pace.limit.max(1));
        Ok(Self {
            // A first start asks the store's clock before it decides where to begin.
            cursor: resumed.unwrap_or_else(|| Cursor::new(i64::MIN)),
            backoff: Backoff::default(),
            ahead: 0,
            caught_up: None,
            placed: None,
            store,
            pace,
            lines,
            lane,
            context,
            window,
            limit,
        })
    }

    /// Reads until stopped, or to the end if it should not follow.
    ///
    /// # Errors
    /// The store will never answer this.
    pub(crate) async fn run(mut self) -> Result<(), SourceError> {
        let mut end = None;
        loop {
            match self.poll(&mut end).await {
                Ok(()) if !self.pace.follow => {
                    self.context.health.ended();
                    self.lane.close();
                    return Ok(());
                }
                Ok(()) => {
                    self.pause(self.pace.poll).await;
                }
                Err(Halt::Stopped) => {}
                Err(Halt::Trouble(trouble)) => self.bear(trouble).await?,
            }
            if self.context.stop.is_set() {
                return Ok(());
            }
        }
    }

    /// Reads everything up to the present, or to `end` if reading should end.
    async fn poll(&mut self, end: &mut Option<i64>) -> Result<(), Halt> {
        if self.cursor.until() == i64::MIN {
            self.begin().await?;
        }
        let present = self.now() - nanos(self.pace.settle);
        let to = if self.pace.follow { present } else { *end.get_or_insert(present) };
        let until = self.cursor.until();
        self.say_caught_up(to - until < nanos(self.pace.poll * 2) + 5 * SECOND);
        if self.cursor.known() <= self.limit / 2 {
            self.read_all(self.cursor.swept().min(until), to).await?;
        } else {
            self.read_all(until, to).await?;
            let swept = self.cursor.swept();
            let old = self.final_before(self.now()).min(self.cursor.until());
            if old - swept >= nanos(self.pace.overlap) / 4 {
                self.read_all(swept, old).await?;
            }
        }
        self.say_caught_up(true);
        self.context.meter.set(Gauge::LagSeconds, (self.now() - self.cursor.until()) / SECOND);
        self.keep_place().await
    }

    /// Learns the store's clock, decides where to begin and has that kept.
    async fn begin(&mut self) -> Result<(), Halt> {
        let now = self.now();
        self.ask(now - 1..now, 1).await?;
        self.cursor = Cursor::new(self.now() - nanos(self.pace.since));
        self.keep_place().await
    }

    /// Reads a range in ranges that are not too long. One question is asked even where nothing is
    /// to be read: its answer shows whether our clock was set back.
    async fn read_all(&mut self, from: i64, to: i64) -> Result<(), Halt> {
        let mut at = from;
        loop {
            let end = to.min(at.saturating_add(nanos(self.window))).max(at + 1);
            self.read(at..end).await?;
            self.window = (self.window * 2).min(self.pace.window.max(SHORTEST));
            at = end;
            if at >= to {
                return Ok(());
            }
        }
    }

    /// Reads a range page by page.
    async fn read(&mut self, range: Range) -> Result<(), Halt> {
        let mut from = range.start;
        while from < range.end {
            let asked = self.now();
            let page = self.ask(from..range.end, self.limit).await?;
            // Where our clock is ahead, the range ended in the future: that is not read yet.
            let end = range.end.min(self.now() - nanos(self.pace.settle)).max(from);
            let mut entries = page.entries;
            let full = entries.len() >= self.limit;
            entries.retain(|entry| (from..range.end).contains(&entry.time));
            let last = entries.iter().map(|entry| entry.time).max().unwrap_or(from);
            let to = match full {
                false => end,
                true if last > from => last.min(end),
                true => {
                    entries = self.instant(from, entries).await?;
                    from + 1
                }
            };
            entries.retain(|entry| entry.time < to);
            self.hand_over(entries).await?;
            self.cursor.complete(from, to, self.final_before(asked));
            if !full || to >= end {
                return Ok(());
            }
            from = to;
        }
        Ok(())
    }

    /// Sends what is new of a complete slice.
    async fn hand_over(&mut self, mut slice: Vec<Entry>) -> Result<(), Halt> {
        slice.sort_by(Entry::order);
        let read = slice.len() as u64;
        let mut fresh = self.cursor.fresh(slice);
        self.context.meter.add(Counter::Duplicates, read - fresh.len() as u64);
        while !fresh.is_empty() {
            let rest = fresh.split_off(Lines::fitting(&fresh));
            let from = Position::new(&self.cursor.before(&fresh));
            let to = Position::new(&self.cursor.delivered(&fresh));
            let delivery = self.lines.delivery(&fresh, from, to);
            self.count(&delivery, fresh.len());
            self.lane.send(delivery).await?;
            self.placed = Some(tokio::time::Instant::now());
            fresh = rest;
        }
        Ok(())
    }

    fn count(&self, delivery: &Delivery, entries: usize) {
        let (meter, chunk) = (&self.context.meter, &delivery.chunk);
        chunk.count(meter);
        meter.reject(Reason::Empty, (entries - chunk.lines.len() - chunk.rejects.len()) as u64);
    }

    /// Has the place kept from time to time where no lines do it.
    async fn keep_place(&mut self) -> Result<(), Halt> {
        if self.placed.is_some_and(|at| at.elapsed() < PLACE_EVERY) {
            return Ok(());
        }
        let here = Position::new(&self.cursor.place());
        self.lane.send(self.lines.delivery(&[], here.clone(), here)).await?;
        self.placed = Some(tokio::time::Instant::now());
        Ok(())
    }

    /// Takes an instant apart that is more than a page.
    async fn instant(&mut self, time: i64, known: Vec<Entry>) -> Result<Vec<Entry>, Halt> {
        let stop = self.context.stop.clone();
        tokio::select! {
            all = self.store.instant(time, known, self.limit) => Ok(all?),
            () = stop.wait() => Err(Halt::Stopped),
        }
    }

    async fn ask(&mut self, range: Range, limit: usize) -> Result<Page, Halt> {
        let source = self.context.name.clone();
        let span = tracing::info_span!(target: TRACE, "poll", %source);
        self.asked(range, limit).instrument(span).await
    }

    async fn asked(&mut self, range: Range, limit: usize) -> Result<Page, Halt> {
        self.context.meter.add(Counter::Sessions, 1);
        let stop = self.context.stop.clone();
        let page = tokio::select! {
            page = self.store.page(range, limit) => page?,
            () = stop.wait() => return Err(Halt::Stopped),
        };
        self.backoff.reset();
        self.context.health.reading();
        if let Some(served_at) = page.served_at {
            let ahead = served_at - our_clock() / SECOND;
            self.ahead = if ahead.abs() > CLOCK_GRAIN { ahead } else { 0 };
        }
        Ok(page)
    }

    /// Waits after trouble, and asks for less next time where that may help.
    async fn bear(&mut self, trouble: Trouble) -> Result<(), SourceError> {
        let (reason, wait) = match trouble {
            Trouble::Again { reason, wait } => (reason, wait.unwrap_or_default()),
            Trouble::Narrower(reason) => {
                self.window = (self.window / 2).max(SHORTEST);
                (reason, Duration::ZERO)
            }
            Trouble::Limit(limit) if limit < self.limit => {
                self.limit = limit.max(1);
                return Ok(());
            }
            Trouble::Limit(limit) => {
                (format!("pages of {limit} entries are refused"), Duration::ZERO)
            }
            Trouble::Never(reason) => {
                self.context.health.failed(&reason);
                return Err(SourceError::Configuration(reason));
            }
        };
        tracing::debug!(source = &*self.context.name, reason, "asking again");
        self.context.health.retrying(&reason);
        self.context.meter.add(Counter::Retries, 1);
        self.say_caught_up(false);
        let wait = self.backoff.next_wait().max(wait.min(LONGEST_WAIT));
        self.pause(wait).await;
        Ok(())
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.context.stop.wait() => {}
        }
    }

    fn say_caught_up(&mut self, caught_up: bool) {
        if self.caught_up != Some(caught_up) {
            self.lane.caught_up(caught_up);
            self.caught_up = Some(caught_up);
        }
    }

    /// What is older cannot change any more, for a question asked at `now`.
    fn final_before(&self, now: i64) -> i64 {
        now - nanos(self.pace.overlap)
    }

    /// The store's clock. Unit: nanoseconds since 1970.
    fn now(&self) -> i64 {
        our_clock().saturating_add(self.ahead.saturating_mul(SECOND))
    }
}

fn resume(resume: &Resume) -> Result<Cursor, SourceError> {
    let place = resume.position.read::<Place>();
    let place = place.map_err(|error| SourceError::Configuration(error.to_string()))?;
    Ok(Cursor::resume(&place, resume))
}

/// Unit: nanoseconds since 1970.
fn our_clock() -> i64 {
    nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
