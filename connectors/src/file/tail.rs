//! One lane: a path, the file there now, and the parts that it was before. [`Tail::step`] reads the
//! next lines and sends them, or says when to come again. What happens where a file ends stands in
//! [`super::turn`].

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::head::Head;
use super::input::{Input, modified};
use super::past::Past;
use super::place::{PAST, Place};
use crate::lane::{Delivery, Lane, Origin};
use crate::line_buffer::{LineBuffer, Rest};
use crate::metric::{Gauge, Meter, Reason};
use crate::position::Position;
use crate::record::Chunk;

/// How far back an unfinished line is looked for where reading begins at the end. Unit: bytes.
const LAST_LINE: usize = 64 << 10;

/// What all lanes of a source share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Memory to read into.
    pub(super) scratch: Vec<u8>,
    /// How much text a delivery holds about. Unit: bytes.
    pub(super) chunk: usize,
    /// See [`super::Config::rotation_grace`].
    pub(super) grace: Duration,
    /// See [`super::Config::idle`].
    pub(super) idle: Option<Duration>,
    /// Whether each file is read once.
    pub(super) once: bool,
    /// See [`super::Config::rotated_in`].
    pub(super) elsewhere: Vec<PathBuf>,
    /// What is counted.
    pub(super) meter: Meter,
}

/// When to call [`Tail::step`] again.
#[derive(Debug)]
pub(super) enum Next {
    /// At once: there is more.
    More,
    /// Then, or when something happens to the file.
    At(Instant),
    /// When something happens to the file.
    Changed,
    /// When the lane has room.
    Room,
    /// When something may have helped: it cannot be read.
    Trouble(io::Error),
    /// When a file appears: there is none at the path, and none left to read.
    Gone,
    /// Never: it was read, once.
    Ended,
}

/// The file that is being read.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where it was seen last.
    pub(super) at: PathBuf,
    /// Closed, it must fit the lane's place when it is opened.
    pub(super) input: Option<Input>,
    /// When it was last seen growing.
    pub(super) grown: Instant,
    /// Inode of the file at the path for which younger parts were looked for last.
    pub(super) successor: Option<u64>,
    /// How long to wait before the file is looked at again while its name is not watched.
    pub(super) patience: Duration,
}

impl Piece {
    pub(super) fn new(at: &Path, input: Option<Input>) -> Self {
        let (now, at) = (Instant::now(), at.to_path_buf());
        let (successor, patience) = (None, Duration::ZERO);
        Self { at, input, grown: now, successor, patience }
    }
}

/// A lane of files.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) path: PathBuf,
    lane: Lane,
    origin: Arc<Origin>,
    pub(super) place: Place,
    position: Position,
    pub(super) buffer: LineBuffer,
    pub(super) piece: Option<Piece>,
    /// Whether nothing of it was ever read.
    is_new: bool,
    /// Whether the first file is read from its end.
    at_end: bool,
    /// Deliveries that found no room.
    waiting: VecDeque<Delivery>,
    caught_up: Option<bool>,
    lag: i64,
}

impl Tail {
    /// A lane of which nothing is known but `place`, where its offsets begin. The first file is read
    /// from its end if `at_end`.
    pub(super) fn new(
        path: &Path,
        lane: Lane,
        place: Place,
        at_end: bool,
        max_line: usize,
    ) -> Self {
        let origin = Origin {
            source: Arc::clone(lane.name()),
            labels: Arc::default(),
            module: super::MODULE,
        };
        Self {
            path: path.to_path_buf(),
            lane,
            origin: Arc::new(origin),
            position: Position::new(&place),
            buffer: LineBuffer::new(place.base + place.offset, max_line),
            place,
            piece: None,
            is_new: true,
            at_end,
            waiting: VecDeque::new(),
            caught_up: None,
            lag: 0,
        }
    }

    /// A lane that goes on where it was.
    pub(super) fn resumed(path: &Path, lane: Lane, place: Place, max_line: usize) -> Self {
        let mut tail = Self::new(path, lane, place, false, max_line);
        tail.is_new = false;
        tail.piece = Some(Piece::new(path, None));
        tail
    }

    /// Whether it holds a file open.
    pub(super) fn is_open(&self) -> bool {
        self.piece.as_ref().is_some_and(|piece| piece.input.is_some())
    }

    /// Closes the file for now; whether it could be closed without losing what was unpacked.
    pub(super) fn park(&mut self) -> bool {
        match &mut self.piece {
            Some(piece) if piece.input.as_ref().is_some_and(Input::is_packed) => false,
            Some(piece) => piece.input.take().is_some(),
            None => false,
        }
    }

