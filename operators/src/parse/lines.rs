//! Lines on their way into the parsers, and what is known of them behind: the messages between
//! source, parse and order. Transport, not a promise.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bucket::pour::Pour;
use crate::fault::Faults;
use crate::origin::Origin;
use crate::place::Partition;
use crate::time::EventTime;

/// A line within its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSpan {
    /// First byte within the block.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Position within the source partition. Unit: bytes for files.
    pub position: u64,
}

/// Successive lines of one source partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lines {
    /// Which worker parses them.
    pub worker: u64,
    /// Whose lines these are.
    pub partition: Partition,
    /// How many blocks of this partition came before.
    pub number: u64,
    /// The text.
    pub block: Arc<str>,
    /// The lines.
    pub spans: Vec<LineSpan>,
    /// Whether the partition ends here.
    pub last: bool,
    /// What the transport says of them; `None` in a replay, where a line is all there is.
    pub transport: Option<Arc<Transport>>,
}

/// By which clock lines fill buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clock {
    /// The line's own date.
    #[default]
    Event,
    /// When the line arrived, as CrowdSec does it live.
    Arrival,
}

/// What the transport says of the lines of a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transport {
    /// Where lines come from, each once.
    pub origins: Vec<Arc<Origin>>,
    /// Place in `origins` by line; empty where all lines have the first.
    pub origin_of: Vec<u16>,
    /// When each line was written; empty where the transport does not say.
    pub times: Vec<EventTime>,
    /// When they arrived.
    pub arrived: EventTime,
    /// When everything that was there before them had been read, where that is known: they were written
    /// later.
    pub read_through: Option<EventTime>,
    /// By which clock they count.
    pub clock: Clock,
}

impl Transport {
    /// Where a line comes from.
    pub fn origin(&self, line: u32) -> Option<&Arc<Origin>> {
        let place = self.origin_of.get(line as usize).copied().unwrap_or(0);
        self.origins.get(usize::from(place))
    }

    /// When a line was written, as the transport says.
    pub fn time(&self, line: u32) -> Option<EventTime> {
        self.times.get(line as usize).copied()
    }

    /// What is said of these lines.
    #[must_use]
    pub fn of(&self, lines: Range<usize>) -> Self {
        Self {
            origins: self.origins.clone(),
            origin_of: part(&self.origin_of, &lines),
            times: part(&self.times, &lines),
            ..*self
        }
    }
}

fn part<T: Copy>(said: &[T], lines: &Range<usize>) -> Vec<T> {
    // It may say nothing of any line.
    said.get(lines.start..said.len().min(lines.end)).unwrap_or_default().to_vec()
}

/// What the order must know of successive lines.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parsed {
    /// Which worker parsed them.
    pub worker: u64,
    /// Whose lines these were.
    pub partition: Partition,
    /// How many blocks of this partition came before.
    pub number: u64,
    /// Position and date of each line.
    pub stamps: Vec<(u64, Option<EventTime>)>,
    /// Lines that interest somebody, by their place in `stamps`.
    pub found: Vec<(u32, Found)>,
    /// Lines that no parser took, by their place in `stamps`.
    pub untaken: Vec<u32>,
    /// The text again, if a line is [`Found::Later`].
    pub block: Option<Arc<str>>,
    /// What the transport says of them.
    pub transport: Option<Arc<Transport>>,
    /// Whether the partition ends here.
    pub last: bool,
    /// What was counted.
    pub tally: Tally,
}

/// Why a line interests somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Found {
    /// Scenarios want it.
    Pours(Vec<Pour>),
    /// It touches the stash, so it must be parsed in the order of its partition.
    Later(LineSpan),
}

/// Where a line stands that no parser took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untaken {
    /// Position within the source partition.
    pub position: u64,
    /// Its place among the lines that a `transform` made of that one; else 0.
    pub part: u32,
}

/// A line that no parser took, for people to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sample {
    /// Where it stands.
    pub partition: Partition,
    /// Where it stands there.
    pub position: u64,
    /// Its first characters.
    pub text: String,
}

/// How many samples are kept.
pub const MAX_SAMPLES: usize = 5;

/// Characters of a sample.
pub const SAMPLE_LENGTH: usize = 200;

/// What happened to lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Lines read.
    pub lines: u64,
    /// Lines that came through all stages.
    pub parsed: u64,
    /// Lines that did not.
    pub unparsed: u64,
    /// Lines that a static ended.
    pub aborted: u64,
    /// Lines that a whitelist dropped.
    pub whitelisted: u64,
    /// Lines that were poured somewhere.
    pub poured: u64,
    /// Lines without a date that count by the time of their transport.
    pub undated: u64,
    /// Lines dated so far ahead of their arrival that the arrival counts.
    pub ahead: u64,
    /// What happened in nodes, by [`super::hit::Hit::cell`].
    pub nodes: Vec<u64>,
    /// Pours by scenario.
    pub scenarios: Vec<u64>,
    /// Lines by source partition.
    pub partitions: BTreeMap<Partition, u64>,
    /// Of these, lines that no parser took.
    pub untaken: BTreeMap<Partition, u64>,
    /// The first lines that no parser took.
    pub samples: Vec<Sample>,
    /// What failed in parsers, by [`super::node::Node::number`].
    pub parser_faults: Faults,
    /// What of scenarios failed on lines, by number of the scenario.
    pub scenario_faults: Faults,
}

impl Tally {
    /// Adds another tally; what is sampled does not depend on the order of adding.
    pub fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.parsed += other.parsed;
        self.unparsed += other.unparsed;
        self.aborted += other.aborted;
        self.whitelisted += other.whitelisted;
        self.poured += other.poured;
        self.undated += other.undated;
        self.ahead += other.ahead;
        add_each(&mut self.nodes, &other.nodes);
        add_each(&mut self.scenarios, &other.scenarios);
        for (partition, lines) in &other.partitions {
            *self.partitions.entry(*partition).or_default() += lines;
        }
        for (partition, lines) in &other.untaken {
            *self.untaken.entry(*partition).or_default() += lines;
        }
        self.samples.extend_from_slice(&other.samples);
        self.samples.sort();
        self.samples.truncate(MAX_SAMPLES);
        self.parser_faults.join(&other.parser_faults);
        self.scenario_faults.join(&other.scenario_faults);
    }

    /// Counts one in a list by number.
    pub(crate) fn count(list: &mut Vec<u64>, number: usize) {
        if list.len() <= number {
            list.resize(number + 1, 0);
        }
        if let Some(count) = list.get_mut(number) {
            *count += 1;
        }
    }

    /// Counts a line that no parser took, and keeps its beginning.
    pub(crate) fn untaken(&mut self, partition: Partition, position: u64, line: &str) {
        self.unparsed += 1;
        *self.untaken.entry(partition).or_default() += 1;
        if self.samples.len() < MAX_SAMPLES {
            let text = line.chars().take(SAMPLE_LENGTH).collect();
            self.samples.push(Sample { partition, position, text });
        }
    }
}

fn add_each(sums: &mut Vec<u64>, more: &[u64]) {
    if sums.len() < more.len() {
        sums.resize(more.len(), 0);
    }
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}
