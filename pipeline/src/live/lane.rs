//! One lane of a live run: what of it is not through yet, and where it goes on.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use connectors::record::raw;
use connectors::{Chunk, Delivery, Permit, Position, Receipt, Reject, SourceId};
use operators::order::merge::Settled;
use operators::origin::Origin;
use operators::parse::lines::{LineSpan, Lines, Transport, Untaken};
use operators::place::Partition;
use operators::time::EventTime;

use super::aside::{Aside, Whose};
use super::lanes::{LaneRecord, SourceSettings};
use super::transforming::{Transformed, Transforming};

/// What is parsed in one go: so little that what is found in it stays in the processor's cache until
/// the buckets have it. Unit: bytes.
const PIECE: u32 = 32 << 10;

/// Lines that are not all through.
#[derive(Debug)]
pub(super) struct Pending {
    /// Offset of the last line, where there is one.
    last: Option<u64>,
    from: Position,
    to: Position,
    block: Arc<str>,
    spans: Vec<LineSpan>,
    transport: Arc<Transport>,
    /// Records that were not read, if they are to be told; in their order.
    rejects: VecDeque<Reject>,
    made: Made,
    held: Held,
}

/// What lines were made of, as far as that may be asked for.
#[derive(Debug)]
enum Made {
    /// Of nothing else.
    AsRead,
    /// Of messages that the block holds as well.
    OfMessages,
    /// By a transform: of the lines of this chunk, which one of each.
    OfLines(Chunk, Vec<usize>),
}

/// What is given back when lines are kept.
#[derive(Debug)]
pub struct Held {
    /// Room in the window.
    pub permit: Permit,
    /// Who wants to know.
    pub receipt: Option<Receipt>,
}

/// A lane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) source: SourceId,
    pub(super) key: Box<str>,
    pub(super) settled: Settled,
    pub(super) position: Option<Position>,
    pub(super) pending: VecDeque<Pending>,
    /// How many of `pending` are on their way to the order.
    pub(super) sent: usize,
    /// How many lines of the next one are, too.
    pub(super) begun: usize,
    /// Whether the order knows it.
    pub(super) ordered: bool,
    /// How many blocks this order was given.
    pub(super) blocks: u64,
    pub(super) caught_up: bool,
    /// When all that was there had come, the last time that it had in this run.
    pub(super) read_through: Option<EventTime>,
    /// Whether nothing more comes for now.
    pub(super) closed: bool,
    /// When the last line came, or the lane was opened.
    pub(super) heard: Instant,
    /// The last origin, as the source and as the rules see it.
    pub(super) origin: Option<(Arc<connectors::Origin>, Arc<Origin>)>,
    pub(super) transforming: Option<Box<Transforming>>,
}

/// A lane with nothing to say.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// When its last line came, or it was opened.
    pub since: Instant,
    /// Whether it was read to its end.
    pub caught_up: bool,
    /// Whether nothing more comes for now.
    pub closed: bool,
    /// Whose it is.
    pub source: SourceId,
    /// Whether lines of it came in this generation.
    pub has_spoken: bool,
}

fn line_span(span: &connectors::Span) -> LineSpan {
    LineSpan { start: span.start, end: span.end, position: span.offset }
}

/// What was said of lines, for the lines that were made of them.
fn picked<T: Copy>(said: &[T], of: &[usize]) -> Vec<T> {
    of.iter().filter_map(|line| said.get(*line)).copied().collect()
}

impl Lane {
    pub(super) fn new(source: SourceId, key: Box<str>) -> Self {
        Self {
            source,
            key,
            settled: Settled::default(),
            position: None,
            pending: VecDeque::new(),
            sent: 0,
            begun: 0,
            ordered: false,
            blocks: 0,
            caught_up: false,
            read_through: None,
            closed: false,
            heard: Instant::now(),
            origin: None,
            transforming: None,
        }
    }

