//! Standard input while the service runs: the `stdin` source. It is finite: when the writer ends, the
//! source has ended.
//!
//! # Delivery
//! At most once: what was read and not kept when the service ends is lost, as with any pipe. While the
//! service is busy the writer waits.
//!
//! # Order
//! One lane, `-`. Offsets are bytes, counted on from run to run.
//!
//! # Resume point
//! Where the offsets go on. Nothing can be read again.
//!
//! # Metrics
//! Lines, bytes, repaired lines; rejects: `line too long`.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use crate::lane::{Delivery, Lane, Origin};
use crate::line_buffer::{LineBuffer, Rest};
use crate::position::Position;
use crate::record::Chunk;
use crate::source::{Context, Source, SourceError};

/// Name of the module, of the lane, and of where lines come from.
const MODULE: &str = "stdin";
const LANE: &str = "-";
/// Bytes read at once.
const PIECE: usize = 256 << 10;
/// How soon a stop is noticed while nothing comes.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// How to read it.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Longest line; what is longer is counted and left out. Default: 1 MiB. Unit: bytes.
    pub max_line: usize,
    /// How much text waits to be kept. Default: 16 MiB. Unit: bytes.
    pub window_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_line: 1 << 20, window_bytes: 16 << 20 }
    }
}

/// The position: where the offsets go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    next: u64,
}

/// The source.
#[derive(Debug)]
pub struct Stdin {
    config: Config,
    /// Another stream in its place.
    input: Option<OwnedFd>,
}

impl Stdin {
    /// Standard input.
    pub fn new(config: Config) -> Self {
        Self { config, input: None }
    }

    /// A pipe or socket that is read like standard input.
    pub fn of(input: OwnedFd, config: Config) -> Self {
        Self { config, input: Some(input) }
    }
}

impl Source for Stdin {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let input = match self.input {
            Some(input) => Ok(input),
            None => rustix::io::dup(rustix::stdio::stdin()),
        };
        let input = input.map_err(|error| failed(error.into()))?;
        let place = context.resume.get(LANE).map_or(0, |resume| {
            let place = resume.position.read::<Place>().unwrap_or_default();
            place.next.max(resume.next_offset)
        });
        let lane = context.outlet.lane(LANE, self.config.window_bytes);
        context.outlet.ready();
        context.health.reading();
        let origin = Origin { source: LANE.into(), labels: Arc::default(), module: MODULE };
        let buffer = LineBuffer::new(place, self.config.max_line);
        let position = Position::new(&Place { next: place });
        let mut pipe = Pipe { input, lane, origin: Arc::new(origin), buffer, position, context };
        match pipe.read().map_err(failed)? {
            true => pipe.end(),
            false => Ok(()),
        }
    }
}

fn failed(source: io::Error) -> SourceError {
    SourceError::Host {
        what: "standard input cannot be read: check what is connected".into(),
        source,
    }
}

struct Pipe {
    input: OwnedFd,
    lane: Lane,
    origin: Arc<Origin>,
    buffer: LineBuffer,
    position: Position,
    context: Context,
}

impl Pipe {
    /// Reads to the end, or until stopped; whether it is the end.
    fn read(&mut self) -> io::Result<bool> {
        let mut caught_up = None;
        while !self.context.stop.is_set() {
            let is_there = self.is_there()?;
            if caught_up != Some(!is_there) {
                caught_up = Some(!is_there);
                self.lane.caught_up(!is_there);
            }
            if !is_there {
                continue;
            }
            let goal = self.buffer.goal(PIECE, PIECE);
            match rustix::io::read(&self.input, self.buffer.free(goal)) {
                Ok(0) => return Ok(true),
                Ok(read) => self.buffer.add(read),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                Err(error) => return Err(error.into()),
            }
            if let Some(chunk) = self.buffer.take(Rest::Open) {
                self.deliver(chunk);
            }
        }
        Ok(false)
    }

    /// Waits a while for bytes, or the end; whether there are any.
    fn is_there(&self) -> io::Result<bool> {
        let mut wait = [PollFd::new(&self.input, PollFlags::IN)];
        match poll(&mut wait, Some(&PATIENCE)) {
            Ok(count) => Ok(count > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn deliver(&mut self, chunk: Chunk) {
        chunk.count(&self.context.meter);
        let to = Position::new(&Place { next: self.buffer.position() });
        let from = std::mem::replace(&mut self.position, to.clone());
        let delivery = Delivery::new(chunk, Arc::clone(&self.origin), from, to);
        // Stopped, there is nobody to hand it to.
        let _ = self.lane.send_blocking(delivery, &self.context.runtime);
    }

    fn end(mut self) -> Result<(), SourceError> {
        if let Some(chunk) = self.buffer.take(Rest::Ended) {
            self.deliver(chunk);
        }
        self.lane.caught_up(true);
        self.lane.close();
        self.context.health.ended();
        Ok(())
    }
}
