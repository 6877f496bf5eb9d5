//! From batches to the lane: offsets, repeats, receipts. In: what one body holds. Out: a delivery, and
//! whether its lines are kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::batch::{Batch, Line};
pub(crate) use super::repeats::Sameness;
use super::repeats::{Repeats, Seen};
use crate::lane::{Delivery, Lane, Origin, Receipt};
use crate::metric::{Counter, Meter, Reason};
use crate::position::Position;
use crate::record::{Chunk, Reject, Span};
use crate::source::{Resume, SourceError};

/// A position of a lane that is sent to.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    /// Offset of the next line.
    next: u64,
    /// Marks of the last bodies, in hexadecimal, oldest first.
    recent: Vec<String>,
    /// The body whose lines come next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coming: Option<String>,
}

/// What became of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its lines are kept.
    Kept,
    /// They are not yet, or there was no room.
    Later,
}

/// The lane of a listener.
#[derive(Debug)]
pub(crate) struct Intake {
    module: &'static str,
    lane: tokio::sync::Mutex<Next>,
    repeats: Mutex<Repeats>,
    meter: Meter,
    answer: Duration,
}

#[derive(Debug)]
struct Next {
    lane: Lane,
    offset: u64,
    /// A body of which so many lines were kept before this start.
    half: Option<(u64, usize)>,
}

impl Intake {
    /// Goes on where the lane was left.
    ///
    /// # Errors
    /// It was written by another kind of source.
    pub(crate) fn new(
        module: &'static str,
        lane: Lane,
        resume: Option<&Resume>,
        sameness: Sameness,
        limits: (Meter, Duration),
    ) -> Result<Self, SourceError> {
        let mut next = Next { lane, offset: 0, half: None };
        let mut recent = Vec::new();
        if let Some(resume) = resume {
            let place = resume.position.read::<Place>();
            let place = place.map_err(|error| SourceError::Configuration(error.to_string()))?;
            next.offset = resume.next_offset.max(place.next);
            let kept = usize::try_from(resume.next_offset.saturating_sub(place.next));
            let coming = place.coming.as_deref().and_then(unhex);
            next.half = coming.zip(kept.ok()).filter(|(_, kept)| *kept > 0);
            recent.extend(place.recent.iter().filter_map(|mark| unhex(mark)));
        }
        next.lane.caught_up(true);
        let repeats = Mutex::new(Repeats::new(sameness, recent));
        let (meter, answer) = limits;
        Ok(Self { module, lane: tokio::sync::Mutex::new(next), repeats, meter, answer })
    }