    pub(super) fn take(
        &mut self,
        settings: &SourceSettings,
        delivery: Delivery,
        arrived: i64,
        permit: Permit,
    ) {
        let Delivery { mut chunk, origins, origin_of, times, from, to, receipt } = delivery;
        let origins = origins.into_iter().map(|origin| self.origin(settings, origin)).collect();
        let mut transport = Transport {
            origins,
            origin_of,
            times: times.into_iter().map(EventTime).collect(),
            arrived: EventTime(arrived),
            read_through: self.read_through,
            clock: settings.clock,
        };
        let mut rejects = VecDeque::from(std::mem::take(&mut chunk.rejects));
        rejects.retain(|reject| settings.set_aside && reject.offset >= self.settled.next);
        let (block, spans, made) = match &mut self.transforming {
            None => {
                let made = if chunk.has_raw { Made::OfMessages } else { Made::AsRead };
                (chunk.text, chunk.lines.iter().map(line_span).collect::<Vec<_>>(), made)
            }
            Some(transforming) => {
                let origin = |line: usize| transport.origin(u32::try_from(line).ok()?);
                let Transformed { text, spans, of } =
                    transforming.lines(&chunk, &settings.name, origin);
                transport.origin_of = picked(&transport.origin_of, &of);
                transport.times = picked(&transport.times, &of);
                let made = if settings.set_aside { Made::OfLines(chunk, of) } else { Made::AsRead };
                (text, spans, made)
            }
        };
        // Of lines that a transform drops the order hears nothing: it need not come to them.
        let last = spans.last().map(|span| span.position);
        self.pending.push_back(Pending {
            last,
            from,
            to,
            block,
            spans,
            transport: Arc::new(transport),
            rejects,
            made,
            held: Held { permit, receipt },
        });
    }

    /// An origin as the rules see it: labels of the acquisition, and on top those of the line.
    fn origin(&mut self, settings: &SourceSettings, from: Arc<connectors::Origin>) -> Arc<Origin> {
        if let Some((known, origin)) = &self.origin
            && *known == from
        {
            return Arc::clone(origin);
        }
        let labels = match from.labels.is_empty() {
            true => Arc::clone(&settings.labels),
            false => {
                let mut labels = BTreeMap::clone(&settings.labels);
                labels.extend(from.labels.iter().map(|(k, v)| (Arc::clone(k), Arc::clone(v))));
                Arc::new(labels)
            }
        };
        let origin = Arc::new(Origin {
            source: Arc::clone(&from.source),
            labels,
            module: from.module,
            zone: settings.zone,
        });
        self.origin = Some((from, Arc::clone(&origin)));
        origin
    }

    /// What the store is to know of it.
    pub(super) fn record(&self, number: Partition) -> LaneRecord {
        let position = self.position.as_ref().map_or("", Position::as_str).to_owned();
        let Settled { next, clock, is_old } = self.settled;
        let clock = clock.map(|clock| clock.0);
        LaneRecord { number: number.0, position, next, clock, is_old }
    }

    /// Whether there is something that was not sent.
    pub(super) fn has_more(&self) -> bool {
        self.sent < self.pending.len()
    }

    /// Lines that were not sent yet, no more than a piece.
    pub(super) fn next(&mut self, partition: Partition) -> Option<Lines> {
        let pending = self.pending.get(self.sent)?;
        let number = self.blocks;
        self.blocks += 1;
        let known = pending.spans.partition_point(|span| span.position < self.settled.next);
        let piece = pending.piece(known.max(self.begun));
        self.begun = piece.end;
        if piece.end == pending.spans.len() {
            (self.sent, self.begun) = (self.sent + 1, 0);
        }
        // What the transport says is told by place in the block: it begins where the lines do.
        let transport = Some(match piece == (0..pending.spans.len()) {
            true => Arc::clone(&pending.transport),
            false => Arc::new(pending.transport.of(piece.clone())),
        });
        let spans = pending.spans.get(piece).unwrap_or_default().to_vec();
        let block = Arc::clone(&pending.block);
        Some(Lines { worker: 0, partition, number, block, spans, last: false, transport })
    }