    /// The rotated parts of the log.
    pub(super) fn past<'a>(&'a self, shared: &'a Shared) -> Past<'a> {
        Past { log: &self.path, elsewhere: &shared.elsewhere }
    }

    /// Says how much may wait to be kept. Unit: bytes.
    pub(super) fn allow(&self, window: usize) {
        self.lane.resize(window);
    }

    /// Whether the file at the path is not what was read last of it.
    pub(super) fn has_changed(&self) -> bool {
        let there = std::fs::metadata(&self.path).ok();
        match (there, &self.piece) {
            (Some(file), Some(_)) => {
                file.ino() != self.place.inode
                    || file.len() != self.buffer.end().saturating_sub(self.place.base)
            }
            (there, piece) => there.is_some() != piece.is_some(),
        }
    }

    /// Ends the lane; its place is where another of this name must go on.
    pub(super) fn close(self, meter: &Meter) -> Place {
        meter.change(Gauge::LagBytes, -self.lag);
        self.lane.close();
        self.place
    }

    /// Reads and sends the next lines, if there are any.
    pub(super) fn step(&mut self, shared: &mut Shared) -> Next {
        for delivery in std::mem::take(&mut self.waiting) {
            self.send(delivery);
        }
        if !self.waiting.is_empty() || !self.lane.has_room() {
            return Next::Room;
        }
        self.advance(shared).unwrap_or_else(Next::Trouble)
    }

    fn advance(&mut self, shared: &mut Shared) -> io::Result<Next> {
        if self.piece.is_none() && !self.find(shared)? {
            self.say(true);
            return Ok(Next::Gone);
        }
        if !self.is_open() {
            return self.reopen(shared).map(|()| Next::More);
        }
        match self.read(shared) {
            Ok(Some(chunk)) => {
                self.deliver(chunk, shared);
                Ok(Next::More)
            }
            Ok(None) if self.is_open() => self.at_end(shared),
            Ok(None) => Ok(Next::More),
            Err(error) if self.is_damaged(&error) => {
                self.pass_over_damage(&error, shared)?;
                Ok(Next::More)
            }
            Err(error) => Err(error),
        }
    }