    /// Has the lines of a body kept. `mark` is the same for the same body, `from` where it came from.
    pub(crate) async fn keep(&self, mark: u64, batch: Batch, from: &Arc<str>) -> Outcome {
        let deadline = Instant::now() + self.answer;
        let kept = match timeout_at(deadline, self.send(mark, batch, from)).await {
            Ok(Some(mut fate)) => {
                let kept = timeout_at(deadline, fate.wait_for(|kept| *kept)).await;
                matches!(kept, Ok(Ok(_)))
            }
            Ok(None) => true,
            Err(_) => false,
        };
        if !kept {
            self.meter.reject(Reason::NoRoom, 1);
            return Outcome::Later;
        }
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner).answered(mark);
        Outcome::Kept
    }

    /// Sends what is not kept yet; `None` where that is nothing. Until it returns, nothing has
    /// happened, so it may be given up at any time.
    async fn send(
        &self,
        mark: u64,
        batch: Batch,
        from: &Arc<str>,
    ) -> Option<watch::Receiver<bool>> {
        let mut next = self.lane.lock().await;
        match self.repeats().look(mark) {
            Seen::Never => {}
            Seen::Kept => {
                self.meter.add(Counter::Duplicates, batch.given());
                return None;
            }
            Seen::Coming(fate) => {
                self.meter.add(Counter::Duplicates, batch.given());
                return Some(fate);
            }
        }
        let kept = next.half.filter(|(half, _)| *half == mark).map_or(0, |(_, kept)| kept);
        let empty = batch.empty;
        let known = kept.min(batch.lines.len()) as u64;
        let (told, fate) = watch::channel(false);
        let before = self.place(next.offset, None, Some(mark));
        let first = next.offset;
        let all = batch.lines.len().saturating_sub(kept) + batch.rejects.len();
        let behind = self.place(first + all as u64, Some(mark), None);
        if all > 0 {
            let mut delivery = self.delivery(batch, (kept, first), from, (before, behind));
            delivery.receipt = Some(Receipt::new(move || {
                told.send_replace(true);
            }));
            let counts = Counts::of(&delivery);
            next.lane.send(delivery).await.ok()?;
            counts.add_to(&self.meter);
        } else {
            told.send_replace(true);
        }
        next.offset += all as u64;
        next.half = None;
        self.meter.reject(Reason::Empty, empty);
        self.meter.add(Counter::Duplicates, known);
        self.repeats().coming(mark, fate.clone());
        Some(fate)
    }

    /// The lines behind the first `kept`, with offsets from `first` on, and behind them what is set aside.
    fn delivery(
        &self,
        batch: Batch,
        (kept, first): (usize, u64),
        from: &Arc<str>,
        places: (Position, Position),
    ) -> Delivery {
        let origin = |labels| {
            let (source, module) = (Arc::clone(from), self.module);
            Arc::new(Origin { source, labels, module })
        };
        let lines = batch.lines.get(kept..).unwrap_or_default();
        let span = |(offset, line): (u64, &Line)| Span { start: line.start, end: line.end, offset };
        let spans = (first..).zip(lines).map(span).collect();
        let (text, repaired) = (batch.text.into(), batch.repaired);
        let numbers = first + lines.len() as u64..;
        let numbered = |(offset, reject)| Reject { offset, ..reject };
        let rejects = numbers.zip(batch.rejects).map(numbered).collect();
        let chunk = Chunk { text, lines: spans, rejects, repaired, has_raw: false };
        let mut origins: Vec<_> = batch.sets.into_iter().map(origin).collect();
        if origins.is_empty() {
            origins.push(origin(Arc::default()));
        }
        let of_line = lines.iter().map(|line| line.set);
        let origin_of = if origins.len() > 1 { of_line.collect() } else { Vec::new() };
        let (from, to) = places;
        let times = times(lines);
        Delivery { chunk, origins, origin_of, times, from, to, receipt: None }
    }

    fn place(&self, next: u64, done: Option<u64>, coming: Option<u64>) -> Position {
        let recent = self.repeats().marks(done).map(hex).collect();
        Position::new(&Place { next, recent, coming: coming.map(hex) })
    }

    fn repeats(&self) -> std::sync::MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery has a time for each line or for none: one without has that of the line before it.
fn times(lines: &[Line]) -> Vec<i64> {
    let mut last = lines.iter().find_map(|line| line.time);
    let times = lines.iter().map(|line| {
        last = line.time.or(last);
        last
    });
    times.collect::<Option<_>>().unwrap_or_default()
}

/// What is counted of a delivery when it was handed over.
struct Counts {
    lines: u64,
    bytes: u64,
    repaired: u64,
    rejects: Vec<Reason>,
}

impl Counts {
    fn of(delivery: &Delivery) -> Self {
        let (lines, repaired) = (&delivery.chunk.lines, u64::from(delivery.chunk.repaired));
        let bytes = lines.iter().map(|span| u64::from(span.end - span.start)).sum();
        let rejects = delivery.chunk.rejects.iter().map(|reject| reject.reason).collect();
        Self { lines: lines.len() as u64, bytes, repaired, rejects }
    }

    fn add_to(&self, meter: &Meter) {
        meter.add(Counter::Lines, self.lines);
        meter.add(Counter::Bytes, self.bytes);
        meter.add(Counter::Repaired, self.repaired);
        self.rejects.iter().for_each(|reason| meter.reject(*reason, 1));
    }
}

fn hex(mark: u64) -> String {
    format!("{mark:016x}")
}

fn unhex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}
