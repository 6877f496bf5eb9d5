//! The source of a replay: reads inputs block by block, as the order asks for them, and deals the
//! blocks to the workers.

use std::cell::RefCell;
use std::rc::Rc;

use connectors::Reader;
use operators::epoch::Epoch;
use operators::order::operator::Demand;
use operators::parse::lines::{LineSpan, Lines};
use operators::place::Partition;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{Scope, StreamVec};
use timely::scheduling::Activator;

use crate::derive::{Block, Derive};
use crate::problems::Problems;
use crate::transform::Transformer;

/// How many blocks of the partition that the order waits for are under way, per worker.
const AHEAD: u64 = 4;

/// An input of a run.
#[derive(Debug)]
pub struct Feed {
    /// Its lines.
    pub reader: Reader,
    /// What makes other lines of them.
    pub transformer: Option<Transformer>,
}

impl From<Reader> for Feed {
    fn from(reader: Reader) -> Self {
        Self { reader, transformer: None }
    }
}

#[derive(Debug)]
struct Input {
    reader: Reader,
    derive: Option<Derive>,
    sent: u64,
    ended: bool,
}

impl Input {
    /// The next lines, none at the end.
    fn read(&mut self, partition: Partition, problems: &mut Problems) -> Block {
        let derived = self.derive.as_mut().and_then(|derive| derive.block(partition, problems));
        derived.unwrap_or_else(|| self.read_chunk(partition, problems))
    }

    fn read_chunk(&mut self, partition: Partition, problems: &mut Problems) -> Block {
        let chunk = match self.reader.next_chunk() {
            Some(Ok(chunk)) => Some(chunk),
            Some(Err(error)) => {
                problems.errors.push(error);
                None
            }
            None => None,
        };
        self.ended = chunk.is_none();
        let chunk = chunk.unwrap_or_default();
        problems.count(&chunk);
        if let Some(derive) = &mut self.derive {
            derive.give(chunk);
            return derive.block(partition, problems).unwrap_or_default();
        }
        let span = |span: &connectors::Span| LineSpan {
            start: span.start,
            end: span.end,
            position: span.offset,
        };
        let spans = chunk.lines.iter().map(span).collect();
        (chunk.text, spans)
    }
}

/// Reads the inputs of a run; partitions are numbered in their order.
pub struct Ingest {
    inputs: Vec<Input>,
    demand: Rc<RefCell<Demand>>,
    problems: Rc<RefCell<Problems>>,
    workers: u64,
    /// Blocks given to each worker.
    given: Vec<u64>,
    /// The first partition that may still have no block under way.
    cold: usize,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("inputs", &self.inputs.len()).finish_non_exhaustive()
    }
}

impl Ingest {
    /// A source over `feeds`.
    pub fn new(
        feeds: Vec<Feed>,
        demand: Rc<RefCell<Demand>>,
        problems: Rc<RefCell<Problems>>,
        workers: u64,
    ) -> Self {
        let input = |feed: Feed| {
            let Feed { reader, transformer } = feed;
            let max_line = reader.max_line();
            let derive = transformer.map(|transformer| Derive::new(transformer, max_line));
            Input { reader, derive, sent: 0, ended: false }
        };
        let inputs = feeds.into_iter().map(input).collect();
        let given = (0..workers).map(|_| 0).collect();
        Self { inputs, demand, problems, workers, given, cold: 0 }
    }

    /// The partition to read from now, if any should be.
    fn next_partition(&mut self) -> Option<usize> {
        let demand = self.demand.borrow();
        if let Some(wanted) = demand.wanted {
            let at = wanted.0 as usize;
            let taken = demand.taken.get(&wanted).copied().unwrap_or(0);
            let input = self.inputs.get(at)?;
            if !input.ended && input.sent - taken < AHEAD * self.workers {
                return Some(at);
            }
        }
        // Every partition must show its beginning before anything can be ordered.
        while let Some(input) = self.inputs.get(self.cold) {
            if input.sent == 0 {
                return Some(self.cold);
            }
            self.cold += 1;
        }
        None
    }

    fn read(&mut self, at: usize) -> Option<Lines> {
        let input = self.inputs.get_mut(at)?;
        let partition = Partition(u32::try_from(at).unwrap_or(u32::MAX));
        let number = input.sent;
        input.sent += 1;
        let (block, spans) = input.read(partition, &mut self.problems.borrow_mut());
        let last = input.ended;
        let worker = self.least_busy();
        Some(Lines { worker, partition, number, block, spans, last, transport: None })
    }

    /// The worker with the fewest blocks under way; the first one also reads and orders, so of
    /// equals the last one is taken.
    fn least_busy(&mut self) -> u64 {
        let demand = self.demand.borrow();
        let busy = |(worker, given): &(u64, &u64)| {
            let done = usize::try_from(*worker).ok().and_then(|at| demand.done.get(at));
            (**given - done.copied().unwrap_or(0), u64::MAX - worker)
        };
        let worker = (0..self.workers).zip(&self.given).min_by_key(busy).map_or(0, |(w, _)| w);
        if let Some(given) = usize::try_from(worker).ok().and_then(|at| self.given.get_mut(at)) {
            *given += 1;
        }
        worker
    }

    fn finished(&self) -> bool {
        self.inputs.iter().all(|input| input.ended)
    }
}

/// The lines of all inputs. `ingest` is given on the worker that reads.
pub fn lines<'scope>(
    scope: Scope<'scope, Epoch>,
    ingest: Option<Ingest>,
) -> (StreamVec<'scope, Epoch, Lines>, Option<Activator>) {
    let mut wake = None;
    let stream = source(scope, "ingest", |capability: Capability<Epoch>, info| {
        let again = scope.activator_for(Rc::clone(&info.address));
        wake = Some(scope.activator_for(info.address));
        let mut running = ingest.map(|ingest| (ingest, capability));
        move |output| {
            let Some((ingest, capability)) = &mut running else { return };
            let epoch = ingest.demand.borrow().epoch;
            if epoch > *capability.time() {
                capability.downgrade(&epoch);
            }
            // The first worker parses one in a turn; the others, which do not order, may do more.
            let most = 2 * ingest.workers - 1;
            let mut read = 0;
            while read < most
                && let Some(at) = ingest.next_partition()
                && let Some(lines) = ingest.read(at)
            {
                output.session(&*capability).give(lines);
                read += 1;
            }
            if ingest.finished() {
                running = None;
            } else if read > 0 {
                again.activate();
            }
        }
    });
    (stream, wake)
}