    /// Everything before `settled` is through: what is given back when that is kept, and records
    /// before it that were not read.
    pub(super) fn settle(&mut self, source: &str, settled: Settled) -> (Vec<Held>, Vec<Aside>) {
        self.settled = settled;
        let (mut held, mut aside) = (Vec::new(), Vec::new());
        let name = self.key.split_once('\0').map_or("", |(_, lane)| lane);
        while self.sent > 0
            && let Some(mut front) =
                self.pending.pop_front_if(|front| front.last.is_none_or(|last| last < settled.next))
        {
            self.sent -= 1;
            aside.extend(front.rejected((source, name), None));
            self.position = Some(front.to);
            held.push(front.held);
        }
        if let Some(front) = self.pending.front_mut() {
            aside.extend(front.rejected((source, name), Some(settled.next)));
            self.position = Some(front.from.clone());
        }
        (held, aside)
    }

    /// Lines of these places, which are not settled yet.
    pub(super) fn untaken(&self, source: &str, places: &[Untaken]) -> Vec<Aside> {
        let name = self.key.split_once('\0').map_or("", |(_, lane)| lane);
        let mut pending = self.pending.iter();
        let (mut at, mut all) = (pending.next(), Vec::with_capacity(places.len()));
        for place in places {
            while at.is_some_and(|at| at.last.is_none_or(|last| last < place.position)) {
                at = pending.next();
            }
            all.extend(at.and_then(|at| at.untaken((source, name), *place)));
        }
        all
    }
}

impl Pending {
    /// The lines from `begin` on that are sent together. Those of one record stay so.
    fn piece(&self, begin: usize) -> Range<usize> {
        let Some([first, rest @ ..]) = self.spans.get(begin..) else {
            return begin..self.spans.len().max(begin);
        };
        let mut last = first;
        let fits = rest.iter().take_while(|span| {
            let stays = span.position == last.position || span.end - first.start <= PIECE;
            last = span;
            stays
        });
        begin..begin + 1 + fits.count()
    }

    fn untaken(&self, (source, lane): (&str, &str), place: Untaken) -> Option<Aside> {
        let Untaken { position, part } = place;
        let first = self.spans.partition_point(|span| span.position < position);
        let number = first + usize::try_from(part).ok()?;
        let span = self.spans.get(number).filter(|span| span.position == position)?;
        let at = span.start as usize..span.end as usize;
        let line = self.block.get(at.clone())?;
        let raw = self.raw(number, at);
        let number = u32::try_from(number).ok()?;
        let labels = &self.transport.origin(number)?.labels;
        let time = self.transport.time(number).unwrap_or(self.transport.arrived);
        let whose = Whose { source, lane, labels, time };
        Some(Aside::line(whose, (position, part), (line, raw)))
    }

    /// What this line was made of.
    fn raw(&self, number: usize, at: Range<usize>) -> Option<&str> {
        match &self.made {
            Made::AsRead => None,
            Made::OfMessages => {
                let before = number.checked_sub(1).and_then(|before| self.spans.get(before));
                raw(&self.block, before.map_or(0, |before| before.end as usize), at)
            }
            Made::OfLines(chunk, of) => {
                let number = *of.get(number)?;
                let span = chunk.lines.get(number)?;
                let at = span.start as usize..span.end as usize;
                if !chunk.has_raw {
                    return chunk.text.get(at);
                }
                let before = number.checked_sub(1).and_then(|before| chunk.lines.get(before));
                raw(&chunk.text, before.map_or(0, |before| before.end as usize), at)
            }
        }
    }

    /// Takes out records that were not read, those before `next` or all.
    fn rejected(&mut self, (source, lane): (&str, &str), next: Option<u64>) -> Vec<Aside> {
        let end = next.map_or(self.rejects.len(), |next| {
            self.rejects.partition_point(|reject| reject.offset < next)
        });
        let Some(origin) = self.transport.origin(0) else { return Vec::new() };
        let whose = Whose { source, lane, labels: &origin.labels, time: self.transport.arrived };
        self.rejects.drain(..end).map(|reject| Aside::record(whose, &reject)).collect()
    }
}