    /// Begins with the file at the path; whether there is one.
    fn find(&mut self, shared: &Shared) -> io::Result<bool> {
        match Input::open(&self.path) {
            Ok(input) => {
                let path = self.path.clone();
                self.begin(&path, input, shared)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins with a file and says so, so that it is known after a restart even if no line comes.
    pub(super) fn begin(&mut self, at: &Path, input: Input, shared: &Shared) -> io::Result<()> {
        if input.is_packed() && at == self.path && !shared.once {
            let codec = input.codec();
            return Err(io::Error::other(format!("it is a {codec} archive: read it in mode cat")));
        }
        let metadata = input.metadata()?;
        (self.place.inode, self.place.head) = (metadata.ino(), Head::of(input.begin()));
        self.place.modified = self.place.modified.max(modified(&metadata));
        self.place.offset = 0;
        if std::mem::take(&mut self.at_end) {
            self.place.offset = last_line(&input, metadata.len())?;
        }
        // Of an empty file nothing tells it from what was there before but that.
        if std::mem::take(&mut self.is_new) && self.place.head.is_empty() && !shared.once {
            self.place.past = self.past(shared).youngest(PAST)?;
        }
        self.buffer.restart(self.place.base + self.place.offset);
        self.piece = Some(Piece::new(at, Some(input)));
        self.note_lag(metadata.len(), shared);
        self.deliver(Chunk::default(), shared);
        Ok(())
    }

    /// The next whole lines; `None` at the end of the file, and where another file was found in its
    /// place, which is closed then.
    fn read(&mut self, shared: &mut Shared) -> io::Result<Option<Chunk>> {
        let Some(piece) = &mut self.piece else { return Ok(None) };
        let Some(input) = &mut piece.input else { return Ok(None) };
        self.buffer.adopt(std::mem::take(&mut shared.scratch));
        let result = loop {
            let goal = self.buffer.goal(shared.chunk, shared.chunk);
            let at = self.buffer.end() - self.place.base;
            match input.read(self.buffer.free(goal), at) {
                Ok(0) => break Ok(None),
                Ok(read) => {
                    piece.grown = Instant::now();
                    self.buffer.add(read);
                }
                Err(error) => break Err(error),
            }
            let past = Past { log: &self.path, elsewhere: &shared.elsewhere };
            match still_holds(input, past, &self.place, shared.once) {
                Ok(true) => {}
                Ok(false) => {
                    piece.input = None;
                    self.buffer.restart(self.place.base + self.place.offset);
                    break Ok(None);
                }
                Err(error) => break Err(error),
            }
            if let Some(chunk) = self.buffer.take(Rest::Open) {
                break Ok(Some(chunk));
            }
        };
        shared.scratch = self.buffer.release();
        result
    }

    /// Sends lines, or where the lane is without any.
    pub(super) fn deliver(&mut self, chunk: Chunk, shared: &Shared) {
        let offset = self.buffer.position() - self.place.base;
        let passed = i64::try_from(offset.saturating_sub(self.place.offset)).unwrap_or(0);
        self.change_lag(-passed.min(self.lag), shared);
        self.place.offset = offset;
        self.learn_head();
        chunk.count(&shared.meter);
        let to = Position::new(&self.place);
        let from = std::mem::replace(&mut self.position, to.clone());
        self.send(Delivery::new(chunk, Arc::clone(&self.origin), from, to));
    }

    fn send(&mut self, delivery: Delivery) {
        let refused = if self.waiting.is_empty() {
            self.lane.try_send(delivery).err()
        } else {
            Some(delivery)
        };
        self.waiting.extend(refused);
    }

    /// Says whether everything that is there was sent, if that is news.
    pub(super) fn say(&mut self, caught_up: bool) {
        if self.caught_up != Some(caught_up) {
            self.caught_up = Some(caught_up);
            self.lane.caught_up(caught_up);
        }
    }

    /// Remembers more of the first bytes, once there are more.
    fn learn_head(&mut self) {
        if self.place.head.is_full() {
            return;
        }
        let input = self.piece.as_ref().and_then(|piece| piece.input.as_ref());
        if let Some(input) = input {
            self.place.head = Head::of(input.begin());
        }
    }

    /// Whether an archive ends early or is corrupt.
    fn is_damaged(&self, error: &io::Error) -> bool {
        let input = self.piece.as_ref().and_then(|piece| piece.input.as_ref());
        input.is_some_and(Input::is_packed) && error.raw_os_error().is_none()
    }

    fn pass_over_damage(&mut self, error: &io::Error, shared: &mut Shared) -> io::Result<()> {
        let at = self.piece.as_ref().map(|piece| piece.at.clone()).unwrap_or_default();
        tracing::warn!(
            path = %at.display(), byte = self.buffer.position() - self.place.base, %error,
            "archive is damaged or incomplete: what it holds behind this byte is not read"
        );
        shared.meter.reject(Reason::Unpackable, 1);
        self.turn(Rest::Lost, shared)
    }

    /// Notes how much of a file is left to read.
    pub(super) fn note_lag(&mut self, size: u64, shared: &Shared) {
        let packed = |piece: &Piece| piece.input.as_ref().is_some_and(Input::is_packed);
        let left = if self.piece.as_ref().is_some_and(packed) {
            0
        } else {
            size.saturating_sub(self.buffer.end() - self.place.base)
        };
        self.change_lag(i64::try_from(left).unwrap_or(i64::MAX) - self.lag, shared);
    }

    fn change_lag(&mut self, by: i64, shared: &Shared) {
        if by != 0 {
            self.lag += by;
            shared.meter.change(Gauge::LagBytes, by);
        }
    }
}

/// Whether what was just read is of the file that the lane is at. Cut and written again since the last
/// look, it may be longer than it was; if nothing was known of it, a copy tells.
fn still_holds(input: &mut Input, past: Past<'_>, place: &Place, once: bool) -> io::Result<bool> {
    if once {
        return Ok(true);
    }
    if place.head.is_empty() && !input.is_packed() && past.unread(place)?.is_some() {
        return Ok(false);
    }
    input.is_same()
}

/// Where the last line begins if it is unfinished, else the end.
fn last_line(input: &Input, size: u64) -> io::Result<u64> {
    let from = size.saturating_sub(LAST_LINE as u64);
    let mut tail = vec![0; usize::try_from(size - from).unwrap_or(LAST_LINE)];
    let read = input.read_raw(&mut tail, from)?;
    let newline = memchr::memrchr(b'\n', tail.get(..read).unwrap_or_default());
    Ok(match newline {
        Some(newline) => from + newline as u64 + 1,
        None if from == 0 => 0,
        None => size,
    })
}
